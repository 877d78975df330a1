//! Slots of one kind at the tip. Names are looked up without being owned, and hashed once: the
//! shards of the DashMap are addressed by hash, as its own methods do it.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use dashmap::{DashMap, SharedValue};

use super::apply::{Place, look_at};
use super::{Row, SHARDS, age};
use crate::state::{EncodedChange, SlotKey, SlotRef};

/// Offers no iteration over names or values, so its order cannot reach a result.
pub(super) struct SlotMap<V> {
    entries: DashMap<SlotKey, HotSlot<V>, foldhash::fast::RandomState>,
    /// How many there are, see [`super::HotMap`].
    count: AtomicUsize,
}

struct HotSlot<V> {
    value: V,
    /// Generation of the last use. Relaxed: a lost update only makes an entry look older.
    used: AtomicU32,
    /// The row of the slot's partition, if somebody noted it, see `columns.rs`. Relaxed: whoever
    /// knows the row notes the same one.
    row: AtomicU32,
}

impl<V> Default for SlotMap<V> {
    fn default() -> Self {
        let hasher = foldhash::fast::RandomState::default();
        let entries = DashMap::with_hasher_and_shard_amount(hasher, SHARDS);
        Self { entries, count: AtomicUsize::new(0) }
    }
}

impl<V: Clone> SlotMap<V> {
    /// The value of a slot if it is there; notes the row of its partition, if it is known.
    pub(super) fn copy(&self, slot: SlotRef<'_>, row: Row, generation: u32) -> Option<V> {
        let hash = self.entries.hasher().hash_one(slot);
        let shard = self.entries.shards()[self.shard(hash)].read();
        let (_, hot) = shard.get(hash, |(key, _)| key.by_ref() == slot)?;
        let hot = hot.get();
        if hot.used.load(Ordering::Relaxed) != generation {
            hot.used.store(generation, Ordering::Relaxed);
        }
        if row != Row::NONE {
            hot.row.store(row.0, Ordering::Relaxed);
        }
        Some(hot.value.clone())
    }

    /// Sets a value; the name is copied if it was not there. Returns the row of the partition if it
    /// was noted, or is given.
    pub(super) fn insert(&self, slot: SlotRef<'_>, value: V, row: Row, generation: u32) -> Row {
        let hasher = self.entries.hasher();
        let hash = hasher.hash_one(slot);
        let mut shard = self.entries.shards()[self.shard(hash)].write();
        if let Some((_, known)) = shard.get_mut(hash, |(key, _)| key.by_ref() == slot) {
            let known = known.get_mut();
            known.value = value;
            *known.used.get_mut() = generation;
            if row != Row::NONE {
                *known.row.get_mut() = row.0;
            }
            Row(*known.row.get_mut())
        } else {
            let (used, noted) = (AtomicU32::new(generation), AtomicU32::new(row.0));
            let hot = HotSlot { value, used, row: noted };
            let entry = (slot.to_key(), SharedValue::new(hot));
            shard.insert(hash, entry, |(key, _)| hasher.hash_one(key.by_ref()));
            self.count.fetch_add(1, Ordering::Relaxed);
            row
        }
    }

    /// Hash and shard of a slot.
    pub(super) fn place(&self, slot: SlotRef<'_>) -> (u64, usize) {
        let hash = self.entries.hasher().hash_one(slot);
        (hash, self.shard(hash))
    }

    /// Sets slots of one shard to what `value` makes of their changes; `noted` gets those whose
    /// partition's row was noted.
    pub(super) fn set_all(
        &self,
        shard: usize,
        places: &[Place<'_>],
        generation: u32,
        value: impl Fn(&EncodedChange<'_>) -> V,
        mut noted: impl FnMut(SlotRef<'_>, Row, &V),
    ) {
        let hasher = self.entries.hasher();
        let mut shard = self.entries.shards()[shard].write();
        look_at(places.iter().map(|place| {
            let (key, hot) = shard.get(place.hash, |_| true)?;
            Some(u32::from(key.contract.0[0]) ^ hot.get().row.load(Ordering::Relaxed))
        }));
        let before = shard.len();
        for &Place { hash, ref change, .. } in places {
            change.with_slot(|slot| {
                let value = value(change);
                if let Some((_, known)) = shard.get_mut(hash, |(key, _)| key.by_ref() == slot) {
                    let known = known.get_mut();
                    known.value = value;
                    *known.used.get_mut() = generation;
                    let row = Row(*known.row.get_mut());
                    if row != Row::NONE {
                        noted(slot, row, &known.value);
                    }
                } else {
                    let (used, row) = (AtomicU32::new(generation), AtomicU32::new(Row::NONE.0));
                    let entry = (slot.to_key(), SharedValue::new(HotSlot { value, used, row }));
                    shard.insert(hash, entry, |(key, _)| hasher.hash_one(key.by_ref()));
                }
            });
        }
        self.count.fetch_add(shard.len() - before, Ordering::Relaxed);
    }

    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// The same by the map itself.
    pub(super) fn counted(&self) -> usize {
        self.entries.len()
    }

    /// How long ago each entry was used.
    pub(super) fn ages(&self, generation: u32) -> impl Iterator<Item = u32> {
        self.entries.iter().map(move |hot| age(generation, &hot.used))
    }

    /// Forgets the entries that were not used in the last `age_max` blocks, and all rows.
    pub(super) fn forget_older(&self, age_max: u32, generation: u32) {
        self.entries.retain(|_, hot| {
            *hot.row.get_mut() = Row::NONE.0;
            age(generation, &hot.used) <= age_max
        });
        self.count.store(self.entries.len(), Ordering::Relaxed);
    }

    fn shard(&self, hash: u64) -> usize {
        // The map itself takes the bits that a `usize` has.
        #[allow(clippy::cast_possible_truncation)]
        self.entries.determine_shard(hash as usize)
    }
}
