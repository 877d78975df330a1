//! One block through the engine: resolve, schedule, prefetch, execute, merge, digest. What
//! surrounds it (which block may be executed, what becomes of the outcome) is `engine/`'s business.

mod merge;
mod prefetch;
mod resolve;

use std::sync::Arc;

use crate::config::ProtocolParams;
use crate::error::EngineError;
use crate::execute::{
    BlockEnv, ExecutionObserver, WorkerPool, execute_in_parallel, execute_in_sequence,
    useful_workers,
};
use crate::metrics::{ExecutionMetrics, Stopwatch, WorkerTimes};
use crate::outcome::{BlockOutcome, HeaderParts, seal};
use crate::sandbox::Modules;
use crate::schedule::Schedule;
use crate::state::{ChainState, Overlay, check_conservation};
use crate::types::Block;

pub(crate) use merge::merge;
pub(crate) use prefetch::{LoadedModules, load_accounts, load_modules};
pub(crate) use resolve::check_count;
use resolve::{check_block, resolve};

/// What every execution on one chain shares.
pub(crate) struct Pipeline {
    pub(crate) chain: Arc<ChainState>,
    pub(crate) params: Arc<ProtocolParams>,
    pub(crate) modules: Arc<Modules>,
    pub(crate) pool: WorkerPool,
    pub(crate) observer: Option<Arc<dyn ExecutionObserver>>,
}

/// Which executor runs a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The reference.
    Sequential,
    /// As many workers as the block is worth.
    Parallel,
}

impl Pipeline {
    /// Executes a block on the tip. The caller holds the tip lock shared, so the parent state stays
    /// what it is.
    pub(crate) fn execute(&self, block: &Block, mode: Mode) -> Result<BlockOutcome, EngineError> {
        let mut metrics = ExecutionMetrics::default();
        let mut time = Stopwatch::start();

        check_block(block, &self.params)?;
        let resolved = resolve(block);
        metrics.stages.resolve = time.lap();

        let schedule = Arc::new(Schedule::of_table(resolved.table));
        metrics.stages.schedule = time.lap();

        let overlay = self.prefetch_accounts(&schedule)?;
        let env = Arc::new(self.prefetch_modules(block)?);
        metrics.stages.prefetch = time.lap();

        let workers = match mode {
            Mode::Sequential => 1,
            Mode::Parallel => useful_workers(&schedule, self.pool.len()),
        };
        let executed = if workers > 1 {
            execute_in_parallel(&env, &overlay, &schedule, block, &self.pool, workers)?
        } else {
            let table = schedule.table();
            let work =
                |permit| execute_in_sequence(&env, &overlay, table, block.transactions(), permit);
            self.modules.with_calls(env.runs_contracts(), work)?
        };
        metrics.stages.execute = time.lap();

        let kinds = block.transactions().iter().map(|tx| &tx.data);
        let beneficiary = resolved.beneficiary;
        let merged = merge(kinds, &overlay, &self.pool, executed.outputs, beneficiary)?;
        check_conservation(&merged.change_set)?;
        metrics.stages.merge = time.lap();

        let header = HeaderParts {
            context: block.context().clone(),
            beneficiary: block.beneficiary(),
            block_hash: block.hash(),
        };
        let record = seal(header, merged.change_set, &merged.results);
        metrics.stages.digest = time.lap();

        describe(&mut metrics, &schedule, workers, executed.workers);
        Ok(BlockOutcome {
            record: Arc::new(record),
            results: merged.results,
            gas_fee: merged.gas_fee,
            burned_supply: merged.burned_supply,
            schedule,
            metrics,
        })
    }

    fn prefetch_accounts(&self, schedule: &Schedule) -> Result<Arc<Overlay>, EngineError> {
        let accounts = schedule.table().accounts();
        let cells = load_accounts(&self.chain, &self.pool, accounts)?;
        Ok(Arc::new(Overlay::new(Arc::clone(&self.chain), cells)))
    }

    fn prefetch_modules(&self, block: &Block) -> Result<BlockEnv, EngineError> {
        let (contracts, deployed) = load_modules(
            &self.chain,
            &self.modules,
            block.transactions().iter().map(|tx| &tx.data),
        )?;
        Ok(BlockEnv {
            context: Arc::new(block.context().clone()),
            params: Arc::clone(&self.params),
            modules: Arc::clone(&self.modules),
            contracts,
            deployed,
            observer: self.observer.clone(),
        })
    }
}

/// Fills in what is known about the schedule and the workers.
fn describe(
    metrics: &mut ExecutionMetrics,
    schedule: &Schedule,
    workers: usize,
    times: WorkerTimes,
) {
    metrics.threads = workers;
    metrics.transactions = schedule.len();
    if workers > 1 {
        metrics.parallel_transactions = schedule.len();
    } else {
        metrics.sequential_transactions = schedule.len();
    }
    metrics.batches = schedule.batch_count();
    metrics.conflicting_transactions = schedule.conflicting_transactions();
    metrics.critical_path_transactions = schedule.critical_path().len();
    metrics.critical_path_gas = schedule.critical_path_gas();
    metrics.worker_busy = times.busy;
}
