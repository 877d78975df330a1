//! What became of a block's accounts, as changes in the order of their keys.
//!
//! Keys sort by kind first. Within a kind the order is that of accounts, or of contracts and then
//! of the accounts whose partitions the slots are in. So whoever goes through the accounts in order
//! finds the changes of each [`SectionKey`] in order, and nothing has to be sorted as a whole.

use tos_host_api::{Address, Amount, ContractId, PublicKey};

use super::extras::{CounterValue, Extras, Published};
use super::{AccountCell, Overlay, Ranked, overflow};
use crate::error::EngineError;
use crate::planted::{Bug, planted};
use crate::schedule::AccountIdx;
use crate::state::{
    Account, AccountParts, Change, CounterName, KeyBytes, Section, SlotKey, SlotRef, StateKey,
    StateValue, Sums,
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
    /// In the order in which they came up; few.
    sections: Vec<(SectionKey, Section)>,
    /// The one that was used last, which is most likely the next one, too.
    recent: usize,
    /// Of the sections' changes.
    sums: Sums,
}

impl Changes {
    /// Room for the changes of the first accounts, if there are so many.
    pub(crate) fn for_accounts(accounts: usize) -> Self {
        let accounts = accounts.min(FETCHED_AT_ONCE);
        let section = (SectionKey::Accounts, Section::for_accounts(accounts));
        Self { sections: vec![section], ..Self::default() }
    }

    /// The sections and what their changes come to.
    ///
    /// # Errors
    /// [`EngineError::ChangeSetOrder`].
    pub(crate) fn close(self) -> Result<(Vec<(SectionKey, Section)>, Sums), EngineError> {
        self.sections.iter().try_for_each(|(_, section)| section.check())?;
        Ok((self.sections, self.sums))
    }

    /// Adds a change, if it is one.
    pub(crate) fn push(&mut self, key: SectionKey, change: &Change) {
        let filtered = planted(Bug::DeletesFiltered) && change.new.is_none();
        if (change.old != change.new || planted(Bug::UnchangedKeysListed)) && !filtered {
            self.sums.add(change);
            self.section(key).push(change);
        }
    }

    /// Adds what became of an account, which changed.
    fn push_account(&mut self, address: &Address, old: AccountParts<'_>, new: AccountParts<'_>) {
        self.sums.add_accounts(old, new);
        self.section(SectionKey::Accounts).push_account(address, old, new);
    }

    /// Adds what became of a counter, if it changed.
    fn push_counter(&mut self, slot: SlotRef<'_>, old: u128, new: u128) {
        if old != new {
            self.section(SectionKey::Counters(slot.contract)).push_counter(slot, old, new);
        }
    }

    /// Where changes of a section go.
    fn section(&mut self, key: SectionKey) -> &mut Section {
        if self.sections.get(self.recent).is_none_or(|(known, _)| *known != key) {
            let known = self.sections.iter().position(|(known, _)| *known == key);
            self.recent = known.unwrap_or_else(|| {
                self.sections.push((key, Section::default()));
                self.sections.len() - 1
            });
        }
        &mut self.sections[self.recent].1
    }

    /// Makes room for what is still to come when `done` of `all` accounts are through, on the
    /// guess that the others are like them: growing step by step copies everything several times.
    pub(crate) fn expect_more(&mut self, done: usize, all: usize) {
        for (_, section) in &mut self.sections {
            section.expect_more(done, all);
        }
    }

    /// Makes room for counters of a contract, one on each of so many accounts, if there is none.
    fn expect_counters(&mut self, contract: ContractId, key_len: usize, accounts: usize) {
        let key = SectionKey::Counters(contract);
        if self.sections.iter().all(|(known, _)| *known != key) {
            self.sections.push((key, Section::for_counters(accounts, key_len)));
        }
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
        let loaded = self.counters.get();
        for CounterName { contract, key } in loaded.iter().flat_map(|loaded| loaded.names()) {
            changes.expect_counters(*contract, key.len(), accounts.len());
        }
        let all = accounts.len();
        let mut nothing_yet = changes.sections.iter().all(|(_, section)| section.len() == 0);
        for accounts in accounts.chunks(FETCHED_AT_ONCE) {
            self.fetch(accounts);
            taken.extend(accounts.iter().map(|ranked| self.take_extras(ranked.account)));
            fetch_extras(&taken);
            for (Ranked { account, .. }, extras) in accounts.iter().zip(&taken) {
                self.account_change(*account, extras.as_deref(), changes);
            }
            for (Ranked { account, .. }, extras) in accounts.iter().zip(taken.drain(..)) {
                if let Some(extras) = extras {
                    self.extra_changes(*account, *extras, changes, &mut counters)?;
                }
                let partition = &self.addresses[*account as usize];
                if let Some(loaded) = loaded {
                    let mixed = !counters.is_empty();
                    for (CounterName { contract, key }, old, new) in loaded.changes(*account) {
                        if mixed {
                            let (contract, key) = (*contract, key.clone());
                            counters.push(CounterChange { contract, key, old, new });
                        } else {
                            let slot = SlotRef { contract: *contract, partition, key };
                            changes.push_counter(slot, old, new);
                        }
                    }
                }
                counters.sort_unstable_by(|a, b| (&a.contract, &a.key).cmp(&(&b.contract, &b.key)));
                for CounterChange { contract, key, old, new } in counters.drain(..) {
                    changes.push_counter(SlotRef { contract, partition, key: &key }, old, new);
                }
            }
            if std::mem::take(&mut nothing_yet) {
                changes.expect_more(accounts.len(), all);
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

    fn account_change(&self, account: AccountIdx, extras: Option<&Extras>, changes: &mut Changes) {
        let (cell, address) = (&self.cells[account as usize], &self.addresses[account as usize]);
        let old = cell.base.parts();
        // Most of those whose slots changed are as they were, and of most others the rarer assets.
        // Those are not copied, which would fetch the count of those who share them.
        if extras.is_none_or(|extras| extras.assets.is_empty()) {
            if !cell.has_base_values() {
                let (nonce, native) = cell.values();
                changes.push_account(address, old, AccountParts { nonce, native, ..old });
            }
            return;
        }
        let value = value(cell, extras);
        if value != cell.base {
            changes.push_account(address, old, value.parts());
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
            changes.push(SectionKey::Contracts, &Change { key, old, new });
        }
        for Published { contract, key, cell: slot } in in_order(extras.slots.into_entries()) {
            let old = match slot.base {
                Some(base) => base,
                None => self.chain.slot(SlotRef { contract, partition: &partition, key: &key })?,
            };
            let (old, new) = (old.map(StateValue::Slot), slot.value.map(StateValue::Slot));
            let key = StateKey::Slot(SlotKey { contract, partition, key }.into());
            changes.push(SectionKey::Slots(contract), &Change { key, old, new });
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

/// A counter that the block changed.
struct CounterChange {
    contract: ContractId,
    key: KeyBytes,
    old: u128,
    new: u128,
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
    (account.nonce, account.native) = cell.values();
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
