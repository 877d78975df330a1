//! Payments of large blocks, settled account by account instead of transaction by transaction.
//!
//! What a payment does to its source depends on nothing but the source: its nonce, and its balance
//! at that point of the block. So the accounts of a block can be walked through independently, each
//! along the payments that touch it in block order, on the assumption that every one of them
//! succeeds. If every source then finds nonce and balance as it needs them, the assumption was
//! right: the first payment of the block finds what it would find in sequence, therefore it
//! succeeds, therefore so does the second, and so on. No worker waits for another, and no two touch
//! the same account.
//!
//! Not all transactions can be settled. Those that are no payments, and those that would fail, are
//! left to the executor, and with them every later transaction that conflicts with one that is left:
//! what they do has to be known first. The rest commutes with what is left, or comes before it, so
//! it can be settled first. Leaving some out takes nothing away from those that stay: all earlier
//! payments that their sources see are settled as well.
//!
//! The argument, with `<` for block order and conflicts as in `schedule/`: let L be what is left,
//! closed under "conflicts with an earlier member of L". If s is settled and l is in L and they
//! conflict, then s < l. So "all settled in block order, then L in block order" is a reordering of
//! the block that swaps no conflicting pair, and comes to the same.

use std::sync::Arc;

use tos_host_api::{AccessMode, TxIndex};

use super::resolve::{Cuts, NumberedRange, Part};
use crate::error::EngineError;
use crate::execute::WorkerPool;
use crate::explain::{RecordingPlan, Walk};
use crate::planted::{Bug, planted};
use crate::schedule::{AccessTable, Schedule, index_u32};
use crate::state::Overlay;

/// A block's schedule, and which of its transactions are settled.
pub(crate) struct Settled {
    /// Of the whole block.
    pub(crate) schedule: Schedule,
    /// By transaction; empty when none is settled.
    pub(crate) settled: Vec<bool>,
    /// Who walked along which payers and when; empty unless that is recorded.
    pub(crate) walks: Vec<Walk>,
}

impl Settled {
    /// A block whose transactions are all left to the executor.
    pub(crate) fn none(table: Arc<AccessTable>) -> Self {
        Self { schedule: Schedule::of_table(table), settled: Vec::new(), walks: Vec::new() }
    }
}

/// Settles what can be settled, in the overlay. The schedule is made beside it: both look at the
/// same table, and one worker can do the one while the others do the other.
pub(crate) fn settle(
    cuts: &Arc<Cuts>,
    table: &Arc<AccessTable>,
    overlay: &Arc<Overlay>,
    (pool, workers_max): (&WorkerPool, usize),
    recording: Option<RecordingPlan>,
) -> Result<Settled, EngineError> {
    let mut settled = Arc::new(settleable(&cuts.parts, table, &[]));
    if !settled.contains(&true) {
        return Ok(Settled::none(Arc::clone(table)));
    }
    let mut made = None;
    // What is settleable without those that failed does not fail.
    for _ in 0..2 {
        let unscheduled = made.is_none().then_some(table);
        let Walked { schedule, mut failed, walks } =
            walk_all(cuts, &settled, unscheduled, overlay, (pool, workers_max), recording)?;
        made = made.or(schedule);
        if failed.is_empty() {
            let gone = || EngineError::Bug("a worker kept or lost a part of a job".into());
            let settled = Arc::into_inner(settled).ok_or_else(gone)?;
            return Ok(Settled { schedule: made.ok_or_else(gone)?, settled, walks });
        }
        // Both ends of one payment can fail.
        failed.sort_unstable();
        failed.dedup();
        settled = Arc::new(settleable(&cuts.parts, table, &failed));
        (0..index_u32(overlay.len())).for_each(|account| overlay.unsettle(account));
    }
    Err(EngineError::Bug("a payment fails though nothing before it was left out".into()))
}

