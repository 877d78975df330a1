//! How long a block takes on any number of workers: the scheduling rule of the parallel executor
//! played through with costs that the caller states. A pure function of whole numbers, so equal
//! costs give equal answers on every machine.
//!
//! The rule is the executor's own: transactions that wait for nothing are taken in chunks in block
//! order; a worker runs what it has released itself, the latest first; what it holds beyond its next
//! transaction it shares as soon as somebody is idle. What is left out: workers do not slow each
//! other down, neither by memory nor by locks.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use tos_host_api::TxIndex;

use crate::execute::{initial_chunk, useful_workers};
use crate::schedule::Schedule;

/// What handing out work costs, in the unit of the costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overheads {
    /// From a worker being called until it runs.
    pub wake: u64,
    /// Taking a chunk, or a transaction that another worker has shared.
    pub take: u64,
}

/// On how many of `threads` workers the executor runs a block: no more than its declared gas divided
/// by its longest chain, and none that would have next to nothing to do.
#[must_use]
pub fn workers_for(schedule: &Schedule, threads: usize) -> usize {
    useful_workers(schedule, threads)
}

/// How a block went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Makespan {
    /// When the last transaction had ended.
    pub finish: u64,
    /// By worker: time spent executing transactions.
    pub busy: Vec<u64>,
    /// By transaction: the worker, its beginning and its end.
    pub spans: Vec<(usize, u64, u64)>,
}

/// Plays a block through on this many workers; [`workers_for`] says how many the executor would use.
///
/// Worked example: three independent transactions of cost 4, 3 and 2 on two workers end at 5: the
/// second worker runs the last one after the second.
///
/// # Panics
/// When there is no worker, or not a cost for each transaction.
#[must_use]
pub fn makespan(
    schedule: &Schedule,
    costs: &[u64],
    workers: usize,
    overheads: Overheads,
) -> Makespan {
    assert!(workers > 0, "somebody has to do the work");
    assert_eq!(costs.len(), schedule.len(), "a cost for each transaction");
    let mut play = Play::new(schedule, costs, workers, overheads);
    while let Some(Reverse((now, worker))) = play.events.pop() {
        play.turn(worker, now);
    }
    debug_assert!(play.waits.iter().all(|waits| *waits == 0), "everything was released");
    let busy = play.workers.iter().map(|worker| worker.busy).collect();
    Makespan { finish: play.finish, busy, spans: play.spans }
}

/// What a worker is doing until its next event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// Executing this transaction.
    Running(TxIndex),
    /// About to look for work.
    Looking,
    /// Waiting to be called.
    Idle,
}

struct Worker {
    doing: Doing,
    local: Vec<TxIndex>,
    busy: u64,
}

struct Play<'s> {
    schedule: &'s Schedule,
    costs: &'s [u64],
    overheads: Overheads,
    waits: Vec<u32>,
    unfinished: Vec<u32>,
    initial: Vec<TxIndex>,
    handed_out: usize,
    chunk: usize,
    shared: VecDeque<TxIndex>,
    workers: Vec<Worker>,
    /// When which worker has its turn; at equal times the lower number goes first.
    events: BinaryHeap<Reverse<(u64, usize)>>,
    spans: Vec<(usize, u64, u64)>,
    finish: u64,
}

impl<'s> Play<'s> {
    fn new(schedule: &'s Schedule, costs: &'s [u64], workers: usize, overheads: Overheads) -> Self {
        let waits = schedule.waits().to_vec();
        let initial: Vec<TxIndex> =
            (0..).zip(&waits).filter_map(|(tx, waits)| (*waits == 0).then_some(tx)).collect();
        // The caller of the engine is worker 0 and begins at once; the others have to be called.
        let begins = |worker| Reverse((if worker == 0 { 0 } else { overheads.wake }, worker));
        let worker = || Worker { doing: Doing::Looking, local: Vec::new(), busy: 0 };
        Self {
            chunk: initial_chunk(schedule, initial.len(), workers),
            initial,
            handed_out: 0,
            unfinished: schedule.group_lens().collect(),
            waits,
            shared: VecDeque::new(),
            workers: (0..workers).map(|_| worker()).collect(),
            events: (0..workers).map(begins).collect(),
            spans: vec![(0, 0, 0); costs.len()],
            finish: 0,
            schedule,
            costs,
            overheads,
        }
    }

