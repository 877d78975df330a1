//! What is counted down while a block executes, so that every transaction starts when all it waits
//! for have finished and published what they did. The only thing between workers that orders what
//! they do to the overlay, whose own atomics are relaxed.

use tos_host_api::TxIndex;

use crate::planted::{Bug, planted};
use crate::schedule::Schedule;
use crate::sync::atomic::{AtomicU32, Ordering};

/// The counts of one block.
#[derive(Default)]
pub(super) struct Countdown {
    /// By transaction: groups it still waits for, and one more for the cursor if it has to wait for
    /// that as well. Whoever counts it to zero may run it.
    waits: Vec<AtomicU32>,
    /// By group: members that have not finished.
    unfinished: Vec<AtomicU32>,
    /// Whether any transaction waits: looking at the groups of each would wait for memory.
    any: bool,
}

impl Countdown {
    /// The counts of a schedule; `for_cursor` says which of the transactions that wait at all wait
    /// for the cursor, too.
    pub(super) fn new(schedule: &Schedule, for_cursor: impl Fn(TxIndex) -> bool) -> Self {
        let waits = (0..).zip(schedule.waits()).map(|(tx, waits)| {
            let cursor = u32::from(*waits > 0 && for_cursor(tx));
            AtomicU32::new(waits + cursor)
        });
        let unfinished = schedule.group_lens().map(AtomicU32::new);
        let any = schedule.waits().iter().any(|waits| *waits > 0);
        Self { waits: waits.collect(), unfinished: unfinished.collect(), any }
    }

    /// Takes one from what a transaction waits for; `true` if it waits for nothing any more.
    ///
    /// Releases what the caller did and, at zero, acquires what everybody counted down for.
    pub(super) fn is_ready(&self, tx: TxIndex) -> bool {
        self.waits[tx as usize].fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Counts a finished transaction out of its groups and collects what may run now.
    ///
    /// The orderings carry the merge of this transaction to whoever runs a released one: each
    /// countdown releases what its member did, and the last one acquires what all members did.
    pub(super) fn finish(&self, schedule: &Schedule, tx: TxIndex, ready: &mut Vec<TxIndex>) {
        if !self.any {
            return;
        }
        for group in schedule.groups_of(tx) {
            if !schedule.has_next(*group) {
                continue;
            }
            let len = schedule.group_len(*group);
            let last = if planted(Bug::GroupReleasedByItsFirstMember) { len } else { 1 };
            if len > 1 && self.unfinished[*group as usize].fetch_sub(1, Ordering::AcqRel) != last {
                continue;
            }
            for waiting in schedule.released_by(*group) {
                if self.is_ready(*waiting) {
                    ready.push(*waiting);
                }
            }
        }
    }
}
