//! What became of a block's accounts, as changes.

use std::sync::atomic::Ordering;

use tos_host_api::{Address, Amount};

use super::extras::{CounterCell, Extras, SlotName};
use super::{AccountCell, Overlay, overflow};
use crate::error::EngineError;
use crate::state::{Change, SlotKey, StateKey, StateValue};

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

    // Iterating hash maps is fine here: the change set sorts by key.
    #[allow(clippy::iter_over_hash_type)]
    fn extra_changes(
        &self,
        address: Address,
        extras: Extras,
        changes: &mut Vec<Change>,
    ) -> Result<(), EngineError> {
        let slot_key =
            |name: SlotName| SlotKey { contract: name.contract, partition: address, key: name.key };
        for (name, new) in extras.slots {
            let key = slot_key(name);
            let old = self.chain.slot(key.clone())?.map(StateValue::Slot);
            changes.push(Change { key: StateKey::Slot(key), old, new: new.map(StateValue::Slot) });
        }
        for (name, counter) in extras.counters {
            let key = slot_key(name);
            let old = self.chain.counter(key.clone())?;
            let new = match counter {
                CounterCell::Known(value) => value,
                CounterCell::Added(added) => {
                    old.checked_add(added).ok_or_else(|| overflow("counter", address))?
                }
            };
            let value = |value| (value > 0).then_some(StateValue::Counter(value));
            changes.push(Change { key: StateKey::Counter(key), old: value(old), new: value(new) });
        }
        if let (Some(record), Address::Contract(id)) = (extras.contract, address) {
            let old = self.chain.contract(&id)?.map(StateValue::Contract);
            let new = Some(StateValue::Contract(record));
            changes.push(Change { key: StateKey::Contract(id), old, new });
        }
        Ok(())
    }
}
