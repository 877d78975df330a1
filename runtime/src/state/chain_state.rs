//! The hot state: values at the tip, kept in memory across blocks over the storage. The one place
//! that uses DashMap.
//!
//! Values are copied out; no guard leaves a method, and no method looks into a map twice while it
//! holds a guard, so the map's own locks cannot deadlock. A miss is loaded from the storage and
//! inserted; that is safe against concurrent changes because readers hold the engine's tip lock
//! shared and [`ChainState::apply`] runs under the exclusive one.

mod accounts;
mod apply;
mod by_shard;
mod columns;
mod slot_map;
mod values;

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use self::accounts::HotAccounts;
pub(crate) use self::accounts::{Numbering, Row};
pub(crate) use self::by_shard::ByShard;
pub(crate) use self::columns::{CounterColumn, CounterName};
use self::values::HotValues;
use super::{Account, StateKey, StateValue};
use crate::error::EngineError;
use crate::storage::Storage;
use dashmap::DashMap;

/// Values at the tip.
pub(crate) struct ChainState {
    storage: Arc<dyn Storage>,
    accounts: HotAccounts,
    values: HotValues,
    /// Counts applied blocks; tells how long ago an entry was used. Wraps after four billion
    /// blocks, which at worst evicts the wrong entries once.
    generation: AtomicU32,
}

impl ChainState {
    pub(crate) fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage,
            accounts: HotAccounts::default(),
            values: HotValues::default(),
            generation: AtomicU32::new(0),
        }
    }

    pub(crate) fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// Evicts the longest unused entries beyond `entries_max`. The caller holds the tip lock and
    /// knows that the storage has every applied change.
    pub(crate) fn trim(&self, entries_max: usize) {
        let generation = self.generation();
        debug_assert_eq!(self.len(), self.accounts.counted() + self.values.counted());
        if self.len() > entries_max {
            self.accounts.trim(entries_max / 2, generation);
            self.values.trim(entries_max / 2, generation);
        }
    }

    /// The value of any key; `None` where there is none.
    pub(crate) fn value(&self, key: &StateKey) -> Result<Option<StateValue>, EngineError> {
        Ok(match key {
            StateKey::Account(address) => {
                Some(self.account(address)?).filter(Account::exists).map(StateValue::Account)
            }
            StateKey::Asset(id) => self.asset(id)?.map(StateValue::Asset),
            StateKey::Contract(id) => {
                self.contract(id)?.map(|record| StateValue::Contract(Box::new(record)))
            }
            StateKey::Code(_) => self.storage_value(key)?,
            StateKey::Slot(slot) => self.slot(slot.by_ref())?.map(StateValue::Slot),
            StateKey::Counter(slot) => {
                let value = self.counter(slot.by_ref())?;
                (value != 0).then_some(StateValue::Counter(value))
            }
        })
    }

    /// How many entries are kept in memory.
    pub(crate) fn len(&self) -> usize {
        self.accounts.len() + self.values.len()
    }

    fn generation(&self) -> u32 {
        self.generation.load(Ordering::Relaxed)
    }
}

fn wrong_kind(key: &StateKey) -> EngineError {
    EngineError::Corrupt(format!("the value stored under {key:?} is of another kind"))
}

/// Parts with a lock each. Many more than threads: what costs is not waiting for a lock but taking
/// one that another core took last.
const SHARDS: usize = 1024;

/// A DashMap whose entries remember when they were last used. Offers no iteration, so its order
/// cannot reach a result.
struct HotMap<K, V> {
    entries: DashMap<K, Hot<V>, foldhash::fast::RandomState>,
    /// How many there are: every commit asks, and the map would take each of its locks to tell.
    count: AtomicUsize,
}

struct Hot<V> {
    value: V,
    /// Generation of the last use. Relaxed: a lost update only makes an entry look older.
    used: AtomicU32,
}

impl<K: Eq + Hash, V> Default for HotMap<K, V> {
    fn default() -> Self {
        let hasher = foldhash::fast::RandomState::default();
        let entries = DashMap::with_hasher_and_shard_amount(hasher, SHARDS);
        Self { entries, count: AtomicUsize::new(0) }
    }
}