/// Which transactions can be settled if these payments cannot.
fn settleable(parts: &[Part], table: &AccessTable, failed: &[TxIndex]) -> Vec<bool> {
    if failed.is_empty() && parts.iter().all(Part::has_only_payments) {
        return vec![true; table.len()];
    }
    // By account: the strictest mode of a transaction that is left.
    let mut left: Vec<Option<AccessMode>> = vec![None; table.accounts().len()];
    let mut failed = failed.iter().copied().peekable();
    let mut settleable = Vec::with_capacity(table.len());
    for (tx, payment) in parts.iter().flat_map(Part::payments) {
        let fails = failed.next_if_eq(&tx).is_some();
        let entries = table.of(tx as usize);
        let conflicts = || {
            entries.iter().any(|entry| {
                left[entry.account as usize].is_some_and(|mode| mode.conflicts_with(entry.mode))
            })
        };
        let settles =
            payment.is_some() && !fails && (planted(Bug::SettledDespiteConflicts) || !conflicts());
        settleable.push(settles);
        if !settles {
            for entry in entries {
                let mode = &mut left[entry.account as usize];
                *mode = Some(mode.map_or(entry.mode, |mode| mode.join(entry.mode)));
            }
        }
    }
    settleable
}

/// What walking through all ranges came to.
#[derive(Default)]
struct Walked {
    schedule: Option<Schedule>,
    /// Payments that cannot be settled.
    failed: Vec<TxIndex>,
    walks: Vec<Walk>,
}

/// Walks through all ranges, and makes the schedule of `unscheduled` if there is one.
fn walk_all(
    cuts: &Arc<Cuts>,
    settled: &Arc<Vec<bool>>,
    unscheduled: Option<&Arc<AccessTable>>,
    overlay: &Arc<Overlay>,
    (pool, workers_max): (&WorkerPool, usize),
    recording: Option<RecordingPlan>,
) -> Result<Walked, EngineError> {
    let (cuts, settled, overlay) = (Arc::clone(cuts), Arc::clone(settled), Arc::clone(overlay));
    let table = unscheduled.map(Arc::clone);
    let count = 1 + cuts.ranges.len();
    let pieces = pool.map_by_worker(count, workers_max, move |worker, piece| match piece {
        0 => Walked { schedule: table.clone().map(Schedule::of_table), ..Walked::default() },
        _ => {
            let range = &cuts.ranges[piece - 1];
            let Some(plan) = recording else {
                let failed = walk(&cuts.parts, range, &settled, &overlay, None);
                return Walked { failed, ..Walked::default() };
            };
            let started_ns = plan.origin.elapsed_ns();
            // Lists that grow are copied; ranges are about equal.
            let mut paid = Vec::with_capacity(settled.len() / cuts.ranges.len() + 64);
            let failed = walk(&cuts.parts, range, &settled, &overlay, Some(&mut paid));
            let finished_ns = plan.origin.elapsed_ns();
            let walk = Walk { worker, started_ns, finished_ns, paid };
            Walked { failed, walks: vec![walk], ..Walked::default() }
        }
    })?;
    let mut all = Walked::default();
    for mut piece in pieces {
        all.schedule = all.schedule.or(piece.schedule);
        all.failed.append(&mut piece.failed);
        all.walks.append(&mut piece.walks);
    }
    Ok(all)
}

/// Settles the payments to and from the accounts of one range, one account after the other as far
/// as each of them can tell. Gives back those that their source cannot make, or that no balance can
/// take; what comes after one of these is of no use. Lists in `paid` what these accounts pay.
fn walk(
    parts: &[Part],
    range: &NumberedRange,
    settled: &[bool],
    overlay: &Overlay,
    mut paid: Option<&mut Vec<TxIndex>>,
) -> Vec<TxIndex> {
    let mut failed = Vec::new();
    for (part, position, number) in range.references(parts) {
        let Some((tx, is_source, payment)) = part.payment_at(position) else { continue };
        if !settled[tx as usize] {
            continue;
        }
        let account = range.start() + number;
        let able = if is_source {
            if let Some(paid) = &mut paid {
                note(paid, tx);
            }
            overlay.settle_source(account, payment)
        } else {
            overlay.settle_destination(account, payment)
        };
        if !able {
            failed.push(tx);
        }
    }
    failed
}

/// Not inlined: what a list does that is full took registers of the loop, which hardly ever records.
#[inline(never)]
fn note(paid: &mut Vec<TxIndex>, tx: TxIndex) {
    paid.push(tx);
}
