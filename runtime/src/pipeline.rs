//! One block through the engine: resolve, schedule, prefetch, execute, merge, digest. What
//! surrounds it (which block may be executed, what becomes of the outcome) is `engine/`'s business.

mod check;
mod counters;
mod crew;
mod merge;
mod needed;
mod prefetch;
mod resolve;
mod seal;
mod settle;

use std::sync::Arc;

use tos_host_api::TxIndex;

use crate::error::EngineError;
use crate::execute::{BlockEnv, Observer, WorkerPool, execute_in_parallel, execute_in_sequence};
use crate::explain::{RecordingDetail, RecordingPlan};
use crate::metrics::{ExecutionMetrics, Stopwatch, WorkerTimes};
use crate::outcome::BlockOutcome;
use crate::planted::{Bug, planted};
use crate::protocol::RuleBook;
use crate::sandbox::Modules;
use crate::schedule::Schedule;
use crate::state::{ChainState, Overlay};
use crate::types::Block;

pub(crate) use check::check_count;
use counters::{load_counters, note_names};
pub(crate) use crew::Crew;
pub(crate) use merge::{BlockOutputs, merge};
pub(crate) use prefetch::{LoadedModules, load_accounts, load_modules};
use resolve::resolve;
use seal::seal_block;
use settle::{Settled, settle};

/// What every execution on one chain shares.
pub(crate) struct Pipeline {
    pub(crate) chain: Arc<ChainState>,
    pub(crate) rules: RuleBook,
    pub(crate) modules: Arc<Modules>,
    pub(crate) pool: WorkerPool,
    /// See [`crate::EngineConfig::large_block_txs`].
    pub(crate) cut_min: usize,
    pub(crate) observer: Option<Observer>,
}

/// Which executor runs a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The reference.
    Sequential,
    /// As many workers as the block is worth.
    Parallel {
        /// Even if there are more.
        threads_max: usize,
        /// Whether it is recorded which worker executes what.
        recording: Option<RecordingDetail>,
    },
}

impl Mode {
    fn recording(self) -> Option<RecordingDetail> {
        match self {
            Self::Sequential => None,
            Self::Parallel { recording, .. } => recording,
        }
    }
}

