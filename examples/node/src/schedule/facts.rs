//! Finds out everything there is to say about a block's schedule: from its access sets, from an
//! execution on one thread that measures every transaction, and from one on all threads.

use anyhow::{Context as _, Result};
use tos_runtime::explain::{
    AccountUse, Chain, Overdeclared, Overheads, Recording, RecordingDetail, Span, WaitCause,
    access_sets, account_uses, calls, decisive_waits, heaviest_chain, makespan, overdeclared,
    wait_causes, workers_for,
};
use tos_runtime::{
    AccessSet, Block, BlockOutcome, ContractEngine, Dependency, Gas, Schedule, TxIndex,
};

use crate::scale::quartiles;

/// Executions on one thread; of the times of each transaction the lower quartile is taken.
const RUNS: usize = 5;
/// Executions on all threads, of which the one with the median time is shown.
const RUNS_TOGETHER: usize = 3;
/// Threads besides the given ones for which the effect of finer declarations is computed.
const THREADS: [usize; 2] = [8, 64];

/// What is known about a block.
pub(crate) struct Facts {
    /// Who waits for whom.
    pub schedule: Schedule,
    /// Every account, the most touched first.
    pub accounts: Vec<AccountUse>,
    /// What makes transactions wait, the most frequent cause first.
    pub causes: Vec<WaitCause>,
    /// By transaction: what it took on one thread, in nanoseconds.
    pub costs_ns: Vec<u64>,
    /// By transaction: who executed it and when, on all threads.
    pub spans: Vec<Span>,
    /// By transaction: the wait that ended last.
    pub decisive: Vec<Option<Dependency>>,
    /// The longest chain by declared gas.
    pub critical_path: Chain,
    /// The longest chain by measured time.
    pub slowest_chain: Chain,
    /// Threads that executed the block.
    pub workers: usize,
    /// Accounts declared more widely than needed.
    pub overdeclared: Vec<Overdeclared>,
    /// The schedule as it is.
    pub before: Shape,
    /// The schedule if everything were declared as finely as it is used.
    pub after: Shape,
}

/// A schedule in figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Levels of the graph.
    pub batches: usize,
    /// Transactions that wait.
    pub waiting: usize,
    /// Transactions of the longest chain by declared gas.
    pub path: usize,
    /// Declared gas along it.
    pub path_gas: u64,
    /// The longest chain by measured time, in nanoseconds.
    pub chain_ns: u64,
    /// Computed time on so many threads, in nanoseconds.
    pub makespans: Vec<(usize, u64)>,
}

impl Facts {
    /// Executes a block a few times and looks at it.
    pub(crate) fn of(engine: &ContractEngine, block: &Block, threads: usize) -> Result<Self> {
        // The first execution compiles modules and fills caches.
        engine.execute_block(block)?;
        let costs_ns = costs_alone(engine, block)?;
        let together = median_run(engine, block, threads)?;
        let spans = recording(&together)?.spans(&costs_ns);
        let workers = recording(&together)?.workers();

        let sets = access_sets(block);
        let schedule = together.schedule().clone();
        let finishes: Vec<u64> = spans.iter().map(|span| span.finished_ns).collect();
        let path = schedule.critical_path();
        let critical_path = Chain { cost: sum(&path, &costs_ns), transactions: path };
        let needed = engine.needed_access(block)?;
        let calls = calls(block);
        let finer = with_sets(&sets, &needed);
        Ok(Self {
            accounts: account_uses(&sets),
            causes: wait_causes(&schedule),
            decisive: decisive_waits(&schedule, &finishes),
            slowest_chain: heaviest_chain(&schedule, &costs_ns),
            critical_path,
            workers,
            overdeclared: overdeclared(sets.iter().map(|(set, _)| set), &needed),
            before: Shape::of(&schedule, &costs_ns, &calls, threads),
            after: Shape::of(&Schedule::new(&finer), &costs_ns, &calls, threads),
            schedule,
            costs_ns,
            spans,
        })
    }

    /// Time of all transactions on one thread, in nanoseconds.
    pub(crate) fn total_ns(&self) -> u64 {
        self.costs_ns.iter().sum()
    }

    /// From the first transaction's beginning to the last one's end on all threads, in nanoseconds.
    pub(crate) fn wall_ns(&self) -> u64 {
        let first = self.spans.iter().map(|span| span.started_ns).min().unwrap_or(0);
        self.spans.iter().map(|span| span.finished_ns).max().unwrap_or(0) - first
    }
}

impl Shape {
    fn of(schedule: &Schedule, costs_ns: &[u64], calls: &[bool], threads: usize) -> Self {
        let mut counts: Vec<usize> = THREADS.into_iter().chain([threads]).collect();
        counts.sort_unstable();
        counts.dedup();
        let time = |threads| {
            let workers = workers_for(schedule, calls, threads);
            makespan(schedule, costs_ns, calls, workers, Overheads::default()).finish
        };
        Self {
            batches: schedule.batch_count(),
            waiting: schedule.conflicting_transactions(),
            path: schedule.critical_path().len(),
            path_gas: schedule.critical_path_gas().0,
            chain_ns: heaviest_chain(schedule, costs_ns).cost,
            makespans: counts.into_iter().map(|threads| (threads, time(threads))).collect(),
        }
    }
}

fn recording(outcome: &BlockOutcome) -> Result<&Recording> {
    outcome.recording().context("the execution was not recorded")
}

/// What each transaction takes on one thread.
fn costs_alone(engine: &ContractEngine, block: &Block) -> Result<Vec<u64>> {
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let outcome = engine.execute_block_recorded(block, 1, RecordingDetail::Transactions)?;
        runs.push(recording(&outcome)?.costs_ns());
    }
    Ok(quartiles(&runs))
}

/// Of several executions the one with the median time.
fn median_run(engine: &ContractEngine, block: &Block, threads: usize) -> Result<BlockOutcome> {
    let run = |_| engine.execute_block_recorded(block, threads, RecordingDetail::Slices);
    let mut runs = (0..RUNS_TOGETHER).map(run).collect::<Result<Vec<_>, _>>()?;
    runs.sort_by_key(|outcome| outcome.metrics().stages.execute);
    Ok(runs.swap_remove(RUNS_TOGETHER / 2))
}

fn sum(transactions: &[TxIndex], costs_ns: &[u64]) -> u64 {
    transactions.iter().map(|tx| costs_ns[*tx as usize]).sum()
}

/// The same transactions with other access sets.
fn with_sets(transactions: &[(AccessSet, Gas)], sets: &[AccessSet]) -> Vec<(AccessSet, Gas)> {
    transactions.iter().zip(sets).map(|((_, gas), set)| (set.clone(), *gas)).collect()
}
