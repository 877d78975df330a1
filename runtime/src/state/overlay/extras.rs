//! What a block changed on its accounts besides nonce and native balance: other assets, contract
//! records, and the slots in the accounts' partitions.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use tos_host_api::{Address, AssetId, ContractId};

use super::{Overlay, overflow};
use crate::error::EngineError;
use crate::schedule::AccountIdx;
use crate::state::journal::{DraftValue, SlotDraft};
use crate::state::{ContractRecord, SlotKey};

/// What the block changed on an account besides nonce and native balance.
#[derive(Default)]
pub(super) struct Extras {
    pub(super) assets: BTreeMap<AssetId, u64>,
    pub(super) slots: HashMap<SlotName, Option<Arc<[u8]>>, foldhash::fast::RandomState>,
    pub(super) counters: HashMap<SlotName, CounterCell, foldhash::fast::RandomState>,
    pub(super) contract: Option<ContractRecord>,
}

/// The extras of one account; `None` while the block changed none.
pub(super) type ExtrasCell = Mutex<Option<Box<Extras>>>;

/// A slot within one partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct SlotName {
    pub(super) contract: ContractId,
    pub(super) key: Box<[u8]>,
}

/// A counter that the block touched.
#[derive(Debug, Clone, Copy)]
pub(super) enum CounterCell {
    /// Only credited: the sum of the additions; its value was never read.
    Added(u128),
    /// Written: its value.
    Known(u128),
}

impl Overlay {
    /// A byte slot in the account's partition.
    pub(crate) fn slot(
        &self,
        account: AccountIdx,
        contract: ContractId,
        key: &[u8],
    ) -> Result<Option<Arc<[u8]>>, EngineError> {
        let name = SlotName { contract, key: key.into() };
        if let Some(value) = self.changed_extras(account, |extras| extras.slots.get(&name).cloned())
        {
            return Ok(value);
        }
        self.chain.slot(SlotKey { contract, partition: self.address(account), key: name.key })
    }

    /// A counter slot in the account's partition.
    pub(crate) fn counter(
        &self,
        account: AccountIdx,
        contract: ContractId,
        key: &[u8],
    ) -> Result<u128, EngineError> {
        let name = SlotName { contract, key: key.into() };
        let touched = self.changed_extras(account, |extras| extras.counters.get(&name).copied());
        if let Some(CounterCell::Known(value)) = touched {
            return Ok(value);
        }
        let partition = self.address(account);
        let base = self.chain.counter(SlotKey { contract, partition, key: name.key })?;
        match touched {
            Some(CounterCell::Added(added)) => {
                base.checked_add(added).ok_or_else(|| overflow("counter", partition))
            }
            _ => Ok(base),
        }
    }

    /// The record of the contract whose account this is.
    pub(crate) fn contract(
        &self,
        account: AccountIdx,
        contract: &ContractId,
    ) -> Result<Option<ContractRecord>, EngineError> {
        let changed = self.changed_extras(account, |extras| extras.contract.clone());
        match changed {
            Some(record) => Ok(Some(record)),
            None => self.chain.contract(contract),
        }
    }
}

/// Publishes a slot. The access check made sure that only an addition happens under `Credit`.
pub(super) fn merge_slot(
    extras: &ExtrasCell,
    slot: &SlotDraft,
    account: &Address,
) -> Result<(), EngineError> {
    let name = SlotName { contract: slot.contract, key: slot.key.clone() };
    let mut extras = extras.lock();
    let extras = extras.get_or_insert_default();
    match &slot.value {
        DraftValue::Slot { value, .. } => {
            extras.slots.insert(name, value.clone());
        }
        DraftValue::Counter { known: Some(value), .. } => {
            extras.counters.insert(name, CounterCell::Known(*value));
        }
        DraftValue::Counter { known: None, added } => {
            let counter = extras.counters.entry(name).or_insert(CounterCell::Added(0));
            let (CounterCell::Added(sum) | CounterCell::Known(sum)) = counter;
            *sum = sum.checked_add(*added).ok_or_else(|| overflow("counter", *account))?;
        }
    }
    Ok(())
}
