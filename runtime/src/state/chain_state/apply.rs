//! Making what a block changed visible in the hot state. The entries of a large block are sought
//! shard by shard: one lock for all of a shard, and several on their way from memory at once.

use std::sync::atomic::Ordering;

use super::by_shard::ByShard;
use super::{ChainState, SHARDS};
use crate::state::{ChangeSet, EncodedChange, Kind};

/// A change, and where its entry in a map is.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) hash: u64,
    pub(super) shard: usize,
    pub(super) change: EncodedChange<'a>,
}

impl ChainState {
    /// Makes the changes of a committed (or undone) block visible. The caller holds the tip lock
    /// exclusively.
    pub(crate) fn apply(&self, changes: &ChangeSet) {
        // Relaxed: the tip lock orders this against every reader.
        let generation = self.generation.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let Self { accounts: all, values, .. } = self;
        let mut accounts = Vec::with_capacity(changes.len());
        let mut counters = Vec::new();
        let mut slots = Vec::new();
        for change in changes.encoded_changes() {
            let ((hash, shard), places) = match change.kind() {
                Kind::Account => (self.account_hash(&change.address()), &mut accounts),
                Kind::Counter => {
                    (change.with_slot(|slot| values.counters.place(slot)), &mut counters)
                }
                Kind::Slot => (change.with_slot(|slot| values.slots.place(slot)), &mut slots),
                Kind::Other => {
                    values.records.insert(change.decode_key(), change.new_value(), generation);
                    continue;
                }
            };
            places.push(Place { hash, shard, change });
        }
        by_shard(accounts, |shard, places| all.set_all(shard, places, generation));
        by_shard(counters, |shard, places| values.set_counters(shard, places, generation));
        by_shard(slots, |shard, places| {
            let value = |change: &EncodedChange<'_>| change.slot_value().map(Into::into);
            values.slots.set_all(shard, places, generation, value, |_, _, _| {});
        });
    }
}

/// From this many on, places are counted instead of sorted: there are few shards.
const COUNTED_MIN: usize = SHARDS;

/// Hands out the entries of each shard together. The keys of a block differ, so their order does
/// not matter.
fn by_shard(mut places: Vec<Place<'_>>, mut set: impl FnMut(usize, &[Place<'_>])) {
    if places.len() < COUNTED_MIN {
        places.sort_unstable_by_key(|place| place.shard);
    } else {
        let by_shard = ByShard::of(places.iter().map(|place| place.shard));
        let positions = by_shard.positions(0..SHARDS).iter();
        places = positions.map(|&at| places[at as usize]).collect();
    }
    for places in places.chunk_by(|a, b| a.shard == b.shard) {
        set(places[0].shard, places);
    }
}

/// Looks at what lies anywhere in memory before it is worked on. Looking and nothing in between,
/// not even comparing keys, lets the processor fetch several entries at once; whoever comes after
/// finds them in its cache. An entry to look at is the first to which seven bits of its hash point,
/// nearly always the one, and something of its beginning and of its end is read, which are in
/// different lines of the cache.
pub(super) fn look_at(entries: impl Iterator<Item = Option<u32>>) {
    std::hint::black_box(entries.flatten().fold(0, std::ops::BitXor::bitxor));
}
