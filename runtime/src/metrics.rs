//! What the execution of a block took. For people and tools; nothing here reaches a result, and
//! this is the only file of the engine that reads a clock.

use std::time::{Duration, Instant};

use tos_host_api::Gas;

/// Figures about the execution of one block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecutionMetrics {
    /// Threads that executed the block.
    pub threads: usize,
    /// Transactions in the block.
    pub transactions: usize,
    /// Transactions executed while other threads could execute others.
    pub parallel_transactions: usize,
    /// Transactions executed in block order on one thread.
    pub sequential_transactions: usize,
    /// Levels of the dependency graph.
    pub batches: usize,
    /// Transactions that wait for an earlier one.
    pub conflicting_transactions: usize,
    /// Transactions on the critical path.
    pub critical_path_transactions: usize,
    /// Gas declared along the critical path.
    pub critical_path_gas: Gas,
    /// Time each worker spent executing, without waiting for work.
    pub worker_busy: Vec<Duration>,
    /// Wall time of each stage.
    pub stages: StageTimes,
}

/// Wall time of the stages of a block, in pipeline order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StageTimes {
    /// Static checks of the block, access sets, account indices.
    pub resolve: Duration,
    /// Dependency graph.
    pub schedule: Duration,
    /// Loading accounts; loading and compiling modules.
    pub prefetch: Duration,
    /// Executing transactions and merging their journals.
    pub execute: Duration,
    /// Fees, change set, conservation check.
    pub merge: Duration,
    /// Hashes.
    pub digest: Duration,
}

#[allow(clippy::float_arithmetic, reason = "ratios for people, never part of a result")]
impl ExecutionMetrics {
    /// Transactions per batch on average.
    #[must_use]
    pub fn avg_batch_size(&self) -> f64 {
        self.transactions as f64 / self.batches.max(1) as f64
    }

    /// The share of transactions that wait for an earlier one, 0 to 1.
    #[must_use]
    pub fn conflict_ratio(&self) -> f64 {
        self.conflicting_transactions as f64 / self.transactions.max(1) as f64
    }
}

impl StageTimes {
    /// Wall time of all stages.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.resolve + self.schedule + self.prefetch + self.execute + self.merge + self.digest
    }
}

/// How an executor used its workers.
#[derive(Debug, Clone, Default)]
pub(crate) struct WorkerTimes {
    pub(crate) busy: Vec<Duration>,
}

/// Measures time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start or the last lap; starts the next lap.
    pub(crate) fn lap(&mut self) -> Duration {
        let now = Instant::now();
        let lap = now - self.0;
        self.0 = now;
        lap
    }

    /// Nanoseconds since the start or the last lap; 2^64 of them are centuries.
    pub(crate) fn elapsed_ns(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
