//! Slots of one kind at the tip. Names are looked up without being owned, and hashed once: the
//! shards of the DashMap are addressed by hash, as its own methods do it.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, Ordering};

use dashmap::{DashMap, SharedValue};

use super::apply::Place;
use super::{Hot, SHARDS, age};
use crate::state::{SlotKey, SlotRef};

/// Offers no iteration over names or values, so its order cannot reach a result.
pub(super) struct SlotMap<V> {
    entries: DashMap<SlotKey, Hot<V>, foldhash::fast::RandomState>,
}

impl<V> Default for SlotMap<V> {
    fn default() -> Self {
        let hasher = foldhash::fast::RandomState::default();
        Self { entries: DashMap::with_hasher_and_shard_amount(hasher, SHARDS) }
    }
}

impl<V: Clone> SlotMap<V> {
    pub(super) fn copy(&self, slot: SlotRef<'_>, generation: u32) -> Option<V> {
        let hash = self.entries.hasher().hash_one(slot);
        let shard = self.entries.shards()[self.shard(hash)].read();
        let (_, hot) = shard.get(hash, |(key, _)| key.by_ref() == slot)?;
        let hot = hot.get();
        if hot.used.load(Ordering::Relaxed) != generation {
            hot.used.store(generation, Ordering::Relaxed);
        }
        Some(hot.value.clone())
    }

    /// Hash and shard of a name.
    pub(super) fn place(&self, slot: SlotRef<'_>) -> (u64, usize) {
        let hash = self.entries.hasher().hash_one(slot);
        (hash, self.shard(hash))
    }

    /// Copies the values of slots of one shard, each given with its hash; those that are not there
    /// are left out. Under one lock: taking one for each would keep the processor from fetching
    /// several from memory at once.
    pub(super) fn copy_all<'a, M>(
        &self,
        shard: usize,
        slots: impl Iterator<Item = (u64, SlotRef<'a>, M)>,
        generation: u32,
        mut found: impl FnMut(M, V),
    ) {
        let shard = self.entries.shards()[shard].read();
        for (hash, slot, mention) in slots {
            if let Some((_, hot)) = shard.get(hash, |(key, _)| key.by_ref() == slot) {
                let hot = hot.get();
                if hot.used.load(Ordering::Relaxed) != generation {
                    hot.used.store(generation, Ordering::Relaxed);
                }
                found(mention, hot.value.clone());
            }
        }
    }

    /// Sets a value; the name is copied if it was not there.
    pub(super) fn insert(&self, slot: SlotRef<'_>, value: V, generation: u32) {
        let hasher = self.entries.hasher();
        let hash = hasher.hash_one(slot);
        let mut shard = self.entries.shards()[self.shard(hash)].write();
        let hot = Hot { value, used: AtomicU32::new(generation) };
        if let Some((_, known)) = shard.get_mut(hash, |(key, _)| key.by_ref() == slot) {
            *known.get_mut() = hot;
        } else {
            let entry = (slot.to_key(), SharedValue::new(hot));
            shard.insert(hash, entry, |(key, _)| hasher.hash_one(key.by_ref()));
        }
    }

    /// Sets the values of slots of one shard.
    pub(super) fn set_all(&self, shard: usize, places: &[Place<&SlotKey, V>], generation: u32) {
        let hasher = self.entries.hasher();
        let mut shard = self.entries.shards()[shard].write();
        // Only looking first, like the accounts are.
        let known = places
            .iter()
            .filter(|place| shard.get(place.hash, |(known, _)| known == place.key).is_some());
        std::hint::black_box(known.count());
        for Place { hash, key, new, .. } in places {
            let hot = Hot { value: new.clone(), used: AtomicU32::new(generation) };
            if let Some((_, known)) = shard.get_mut(*hash, |(known, _)| known == *key) {
                *known.get_mut() = hot;
            } else {
                let entry = ((*key).clone(), SharedValue::new(hot));
                shard.insert(*hash, entry, |(known, _)| hasher.hash_one(known.by_ref()));
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How long ago each entry was used.
    pub(super) fn ages(&self, generation: u32) -> impl Iterator<Item = u32> {
        self.entries.iter().map(move |hot| age(generation, &hot.used))
    }

    /// Forgets the entries that were not used in the last `age_max` blocks.
    pub(super) fn forget_older(&self, age_max: u32, generation: u32) {
        self.entries.retain(|_, hot| age(generation, &hot.used) <= age_max);
    }

    fn shard(&self, hash: u64) -> usize {
        // The map itself takes the bits that a `usize` has.
        #[allow(clippy::cast_possible_truncation)]
        self.entries.determine_shard(hash as usize)
    }
}
