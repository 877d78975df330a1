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

    // Iterating hash maps is fine here: the change set sorts by key.
    #[allow(clippy::iter_over_hash_type)]
    fn extra_changes(
        &self,
        cell: &AccountCell,
        extras: Extras,
        changes: &mut Vec<Change>,
    ) -> Result<(), EngineError> {
        let slot_key = |name: SlotName| SlotKey {
            contract: name.contract,
            partition: cell.address,
            key: name.key,
        };
        for (name, new) in extras.slots {
            let key = slot_key(name);
            let old = self.chain.slot(key.clone())?.map(StateValue::Slot);
            changes.push(Change {
                key: StateKey::Slot(key.into()),
                old,
                new: new.map(StateValue::Slot),
            });
        }
        for (name, counter) in extras.counters {
            let key = slot_key(name);
            let old = self.chain.counter(key.clone())?;
            let new = match counter {
                CounterCell::Known(value) => value,
                CounterCell::Added(added) => {
                    old.checked_add(added).ok_or_else(|| overflow("counter", cell.address))?
                }
            };
            let value = |value| (value > 0).then_some(StateValue::Counter(value));
            changes.push(Change {
                key: StateKey::Counter(key.into()),
                old: value(old),
                new: value(new),
            });
        }
        if let (Some(record), Address::Contract(id)) = (extras.contract, cell.address) {
            let old = self.chain.contract(&id)?.map(|old| StateValue::Contract(old.into()));
            let new = Some(StateValue::Contract(record.into()));
            changes.push(Change { key: StateKey::Contract(id), old, new });
        }
        Ok(())
    }
}
