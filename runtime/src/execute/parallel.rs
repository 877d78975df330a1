//! The parallel executor: a transaction starts as soon as those it waits for have finished, on
//! whichever worker is free. There are no barriers between batches.
//!
//! A cursor hands the block out in chunks, in block order. What waits for nobody when its turn comes
//! runs then and there. What still waits is left to whoever ends the wait: a transaction that
//! finishes counts down its groups, and the last member of a group releases the members of the next
//! one, which its worker runs itself, so a chain stays on one worker and in one cache. What a worker
//! cannot run at once it offers to workers that are idle.
//!
//! A waiting call may run before the cursor gets there, so that a chain of calls never waits for the
//! rest of the block. Cheap transactions wait for the cursor, too: run in block order, they find
//! each other's memory in the cache.
//!
//! One worker alone runs everything in block order, which is a valid schedule, and waits for nobody.

mod countdown;
mod pace;
mod plan;
mod queue;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tos_host_api::TxIndex;

use self::countdown::Countdown;
pub(crate) use self::pace::Pace;
pub(crate) use self::plan::{Kind, Plan};
use self::queue::{Queue, Work};
use super::marks::Marks;
use super::outputs::OwnOutputs;
use super::plain::{PlainTransfer, Terms};
use super::sequential::{execute_in_sequence, execute_one};
use super::workers::Job;
use super::{BlockEnv, Executed, Executor, Outputs, WorkerPool, panic_message};
use crate::error::EngineError;
use crate::explain::{Recorder, Recording};
use crate::grain::FEW_CALLS;
use crate::metrics::{Stopwatch, WorkerTimes};
use crate::planted::{Bug, planted};
use crate::sandbox::CallPermit;
use crate::schedule::Schedule;
use crate::state::{Journal, Overlay};
use crate::sync::Mutex;
use crate::types::{Block, TransactionType};
use crate::verify::VerifiedTransaction;

/// Executes a block on as many workers as it is worth.
///
/// # Errors
/// The engine failed or a worker panicked; the overlay is to be dropped.
pub(crate) fn execute_in_parallel(
    env: &Arc<BlockEnv>,
    overlay: &Arc<Overlay>,
    schedule: &Arc<Schedule>,
    block: &Block,
    pool: &WorkerPool,
    settled: &[bool],
    threads_max: usize,
) -> Result<Executed, EngineError> {
    if !settled.is_empty() && !settled.contains(&false) {
        let workers = WorkerTimes { busy: vec![Duration::ZERO] };
        let outputs = Outputs::collect(Marks::new(schedule.len(), settled), Vec::new())?;
        return Ok(Executed { outputs, workers, recording: None });
    }
    let mut plan = Plan::new(schedule, block, env, &pool.pace, pool.len().min(threads_max));
    let is_few = schedule.len() <= FEW_CALLS && env.runs_contracts();
    let is_bare = settled.is_empty() && env.recording.is_none();
    if plan.workers == 1 && is_few && is_bare {
        let txs = block.transactions();
        let work = |permit| execute_in_sequence(env, overlay, schedule.table(), txs, permit);
        let executed = env.modules.with_calls(true, work)?;
        learn(pool, env, &plan, &executed.workers);
        return Ok(executed);
    }
    let workers = plan.workers;
    let mut countdown = Countdown::default();
    if workers > 1 {
        countdown = Countdown::new(schedule, |tx| plan.kind(tx) == Kind::Cheap);
    }
    let run = Run {
        terms: Terms::of(env),
        env: Arc::clone(env),
        overlay: Arc::clone(overlay),
        schedule: Arc::clone(schedule),
        block: block.clone(),
        none_settled: settled.is_empty(),
        marks: Marks::new(schedule.len(), settled),
        countdown,
        queue: Queue::new(schedule.len(), &mut plan),
        plan,
        shares: Mutex::default(),
        fault: Mutex::default(),
    };
    let run = if workers == 1 {
        // Nobody has to be told: what telling takes counts in a block of one call.
        run.run(0);
        run
    } else {
        let run = Arc::new(run);
        pool.run(&run, workers)?;
        // The workers let go of the run before the pool says that they are done.
        Arc::into_inner(run).expect("nobody else holds the run of a finished block")
    };
    if let Some(fault) = run.fault.into_inner() {
        return Err(fault);
    }
    let mut workers = WorkerTimes { busy: vec![Duration::ZERO; workers] };
    let mut lists = Vec::with_capacity(workers.busy.len());
    let mut recorders = Vec::new();
    for share in run.shares.into_inner() {
        recorders.extend(share.recorder.map(|recorder| (share.worker, recorder)));
        workers.busy[share.worker] = share.busy;
        lists.push(share.outputs);
    }
    learn(pool, env, &run.plan, &workers);
    let recorded = env.recording.is_some();
    let recording = recorded.then(|| Recording::new(workers.busy.len(), recorders));
    Ok(Executed { outputs: Outputs::collect(run.marks, lists)?, workers, recording })
}

