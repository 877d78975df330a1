//! The state in the plainest form there is: one sorted map of facts. What an engine says it changed
//! is taken apart into facts too, so the two can be compared whole.

use std::collections::BTreeMap;

use tos_runtime::{Address, AssetId, Change, ContractId, Hash, StateKey, StateValue};

/// Something that can be known about the state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fact {
    Nonce(Address),
    Balance(Address, AssetId),
    Supply(AssetId),
    Burned(AssetId),
    Contract(ContractId),
    Code(Hash),
    Slot(ContractId, Address, Vec<u8>),
    Counter(ContractId, Address, Vec<u8>),
}

/// What is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Number(u128),
    Bytes(Vec<u8>),
    /// Code, authority, version.
    Contract(Hash, Address, u32),
}

/// All facts. A number that is zero is no fact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts(pub(super) BTreeMap<Fact, Value>);

impl Facts {
    pub(super) fn number(&self, fact: &Fact) -> u128 {
        match self.0.get(fact) {
            Some(Value::Number(number)) => *number,
            None => 0,
            Some(other) => panic!("{fact:?} is {other:?}, expected a number"),
        }
    }

    pub(super) fn set_number(&mut self, fact: Fact, number: u128) {
        match number {
            0 => self.0.remove(&fact),
            number => self.0.insert(fact, Value::Number(number)),
        };
    }

    pub(super) fn add(&mut self, fact: Fact, amount: u128) {
        let sum = self.number(&fact) + amount;
        self.set_number(fact, sum);
    }

    /// Takes an amount away if it is there.
    pub(super) fn take(&mut self, fact: Fact, amount: u128) -> bool {
        let rest = self.number(&fact).checked_sub(amount);
        rest.map(|rest| self.set_number(fact, rest)).is_some()
    }

    /// What an engine says about one key.
    pub(super) fn of(key: &StateKey, value: &StateValue) -> Self {
        let mut facts = Self::default();
        match (key, value) {
            (StateKey::Account(who), StateValue::Account(account)) => {
                facts.set_number(Fact::Nonce(*who), account.nonce.0.into());
                facts.set_number(Fact::Balance(*who, AssetId::NATIVE), account.native.0.into());
                for (asset, amount) in account.assets.iter() {
                    // A zero here would be a fact that is none.
                    assert!(amount.0 > 0 && !asset.is_native(), "{who} holds {amount} of {asset}");
                    facts.set_number(Fact::Balance(*who, asset), amount.0.into());
                }
                assert!(!facts.0.is_empty(), "an account that does not exist is stored: {who}");
            }
            (StateKey::Asset(asset), StateValue::Asset(record)) => {
                facts.set_number(Fact::Supply(*asset), record.supply.0.into());
                facts.set_number(Fact::Burned(*asset), record.burned.0.into());
            }
            (StateKey::Contract(id), StateValue::Contract(record)) => {
                let value = Value::Contract(record.code_hash, record.authority, record.version);
                facts.0.insert(Fact::Contract(*id), value);
            }
            (StateKey::Code(hash), StateValue::Code(code)) => {
                facts.0.insert(Fact::Code(*hash), Value::Bytes(code.to_vec()));
            }
            (StateKey::Slot(slot), StateValue::Slot(value)) => {
                let fact = Fact::Slot(slot.contract, slot.partition, slot.key.to_vec());
                facts.0.insert(fact, Value::Bytes(value.to_vec()));
            }
            (StateKey::Counter(slot), StateValue::Counter(value)) => {
                assert!(*value > 0, "a counter of zero is stored: {slot:?}");
                let fact = Fact::Counter(slot.contract, slot.partition, slot.key.to_vec());
                facts.set_number(fact, *value);
            }
            (key, value) => panic!("{key:?} holds a value of another kind: {value:?}"),
        }
        facts
    }

    /// Follows a change set; each change must begin where the last one ended, and change something.
    #[track_caller]
    pub(super) fn follow(&mut self, changes: &[Change], what: &str) {
        for Change { key, old, new } in changes {
            assert_ne!(old, new, "{what}: a change that changes nothing: {key:?}");
            let [old, new] = [old, new]
                .map(|value| value.as_ref().map(|value| Self::of(key, value)).unwrap_or_default());
            for (fact, value) in old.0 {
                let before = self.0.remove(&fact);
                assert_eq!(before, Some(value), "{what}: what {fact:?} was before");
            }
            for (fact, value) in new.0 {
                let before = self.0.insert(fact.clone(), value);
                assert_eq!(before, None, "{what}: {fact:?} was there before");
            }
        }
    }

    /// Demands that both know the same, and names what they do not agree on.
    #[track_caller]
    pub(super) fn assert_same(&self, engine: &Self, what: &str) {
        if self == engine {
            return;
        }
        let both = self.0.keys().chain(engine.0.keys());
        let differing: Vec<String> = both
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .filter(|fact| self.0.get(*fact) != engine.0.get(*fact))
            .map(|fact| {
                let (model, engine) = (self.0.get(fact), engine.0.get(fact));
                format!("{fact:?}: the model says {model:?}, the engine {engine:?}")
            })
            .collect();
        panic!("{what}:\n{}", differing.join("\n"));
    }
}