    /// A worker has finished what it did and decides what to do next.
    fn turn(&mut self, worker: usize, now: u64) {
        if let Doing::Running(tx) = self.workers[worker].doing {
            self.finish = self.finish.max(now);
            self.release(worker, tx);
            self.offer(worker, now);
        }
        if let Some(tx) = self.workers[worker].local.pop() {
            self.start(worker, tx, now);
        } else if let Some(tx) = self.shared.pop_front().or_else(|| self.take_chunk(worker)) {
            self.start(worker, tx, now.saturating_add(self.overheads.take));
        } else {
            self.workers[worker].doing = Doing::Idle;
        }
    }

    fn start(&mut self, worker: usize, tx: TxIndex, now: u64) {
        let cost = self.costs[tx as usize];
        // Saturating: a statistic for people.
        let end = now.saturating_add(cost);
        self.spans[tx as usize] = (worker, now, end);
        self.workers[worker].busy = self.workers[worker].busy.saturating_add(cost);
        self.workers[worker].doing = Doing::Running(tx);
        self.events.push(Reverse((end, worker)));
    }

    fn release(&mut self, worker: usize, tx: TxIndex) {
        for group in self.schedule.groups_of(tx) {
            let unfinished = &mut self.unfinished[*group as usize];
            *unfinished -= 1;
            if *unfinished > 0 {
                continue;
            }
            for waiting in self.schedule.released_by(*group) {
                let waits = &mut self.waits[*waiting as usize];
                *waits -= 1;
                if *waits == 0 {
                    self.workers[worker].local.push(*waiting);
                }
            }
        }
    }

    /// Shares what a worker holds beyond its next transaction if somebody is idle, and calls them.
    fn offer(&mut self, worker: usize, now: u64) {
        let idle = |worker: &Worker| worker.doing == Doing::Idle;
        if self.workers[worker].local.len() <= 1 || !self.workers.iter().any(idle) {
            return;
        }
        let local = &mut self.workers[worker].local;
        let own = local.pop();
        self.shared.extend(local.drain(..));
        local.extend(own);
        for (idx, worker) in self.workers.iter_mut().enumerate() {
            if worker.doing == Doing::Idle {
                worker.doing = Doing::Looking;
                self.events.push(Reverse((now.saturating_add(self.overheads.wake), idx)));
            }
        }
    }

