//! The parallel executor: a transaction starts as soon as those it waits for have finished, on
//! whichever worker is free. There are no barriers between batches.
//!
//! A worker that finishes a transaction takes part in its groups' countdown; the last member of a
//! group releases the members of the next one. What it releases it runs itself, so a chain stays on
//! one worker and in one cache; what it cannot run at once it offers to workers that are idle.

mod queue;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tos_host_api::TxIndex;

use self::queue::Queue;
use super::sequential::execute_one;
use super::workers::Job;
use super::{BlockEnv, Executed, Executor, TxOutput, WorkerPool, panic_message};
use crate::error::EngineError;
use crate::metrics::{Stopwatch, WorkerTimes};
use crate::sandbox::CallPermit;
use crate::schedule::Schedule;
use crate::state::{Journal, Overlay};
use crate::types::Block;

/// Declared gas below which waking another worker costs more than it gains: about 0.2 ms of work,
/// some ten times a thread's wake-up.
const WORKER_GAS_MIN: u64 = 200_000;

/// How many workers a block is worth: no more than its work divided by its longest chain, and none
/// that would have next to nothing to do.
pub(crate) fn useful_workers(schedule: &Schedule, threads: usize) -> usize {
    let total: u64 =
        schedule.table().gas_limits().iter().fold(0, |sum, gas| u64::saturating_add(sum, gas.0));
    let critical = schedule.critical_path_gas().0.max(1);
    let wide = usize::try_from(total.div_ceil(critical)).unwrap_or(usize::MAX);
    let worthwhile = usize::try_from(total / WORKER_GAS_MIN).unwrap_or(usize::MAX);
    threads.min(wide).min(worthwhile).max(1)
}

/// Executes a block on `workers` workers.
///
/// # Errors
/// The engine failed or a worker panicked; the overlay is to be dropped.
pub(crate) fn execute_in_parallel(
    env: &Arc<BlockEnv>,
    overlay: &Arc<Overlay>,
    schedule: &Arc<Schedule>,
    block: &Block,
    pool: &WorkerPool,
    workers: usize,
) -> Result<Executed, EngineError> {
    let run = Arc::new(Run {
        env: Arc::clone(env),
        overlay: Arc::clone(overlay),
        schedule: Arc::clone(schedule),
        block: block.clone(),
        waits: schedule.waits().iter().map(|waits| AtomicU32::new(*waits)).collect(),
        unfinished: schedule.group_lens().map(AtomicU32::new).collect(),
        queue: Queue::new(schedule, workers),
        shares: Mutex::default(),
        fault: Mutex::default(),
    });
    pool.run(&run, workers)?;
    if let Some(fault) = run.fault.lock().take() {
        return Err(fault);
    }
    let shares = std::mem::take(&mut *run.shares.lock());
    collect(shares, block.transactions().len(), workers)
}

/// Everything the workers share while they execute one block.
struct Run {
    env: Arc<BlockEnv>,
    overlay: Arc<Overlay>,
    schedule: Arc<Schedule>,
    block: Block,
    /// By transaction: groups it still waits for. Whoever counts it to zero may run it.
    waits: Vec<AtomicU32>,
    /// By group: members that have not finished.
    unfinished: Vec<AtomicU32>,
    queue: Queue,
    /// What each worker executed; locked once per worker, at its end.
    shares: Mutex<Vec<Share>>,
    /// The first error; the block is given up.
    fault: Mutex<Option<EngineError>>,
}

/// What one worker executed.
struct Share {
    worker: usize,
    busy: Duration,
    outputs: Vec<(TxIndex, TxOutput)>,
}