impl<K: Eq + Hash, V: Clone> HotMap<K, V> {
    fn copy(&self, key: &K, generation: u32) -> Option<V> {
        let hot = self.entries.get(key)?;
        if hot.used.load(Ordering::Relaxed) != generation {
            hot.used.store(generation, Ordering::Relaxed);
        }
        Some(hot.value.clone())
    }

    fn insert(&self, key: K, value: V, generation: u32) {
        let hot = Hot { value, used: AtomicU32::new(generation) };
        if self.entries.insert(key, hot).is_none() {
            // Relaxed: who trims has the maps to itself.
            self.count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// The same by the map itself.
    fn counted(&self) -> usize {
        self.entries.len()
    }

    /// How long ago each entry was used.
    fn ages(&self, generation: u32) -> impl Iterator<Item = u32> {
        self.entries.iter().map(move |hot| age(generation, &hot.used))
    }

    /// Forgets the entries that were not used in the last `age_max` blocks.
    fn forget_older(&self, age_max: u32, generation: u32) {
        self.entries.retain(|_, hot| age(generation, &hot.used) <= age_max);
        self.count.store(self.entries.len(), Ordering::Relaxed);
    }
}

/// The age up to which entries of these ages may stay if at most `keep` of them shall, or those of
/// age zero.
fn age_limit(ages: impl Iterator<Item = u32>, keep: usize) -> u32 {
    let mut by_age = BTreeMap::<u32, usize>::new();
    for age in ages {
        *by_age.entry(age).or_default() += 1;
    }
    let mut kept = 0;
    let mut age_max = 0;
    for (age, count) in by_age {
        kept += count;
        if kept > keep {
            break;
        }
        age_max = age;
    }
    age_max
}

/// How many blocks ago an entry was used.
fn age(generation: u32, used: &AtomicU32) -> u32 {
    generation.wrapping_sub(used.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use tos_host_api::{Address, Amount, ContractId, PublicKey};

    use super::*;
    use crate::state::{AssetRecord, Change, ChangeSet, SlotKey};
    use crate::storage::MemoryStorage;

    #[test]
    fn entries_are_counted_without_asking_the_maps() {
        // The maps were asked after every commit and took 4,096 locks to answer.
        let chain = ChainState::new(Arc::new(MemoryStorage::new()));
        let address = |byte| Address::Key(PublicKey([byte; 32]));
        let slot = |byte| SlotKey {
            contract: ContractId([byte; 32]),
            partition: address(byte),
            key: [byte].into(),
        };
        let account = |native| Account { native: Amount(native), ..Account::default() };
        let values = |byte| {
            let record = AssetRecord { supply: Amount(9), burned: Amount(0) };
            [
                (StateKey::Account(address(byte)), StateValue::Account(account(5))),
                (StateKey::Slot(slot(byte).into()), StateValue::Slot([1].into())),
                (StateKey::Counter(slot(byte).into()), StateValue::Counter(7)),
                (StateKey::Asset(tos_host_api::AssetId([byte; 32])), StateValue::Asset(record)),
            ]
        };
        let change = |(key, value)| Change { key, old: None, new: Some(value) };
        let apply = |bytes: std::ops::Range<u8>| {
            let changes = bytes.flat_map(values).map(change).collect();
            chain.apply(&ChangeSet::new(changes).expect("no key twice"));
            let counted = chain.accounts.counted() + chain.values.counted();
            assert_eq!(chain.len(), counted);
            counted
        };
        // Read and found absent is kept, too.
        for byte in [1, 1, 2] {
            for (key, _) in values(byte) {
                assert_eq!(chain.value(&key).expect("it is read"), None);
            }
        }
        assert_eq!(chain.len(), 8);
        assert_eq!([apply(2..5), apply(2..5), apply(4..7)], [16, 16, 24]);
        chain.trim(8);
        assert_eq!(chain.len(), 12, "those of the last block are left");
        assert_eq!(apply(0..7), 28);
    }
}
