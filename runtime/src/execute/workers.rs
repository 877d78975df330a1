//! The engine's own threads. They live as long as the engine, sleep between blocks, and run one job
//! at a time; the thread that asks takes part as worker 0.
//!
//! The stages of a block follow each other closely, and waking a thread takes longer than a short
//! stage: who waits looks for a few tens of microseconds before it sleeps, and a thread that has not
//! woken up when the caller is done with all there was to do is not waited for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{Pace, panic_message};
use crate::error::{EngineError, StorageError};
use crate::grain::LOOKS_FOR_JOB;
use crate::sandbox::WASM_STACK_BYTES;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use crate::sync::thread::{Builder, JoinHandle};
use crate::sync::{Condvar, Mutex, spin_loop};

/// Stack of a worker in bytes: what a guest may use and ample room for the host around it. Address
/// space; only what is touched takes memory.
const WORKER_STACK_BYTES: usize = WASM_STACK_BYTES + (4 << 20);

/// Work that several workers share: each takes of it as long as there is some.
pub(crate) trait Job: Send + Sync + 'static {
    /// The part of worker `worker`, counted from 0. When worker 0 returns, nothing is left for
    /// workers that have not begun: they never will.
    fn run(&self, worker: usize);
}

/// A fixed set of threads.
pub(crate) struct WorkerPool {
    /// Workers 1 and up; the caller is worker 0.
    threads: Vec<Worker>,
    /// How long calls have been taking on them.
    pub(super) pace: Pace,
}

struct Worker {
    /// `None` only while the pool is dropped.
    tasks: Option<Sender<Task>>,
    handle: Option<JoinHandle<()>>,
}

struct Task {
    worker: usize,
    latch: Arc<Latch>,
}