/// Lets the pool know how long the calls of a block took, unless somebody watched them.
fn learn(pool: &WorkerPool, env: &BlockEnv, plan: &Plan, times: &WorkerTimes) {
    if plan.guess_ns > 0 && env.observer.is_none() {
        pool.pace.learn(plan.guess_ns, times.busy.iter().sum());
    }
}

/// Everything the workers share while they execute one block.
struct Run {
    terms: Terms,
    env: Arc<BlockEnv>,
    overlay: Arc<Overlay>,
    schedule: Arc<Schedule>,
    block: Block,
    plan: Plan,
    marks: Marks,
    none_settled: bool,
    /// Unused by one worker.
    countdown: Countdown,
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
    outputs: OwnOutputs,
    recorder: Option<Recorder>,
}

/// A worker at work.
struct Worker {
    number: usize,
    executor: Executor,
    outputs: OwnOutputs,
    /// Ready transactions, the next one last.
    local: Vec<TxIndex>,
    /// Transactions finished since the queue was last told.
    finished: usize,
    /// The transactions of a chunk that are plain transfers; a buffer.
    plain: Vec<Option<PlainTransfer>>,
    /// The calls that a chain goes on with, as far as it was looked along; a buffer.
    chain: Vec<TxIndex>,
    /// How many of them are to come.
    ahead: usize,
    recorder: Option<Recorder>,
}

impl Worker {
    fn share(self, busy: Duration) -> Share {
        Share { worker: self.number, busy, outputs: self.outputs, recorder: self.recorder }
    }

    /// Notes that the worker has executed a transaction.
    fn ran(&mut self, tx: TxIndex) {
        if let Some(recorder) = &mut self.recorder {
            recorder.ran(tx);
        }
    }

    /// Notes that the worker has nothing to do.
    fn pause(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            recorder.pause();
        }
    }

    /// Notes that it has something to do again.
    fn resume(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            recorder.resume();
        }
    }
}

impl Job for Run {
    fn run(&self, worker: usize) {
        if self.queue.is_over() {
            // The others were faster. What calls need, a stack of their own for one, takes longer to
            // set up than a small block.
            return;
        }
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
            Err(_) if planted(Bug::PanicsSwallowed) => return self.queue.stop(),
            Err(payload) => {
                EngineError::WorkerPanicked { tx: current, message: panic_message(&*payload) }
            }
        };
        self.fault.lock().get_or_insert(fault);
        self.queue.stop();
    }
}

impl Run {
    /// Outputs to make room for. Calls all have one, and a list that grows is copied every time. In a
    /// block without contracts most transactions have none.
    fn outputs_expected(&self) -> usize {
        if !self.env.runs_contracts() {
            return 0;
        }
        self.schedule.len().div_ceil(self.plan.workers)
    }

