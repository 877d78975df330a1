//! Making what a block changed visible in the hot state. The entries of a large block are sought
//! shard by shard: one lock for all of a shard, and several on their way from memory at once.

use std::sync::atomic::Ordering;

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
        places = counted(&places);
    }
    for places in places.chunk_by(|a, b| a.shard == b.shard) {
        set(places[0].shard, places);
    }
}

/// The same by shard: counts those of each, then puts every one in its place.
fn counted<'a>(places: &[Place<'a>]) -> Vec<Place<'a>> {
    let mut next = [0; SHARDS];
    for place in places {
        next[place.shard] += 1;
    }
    let mut end = 0;
    for first in &mut next {
        (*first, end) = (end, end + *first);
    }
    let mut sorted = places.to_vec();
    for place in places {
        let next = &mut next[place.shard];
        sorted[*next] = *place;
        *next += 1;
    }
    sorted
}

#[cfg(test)]
mod tests {
    use tos_host_api::{Address, Nonce, PublicKey};

    use super::*;
    use crate::state::{Account, Change, StateKey, StateValue};

    #[test]
    fn counting_puts_every_place_where_sorting_does() {
        let key = StateKey::Account(Address::Key(PublicKey([1; 32])));
        let new = Some(StateValue::Account(Account { nonce: Nonce(1), ..Account::default() }));
        let changes = ChangeSet::new(vec![Change { key, old: None, new }]).expect("one change");
        let change = changes.encoded_changes().next().expect("one change");
        let place = |hash: u64| Place { hash, shard: (hash * hash % 61) as usize, change };
        let places: Vec<_> = (0..2_000).chain(5_000..5_003).map(place).collect();
        let by_shard = |places: &[Place<'_>]| -> Vec<_> {
            places.iter().map(|place| (place.shard, place.hash)).collect()
        };
        let mut sorted = places.clone();
        sorted.sort_by_key(|place| place.shard);
        assert_eq!(by_shard(&counted(&places)), by_shard(&sorted));
        assert!(counted(&[]).is_empty());
    }
}
