//! Accounts at the tip. One at a time they are looked up like any other value; the accounts of a
//! large block are looked up shard by shard, so that no two workers meet on a lock and no account
//! is looked for twice.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use dashmap::{DashMap, Entry, SharedValue};
use tos_host_api::Address;

use super::apply::{Place, look_at};
use super::{ChainState, SHARDS, age_limit, wrong_kind};
use crate::error::EngineError;
use crate::planted::{Bug, planted};
use crate::state::{Account, StateKey, StateValue};
use crate::storage::Storage;

/// The accounts that are kept in memory.
pub(super) struct HotAccounts {
    entries: DashMap<Address, HotAccount, foldhash::fast::RandomState>,
    /// The last numbering that was handed out.
    numberings: AtomicU64,
    /// How many rows were handed out since accounts were last forgotten.
    rows: AtomicU32,
}

struct HotAccount {
    account: Account,
    row: Row,
    /// The last numbering that met the account; 0 for none.
    numbering: u64,
    /// Its number there.
    number: u32,
    /// Generation of the last use. Relaxed: a lost update only makes an entry look older.
    used: AtomicU32,
}

/// Where an account's counters are in every column of them, see `columns.rs`. An account keeps its
/// row for as long as it is kept in memory, or until others are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row(pub(super) u32);

impl Row {
    /// Of an account that is not kept in memory.
    pub(crate) const NONE: Self = Self(u32::MAX);
}

/// One counting of the accounts of a block, told apart from all others of this chain state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbering(u64);

impl Default for HotAccounts {
    fn default() -> Self {
        let hasher = foldhash::fast::RandomState::default();
        let entries = DashMap::with_hasher_and_shard_amount(hasher, SHARDS);
        Self { entries, numberings: AtomicU64::new(0), rows: AtomicU32::new(0) }
    }
}

impl HotAccounts {
    fn copy(&self, address: &Address, generation: u32) -> Option<Account> {
        let hot = self.entries.get(address)?;
        if hot.used.load(Ordering::Relaxed) != generation {
            hot.used.store(generation, Ordering::Relaxed);
        }
        Some(hot.account.clone())
    }

    /// Keeps an account that was read. Whoever was faster has read the same.
    fn insert(&self, address: Address, account: Account, generation: u32) {
        match self.entries.entry(address) {
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.account = account;
                *known.used.get_mut() = generation;
            }
            Entry::Vacant(entry) => {
                entry.insert(self.fresh(account, generation));
            }
        }
    }

    /// An account that was not kept.
    fn fresh(&self, account: Account, generation: u32) -> HotAccount {
        let (row, used) = (self.new_row(), AtomicU32::new(generation));
        HotAccount { account, row, numbering: 0, number: 0, used }
    }

    /// A row that nobody has.
    fn new_row(&self) -> Row {
        // Relaxed: only has to be unique. Four billion accounts do not fit into memory, but if they
        // came and went without any being forgotten, the last would share no row.
        let next = |rows: u32| rows.checked_add(1);
        let row = self.rows.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        row.map_or(Row::NONE, Row)
    }

    /// One more than the highest row.
    pub(super) fn rows(&self) -> usize {
        self.rows.load(Ordering::Relaxed) as usize
    }

    /// Sets accounts of one shard. They keep their rows, and with them the counters there.
    pub(super) fn set_all(&self, shard: usize, places: &[Place<'_>], generation: u32) {
        let map = &self.entries;
        let mut shard = map.shards()[shard].write();
        look_at(places.iter().map(|place| Some(ends(shard.get(place.hash, |_| true)?))));
        for &Place { hash, change, .. } in places {
            let address = change.address();
            if let Some((_, known)) = shard.get_mut(hash, |(known, _)| *known == address) {
                let known = known.get_mut();
                change.advance(&mut known.account);
                *known.used.get_mut() = generation;
            } else {
                let mut account = Account::default();
                change.update(&mut account);
                let entry = (address, SharedValue::new(self.fresh(account, generation)));
                shard.insert(hash, entry, |(known, _)| map.hash_usize(known) as u64);
            }
        }
    }

    /// How many accounts are kept: each was given one row, and no other way leads to one.
    pub(super) fn len(&self) -> usize {
        self.rows()
    }

    /// The same by the map itself.
    pub(super) fn counted(&self) -> usize {
        self.entries.len()
    }

    /// Keeps the most recently used accounts: at most `keep`, or those used in this generation.
    /// Those that stay get new rows, so that rows stay dense.
    pub(super) fn trim(&self, keep: usize, generation: u32) {
        let age = |used: &AtomicU32| generation.wrapping_sub(used.load(Ordering::Relaxed));
        let age_max = age_limit(self.entries.iter().map(|entry| age(&entry.used)), keep);
        let mut rows = 0;
        self.entries.retain(|_, hot| {
            let stays = age(&hot.used) <= age_max;
            if stays {
                hot.row = Row(rows);
                rows += 1;
            }
            stays
        });
        self.rows.store(rows, Ordering::Relaxed);
    }
}

