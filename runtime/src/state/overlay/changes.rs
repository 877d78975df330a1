//! What became of a block's accounts, as changes in the order of their keys.
//!
//! Keys sort by kind first. Within a kind the order is that of accounts, or of contracts and then
//! of the accounts whose partitions the slots are in. So whoever goes through the accounts in order
//! finds the changes of each [`SectionKey`] in order, and nothing has to be sorted as a whole.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use tos_host_api::{Address, Amount, ContractId, PublicKey};

use super::counters::CounterChange;
use super::extras::{CounterValue, Extras, Published};
use super::{AccountCell, Overlay, Ranked, overflow};
use crate::error::EngineError;
use crate::planted::{Bug, planted};
use crate::schedule::AccountIdx;
use crate::state::{
    Account, Change, CounterName, Section, SlotKey, SlotRef, StateKey, StateValue, Sums,
};

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

    /// Makes room for what is still to come when `done` of `all` accounts are through, on the
    /// guess that the others are like them: growing step by step copies everything several times.
    pub(crate) fn expect_more(&mut self, done: usize, all: usize) {
        for section in self.sections.values_mut() {
            section.expect_more(done, all);
        }
    }

    /// Makes room for counters of a contract, one on each of so many accounts, if there is none.
    fn expect_counters(&mut self, contract: ContractId, key_len: usize, accounts: usize) {
        let section = || Section::for_counters(accounts, key_len);
        self.sections.entry(SectionKey::Counters(contract)).or_insert_with(section);
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
        let mut taken = Vec::with_capacity(FETCHED_AT_ONCE);
        let mut counters = Vec::new();
        if let Some(loaded) = self.counters.get() {
            for CounterName { contract, key } in loaded.names() {
                changes.expect_counters(*contract, key.len(), accounts.len());
            }
        }
        for accounts in accounts.chunks(FETCHED_AT_ONCE) {
            self.fetch(accounts);
            taken.extend(accounts.iter().map(|ranked| self.take_extras(ranked.account)));
            fetch_extras(&taken);
            let section = changes.section(SectionKey::Accounts);
            for (Ranked { account, .. }, extras) in accounts.iter().zip(&taken) {
                self.account_change(*account, extras.as_deref(), section);
            }
            for (Ranked { account, .. }, extras) in accounts.iter().zip(taken.drain(..)) {
                let address = self.address(*account);
                if let Some(extras) = extras {
                    self.extra_changes(*account, *extras, changes, &mut counters)?;
                }
                if let Some(loaded) = self.counters.get() {
                    loaded.changes(*account, &mut counters);
                }
                counter_changes(address, &mut counters, changes);
            }
        }
        Ok(())
    }

    /// Brings accounts that lie anywhere into the cache, their misses overlapping: nothing here
    /// waits for what it reads, which turning one account after the other into a change does.
    fn fetch(&self, accounts: &[Ranked]) {
        let (extras, counters) = (self.extras.get(), self.counters.get());
        let read = |sum: u64, ranked: &Ranked| {
            let account = ranked.account as usize;
            let cell = &self.cells[account];
            let (Address::Key(PublicKey(id)) | Address::Contract(ContractId(id))) =
                &self.addresses[account];
            // Looking whether a lock is taken, which it is not, reads what it guards as well.
            let locked = extras.is_some_and(|extras| extras[account].is_locked());
            // Both ends: an address may lie in two cache lines.
            let ends = u64::from(id[0] ^ id[31]) ^ u64::from(locked);
            let counters = counters.map_or(0, |counters| counters.touch(ranked.account));
            let balances = if cell.has_base_values() { 0 } else { cell.base.assets.touch() };
            sum ^ u64::from(balances) ^ ends ^ counters
        };
        std::hint::black_box(accounts.iter().fold(0, read));
    }

    /// What the block changed of everything rarer of an account.
    fn take_extras(&self, account: AccountIdx) -> Option<Box<Extras>> {
        self.extras.get().and_then(|extras| extras[account as usize].lock().take())
    }

    fn account_change(&self, account: AccountIdx, extras: Option<&Extras>, section: &mut Section) {
        let cell = &self.cells[account as usize];
        // Most of those whose slots changed are as they were: they need not be copied, which would
        // fetch the count of those who share their assets.
        let same_assets = extras.is_none_or(|extras| extras.assets.is_empty());
        if same_assets && cell.has_base_values() {
            return;
        }
        let value = value(cell, extras);
        if value != cell.base {
            section.push(Change {
                key: StateKey::Account(self.address(account)),
                old: cell.base.exists().then(|| StateValue::Account(cell.base.clone())),
                new: value.exists().then_some(StateValue::Account(value)),
            });
        }
    }

    fn extra_changes(
        &self,
        account: AccountIdx,
        extras: Extras,
        changes: &mut Changes,
        counters: &mut Vec<CounterChange>,
    ) -> Result<(), EngineError> {
        let (address, row) = (self.address(account), self.cells[account as usize].row);
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
        for Published { contract, key, cell } in extras.counters.into_entries() {
            let old = match cell.base {
                Some(base) => base,
                None => {
                    let slot = SlotRef { contract, partition: &partition, key: &key };
                    self.chain.counter_of_row(slot, row)?
                }
            };
            let new = match cell.value {
                CounterValue::Known(value) => value,
                CounterValue::Added(added) => {
                    old.checked_add(added).ok_or_else(|| overflow("counter", partition))?
                }
            };
            counters.push(CounterChange { contract, key, old, new });
        }
        Ok(())
    }
}

/// Adds what became of the counters in one partition, and forgets them.
fn counter_changes(partition: Address, counters: &mut Vec<CounterChange>, changes: &mut Changes) {
    counters.sort_unstable_by(|a, b| (&a.contract, &a.key).cmp(&(&b.contract, &b.key)));
    for CounterChange { contract, key, old, new } in counters.drain(..) {
        if old == new {
            continue;
        }
        let value = |value| (value > 0).then_some(StateValue::Counter(value));
        let (old, new) = (value(old), value(new));
        let key = StateKey::Counter(SlotKey { contract, partition, key }.into());
        changes.section(SectionKey::Counters(contract)).push(Change { key, old, new });
    }
}

/// Brings what the block changed on some accounts into the cache as [`Overlay::fetch`] does.
fn fetch_extras(taken: &[Option<Box<Extras>>]) {
    fn read<C>(published: Option<&Published<C>>) -> u64 {
        let bytes = published.map(|it| it.contract.0[0] ^ it.key.first().copied().unwrap_or(0));
        u64::from(bytes.unwrap_or(0))
    }
    let read = |sum: u64, extras: &Extras| {
        let Extras { assets, slots, counters, contract } = extras;
        let rare = u64::from(assets.is_empty() ^ contract.is_some());
        sum ^ rare ^ read(slots.entries().first()) ^ read(counters.entries().first())
    };
    std::hint::black_box(taken.iter().filter_map(Option::as_deref).fold(0, read));
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
    if planted(Bug::SlotsUnsorted) {
        return slots;
    }
    slots.sort_unstable_by(|a, b| (&a.contract, &a.key).cmp(&(&b.contract, &b.key)));
    slots
}
