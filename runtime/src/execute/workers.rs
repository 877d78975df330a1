//! The engine's own threads. They live as long as the engine, sleep between blocks, and run one job
//! at a time; the thread that asks takes part as worker 0.
//!
//! The stages of a block follow each other closely, and waking a thread takes longer than a short
//! stage: who waits looks for a few tens of microseconds before it sleeps.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::panic_message;
use crate::error::{EngineError, StorageError};
use crate::grain::LOOKS_FOR_JOB;
use crate::sandbox::WASM_STACK_BYTES;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use crate::sync::thread::{Builder, JoinHandle};
use crate::sync::{Condvar, Mutex, spin_loop};

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
    /// Changed under the lock; read without it by who only looks.
    running: AtomicUsize,
    panic: Mutex<Option<String>>,
    done: Condvar,
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
            let handle = Builder::new()
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
            running: AtomicUsize::new(helpers.len()),
            panic: Mutex::new(None),
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
        let panic = latch.wait();
        let own = own.err().map(|payload| panic_message(&*payload));
        match own.or(panic) {
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
    let mut looks = 0;
    while let Some(Task { job, worker, latch }) = next_task(inbox, looks) {
        looks = LOOKS_FOR_JOB;
        let outcome = catch_unwind(AssertUnwindSafe(|| job.run(worker)));
        // Before the latch opens: the caller may want to be the job's only owner.
        drop(job);
        latch.finish(outcome.err().map(|payload| panic_message(&*payload)));
    }
}

/// The next task; `None` when the pool is dropped. Looks so often before it sleeps.
fn next_task(inbox: &Receiver<Task>, looks: usize) -> Option<Task> {
    for _ in 0..looks {
        match inbox.try_recv() {
            Ok(task) => return Some(task),
            Err(TryRecvError::Empty) => spin_loop(),
            Err(TryRecvError::Disconnected) => return None,
        }
    }
    inbox.recv().ok()
}

impl Latch {
    fn finish(&self, message: Option<String>) {
        let mut panic = self.panic.lock();
        if let Some(message) = message {
            panic.get_or_insert(message);
        }
        // Release: whoever sees zero sees what all workers did.
        self.running.fetch_sub(1, Ordering::AcqRel);
        drop(panic);
        self.done.notify_all();
    }

    /// Waits until nobody is running; returns the first panic.
    fn wait(&self) -> Option<String> {
        let is_running = || self.running.load(Ordering::Acquire) > 0;
        for _ in 0..LOOKS_FOR_JOB {
            if !is_running() {
                break;
            }
            spin_loop();
        }
        let mut panic = self.panic.lock();
        while is_running() {
            self.done.wait(&mut panic);
        }
        panic.take()
    }
}

struct MapJob<T, F> {
    parts: usize,
    next: AtomicUsize,
    part: F,
    results: Mutex<Vec<(usize, T)>>,
}

impl<T: Send + 'static, F: Fn(usize) -> T + Send + Sync + 'static> Job for MapJob<T, F> {
    fn run(&self, _worker: usize) {
        loop {
            // Relaxed: only the number matters; the lock below orders the results.
            let idx = self.next.fetch_add(1, Ordering::Relaxed);
            if idx >= self.parts {
                return;
            }
            let result = (self.part)(idx);
            self.results.lock().push((idx, result));
        }
    }
}
