//! What became of a block's accounts, as changes in the order of their keys.
//!
//! Keys sort by kind first. Within a kind the order is that of accounts, or of contracts and then
//! of the accounts whose partitions the slots are in. So whoever goes through the accounts in order
//! finds the changes of each [`SectionKey`] in order, and nothing has to be sorted as a whole.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use tos_host_api::{Address, Amount, ContractId, PublicKey};

use super::extras::{CounterValue, Extras, Published};
use super::{AccountCell, Overlay, Ranked, overflow};
use crate::error::EngineError;
use crate::state::{Account, Change, Section, SlotKey, SlotRef, StateKey, StateValue, Sums};

/// Accounts brought into the cache together: as many as fit its fastest part twice.
const FETCHED_AT_ONCE: usize = 64;

/// Keys of the state that follow each other as accounts do. Declared, and compared, in the order
/// of [`StateKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SectionKey {
    Accounts,
    Assets,
    Contracts,
    Codes,
    /// Byte slots of one contract.
    Slots(ContractId),
    /// Counters of one contract.
    Counters(ContractId),
}

/// Changes of accounts that follow each other, by section.
#[derive(Default)]
pub(crate) struct Changes {
    pub(crate) sections: BTreeMap<SectionKey, Section>,
    /// Of the sections' changes.
    pub(crate) sums: Sums,
}

impl Changes {
    /// Room for the changes of so many accounts.
    pub(crate) fn with_capacity(accounts: usize) -> Self {
        let section = (SectionKey::Accounts, Section::with_capacity(accounts));
        Self { sections: BTreeMap::from([section]), sums: Sums::default() }
    }

    /// Where changes of a section go.
    pub(crate) fn section(&mut self, key: SectionKey) -> &mut Section {
        self.sections.entry(key).or_default()
    }

    /// Checks, encodes and sums what was added since the last time.
    ///
    /// # Errors
    /// [`EngineError::ChangeSetOrder`].
    pub(crate) fn close(&mut self) -> Result<(), EngineError> {
        for section in self.sections.values_mut() {
            self.sums.add(section.close()?);
        }
        Ok(())
    }
}

impl Overlay {
    /// Adds what became of these accounts, which are in order.
    ///
    /// # Errors
    /// The storage failed, or a counter exceeds its type.
    pub(crate) fn changes(
        &self,
        accounts: &[Ranked],
        changes: &mut Changes,
    ) -> Result<(), EngineError> {
        let mut rarer = Vec::new();
        let section = changes.section(SectionKey::Accounts);
        for (idx, Ranked { account, .. }) in accounts.iter().enumerate() {
            if idx % FETCHED_AT_ONCE == 0 {
                self.fetch(&accounts[idx..accounts.len().min(idx + FETCHED_AT_ONCE)]);
            }
            let account = *account as usize;
            let cell = &self.cells[account];
            let address = self.addresses[account];
            let extras = self.extras.get();
            let extras = extras.and_then(|extras| extras[account].lock().take());
            let value = value(cell, extras.as_deref());
            if value != cell.base {
                section.push(Change {
                    key: StateKey::Account(address),
                    old: cell.base.exists().then(|| StateValue::Account(cell.base.clone())),
                    new: value.exists().then_some(StateValue::Account(value)),
                });
            }
            rarer.extend(extras.map(|extras| (address, extras)));
        }
        for (address, extras) in rarer {
            self.extra_changes(address, *extras, changes)?;
        }
        Ok(())
    }

    /// Brings accounts that lie anywhere into the cache, their misses overlapping: nothing here
    /// waits for what it reads, which turning one account after the other into a change does.
    fn fetch(&self, accounts: &[Ranked]) {
        let read = |sum: u64, ranked: &Ranked| {
            let cell = &self.cells[ranked.account as usize];
            let (Address::Key(PublicKey(id)) | Address::Contract(ContractId(id))) =
                &self.addresses[ranked.account as usize];
            // Both ends: an address may lie in two cache lines.
            sum ^ cell.native.load(Ordering::Relaxed) ^ u64::from(id[0] ^ id[31])
        };
        std::hint::black_box(accounts.iter().fold(0, read));
    }

    fn extra_changes(
        &self,
        address: Address,
        extras: Extras,
        changes: &mut Changes,
    ) -> Result<(), EngineError> {
        let partition = address;
        if let (Some(record), Address::Contract(id)) = (extras.contract, address) {
            let old = self.chain.contract(&id)?.map(|old| StateValue::Contract(old.into()));
            let new = Some(StateValue::Contract(record.into()));
            let key = StateKey::Contract(id);
            changes.section(SectionKey::Contracts).push(Change { key, old, new });
        }
        for Published { contract, key, cell: slot } in in_order(extras.slots.into_entries()) {
            let old = match slot.base {
                Some(base) => base,
                None => self.chain.slot(SlotRef { contract, partition: &partition, key: &key })?,
            };
            let (old, new) = (old.map(StateValue::Slot), slot.value.map(StateValue::Slot));
            let key = StateKey::Slot(SlotKey { contract, partition, key }.into());
            changes.section(SectionKey::Slots(contract)).push(Change { key, old, new });
        }
        for Published { contract, key, cell } in in_order(extras.counters.into_entries()) {
            let old = match cell.base {
                Some(base) => base,
                None => {
                    self.chain.counter(SlotRef { contract, partition: &partition, key: &key })?
                }
            };
            let new = match cell.value {
                CounterValue::Known(value) => value,
                CounterValue::Added(added) => {
                    old.checked_add(added).ok_or_else(|| overflow("counter", partition))?
                }
            };
            let value = |value| (value > 0).then_some(StateValue::Counter(value));
            let (old, new) = (value(old), value(new));
            let key = StateKey::Counter(SlotKey { contract, partition, key }.into());
            changes.section(SectionKey::Counters(contract)).push(Change { key, old, new });
        }
        Ok(())
    }
}

/// An account after the block.
fn value(cell: &AccountCell, extras: Option<&Extras>) -> Account {
    let mut account = cell.base.clone();
    account.nonce.0 = cell.nonce.load(Ordering::Relaxed);
    account.native.0 = cell.native.load(Ordering::Relaxed);
    for (asset, balance) in extras.iter().flat_map(|extras| &extras.assets) {
        account.set_balance(*asset, Amount(*balance));
    }
    account
}

/// Slots of one partition in the order of their keys.
fn in_order<C>(mut slots: Vec<Published<C>>) -> Vec<Published<C>> {
    slots.sort_unstable_by(|a, b| (&a.contract, &a.key).cmp(&(&b.contract, &b.key)));
    slots
}