    fn take_chunk(&mut self, worker: usize) -> Option<TxIndex> {
        let end = self.initial.len().min(self.handed_out + self.chunk);
        let (first, rest) = self.initial[self.handed_out..end].split_first()?;
        self.workers[worker].local.extend(rest.iter().rev());
        self.handed_out = end;
        Some(*first)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tos_host_api::AccessMode::{self, Credit, Read, Write};

    use super::super::test_blocks::sets;
    use super::super::{Chain, heaviest_chain};
    use super::*;

    fn schedule(lines: &[&[(u8, AccessMode)]]) -> Schedule {
        Schedule::new(&sets(lines))
    }

    fn finish(schedule: &Schedule, costs: &[u64], workers: usize) -> u64 {
        makespan(schedule, costs, workers, Overheads::default()).finish
    }

    #[test]
    fn independent_transactions_are_shared_out_in_block_order() {
        let s = schedule(&[&[(1, Write)], &[(2, Write)], &[(3, Write)]]);
        let played = makespan(&s, &[4, 3, 2], 2, Overheads::default());
        assert_eq!((played.finish, played.busy), (5, vec![4, 5]));
        assert_eq!(played.spans, [(0, 0, 4), (1, 0, 3), (1, 3, 5)]);
        assert_eq!(finish(&s, &[4, 3, 2], 3), 4);
    }

    #[test]
    fn a_chain_takes_its_sum_on_any_number_of_workers() {
        let s = schedule(&[&[(1, Write)][..]; 5]);
        for workers in 1..5 {
            let played = makespan(&s, &[1, 2, 3, 4, 5], workers, Overheads::default());
            assert_eq!(played.finish, 15);
            assert!(played.spans.iter().all(|(worker, ..)| *worker == 0), "it stays on one worker");
        }
    }

    #[test]
    fn a_diamond_takes_its_longer_side() {
        let s = schedule(&[
            &[(1, Write), (2, Write)],
            &[(1, Write)],
            &[(2, Write)],
            &[(1, Read), (2, Read)],
        ]);
        assert_eq!(finish(&s, &[1, 10, 4, 2], 1), 17);
        assert_eq!(finish(&s, &[1, 10, 4, 2], 2), 13);
    }

    #[test]
    fn a_write_waits_for_the_slowest_of_the_credits_before_it() {
        let s = schedule(&[&[(1, Credit)], &[(1, Credit)], &[(1, Credit)], &[(1, Write)]]);
        assert_eq!(finish(&s, &[2, 9, 3, 1], 3), 10);
    }

    #[test]
    fn calling_workers_and_taking_work_have_their_price() {
        let s = schedule(&[&[(1, Write)], &[(2, Write)]]);
        let overheads = Overheads { wake: 100, take: 7 };
        assert_eq!(makespan(&s, &[50, 50], 1, overheads).finish, 2 * (50 + 7));
        // The second worker comes when the first has begun with the second transaction.
        assert_eq!(makespan(&s, &[80, 80], 2, overheads).spans[1], (0, 94, 174));
        assert_eq!(makespan(&s, &[200, 200], 2, overheads).spans[1], (1, 107, 307));
        // A released transaction costs nothing to take: it stays where it was released.
        let s = schedule(&[&[(1, Write)], &[(1, Write)]]);
        assert_eq!(makespan(&s, &[50, 50], 1, overheads).finish, 107);
    }

    #[test]
    fn what_a_worker_released_is_shared_with_those_who_idle() {
        let s = schedule(&[&[(1, Write)], &[(1, Read)], &[(1, Read)], &[(1, Read)]]);
        assert_eq!(finish(&s, &[1, 6, 6, 6], 3), 7);
        let overheads = Overheads { wake: 2, take: 0 };
        assert_eq!(makespan(&s, &[3, 6, 6, 6], 3, overheads).finish, 3 + 2 + 6);
        // Nobody was idle yet when the three were released, so they were shared one too late.
        assert_eq!(makespan(&s, &[1, 6, 6, 6], 3, overheads).finish, 1 + 6 + 2 + 6);
    }

    #[test]
    fn an_empty_block_takes_no_time() {
        assert_eq!(finish(&schedule(&[]), &[], 4), 0);
    }

    fn entry() -> impl Strategy<Value = (u8, AccessMode)> {
        (0..12_u8, prop_oneof![Just(Read), Just(Credit), Just(Write)])
    }

    fn block() -> impl Strategy<Value = (Vec<Vec<(u8, AccessMode)>>, Vec<u64>)> {
        proptest::collection::vec((proptest::collection::vec(entry(), 1..4), 0..1_000_u64), 0..80)
            .prop_map(|lines| lines.into_iter().unzip())
    }

    proptest! {
        #[test]
        fn no_play_beats_its_bounds_or_breaks_the_order((lines, costs) in block(), workers in 1..9_usize) {
            let lines: Vec<&[_]> = lines.iter().map(Vec::as_slice).collect();
            let s = schedule(&lines);
            let played = makespan(&s, &costs, workers, Overheads::default());
            let total: u64 = costs.iter().sum();
            let Chain { cost: critical, .. } = heaviest_chain(&s, &costs);
            prop_assert!(played.finish >= critical);
            prop_assert!(played.finish >= total.div_ceil(workers as u64));
            prop_assert!(played.finish <= total);
            prop_assert_eq!(played.busy.iter().sum::<u64>(), total);
            prop_assert_eq!(finish(&s, &costs, 1), total);
            // One transaction is the whole truth about itself: everybody starts after whom it awaits.
            for (tx, (_, start, end)) in (0..).zip(&played.spans) {
                prop_assert_eq!(end - start, costs[tx as usize]);
                for awaited in s.waits_for(tx) {
                    prop_assert!(played.spans[awaited.transaction as usize].2 <= *start);
                }
            }
            // Nobody does two things at once.
            let mut spans = played.spans.clone();
            spans.sort_unstable();
            for pair in spans.windows(2) {
                prop_assert!(pair[0].0 != pair[1].0 || pair[0].2 <= pair[1].1);
            }
            prop_assert_eq!(makespan(&s, &costs, workers, Overheads::default()), played);
        }
    }
}
