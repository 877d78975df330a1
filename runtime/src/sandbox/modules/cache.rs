//! Verdicts by code and preparation, within a bound of bytes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tos_host_api::Hash;

use super::Verdict;
use crate::error::EngineError;
use crate::planted::{Bug, planted};
use crate::sync::Mutex;

/// Bytes counted for every entry on top of its module, so that refused modules, which have none,
/// are bounded too: the entry, its slot and the rejection with the names it quotes.
pub(super) const ENTRY_OVERHEAD_BYTES: usize = 1024;

/// What a verdict is about. Prices are part of it: in a block before a change of prices and in one
/// after it, the same code is two modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ModuleKey {
    pub(super) code: Hash,
    /// See [`super::Preparation`].
    pub(super) preparation: Hash,
}

/// A bounded map of verdicts that finds each once, however many ask.
pub(super) struct Cache {
    /// Most bytes of finished entries. The one used last stays, however large it is.
    bytes_max: usize,
    /// Held for look-ups only, never while a verdict is found.
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_key: HashMap<ModuleKey, Entry>,
    /// Finished entries by the time of their last use, which is unique. Eviction must not search:
    /// refused modules are cheap, and a block can bring thousands of them.
    by_use: BTreeMap<u64, ModuleKey>,
    bytes: usize,
    clock: u64,
}

struct Entry {
    slot: Slot,
    /// Bytes; 0 until the verdict is there.
    size: usize,
    last_used: u64,
}

/// Held while the verdict is found, so that everybody else who wants it waits for that one
/// compilation. Taken only after the lock of the entries was released.
type Slot = Arc<Mutex<Option<Verdict>>>;

impl Cache {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, entries: Mutex::default() }
    }

    /// The verdict on a code, found by `find` unless it is there.
    pub(super) fn get(
        &self,
        key: &ModuleKey,
        find: impl FnOnce() -> Result<Verdict, EngineError>,
    ) -> Result<Verdict, EngineError> {
        let code = if planted(Bug::OneModuleForAll) { Hash::default() } else { key.code };
        let slot = self.entries.lock().slot(&ModuleKey { code, ..*key });
        let mut verdict = slot.lock();
        if let Some(verdict) = &*verdict {
            return Ok(verdict.clone());
        }
        let found = match find() {
            Ok(found) => found,
            Err(error) => {
                drop(verdict);
                self.entries.lock().forget(key, &slot);
                return Err(error);
            }
        };
        *verdict = Some(found.clone());
        drop(verdict);
        let size = found.as_ref().map_or(0, |module| module.size) + ENTRY_OVERHEAD_BYTES;
        self.entries.lock().account_for(key, &slot, size, self.bytes_max);
        Ok(found)
    }

    /// Entries and bytes.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        let entries = self.entries.lock();
        assert!(entries.by_use.len() <= entries.by_key.len(), "an entry was lost");
        (entries.by_key.len(), entries.bytes)
    }
}

impl Entries {
    fn slot(&mut self, key: &ModuleKey) -> Slot {
        self.clock += 1;
        let entry = self.by_key.entry(*key).or_insert_with(|| Entry {
            slot: Slot::default(),
            size: 0,
            last_used: 0,
        });
        if entry.size > 0 {
            self.by_use.remove(&entry.last_used);
            self.by_use.insert(self.clock, *key);
        }
        entry.last_used = self.clock;
        Arc::clone(&entry.slot)
    }

    /// Enters the size of a finished entry and evicts the longest unused others beyond the bound.
    fn account_for(&mut self, key: &ModuleKey, slot: &Slot, size: usize, bytes_max: usize) {
        let Some(entry) = self.by_key.get_mut(key) else { return };
        // After an error several may have tried, each in a slot of its own; one is in the map.
        if !Arc::ptr_eq(&entry.slot, slot) || entry.size > 0 {
            return;
        }
        entry.size = size;
        self.bytes += size;
        self.by_use.insert(entry.last_used, *key);
        while self.bytes > bytes_max {
            let Some((&oldest, longest_unused)) = self.by_use.iter().find(|row| row.1 != key)
            else {
                break;
            };
            let evicted = self.by_key.remove(longest_unused).map_or(0, |entry| entry.size);
            self.bytes -= evicted;
            self.by_use.remove(&oldest);
        }
    }

    /// Drops an entry whose verdict could not be found, so that failures do not add up.
    fn forget(&mut self, key: &ModuleKey, slot: &Slot) {
        let is_it = |entry: &Entry| Arc::ptr_eq(&entry.slot, slot) && entry.size == 0;
        if self.by_key.get(key).is_some_and(is_it) {
            self.by_key.remove(key);
        }
    }
}