impl ChainState {
    /// Shards of the accounts, see [`ChainState::number_accounts`].
    pub(crate) const ACCOUNT_SHARDS: usize = SHARDS;

    /// An account; the default where there is none.
    pub(crate) fn account(&self, address: &Address) -> Result<Account, EngineError> {
        let generation = self.generation();
        if let Some(account) = self.accounts.copy(address, generation) {
            return Ok(account);
        }
        let account = stored(&*self.storage, address)?;
        self.accounts.insert(*address, account.clone(), generation);
        Ok(account)
    }

    /// Hash and shard of an account.
    pub(crate) fn account_hash(&self, address: &Address) -> (u64, usize) {
        let hash = self.accounts.entries.hash_usize(address);
        (hash as u64, self.accounts.entries.determine_shard(hash))
    }

    /// A new numbering.
    pub(crate) fn numbering(&self) -> Numbering {
        // Relaxed: only has to be unique. Counts from 1; 64 bits do not run out.
        Numbering(self.accounts.numberings.fetch_add(1, Ordering::Relaxed).wrapping_add(1))
    }

    /// Numbers accounts of one shard in order of first mention, beginning with `next`; gives back
    /// the number after the last. `references` yields hash and address of each mention, all of
    /// this shard; `found` gets each account once, in order of the numbers, and `number` gets the
    /// number of each mention.
    ///
    /// The entries of the hot state remember the numbering that met them, which makes the look-up
    /// of an account and the search for its earlier mentions one. Others that number this shard
    /// wait meanwhile; the storage is asked under the shard's lock and knows nothing of it.
    pub(crate) fn number_accounts<'a, M>(
        &self,
        Numbering(numbering): Numbering,
        shard: usize,
        mut next: u32,
        references: impl Iterator<Item = (u64, &'a Address, M)> + Clone,
        mut found: impl FnMut(&Address, &Account, Row),
        mut number: impl FnMut(M, u32),
    ) -> Result<u32, EngineError> {
        let generation = self.generation();
        let map = &self.accounts.entries;
        let mut shard = map.shards()[shard].write();
        look_at(references.clone().map(|(hash, ..)| Some(ends(shard.get(hash, |_| true)?))));
        for (hash, address, mention) in references {
            if let Some((_, hot)) = shard.get_mut(hash, |(known, _)| known == address) {
                let hot = hot.get_mut();
                let last = planted(Bug::NumbersOfTheLastBlock) && hot.numbering + 1 == numbering;
                if hot.numbering != numbering && !last {
                    hot.numbering = numbering;
                    hot.number = next;
                    *hot.used.get_mut() = generation;
                    found(address, &hot.account, hot.row);
                    next = next.checked_add(1).ok_or_else(too_many)?;
                }
                number(mention, hot.number);
                continue;
            }
            let account = stored(&*self.storage, address)?;
            let row = self.accounts.new_row();
            found(address, &account, row);
            number(mention, next);
            let used = AtomicU32::new(generation);
            let hot = HotAccount { account, row, numbering, number: next, used };
            let value = SharedValue::new(hot);
            shard.insert(hash, (*address, value), |(known, _)| map.hash_usize(known) as u64);
            next = next.checked_add(1).ok_or_else(too_many)?;
        }
        Ok(next)
    }
}

/// Something of both ends of an entry, see [`look_at`].
fn ends((address, hot): &(Address, SharedValue<HotAccount>)) -> u32 {
    u32::from(matches!(address, Address::Key(_))) ^ hot.get().used.load(Ordering::Relaxed)
}

fn too_many() -> EngineError {
    EngineError::Bug("a block names more accounts than fit 32 bits".into())
}

/// An account as the storage has it.
fn stored(storage: &dyn Storage, address: &Address) -> Result<Account, EngineError> {
    let key = StateKey::Account(*address);
    match storage.read(&key)? {
        None => Ok(Account::default()),
        Some(StateValue::Account(account)) => Ok(account),
        Some(_) => Err(wrong_kind(&key)),
    }
}
