//! The journal and the overlay against a model: transactions that follow from bytes, on a block of
//! three accounts. Called by the tests with the bytes in `runtime/fuzz/corpus/journal`, and by the
//! fuzzer with its own.

use std::collections::BTreeMap;
use std::slice::Iter;
use std::sync::Arc;

use tos_host_api::{AccessMode, Address, Amount, AssetId, ContractId, HostFunction, PublicKey};

use super::{Checkpoint, Journal, Taken};
use crate::execute::Interrupt;
use crate::schedule::TableEntry;
use crate::state::chain_state::ChainState;
use crate::state::{
    Account, AccountCell, Change, ChangeSet, Changes, Overlay, SlotKey, SlotRef, StateKey,
    StateValue,
};
use crate::storage::MemoryStorage;
use crate::types::HaltReason;

const ACCOUNTS: usize = 3;
const TRANSACTIONS_MAX: u32 = 24;
const BY: HostFunction = HostFunction::StorageRead;
const GOLD: AssetId = AssetId([2; 32]);
/// One that is held in place and one that is not.
const KEYS: [&[u8]; 2] = [b"k", &[9; 40]];
/// What everybody has of everything before the block.
const BEFORE: u64 = 100;

/// A slot or counter: account, contract, key.
type Name = (usize, u8, usize);

/// What the block's accounts and slots hold.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Values {
    native: [u64; ACCOUNTS],
    gold: [u64; ACCOUNTS],
    slots: BTreeMap<Name, Vec<u8>>,
    counters: BTreeMap<Name, u128>,
}

/// Bytes that are used up one by one; zeroes behind the end.
struct Choices<'a>(Iter<'a, u8>);

impl Choices<'_> {
    fn any(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    fn below(&mut self, bound: u8) -> u8 {
        self.any() % bound
    }
}

/// Runs the transactions that the bytes describe on a journal and on a model.
///
/// # Panics
/// When they do not agree on what is read, on what is refused, or on what the block changed.
pub(crate) fn journal_and_model(bytes: &[u8]) {
    let mut choices = Choices(bytes.iter());
    let before = Values {
        native: [BEFORE; ACCOUNTS],
        gold: [BEFORE; ACCOUNTS],
        // Of the first account only: the others begin with nothing.
        slots: [((0, 0, 0), b"old".to_vec())].into(),
        counters: [((0, 0, 1), u128::from(BEFORE))].into(),
    };
    let overlay = Arc::new(overlay(&before));
    let mut journal = Journal::new(Arc::clone(&overlay));
    let mut published = before.clone();
    for batch in 0..TRANSACTIONS_MAX {
        if choices.0.len() == 0 {
            break;
        }
        let run = Run::begin(&mut journal, &mut choices, &published);
        if let Some(values) = run.play_out(&mut choices) {
            overlay.merge(&journal, batch, batch).expect("one transaction per batch");
            published = values;
        }
    }
    check_changes(&overlay, &before, &published);
}

fn address(account: usize) -> Address {
    Address::Key(PublicKey([account as u8 + 1; 32]))
}

fn slot_key((account, contract, key): Name) -> Arc<SlotKey> {
    let contract = ContractId([contract; 32]);
    SlotKey { contract, partition: address(account), key: KEYS[key].into() }.into()
}

fn overlay(before: &Values) -> Overlay {
    let chain = ChainState::new(Arc::new(MemoryStorage::new()));
    let slots = before.slots.iter().map(|(name, value)| {
        (StateKey::Slot(slot_key(*name)), StateValue::Slot(value.as_slice().into()))
    });
    let counters = before
        .counters
        .iter()
        .map(|(name, value)| (StateKey::Counter(slot_key(*name)), StateValue::Counter(*value)));
    let change = |(key, value)| Change { key, old: None, new: Some(value) };
    let changes = slots.chain(counters).map(change).collect();
    chain.apply(&ChangeSet::new(changes).expect("no key twice"));
    let mut account = Account { native: Amount(BEFORE), ..Account::default() };
    account.set_balance(GOLD, Amount(BEFORE));
    let cells =
        (0..ACCOUNTS).map(|_| AccountCell::new(account.clone(), crate::state::Row::NONE)).collect();
    Overlay::new(Arc::new(chain), Arc::new((0..ACCOUNTS).map(address).collect()), cells)
}

/// One transaction at work.
struct Run<'a> {
    journal: &'a mut Journal,
    modes: [Option<AccessMode>; ACCOUNTS],
    values: Values,
    checkpoints: Vec<(Checkpoint, Values)>,
}

