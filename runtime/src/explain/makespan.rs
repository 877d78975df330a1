//! How long a block takes on any number of workers: the scheduling rule of the parallel executor
//! played through with costs that the caller states. A pure function of whole numbers, so equal
//! costs give equal answers on every machine.
//!
//! The rule is the executor's own, see `execute/parallel.rs`: a cursor hands the block out in
//! chunks; what still waits when its turn comes is run by whoever ends the wait, or, in blocks without
//! calls, by whoever has it in a chunk; heads of chains of calls come first; what a worker holds
//! beyond its next transaction it shares as soon as somebody is idle. What is left out: workers do
//! not slow each other down, neither by memory nor by locks.

mod play;

use tos_host_api::TxIndex;

use self::play::Play;
use crate::execute::{Pace, Plan};
use crate::schedule::Schedule;
use crate::types::Block;

/// What handing out work costs, in the unit of the costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overheads {
    /// From a sleeping worker being called until it runs; an idle one sleeps.
    pub wake: u64,
    /// Taking a chunk, or a transaction that another worker has shared.
    pub take: u64,
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

/// By transaction: whether it runs a contract, which decides how it is handed out.
#[must_use]
pub fn calls(block: &Block) -> Vec<bool> {
    block.transactions().iter().map(|tx| tx.data.is_call()).collect()
}

/// On how many of `threads` workers the executor runs a block: none that the longest chain would
/// leave idle, judged by declared gas, and none that would have next to nothing to do. An engine
/// that has run calls before judges the latter by how long those took.
///
/// # Panics
/// When `calls` does not speak of each transaction.
#[must_use]
pub fn workers_for(schedule: &Schedule, calls: &[bool], threads: usize) -> usize {
    plan(schedule, calls, threads).workers
}

/// Plays a block through on this many workers; [`workers_for`] says how many the executor uses.
///
/// Worked example: three independent transactions of cost 4, 3 and 2 on two workers end at 5: the
/// second worker runs the last one after the second.
///
/// # Panics
/// When there is no worker, or not a cost and a kind for each transaction.
#[must_use]
pub fn makespan(
    schedule: &Schedule,
    costs: &[u64],
    calls: &[bool],
    workers: usize,
    overheads: Overheads,
) -> Makespan {
    assert!(workers > 0, "somebody has to do the work");
    assert_eq!(costs.len(), schedule.len(), "a cost for each transaction");
    let mut plan = Plan { workers, ..plan(schedule, calls, workers) };
    if workers > 1 && plan.kinds.is_empty() && calls.contains(&true) {
        // So many were asked for, whatever the engine would think them worth.
        plan.list_calls(schedule, &|tx| calls[tx as usize]);
    }
    Play::new(schedule, costs, plan, overheads).run()
}

