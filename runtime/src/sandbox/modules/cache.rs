//! Verdicts by code hash, within a bound of bytes.

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

/// A bounded map of verdicts that finds each once, however many ask.
pub(super) struct Cache {
    /// Most bytes of finished entries. The one used last stays, however large it is.
    bytes_max: usize,
    /// Held for look-ups only, never while a verdict is found.
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_hash: HashMap<Hash, Entry>,
    /// Finished entries by the time of their last use, which is unique. Eviction must not search:
    /// refused modules are cheap, and a block can bring thousands of them.
    by_use: BTreeMap<u64, Hash>,
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
        code_hash: &Hash,
        find: impl FnOnce() -> Result<Verdict, EngineError>,
    ) -> Result<Verdict, EngineError> {
        let first = &Hash::default();
        let code_hash = if planted(Bug::OneModuleForAll) { first } else { code_hash };
        let slot = self.entries.lock().slot(code_hash);
        let mut verdict = slot.lock();
        if let Some(verdict) = &*verdict {
            return Ok(verdict.clone());
        }
        let found = match find() {
            Ok(found) => found,
            Err(error) => {
                drop(verdict);
                self.entries.lock().forget(code_hash, &slot);
                return Err(error);
            }
        };
        *verdict = Some(found.clone());
        drop(verdict);
        let size = found.as_ref().map_or(0, |module| module.size) + ENTRY_OVERHEAD_BYTES;
        self.entries.lock().account_for(code_hash, &slot, size, self.bytes_max);
        Ok(found)
    }

    /// Entries and bytes.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        let entries = self.entries.lock();
        assert!(entries.by_use.len() <= entries.by_hash.len(), "an entry was lost");
        (entries.by_hash.len(), entries.bytes)
    }
}

impl Entries {
    fn slot(&mut self, code_hash: &Hash) -> Slot {
        self.clock += 1;
        let entry = self.by_hash.entry(*code_hash).or_insert_with(|| Entry {
            slot: Slot::default(),
            size: 0,
            last_used: 0,
        });
        if entry.size > 0 {
            self.by_use.remove(&entry.last_used);
            self.by_use.insert(self.clock, *code_hash);
        }
        entry.last_used = self.clock;
        Arc::clone(&entry.slot)
    }

    /// Enters the size of a finished entry and evicts the longest unused others beyond the bound.
    fn account_for(&mut self, code_hash: &Hash, slot: &Slot, size: usize, bytes_max: usize) {
        let Some(entry) = self.by_hash.get_mut(code_hash) else { return };
        // After an error several may have tried, each in a slot of its own; one is in the map.
        if !Arc::ptr_eq(&entry.slot, slot) || entry.size > 0 {
            return;
        }
        entry.size = size;
        self.bytes += size;
        self.by_use.insert(entry.last_used, *code_hash);
        while self.bytes > bytes_max {
            let Some((&oldest, hash)) = self.by_use.iter().find(|row| row.1 != code_hash) else {
                break;
            };
            let evicted = self.by_hash.remove(hash).map_or(0, |entry| entry.size);
            self.bytes -= evicted;
            self.by_use.remove(&oldest);
        }
    }

    /// Drops an entry whose verdict could not be found, so that failures do not add up.
    fn forget(&mut self, code_hash: &Hash, slot: &Slot) {
        let is_it = |entry: &Entry| Arc::ptr_eq(&entry.slot, slot) && entry.size == 0;
        if self.by_hash.get(code_hash).is_some_and(is_it) {
            self.by_hash.remove(code_hash);
        }
    }
}