impl<'a> Run<'a> {
    fn begin(journal: &'a mut Journal, choices: &mut Choices<'_>, published: &Values) -> Self {
        let modes = [(); ACCOUNTS].map(|()| match choices.below(8) {
            0 => None,
            1 => Some(AccessMode::Read),
            2..=4 => Some(AccessMode::Credit),
            _ => Some(AccessMode::Write),
        });
        let entry = |(account, mode): (u32, &Option<AccessMode>)| {
            mode.map(|mode| TableEntry { account, mode })
        };
        let access: Vec<_> = (0..).zip(&modes).filter_map(entry).collect();
        journal.begin(&access);
        Self { journal, modes, values: published.clone(), checkpoints: Vec::new() }
    }

    /// What it leaves behind; `None` if it fails.
    fn play_out(mut self, choices: &mut Choices<'_>) -> Option<Values> {
        loop {
            match choices.below(16) {
                step @ 0..=5 => self.money(step, choices),
                step @ 6..=8 => self.slot(step, choices),
                step @ 9..=11 => self.counter(step, choices),
                12 => {
                    self.checkpoints.push((self.journal.checkpoint(), self.values.clone()));
                }
                13 => {
                    if let Some((checkpoint, values)) = self.checkpoints.pop() {
                        self.journal.rollback(checkpoint);
                        self.values = values;
                    }
                }
                14 => return None,
                _ => return Some(self.values),
            }
            if choices.0.len() == 0 {
                return Some(self.values);
            }
        }
    }

    /// What came of a step that needs this mode: `None` if it has to be refused, and it was.
    fn allowed<T>(
        &self,
        account: usize,
        needed: AccessMode,
        done: Result<T, Interrupt>,
    ) -> Option<T> {
        let mode = self.modes[account];
        if mode == Some(AccessMode::Write) || mode == Some(needed) {
            return Some(done.expect("it is declared"));
        }
        match done {
            Err(Interrupt::Halt(HaltReason::UndeclaredAccess {
                account: named,
                needed: as_what,
                ..
            })) => {
                assert_eq!((named, as_what), (address(account), needed));
            }
            _ => panic!("{mode:?} permits {needed:?}"),
        }
        None
    }

    fn money(&mut self, step: u8, choices: &mut Choices<'_>) {
        let account = usize::from(choices.below(ACCOUNTS as u8));
        let amount = u64::from(choices.any());
        let (who, asset) = (address(account), if step < 3 { AssetId::NATIVE } else { GOLD });
        match step % 3 {
            0 => {
                let done = self.journal.credit(&who, &asset, amount, BY);
                if self.allowed(account, AccessMode::Credit, done).is_some() {
                    *self.balance(account, asset) += amount;
                }
            }
            1 => {
                let done = self.journal.debit(&who, &asset, amount, BY);
                let taken = self.allowed(account, AccessMode::Write, done);
                let balance = self.balance(account, asset);
                match (taken, balance.checked_sub(amount)) {
                    (Some(Taken::Yes), Some(rest)) => *balance = rest,
                    (Some(Taken::Insufficient { found }), None) => {
                        assert_eq!(found, u128::from(*balance));
                    }
                    (None, _) => {}
                    (taken, _) => panic!("{amount} of {balance}: {taken:?}"),
                }
            }
            _ => {
                let done = self.journal.balance(&who, &asset, BY);
                if let Some(found) = self.allowed(account, AccessMode::Read, done) {
                    assert_eq!(found, *self.balance(account, asset));
                }
            }
        }
    }

    fn balance(&mut self, account: usize, asset: AssetId) -> &mut u64 {
        let values = &mut self.values;
        if asset == GOLD { &mut values.gold[account] } else { &mut values.native[account] }
    }

    fn slot(&mut self, step: u8, choices: &mut Choices<'_>) {
        let name @ (account, contract, key) = name(choices);
        let (contract, partition) = (ContractId([contract; 32]), address(account));
        let slot = SlotRef { contract, partition: &partition, key: KEYS[key] };
        if step == 8 {
            let done = self.journal.slot(slot, BY);
            if let Some(found) = self.allowed(account, AccessMode::Read, done) {
                assert_eq!(found.as_deref(), self.values.slots.get(&name).map(Vec::as_slice));
            }
            return;
        }
        let new = (step == 6).then(|| vec![choices.any(); 1 + usize::from(choices.below(3))]);
        let done = self.journal.set_slot(slot, new.as_deref().map(Arc::from), BY);
        if let Some(existed) = self.allowed(account, AccessMode::Write, done) {
            let before = match new {
                Some(new) => self.values.slots.insert(name, new),
                None => self.values.slots.remove(&name),
            };
            assert_eq!(existed, before.is_some());
        }
    }

