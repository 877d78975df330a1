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
use crate::schedule::{AccessTable, Schedule};
use crate::state::Overlay;

/// A block's schedule, and which of its transactions are settled.
pub(crate) struct Settled {
    /// Of the whole block.
    pub(crate) schedule: Schedule,
    /// By transaction; empty when none is settled.
    pub(crate) settled: Vec<bool>,
}

/// Settles what can be settled, in the overlay. The schedule is made beside it: both look at the
/// same table, and one worker can do the one while the others do the other.
pub(crate) fn settle(
    cuts: &Arc<Cuts>,
    table: &Arc<AccessTable>,
    overlay: &Arc<Overlay>,
    pool: &WorkerPool,
) -> Result<Settled, EngineError> {
    let mut settled = Arc::new(settleable(&cuts.parts, table, &[]));
    if !settled.contains(&true) {
        let schedule = Schedule::of_table(Arc::clone(table));
        return Ok(Settled { schedule, settled: Vec::new() });
    }
    let mut made = None;
    // What is settleable without those that failed does not fail.
    for _ in 0..2 {
        let unscheduled = made.is_none().then_some(table);
        let (schedule, walks) = walk_all(cuts, &settled, unscheduled, overlay, pool)?;
        made = made.or(schedule);
        let mut failed: Vec<TxIndex> =
            walks.iter().flat_map(|walk| &walk.failed).copied().collect();
        if failed.is_empty() {
            publish_all(cuts, walks, overlay, pool)?;
            let gone = || EngineError::Bug("a worker kept or lost a part of a job".into());
            let settled = Arc::into_inner(settled).ok_or_else(gone)?;
            return Ok(Settled { schedule: made.ok_or_else(gone)?, settled });
        }
        // Both ends of one payment can fail.
        failed.sort_unstable();
        failed.dedup();
        settled = Arc::new(settleable(&cuts.parts, table, &failed));
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
        let settles = payment.is_some() && !fails && !conflicts();
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

/// What the payments to and from the accounts of one range come to.
struct Walk {
    /// By account of the range.
    accounts: Vec<Walked>,
    /// Payments that their source cannot make, or that no balance can take.
    failed: Vec<TxIndex>,
}

#[derive(Clone, Copy)]
struct Walked {
    nonce: u64,
    native: u64,
    touched: bool,
}

/// Walks through all ranges, and makes the schedule of `unscheduled` if there is one.
fn walk_all(
    cuts: &Arc<Cuts>,
    settled: &Arc<Vec<bool>>,
    unscheduled: Option<&Arc<AccessTable>>,
    overlay: &Arc<Overlay>,
    pool: &WorkerPool,
) -> Result<(Option<Schedule>, Vec<Walk>), EngineError> {
    enum Piece {
        Schedule(Option<Schedule>),
        Walk(Walk),
    }
    let (cuts, settled, overlay) = (Arc::clone(cuts), Arc::clone(settled), Arc::clone(overlay));
    let table = unscheduled.map(Arc::clone);
    let pieces = pool.map(1 + cuts.ranges.len(), move |piece| match piece {
        0 => Piece::Schedule(table.clone().map(Schedule::of_table)),
        _ => Piece::Walk(walk(&cuts.parts, &cuts.ranges[piece - 1], &settled, &overlay)),
    })?;
    let mut made = None;
    let mut walks = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match piece {
            Piece::Schedule(schedule) => made = schedule,
            Piece::Walk(walk) => walks.push(walk),
        }
    }
    Ok((made, walks))
}

fn walk(parts: &[Part], range: &NumberedRange, settled: &[bool], overlay: &Overlay) -> Walk {
    let account = |number| {
        let (nonce, native) = overlay.account(range.start() + number);
        Walked { nonce, native, touched: false }
    };
    let mut accounts: Vec<_> = (0..).map(account).take(range.len()).collect();
    let mut failed = Vec::new();
    for (part, position, number) in range.references(parts) {
        let Some((tx, is_source, payment)) = part.payment_at(position) else { continue };
        if !settled[tx as usize] {
            continue;
        }
        let account = &mut accounts[number as usize];
        let native = if !is_source {
            account.native.checked_add(payment.amount)
        } else if account.nonce == payment.nonce && account.native >= payment.needed {
            account.native.checked_sub(payment.debit)
        } else {
            None
        };
        match native {
            Some(native) => {
                // A payment's nonce is below the largest.
                account.nonce += u64::from(is_source);
                account.native = native;
                account.touched = true;
            }
            // Goes on with the others: whatever they come to, they are walked through again.
            None => failed.push(tx),
        }
    }
    Walk { accounts, failed }
}

/// Writes what the walks came to into the overlay.
fn publish_all(
    cuts: &Arc<Cuts>,
    walks: Vec<Walk>,
    overlay: &Arc<Overlay>,
    pool: &WorkerPool,
) -> Result<(), EngineError> {
    let (cuts, overlay) = (Arc::clone(cuts), Arc::clone(overlay));
    pool.map(walks.len(), move |range| {
        for (account, walked) in (cuts.ranges[range].start()..).zip(&walks[range].accounts) {
            if walked.touched {
                overlay.settle(account, walked.nonce, walked.native);
            }
        }
    })?;
    Ok(())
}
