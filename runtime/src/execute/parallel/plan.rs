//! How a block is shared: by how many workers, in chunks of which size, and what comes first.

use tos_host_api::TxIndex;

use super::pace::Pace;
use crate::execute::BlockEnv;
use crate::grain::WORKER_NS_MIN;
use crate::schedule::Schedule;
use crate::types::Block;

/// What a transaction that runs no contract takes, in nanoseconds.
const PLAIN_NS: u64 = 60;
/// What a transaction that runs a contract takes at least, in nanoseconds. It takes more, and
/// declared gas is a bound for how much more, often a generous one; see [`Pace`].
const CALL_NS: u64 = 1_000;
/// Declared gas that counts as a nanosecond of a call.
const CALL_GAS_PER_NS: u64 = 32;
/// What an observer may take for each transaction, in nanoseconds; nobody knows.
const OBSERVER_NS: u64 = 60_000;
/// Work handed out at once, in nanoseconds: taking a chunk is cheap beside it, and the last chunk of
/// a block keeps nobody waiting for long.
const CHUNK_NS: u64 = 60_000;
/// Fewest transactions of a large block handed out at once, whatever gas they declare: a worker looks
/// ahead within them, their marks fill a cache line, and an idle worker gets of them what has not
/// begun.
const CHUNK_MIN: u64 = 64;
/// Most transactions handed out at once.
const CHUNK_MAX: u64 = 128;

/// How a transaction gets to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Runs no contract.
    Cheap,
    /// Runs a contract.
    Call,
    /// Runs a contract, waits for nobody and is waited for: handed out before all others.
    First,
}

/// How a block is shared.
pub(crate) struct Plan {
    /// How many workers the block is worth.
    pub(crate) workers: usize,
    /// What its calls were guessed to take, in nanoseconds and before the pace.
    pub(crate) guess_ns: u64,
    /// How many transactions are handed out at once.
    pub(crate) chunk: usize,
    /// By transaction. Empty if no transaction runs a contract, and for one worker, who runs all of
    /// them in block order.
    pub(crate) kinds: Vec<Kind>,
    /// Calls that wait for nobody while others wait for them: a chain has to begin at once to be
    /// done when the rest is.
    pub(crate) first: Vec<TxIndex>,
}

impl Plan {
    /// A plan for at most `threads` workers.
    pub(crate) fn new(
        schedule: &Schedule,
        block: &Block,
        env: &BlockEnv,
        pace: &Pace,
        threads: usize,
    ) -> Self {
        let is_call = |tx: TxIndex| block.transactions()[tx as usize].data.is_call();
        let is_call: Option<&dyn Fn(TxIndex) -> bool> =
            if env.runs_contracts() { Some(&is_call) } else { None };
        Self::of(schedule, is_call, env.observer.is_some(), pace, threads)
    }

    /// A plan for at most `threads` workers. `is_call` says which transactions run a contract, if
    /// any can.
    pub(crate) fn of(
        schedule: &Schedule,
        is_call: Option<&dyn Fn(TxIndex) -> bool>,
        observed: bool,
        pace: &Pace,
        threads: usize,
    ) -> Self {
        let len = schedule.included().0 as u64;
        let is_call = is_call.filter(|_| threads > 1);
        // Saturating throughout: load balancing, not gas that anyone pays.
        let gas_limits = (0..).zip(schedule.table().gas_limits());
        let guesses = is_call.into_iter().flat_map(|is_call| {
            let calls = gas_limits.clone().filter(|(tx, _)| is_call(*tx));
            calls.map(|(_, gas_limit)| CALL_NS + gas_limit.0 / CALL_GAS_PER_NS)
        });
        let guess_ns = guesses.fold(0, u64::saturating_add);
        let mut work = len.saturating_mul(PLAIN_NS).saturating_add(pace.scale(guess_ns));
        if observed {
            work = work.saturating_add(len.saturating_mul(OBSERVER_NS));
        }
        // Executing a cheap transaction takes less than telling another worker that it is done.
        let threads = if is_call.is_none() && !observed { 1 } else { threads };
        // How wide a block is takes longer to find out than how much there is to do.
        let by_work = threads.min(at_most(work / WORKER_NS_MIN));
        let workers = if by_work > 1 { by_work.min(wide(schedule)).max(1) } else { 1 };
        let share = len / (4 * workers as u64);
        let by_work = CHUNK_NS / (work / len.max(1)).max(1);
        // What an observer does may take long, and cheap transactions stay where they are handed out.
        let least = if observed { 1 } else { CHUNK_MIN };
        let chunk = at_most(by_work.max(least).min(share).clamp(1, CHUNK_MAX));
        let mut plan = Self { workers, guess_ns, chunk, kinds: Vec::new(), first: Vec::new() };
        if let (Some(is_call), true) = (is_call, workers > 1) {
            plan.list_calls(schedule, is_call);
        }
        plan
    }

    /// Finds out how each transaction gets to a worker, of which there are several.
    pub(crate) fn list_calls(&mut self, schedule: &Schedule, is_call: &dyn Fn(TxIndex) -> bool) {
        let kind = |tx| if is_call(tx) { kind_of_call(schedule, tx) } else { Kind::Cheap };
        self.kinds = (0..schedule.len() as TxIndex).map(kind).collect();
        let first = (0..).zip(&self.kinds).filter(|(_, kind)| **kind == Kind::First);
        self.first = first.map(|(tx, _)| tx).collect();
    }

    /// How a transaction gets to a worker.
    pub(crate) fn kind(&self, tx: TxIndex) -> Kind {
        self.kinds.get(tx as usize).copied().unwrap_or(Kind::Cheap)
    }
}

/// How many workers a block can keep busy: its work divided by its longest chain, both by declared
/// gas.
fn wide(schedule: &Schedule) -> usize {
    let (_, total) = schedule.included();
    at_most(total.div_ceil(schedule.critical_path_gas().0.max(1)))
}

fn kind_of_call(schedule: &Schedule, tx: TxIndex) -> Kind {
    let is_waited_for = |group: &u32| schedule.has_next(*group);
    let waits = schedule.waits()[tx as usize] > 0;
    if !waits && schedule.groups_of(tx).iter().any(is_waited_for) {
        Kind::First
    } else {
        Kind::Call
    }
}

fn at_most(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tos_host_api::AccessMode::Write;

    use super::*;
    use crate::explain::test_blocks::sets;

    #[test]
    fn a_block_is_worth_another_worker_by_what_calls_have_been_taking() {
        // Blocks of fifty short calls were shared by a guess that was twice what they took, and took
        // longer on two workers than on one.
        let accounts: Vec<_> = (0..200).map(|account| [(account, Write)]).collect();
        let lines: Vec<_> = accounts.iter().map(<[_; 1]>::as_slice).collect();
        let schedule = Schedule::new(&sets(&lines));
        let plan = |pace: &Pace| Plan::of(&schedule, Some(&|_| true), false, pace, 2);
        let pace = Pace::default();
        let teach = |part: u64| {
            let took = Duration::from_nanos(plan(&pace).guess_ns / 10 * part);
            (0..40).for_each(|_| pace.learn(plan(&pace).guess_ns, took));
            plan(&pace).workers
        };
        assert_eq!([teach(5), teach(20), teach(5)], [1, 2, 1]);
    }
}