/// Lets workers begin, counts those that are running and keeps the first panic.
struct Latch {
    /// `None` when it is too late to begin. Locked before `panic`, if both are.
    job: Mutex<Option<Arc<dyn Job>>>,
    /// Whether the caller has begun its own part. Relaxed: a hint.
    called: AtomicBool,
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
        let mut pool = Self { threads: Vec::new(), pace: Pace::default() };
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
        if helpers.is_empty() {
            let own = catch_unwind(AssertUnwindSafe(|| job.run(0)));
            return own.map_err(|payload| panicked(panic_message(&*payload)));
        }
        let latch = Arc::new(Latch::new(Some(Arc::clone(job) as Arc<dyn Job>)));
        for (helper, worker) in helpers.iter().zip(1..) {
            let task = Task { worker, latch: Arc::clone(&latch) };
            if helper.tasks.as_ref().is_none_or(|tasks| tasks.send(task).is_err()) {
                latch.note("a worker thread is gone".into());
            }
        }
        latch.called.store(true, Ordering::Relaxed);
        let own = catch_unwind(AssertUnwindSafe(|| job.run(0)));
        latch.close();
        let panic = latch.wait();
        let own = own.err().map(|payload| panic_message(&*payload));
        own.or(panic).map_or(Ok(()), |message| Err(panicked(message)))
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
        self.map_by_worker(parts, self.len(), move |_, idx| part(idx))
    }

    /// [`WorkerPool::map`] on at most `workers_max` workers, with parts that are told which one
    /// computes them.
    ///
    /// # Errors
    /// See [`WorkerPool::run`].
    pub(crate) fn map_by_worker<T: Send + 'static>(
        &self,
        parts: usize,
        workers_max: usize,
        part: impl Fn(usize, usize) -> T + Send + Sync + 'static,
    ) -> Result<Vec<T>, EngineError> {
        let workers = parts.min(workers_max).min(self.len());
        if workers <= 1 {
            return Ok((0..parts).map(|idx| part(0, idx)).collect());
        }
        let job = Arc::new(MapJob { parts, next: 0.into(), part, results: Mutex::default() });
        self.run(&job, workers)?;
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
    while let Some(Task { worker, latch }) = next_task(inbox, looks) {
        let Some(job) = latch.begin() else {
            looks = LOOKS_FOR_JOB;
            continue;
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| job.run(worker)));
        // Before the latch opens: the caller may want to be the job's only owner.
        drop(job);
        latch.finish(outcome.err().map(|payload| panic_message(&*payload)));
        looks = latch.looks_after();
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

fn panicked(message: String) -> EngineError {
    EngineError::WorkerPanicked { tx: None, message }
}

impl Latch {
    fn new(job: Option<Arc<dyn Job>>) -> Self {
        Self {
            job: Mutex::new(job),
            called: AtomicBool::new(false),
            running: AtomicUsize::new(0),
            panic: Mutex::new(None),
            done: Condvar::new(),
        }
    }

    /// The job, if there is still something to do. Whoever gets it has to [`Latch::finish`].
    fn begin(&self) -> Option<Arc<dyn Job>> {
        let job = self.job.lock();
        if job.is_some() {
            // Under the lock: who closes sees everybody who has begun.
            self.running.fetch_add(1, Ordering::Relaxed);
        }
        job.as_ref().map(Arc::clone)
    }

    /// How often a worker that has finished looks for its next job.
    fn looks_after(&self) -> usize {
        // A caller that has not begun yet may be waiting for this very core, which it had when it
        // called: where another process takes up a core, two of ours share the other.
        if self.called.load(Ordering::Relaxed) { LOOKS_FOR_JOB } else { 0 }
    }

    /// Nobody begins any more.
    fn close(&self) {
        let job = self.job.lock().take();
        drop(job);
    }

    /// Keeps a message if it is the first.
    fn note(&self, message: String) {
        self.panic.lock().get_or_insert(message);
    }

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

impl<T: Send + 'static, F: Fn(usize, usize) -> T + Send + Sync + 'static> Job for MapJob<T, F> {
    fn run(&self, worker: usize) {
        loop {
            // Relaxed: only the number matters; the lock below orders the results.
            let idx = self.next.fetch_add(1, Ordering::Relaxed);
            if idx >= self.parts {
                return;
            }
            let result = (self.part)(worker, idx);
            self.results.lock().push((idx, result));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    /// Keeps one worker, and the caller with it, until it is told to go on.
    struct Busy {
        begun: Barrier,
        over: Mutex<mpsc::Receiver<()>>,
        told: Mutex<Option<bool>>,
    }

    impl Job for Busy {
        fn run(&self, worker: usize) {
            self.begun.wait();
            if worker == 1 {
                // Long enough to say that nobody tells it, short enough to end.
                let told = self.over.lock().recv_timeout(Duration::from_secs(60)).is_ok();
                *self.told.lock() = Some(told);
            }
        }
    }

    #[test]
    fn a_worker_that_has_not_begun_is_not_waited_for() {
        // A caller who had done everything itself waited for the other worker to wake up and find
        // nothing to do: a block of 64 transfers took four times as long as on one thread.
        let pool = WorkerPool::new(2).unwrap();
        let (over, told) = mpsc::channel();
        let begun = Barrier::new(3);
        let busy = Arc::new(Busy { begun, over: Mutex::new(told), told: Mutex::default() });
        std::thread::scope(|scope| {
            scope.spawn(|| pool.run(&busy, 2).unwrap());
            busy.begun.wait();
            // The only other worker is taken, and so it stays until this is done.
            assert_eq!(pool.map(5, |part| part * 2).unwrap(), [0, 2, 4, 6, 8]);
            over.send(()).unwrap();
        });
        assert_eq!(*busy.told.lock(), Some(true));
    }

    #[test]
    fn a_worker_that_did_it_all_lets_the_caller_have_the_core() {
        // Beside a busy process a worker ran on its caller's core, did the whole block, and looked
        // for the next one while the caller waited for that core.
        let latch = Latch::new(None);
        assert_eq!(latch.looks_after(), 0);
        latch.called.store(true, Ordering::Relaxed);
        assert_eq!(latch.looks_after(), LOOKS_FOR_JOB);
    }

    #[test]
    fn nobody_holds_a_job_that_is_done() {
        let pool = WorkerPool::new(3).unwrap();
        for parts in 1..200 {
            let data = Arc::new(());
            let held = Arc::clone(&data);
            let done = pool.map(parts % 7, move |part| {
                let _held = &held;
                part
            });
            assert_eq!(done.unwrap().len(), parts % 7);
            assert!(Arc::into_inner(data).is_some(), "somebody holds a job of {parts} parts");
        }
    }
}
