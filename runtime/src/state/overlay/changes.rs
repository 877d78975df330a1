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
        for cell in &self.cells[range] {
            let touched = cell.written.load(Ordering::Relaxed) > 0
                || cell.credited.load(Ordering::Relaxed) > 0;
            if touched {
                self.account_changes(cell, &mut changes)?;
            }
        }
        Ok(changes)
    }

    fn account_changes(
        &self,
        cell: &AccountCell,
        changes: &mut Vec<Change>,
    ) -> Result<(), EngineError> {
        let mut account = cell.base.clone();
        account.nonce.0 = cell.nonce.load(Ordering::Relaxed);
        account.native.0 = cell.native.load(Ordering::Relaxed);
        let mut extras = cell.extras.lock();
        if let Some(extras) = extras.take() {
            for (asset, balance) in &extras.assets {
                account.set_balance(*asset, Amount(*balance));
            }
            self.extra_changes(cell, *extras, changes)?;
        }
        if account != cell.base {
            changes.push(Change {
                key: StateKey::Account(cell.address),
                old: cell.base.exists().then(|| StateValue::Account(cell.base.clone())),
                new: account.exists().then_some(StateValue::Account(account)),
            });
        }
        Ok(())
    }

    fn extra_changes(
        &self,
        cell: &AccountCell,
        extras: Extras,
        changes: &mut Vec<Change>,
    ) -> Result<(), EngineError> {
        let partition = cell.address;
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
        if let (Some(record), Address::Contract(id)) = (extras.contract, cell.address) {
            let old = self.chain.contract(&id)?.map(StateValue::Contract);
            let new = Some(StateValue::Contract(record));
            changes.push(Change { key: StateKey::Contract(id), old, new });
        }
        Ok(())
    }
}