impl Pipeline {
    /// Executes a block on the tip. The caller holds the tip lock shared, so the parent state stays
    /// what it is.
    pub(crate) fn execute(&self, block: &Block, mode: Mode) -> Result<BlockOutcome, EngineError> {
        let mut metrics = ExecutionMetrics::default();
        let mut time = Stopwatch::start();

        let (cut_min, threads_max) = match mode {
            Mode::Sequential => (usize::MAX, 1),
            Mode::Parallel { threads_max, .. } => (self.cut_min, threads_max),
        };
        let rules = self.rules.at(block.context().topoheight);
        let resolved = resolve(block, rules, &self.chain, &self.pool, cut_min)?;
        metrics.stages.resolve = time.lap();

        let table = Arc::new(resolved.table);
        let overlay =
            Overlay::new(Arc::clone(&self.chain), Arc::clone(table.accounts()), resolved.cells);
        let overlay = Arc::new(overlay);
        let mut recording = mode.recording().map(|detail| {
            let transactions = block.transactions().len();
            RecordingPlan { origin: time, detail, transactions }
        });
        let Settled { schedule, settled, walks } = match &resolved.cuts {
            Some(cuts) if !self.wants_each(mode) || planted(Bug::SettledUnseen) => {
                settle(cuts, &table, &overlay, (&self.pool, threads_max), recording)?
            }
            _ => Settled::none(Arc::clone(&table)),
        };
        let schedule = Arc::new(schedule);
        metrics.stages.schedule = time.lap();

        let mut env = self.prefetch_modules(block, &resolved.contract_txs)?;
        if resolved.cuts.is_some() && env.runs_contracts() {
            load_counters(block, &env, &overlay, Crew::for_items(&self.pool, overlay.len()))?;
        }
        metrics.stages.prefetch = time.lap();

        if let (Some(plan), true) = (&mut recording, walks.is_empty()) {
            plan.origin = time;
        }
        env.recording = recording;
        let env = Arc::new(env);
        let executed = match mode {
            Mode::Sequential => {
                let txs = block.transactions();
                let work = |permit| execute_in_sequence(&env, &overlay, &table, txs, permit);
                self.modules.with_calls(env.runs_contracts(), work)?
            }
            Mode::Parallel { .. } => {
                // Those that are settled are nobody's predecessors any more.
                let rest = match (settled.contains(&true), settled.contains(&false)) {
                    (true, true) => Arc::new(Schedule::of_some(table, |tx| !settled[tx])),
                    _ => Arc::clone(&schedule),
                };
                execute_in_parallel(
                    &env,
                    &overlay,
                    &rest,
                    block,
                    &self.pool,
                    &settled,
                    threads_max,
                )?
            }
        };
        metrics.stages.execute = time.lap();

        let kinds = block.transactions().iter().map(|tx| &tx.data);
        let beneficiary = resolved.beneficiary;
        let outputs = BlockOutputs::of_block(executed.outputs, block);
        let items = overlay.len() + block.transactions().len();
        let crew = match mode {
            Mode::Sequential => Crew::one(),
            Mode::Parallel { .. } => Crew::for_items(&self.pool, items),
        };
        let merged = merge(kinds, &overlay, crew, outputs, beneficiary)?;
        if resolved.cuts.is_some() && env.runs_contracts() {
            note_names(&env.contracts, &merged.change_set);
        }
        let (gas_fee, burned_supply) = (merged.gas_fee, merged.burned_supply);
        metrics.stages.merge = time.lap();

        let (record, results) = seal_block(block, rules, merged, crew)?;
        if planted(Bug::CandidatesLeaveTraces) {
            self.chain.apply(&record.change_set);
        }
        metrics.stages.digest = time.lap();

        let settled = settled.iter().filter(|settled| **settled).count();
        let threads = self.pool.len().min(threads_max);
        describe(&mut metrics, &schedule, settled, threads, executed.workers);
        Ok(BlockOutcome {
            record: Arc::new(record),
            results,
            gas_fee,
            burned_supply,
            schedule,
            metrics,
            recording: recording
                .map(|_| executed.recording.unwrap_or_default().settled_before(walks)),
            sampled: None,
        })
    }

    /// Whether somebody wants to know when each transaction begins and ends. What is settled never
    /// does.
    fn wants_each(&self, mode: Mode) -> bool {
        self.observer.is_some() || mode.recording() == Some(RecordingDetail::Transactions)
    }

    fn prefetch_modules(&self, block: &Block, txs: &[TxIndex]) -> Result<BlockEnv, EngineError> {
        let rules = self.rules.at(block.context().topoheight);
        let (contracts, deployed) = load_modules(
            &self.chain,
            &self.modules,
            &rules.preparation,
            txs.iter().map(|tx| &block.transactions()[*tx as usize].data),
        )?;
        Ok(BlockEnv {
            context: Arc::new(block.context().clone()),
            params: Arc::clone(&rules.params),
            modules: Arc::clone(&self.modules),
            preparation: Arc::clone(&rules.preparation),
            contracts,
            deployed,
            observer: self.observer.clone(),
            recording: None,
        })
    }
}

/// Fills in what is known about the schedule and the workers. What is settled has been settled on
/// all `threads`, the rest on those workers that have times.
fn describe(
    metrics: &mut ExecutionMetrics,
    schedule: &Schedule,
    settled: usize,
    threads: usize,
    times: WorkerTimes,
) {
    let workers = times.busy.len();
    let len = schedule.len();
    metrics.threads = if settled > 0 { threads } else { workers };
    metrics.transactions = len;
    let settled = if threads > 1 { settled } else { 0 };
    metrics.parallel_transactions = if workers > 1 { len } else { settled };
    metrics.sequential_transactions = len - metrics.parallel_transactions;
    metrics.batches = schedule.batch_count();
    metrics.conflicting_transactions = schedule.conflicting_transactions();
    metrics.critical_path_transactions = schedule.critical_path().len();
    metrics.critical_path_gas = schedule.critical_path_gas();
    metrics.worker_busy = times.busy;
}
