//! The engine's own threads. They live as long as the engine, sleep between blocks, and run one job
//! at a time; the thread that asks takes part as worker 0.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};

use super::panic_message;
use crate::error::{EngineError, StorageError};
use crate::sandbox::WASM_STACK_BYTES;

/// Stack of a worker in bytes: what a guest may use and ample room for the host around it. Address
/// space; only what is touched takes memory.
const WORKER_STACK_BYTES: usize = WASM_STACK_BYTES + (4 << 20);

/// Work that several workers share.
pub(crate) trait Job: Send + Sync + 'static {
    /// The part of worker `worker`, counted from 0.
    fn run(&self, worker: usize);
}

/// A fixed set of threads.
pub(crate) struct WorkerPool {
    /// Workers 1 and up; the caller is worker 0.
    threads: Vec<Worker>,
}

struct Worker {
    /// `None` only while the pool is dropped.
    tasks: Option<Sender<Task>>,
    handle: Option<JoinHandle<()>>,
}

struct Task {
    job: Arc<dyn Job>,
    worker: usize,
    latch: Arc<Latch>,
}

/// Counts workers that are still running and keeps the first panic.
struct Latch {
    state: Mutex<LatchState>,
    done: Condvar,
}

struct LatchState {
    running: usize,
    panic: Option<String>,
}

impl WorkerPool {
    /// A pool of `threads` workers, the caller included.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub(crate) fn new(threads: usize) -> Result<Self, EngineError> {
        let mut pool = Self { threads: Vec::new() };
        for worker in 1..threads {
            let (tasks, inbox) = channel();
            let handle = std::thread::Builder::new()
                .name(format!("tos-worker-{worker}"))
                .stack_size(WORKER_STACK_BYTES)
                .spawn(move || work(&inbox))
                .map_err(StorageError::new)?;
            pool.threads.push(Worker { tasks: Some(tasks), handle: Some(handle) });
        }
        Ok(pool)
    }

    /// How many workers there are, the caller included.
    pub(crate) fn len(&self) -> usize {
        self.threads.len() + 1
    }

    /// Runs a job on the first `workers` workers and returns when all have finished.
    ///
    /// # Errors
    /// [`EngineError::WorkerPanicked`] when a worker panicked; the others have finished too.
    pub(crate) fn run(&self, job: &Arc<impl Job>, workers: usize) -> Result<(), EngineError> {
        let helpers = &self.threads[..workers.clamp(1, self.len()) - 1];
        let latch = Arc::new(Latch {
            state: Mutex::new(LatchState { running: helpers.len(), panic: None }),
            done: Condvar::new(),
        });
        for (helper, worker) in helpers.iter().zip(1..) {
            let job = Arc::clone(job) as Arc<dyn Job>;
            let task = Task { job, worker, latch: Arc::clone(&latch) };
            if helper.tasks.as_ref().is_none_or(|tasks| tasks.send(task).is_err()) {
                latch.finish(Some("a worker thread is gone".into()));
            }
        }
        let own = catch_unwind(AssertUnwindSafe(|| job.run(0)));
        let mut state = latch.state.lock();
        while state.running > 0 {
            latch.done.wait(&mut state);
        }
        let own = own.err().map(|payload| panic_message(&*payload));
        match own.or_else(|| state.panic.take()) {
            Some(message) => Err(EngineError::WorkerPanicked { tx: None, message }),
            None => Ok(()),
        }
    }

    /// Computes `part(0)`, `part(1)` ... on the workers; results in order.
    ///
    /// # Errors
    /// See [`WorkerPool::run`].
    pub(crate) fn map<T: Send + 'static>(
        &self,
        parts: usize,
        part: impl Fn(usize) -> T + Send + Sync + 'static,
    ) -> Result<Vec<T>, EngineError> {
        if self.threads.is_empty() || parts <= 1 {
            return Ok((0..parts).map(part).collect());
        }
        let job = Arc::new(MapJob { parts, next: 0.into(), part, results: Mutex::default() });
        self.run(&job, parts.min(self.len()))?;
        let mut results = std::mem::take(&mut *job.results.lock());
        results.sort_unstable_by_key(|(idx, _)| *idx);
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        for worker in &mut self.threads {
            worker.tasks = None;
        }
        for worker in &mut self.threads {
            // A worker that panicked outside of a job has nothing left to tell.
            let _ = worker.handle.take().map(JoinHandle::join);
        }
    }
}

/// A worker thread: waits for tasks until the pool is dropped.
fn work(inbox: &Receiver<Task>) {
    while let Ok(Task { job, worker, latch }) = inbox.recv() {
        let outcome = catch_unwind(AssertUnwindSafe(|| job.run(worker)));
        // Before the latch opens: the caller may want to be the job's only owner.
        drop(job);
        latch.finish(outcome.err().map(|payload| panic_message(&*payload)));
    }
}

impl Latch {
    fn finish(&self, panic: Option<String>) {
        let mut state = self.state.lock();
        state.running -= 1;
        if let Some(message) = panic {
            state.panic.get_or_insert(message);
        }
        drop(state);
        self.done.notify_all();
    }
}

struct MapJob<T, F> {
    parts: usize,
    next: std::sync::atomic::AtomicUsize,
    part: F,
    results: Mutex<Vec<(usize, T)>>,
}

impl<T: Send + 'static, F: Fn(usize) -> T + Send + Sync + 'static> Job for MapJob<T, F> {
    fn run(&self, _worker: usize) {
        loop {
            // Relaxed: only the number matters; the lock below orders the results.
            let idx = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if idx >= self.parts {
                return;
            }
            let result = (self.part)(idx);
            self.results.lock().push((idx, result));
        }
    }
}