fn plan(schedule: &Schedule, calls: &[bool], threads: usize) -> Plan {
    assert_eq!(calls.len(), schedule.len(), "a kind for each transaction");
    let is_call = |tx: TxIndex| calls[tx as usize];
    let is_call: Option<&dyn Fn(TxIndex) -> bool> =
        if calls.contains(&true) { Some(&is_call) } else { None };
    Plan::of(schedule, is_call, false, &Pace::default(), threads)
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

    const CHEAP: bool = false;
    const CALLS: bool = true;

    /// Plays a block of cheap transactions or one of calls.
    fn play(s: &Schedule, costs: &[u64], all: bool, workers: usize, with: Overheads) -> Makespan {
        makespan(s, costs, &vec![all; costs.len()], workers, with)
    }

    /// When a block of calls ends.
    fn finish(schedule: &Schedule, costs: &[u64], workers: usize) -> u64 {
        play(schedule, costs, CALLS, workers, Overheads::default()).finish
    }

    #[test]
    fn independent_transactions_are_shared_out_in_block_order() {
        let s = schedule(&[&[(1, Write)], &[(2, Write)], &[(3, Write)]]);
        for kind in [CHEAP, CALLS] {
            let played = play(&s, &[4, 3, 2], kind, 2, Overheads::default());
            assert_eq!((played.finish, played.busy), (5, vec![4, 5]));
            assert_eq!(played.spans, [(0, 0, 4), (1, 0, 3), (1, 3, 5)]);
        }
        assert_eq!(finish(&s, &[4, 3, 2], 3), 4);
    }

    #[test]
    fn a_chain_takes_its_sum_on_any_number_of_workers() {
        let s = schedule(&[&[(1, Write)][..]; 5]);
        for workers in 1..5 {
            let cheap = play(&s, &[1, 2, 3, 4, 5], CHEAP, workers, Overheads::default());
            let played = play(&s, &[1, 2, 3, 4, 5], CALLS, workers, Overheads::default());
            assert_eq!((cheap.finish, played.finish), (15, 15));
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
        assert_eq!(play(&s, &[50, 50], CALLS, 1, overheads).finish, 2 * (50 + 7));
        // The second worker comes when the first has begun with the second transaction.
        assert_eq!(play(&s, &[80, 80], CALLS, 2, overheads).spans[1], (0, 94, 174));
        assert_eq!(play(&s, &[200, 200], CALLS, 2, overheads).spans[1], (1, 107, 307));
        // A released transaction costs nothing to take: it stays where it was released.
        let s = schedule(&[&[(1, Write)], &[(1, Write)]]);
        assert_eq!(play(&s, &[50, 50], CALLS, 2, overheads).finish, 107);
    }

    #[test]
    fn what_a_worker_released_is_shared_with_those_who_idle() {
        let s = schedule(&[&[(1, Write)], &[(1, Read)], &[(1, Read)], &[(1, Read)]]);
        assert_eq!(finish(&s, &[1, 6, 6, 6], 3), 7);
        let overheads = Overheads { wake: 2, take: 0 };
        assert_eq!(play(&s, &[3, 6, 6, 6], CALLS, 3, overheads).finish, 3 + 2 + 6);
        // Nobody was idle yet when the three were released, so they were shared one too late.
        assert_eq!(play(&s, &[1, 6, 6, 6], CALLS, 3, overheads).finish, 1 + 6 + 2 + 6);
    }

    #[test]
    fn heads_of_chains_of_calls_come_before_all_others() {
        let s = schedule(&[&[(1, Write)], &[(2, Write)], &[(9, Write)], &[(9, Write)]]);
        assert_eq!(finish(&s, &[5, 5, 4, 6], 2), 10);
        // Cheap ones run in block order.
        assert_eq!(play(&s, &[5, 5, 4, 6], CHEAP, 2, Overheads::default()).finish, 15);
    }

    #[test]
    fn a_cheap_transaction_runs_where_its_chunk_is_and_a_call_where_it_was_released() {
        let s = schedule(&[&[(1, Write)], &[(1, Write)]]);
        let second = |kind| play(&s, &[5, 5], kind, 2, Overheads::default()).spans[1];
        assert_eq!((second(CHEAP), second(CALLS)), ((1, 5, 10), (0, 5, 10)));
    }

    #[test]
    fn a_cheap_transaction_among_calls_waits_for_the_cursor() {
        let s = schedule(&[&[(1, Write)], &[(2, Write)], &[(3, Write)], &[(1, Write)]]);
        let calls = [true, true, true, false];
        let played = makespan(&s, &[1, 4, 4, 1], &calls, 2, Overheads::default());
        // Released at 1, but the first worker comes by after its chunk with the third.
        assert_eq!(played.spans[3], (1, 4, 5));
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
        fn no_play_beats_its_bounds_or_breaks_the_order(
            (lines, costs) in block(),
            kinds in 0..3_usize,
            workers in 1..9_usize,
        ) {
            let lines: Vec<&[_]> = lines.iter().map(Vec::as_slice).collect();
            let s = schedule(&lines);
            // All cheap, all calls, or mixed.
            let calls: Vec<bool> = (0..costs.len()).map(|tx| (tx * kinds) % 3 % 2 == 1).collect();
            let calls = if kinds == 1 { vec![true; costs.len()] } else { calls };
            let played = makespan(&s, &costs, &calls, workers, Overheads::default());
            let total: u64 = costs.iter().sum();
            let Chain { cost: critical, .. } = heaviest_chain(&s, &costs);
            prop_assert!(played.finish >= critical);
            prop_assert!(played.finish >= total.div_ceil(workers as u64));
            prop_assert!(played.finish <= total);
            prop_assert_eq!(played.busy.iter().sum::<u64>(), total);
            prop_assert_eq!(finish(&s, &costs, 1), total);
            // Everybody starts after whom it awaits.
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
            prop_assert_eq!(makespan(&s, &costs, &calls, workers, Overheads::default()), played);
        }
    }
}