    fn counter(&mut self, step: u8, choices: &mut Choices<'_>) {
        let name @ (account, contract, key) = name(choices);
        let (contract, partition) = (ContractId([contract; 32]), address(account));
        let slot = SlotRef { contract, partition: &partition, key: KEYS[key] };
        let amount = u64::from(choices.any());
        let known = self.values.counters.get(&name).copied().unwrap_or(0);
        let now = match step {
            9 => {
                let done = self.journal.counter_add(slot, amount, BY);
                let done = self.allowed(account, AccessMode::Credit, done);
                done.map(|()| known + u128::from(amount))
            }
            10 => {
                let done = self.journal.counter_sub(slot, amount, BY);
                match self.allowed(account, AccessMode::Write, done) {
                    Some(Taken::Yes) => {
                        Some(known.checked_sub(u128::from(amount)).expect("it was enough"))
                    }
                    Some(Taken::Insufficient { found }) => {
                        assert!(found == known && known < u128::from(amount));
                        None
                    }
                    None => None,
                }
            }
            _ => {
                let done = self.journal.counter(slot, BY);
                let found = self.allowed(account, AccessMode::Read, done);
                found.inspect(|found| assert_eq!(*found, known))
            }
        };
        if let Some(now) = now {
            self.values.counters.insert(name, now);
        }
    }
}

fn name(choices: &mut Choices<'_>) -> Name {
    let account = usize::from(choices.below(ACCOUNTS as u8));
    (account, choices.below(2), usize::from(choices.below(KEYS.len() as u8)))
}

/// The change set of the block says what the model says, and nothing else.
fn check_changes(overlay: &Overlay, before: &Values, after: &Values) {
    let mut changes = Changes::default();
    for accounts in overlay.touched(0..ACCOUNTS, &[]) {
        let mut accounts = accounts;
        overlay.sort(&mut accounts);
        overlay.changes(&accounts, &mut changes).expect("they are made");
    }
    let (mut sections, _) = changes.close().expect("they are in order");
    sections.sort_unstable_by_key(|(key, _)| *key);
    let sections = sections.into_iter().map(|(_, section)| section).collect();
    let changes = ChangeSet::of_sections(sections).expect("they are in order");
    let found = changes.changes().iter().cloned().map(|change| {
        let value = |value: Option<StateValue>| {
            value.map(|value| match value {
                StateValue::Account(account) => {
                    format!("{} {}", account.native.0, account.balance(&GOLD).0)
                }
                value => format!("{value:?}"),
            })
        };
        (change.key, (value(change.old), value(change.new)))
    });
    let found: BTreeMap<_, _> = found.collect();
    let mut expected = BTreeMap::new();
    let mut expect = |key, old: Option<String>, new: Option<String>| {
        if old != new {
            expected.insert(key, (old, new));
        }
    };
    for account in 0..ACCOUNTS {
        // Who has nothing is as if never there.
        let holds = |values: &Values| match (values.native[account], values.gold[account]) {
            (0, 0) => None,
            (native, gold) => Some(format!("{native} {gold}")),
        };
        expect(StateKey::Account(address(account)), holds(before), holds(after));
    }
    let names = (0..ACCOUNTS).flat_map(|account| (0..2).map(move |contract| (account, contract)));
    for (account, contract) in names {
        for name in (0..KEYS.len()).map(|key| (account, contract, key)) {
            let slot = |values: &Values| {
                let value = values.slots.get(&name)?;
                Some(format!("{:?}", StateValue::Slot(value.as_slice().into())))
            };
            expect(StateKey::Slot(slot_key(name)), slot(before), slot(after));
            let counter = |values: &Values| {
                let value = values.counters.get(&name).filter(|value| **value > 0)?;
                Some(format!("{:?}", StateValue::Counter(*value)))
            };
            expect(StateKey::Counter(slot_key(name)), counter(before), counter(after));
        }
    }
    assert_eq!(found, expected);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_agrees_with_the_model_on_what_fuzzing_has_kept() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/journal");
        let files = std::fs::read_dir(corpus).expect("the corpus");
        let mut count = 0;
        for file in files {
            let path = file.expect("a file").path();
            let bytes = std::fs::read(&path).expect("it is read");
            let outcome = std::panic::catch_unwind(|| journal_and_model(&bytes));
            assert!(outcome.is_ok(), "fails on {}", path.display());
            count += 1;
        }
        assert!(count >= 5, "{count} files");
    }

    #[test]
    fn the_journal_agrees_with_the_model_on_random_bytes() {
        let mut state = 1_u64;
        for _ in 0..2_000 {
            let bytes: Vec<u8> = (0..200)
                .map(|_| {
                    // A linear congruential generator: any bytes will do.
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (state >> 56) as u8
                })
                .collect();
            journal_and_model(&bytes);
        }
    }
}