    /// Executes transactions until none is left. `current` names the one at work, for the report of
    /// a panic.
    fn work(
        &self,
        number: usize,
        permit: Option<CallPermit>,
        current: &mut Option<TxIndex>,
    ) -> Result<Share, EngineError> {
        let mut time = Stopwatch::start();
        let mut busy = Duration::ZERO;
        let journal = Journal::new(Arc::clone(&self.overlay));
        let alone = self.plan.workers == 1;
        let env = if alone { Arc::clone(&self.env) } else { Arc::new(self.env.for_worker()) };
        let mut worker = Worker {
            number,
            executor: Executor::new(env, journal, permit),
            outputs: Vec::with_capacity(self.outputs_expected()),
            local: Vec::new(),
            finished: 0,
            plain: Vec::with_capacity(self.plan.chunk),
            chain: Vec::new(),
            ahead: 0,
            recorder: self.env.recorder(),
        };
        if alone {
            self.work_alone(&mut worker, current)?;
            return Ok(worker.share(time.lap()));
        }
        loop {
            if let Some(tx) = worker.local.pop() {
                *current = Some(tx);
                self.look_along(tx, &mut worker);
                let plain = self.plain(tx);
                if self.execute(&mut worker, tx, plain)? {
                    worker.ran(tx);
                }
                self.countdown.finish(&self.schedule, tx, &mut worker.local);
                self.queue.offer(&mut worker.local);
                continue;
            }
            busy += time.lap();
            worker.pause();
            let work = self.queue.next(std::mem::take(&mut worker.finished));
            worker.resume();
            time.lap();
            match work {
                Some(Work::Ready(tx)) => worker.local.push(tx),
                Some(Work::Chunk(chunk)) => self.sweep(chunk, &mut worker, current)?,
                None => break,
            }
        }
        Ok(worker.share(busy))
    }

    fn work_alone(
        &self,
        worker: &mut Worker,
        current: &mut Option<TxIndex>,
    ) -> Result<(), EngineError> {
        let len = self.schedule.len();
        for start in (0..len).step_by(ALONE_CHUNK) {
            let chunk = start as TxIndex..len.min(start + ALONE_CHUNK) as TxIndex;
            self.look_ahead(chunk.clone(), worker);
            // Noting each of them would take a tenth of what a plain transfer takes.
            let all_plain = self.none_settled && worker.plain.iter().all(Option::is_some);
            let at_once = worker.recorder.as_ref().is_some_and(|r| all_plain && r.takes_many());
            for (idx, tx) in chunk.clone().enumerate() {
                *current = Some(tx);
                if self.execute(worker, tx, worker.plain[idx])? && !at_once {
                    worker.ran(tx);
                }
            }
            if let (true, Some(recorder)) = (at_once, &mut worker.recorder) {
                recorder.ran_all(chunk);
            }
        }
        Ok(())
    }

    /// Executes what is ready of a chunk and leaves the rest to those it waits for.
    fn sweep(
        &self,
        chunk: Range<TxIndex>,
        worker: &mut Worker,
        current: &mut Option<TxIndex>,
    ) -> Result<(), EngineError> {
        self.look_ahead(chunk.clone(), worker);
        for (idx, tx) in chunk.enumerate() {
            let waits = self.schedule.waits()[tx as usize] > 0;
            match self.plan.kind(tx) {
                Kind::Cheap if !waits || self.countdown.is_ready(tx) => {
                    *current = Some(tx);
                    if self.execute(worker, tx, worker.plain[idx])? {
                        worker.ran(tx);
                    }
                    self.countdown.finish(&self.schedule, tx, &mut worker.local);
                }
                // Others may get these, and must not wait for this chunk.
                Kind::Call if !waits => worker.local.push(tx),
                Kind::Cheap | Kind::Call | Kind::First => {}
            }
        }
        worker.local.reverse();
        Ok(())
    }

    /// Finds the plain transfers of a chunk and touches their accounts, so that the cores fetch all
    /// of them at once instead of one after the other. The same for calls, except for those that
    /// another worker may be about to run.
    fn look_ahead(&self, chunk: Range<TxIndex>, worker: &mut Worker) {
        worker.plain.clear();
        worker.plain.extend(chunk.clone().map(|tx| self.plain(tx)));
        self.overlay.touch(worker.plain.iter().flatten());
        if self.env.runs_contracts() {
            let alone = self.plan.workers == 1;
            let waits = self.schedule.waits();
            self.touch_calls(chunk.filter(|tx| alone || waits[*tx as usize] == 0));
        }
    }

