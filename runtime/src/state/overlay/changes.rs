//! What became of a block's accounts, as changes.

use std::sync::atomic::Ordering;

use tos_host_api::{Address, Amount};

use super::extras::{CounterValue, Extras, Published};
use super::{AccountCell, Overlay, overflow};
use crate::error::EngineError;
use crate::state::{Change, SlotKey, SlotRef, StateKey, StateValue};

impl Overlay {
    /// What became of the accounts in `range`, in no particular order; may list keys that did not
    /// change.
    pub(crate) fn changes(
        &self,
        range: std::ops::Range<usize>,
    ) -> Result<Vec<Change>, EngineError> {
        let mut changes = Vec::with_capacity(range.len());
        for (idx, cell) in range.clone().zip(&self.cells[range]) {
            if cell.claims.any() {
                self.account_changes(idx, cell, &mut changes)?;
            }
        }
        Ok(changes)
    }

    fn account_changes(
        &self,
        idx: usize,
        cell: &AccountCell,
        changes: &mut Vec<Change>,
    ) -> Result<(), EngineError> {
        let address = self.addresses[idx];
        let mut account = cell.base.clone();
        account.nonce.0 = cell.nonce.load(Ordering::Relaxed);
        account.native.0 = cell.native.load(Ordering::Relaxed);
        if let Some(extras) = self.extras.get().and_then(|extras| extras[idx].lock().take()) {
            for (asset, balance) in &extras.assets {
                account.set_balance(*asset, Amount(*balance));
            }
            self.extra_changes(address, *extras, changes)?;
        }
        if account != cell.base {
            changes.push(Change {
                key: StateKey::Account(address),
                old: cell.base.exists().then(|| StateValue::Account(cell.base.clone())),
                new: account.exists().then_some(StateValue::Account(account)),
            });
        }
        Ok(())
    }

    fn extra_changes(
        &self,
        address: Address,
        extras: Extras,
        changes: &mut Vec<Change>,
    ) -> Result<(), EngineError> {
        let partition = address;
        for Published { contract, key, cell: slot } in extras.slots.into_entries() {
            let old = match slot.base {
                Some(base) => base,
                None => self.chain.slot(SlotRef { contract, partition: &partition, key: &key })?,
            };
            let (old, new) = (old.map(StateValue::Slot), slot.value.map(StateValue::Slot));
            let key = StateKey::Slot(SlotKey { contract, partition, key });
            changes.push(Change { key, old, new });
        }
        for Published { contract, key, cell: counter } in extras.counters.into_entries() {
            let old = match counter.base {
                Some(base) => base,
                None => {
                    self.chain.counter(SlotRef { contract, partition: &partition, key: &key })?
                }
            };
            let new = match counter.value {
                CounterValue::Known(value) => value,
                CounterValue::Added(added) => {
                    old.checked_add(added).ok_or_else(|| overflow("counter", partition))?
                }
            };
            let value = |value| (value > 0).then_some(StateValue::Counter(value));
            let key = StateKey::Counter(SlotKey { contract, partition, key });
            changes.push(Change { key, old: value(old), new: value(new) });
        }
        if let (Some(record), Address::Contract(id)) = (extras.contract, address) {
            let old = self.chain.contract(&id)?.map(StateValue::Contract);
            let new = Some(StateValue::Contract(record));
            changes.push(Change { key: StateKey::Contract(id), old, new });
        }
        Ok(())
    }
}