impl Job for Run {
    fn run(&self, worker: usize) {
        let mut current = None;
        let work = AssertUnwindSafe(|| {
            let makes_calls = self.env.runs_contracts();
            self.env
                .modules
                .with_calls(makes_calls, |permit| self.work(worker, permit, &mut current))
        });
        let outcome = catch_unwind(work);
        let fault = match outcome {
            Ok(Ok(share)) => {
                self.shares.lock().push(share);
                return;
            }
            Ok(Err(error)) => error,
            Err(payload) => {
                EngineError::WorkerPanicked { tx: current, message: panic_message(&*payload) }
            }
        };
        self.fault.lock().get_or_insert(fault);
        self.queue.stop();
    }
}

impl Run {
    /// Executes transactions until none is left. `current` names the one at work, for the report of
    /// a panic.
    fn work(
        &self,
        worker: usize,
        permit: Option<CallPermit>,
        current: &mut Option<TxIndex>,
    ) -> Result<Share, EngineError> {
        let mut time = Stopwatch::start();
        let mut busy = Duration::ZERO;
        let journal = Journal::new(Arc::clone(&self.overlay));
        let mut executor = Executor::new(Arc::new(self.env.for_worker()), journal, permit);
        let mut outputs = Vec::new();
        let mut local = Vec::new();
        let mut reported = 0;
        loop {
            let next = match local.pop() {
                Some(tx) => Some(tx),
                None => {
                    busy += time.lap();
                    let next = self.queue.next(outputs.len() - reported, &mut local);
                    reported = outputs.len();
                    time.lap();
                    next
                }
            };
            let Some(tx) = next else { break };
            *current = Some(tx);
            let output = self.execute(&mut executor, worker, tx)?;
            outputs.push((tx, output));
            self.release(tx, &mut local);
            self.queue.offer(&mut local);
        }
        Ok(Share { worker, busy, outputs })
    }

    fn execute(
        &self,
        executor: &mut Executor,
        worker: usize,
        tx: TxIndex,
    ) -> Result<TxOutput, EngineError> {
        if let Some(observer) = &self.env.observer {
            observer.transaction_started(worker, tx);
        }
        let transaction = &self.block.transactions()[tx as usize];
        let batch = self.schedule.batch_of(tx);
        let output = execute_one(executor, transaction, tx, self.schedule.table(), batch)?;
        if let Some(observer) = &self.env.observer {
            observer.transaction_finished(worker, tx);
        }
        Ok(output)
    }

    /// Counts a finished transaction out of its groups and collects what may run now.
    ///
    /// The orderings carry the merge of this transaction to whoever runs a released one: each
    /// countdown releases what its member did, and the last one acquires what all members did.
    fn release(&self, tx: TxIndex, ready: &mut Vec<TxIndex>) {
        for group in self.schedule.groups_of(tx) {
            if !self.schedule.has_next(*group) {
                continue;
            }
            if self.unfinished[*group as usize].fetch_sub(1, Ordering::AcqRel) != 1 {
                continue;
            }
            for waiting in self.schedule.released_by(*group) {
                if self.waits[*waiting as usize].fetch_sub(1, Ordering::AcqRel) == 1 {
                    ready.push(*waiting);
                }
            }
        }
    }
}

/// Puts the workers' outputs into block order and checks that none is missing.
fn collect(
    shares: Vec<Share>,
    transactions: usize,
    workers: usize,
) -> Result<Executed, EngineError> {
    let mut times = WorkerTimes { busy: vec![Duration::ZERO; workers] };
    let mut outputs: Vec<Option<TxOutput>> = Vec::with_capacity(transactions);
    outputs.resize_with(transactions, || None);
    for share in shares {
        if let Some(busy) = times.busy.get_mut(share.worker) {
            *busy = share.busy;
        }
        for (tx, output) in share.outputs {
            outputs[tx as usize] = Some(output);
        }
    }
    let outputs: Option<Vec<_>> = outputs.into_iter().collect();
    let outputs = outputs
        .ok_or_else(|| EngineError::Bug("the schedule left a transaction unexecuted".into()))?;
    Ok(Executed { outputs, workers: times })
}