    /// Touches the calls that a chain goes on with: nobody else does, and each would wait for memory
    /// while all calls after it wait for it.
    fn look_along(&self, tx: TxIndex, worker: &mut Worker) {
        match self.plan.kind(tx) {
            Kind::First => {}
            Kind::Call if self.schedule.waits()[tx as usize] > 0 => {}
            Kind::Cheap | Kind::Call => return,
        }
        if worker.ahead > 0 {
            worker.ahead -= 1;
            return;
        }
        let next = |tx: &TxIndex| {
            let mut groups = self.schedule.groups_of(*tx).iter();
            let group = groups.find(|group| self.schedule.has_next(**group))?;
            self.schedule.released_by(*group).first().copied()
        };
        worker.chain.clear();
        let chain = std::iter::successors(next(&tx), next);
        worker.chain.extend(chain.take(CHAIN_AHEAD).filter(|tx| self.plan.kind(*tx) == Kind::Call));
        worker.ahead = worker.chain.len();
        self.touch_calls(worker.chain.iter().copied());
    }

    /// Reads of calls that come next what executing them reads first, and forgets it.
    fn touch_calls(&self, calls: impl Iterator<Item = TxIndex> + Clone) {
        let table = self.schedule.table();
        let entries = calls.clone().flat_map(|tx| table.of(tx as usize));
        self.overlay.touch_accounts(entries.map(|entry| entry.account));
        let parts = calls.map(|tx| touch(&self.block.transactions()[tx as usize]));
        std::hint::black_box(parts.fold(0, std::ops::BitXor::bitxor));
    }

    fn plain(&self, tx: TxIndex) -> Option<PlainTransfer> {
        let access = self.schedule.table().of(tx as usize);
        PlainTransfer::of(&self.block.transactions()[tx as usize], access, self.terms)
    }

    /// Executes a transaction and publishes what it changed. Gives back whether there was anything
    /// to do.
    fn execute(
        &self,
        worker: &mut Worker,
        tx: TxIndex,
        plain: Option<PlainTransfer>,
    ) -> Result<bool, EngineError> {
        if self.marks.is_plain(tx) {
            // Settled before, and nobody waits for it.
            worker.finished += 1;
            return Ok(false);
        }
        if let Some(observer) = &self.env.observer {
            observer.transaction_started(worker.number, tx);
        }
        let batch = self.schedule.batch_of(tx);
        let moved = match plain {
            Some(plain) => self.overlay.transfer(&plain, batch, tx)?,
            None => false,
        };
        if moved {
            self.marks.plain(tx);
        } else {
            let transaction = &self.block.transactions()[tx as usize];
            let table = self.schedule.table();
            let (_, output) = worker.outputs.push_mut((tx, None));
            execute_one(&mut worker.executor, transaction, tx, table, batch, output)?;
            self.marks.full(tx);
        }
        worker.finished += 1;
        if let Some(observer) = &self.env.observer {
            observer.transaction_finished(worker.number, tx);
        }
        Ok(true)
    }
}

/// Reads a byte of each part of a call, see [`Run::touch_calls`].
fn touch(tx: &VerifiedTransaction) -> u8 {
    let first = |bytes: &[u8]| bytes.first().copied().unwrap_or(0);
    let given = match &tx.data {
        TransactionType::InvokeContract { entry, input, .. } => {
            first(entry.as_bytes()) ^ first(input)
        }
        _ => 0,
    };
    given ^ tx.source.0[0] ^ tx.id().0[0]
}

/// Transactions that a worker on its own looks ahead at once.
const ALONE_CHUNK: usize = 64;

/// Calls of a chain that its worker looks along at once.
const CHAIN_AHEAD: usize = 16;
