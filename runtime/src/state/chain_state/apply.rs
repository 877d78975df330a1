//! Making what a block changed visible in the hot state. The entries of a large block are sought
//! shard by shard: one lock for all of a shard, and several on their way from memory at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::ChainState;
use crate::state::{ChangeSet, StateKey, StateValue};

/// An entry to be set in a map, and where it is.
pub(super) struct Place<K, V> {
    pub(super) hash: u64,
    pub(super) shard: usize,
    pub(super) key: K,
    pub(super) new: V,
}

impl ChainState {
    /// Makes the changes of a committed (or undone) block visible. The caller holds the tip lock
    /// exclusively.
    pub(crate) fn apply(&self, changes: &ChangeSet) {
        // Relaxed: the tip lock orders this against every reader.
        let generation = self.generation.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let mut accounts = Vec::with_capacity(changes.len());
        let mut counters = Vec::new();
        let mut slots = Vec::new();
        for change in changes.changes() {
            match (&change.key, &change.new) {
                (StateKey::Account(key), new) => {
                    let (hash, shard) = self.account_hash(key);
                    let new = match new {
                        Some(StateValue::Account(account)) => Some(account),
                        _ => None,
                    };
                    accounts.push(Place { hash, shard, key, new });
                }
                (StateKey::Counter(slot), new) => {
                    let (hash, shard) = self.values.counters.place(slot.by_ref());
                    let new = match new {
                        Some(StateValue::Counter(value)) => *value,
                        _ => 0,
                    };
                    counters.push(Place { hash, shard, key: &**slot, new });
                }
                (StateKey::Slot(slot), new) => {
                    let (hash, shard) = self.values.slots.place(slot.by_ref());
                    let new = match new {
                        Some(StateValue::Slot(value)) => Some(Arc::clone(value)),
                        _ => None,
                    };
                    slots.push(Place { hash, shard, key: &**slot, new });
                }
                (key, new) => self.values.records.insert(key.clone(), new.clone(), generation),
            }
        }
        let Self { accounts: all, values, .. } = self;
        by_shard(accounts, |shard, places| all.set_all(shard, places, generation));
        by_shard(counters, |shard, places| values.set_counters(shard, places, generation));
        by_shard(slots, |shard, places| {
            values.slots.set_all(shard, places, generation, |_, _, _| {});
        });
    }
}

/// Hands out the entries of each shard together. The keys of a block differ, so their order does
/// not matter.
fn by_shard<K, V>(mut places: Vec<Place<K, V>>, mut set: impl FnMut(usize, &[Place<K, V>])) {
    places.sort_unstable_by_key(|place| place.shard);
    for places in places.chunk_by(|a, b| a.shard == b.shard) {
        set(places[0].shard, places);
    }
}
