//! What two engines that never wait for each other gain, each on a thread of its own: at the same
//! time and one after the other. What they still share is the machine (memory, the last cache, and
//! who else uses it) and the process: the kernel hands out and takes back its memory, for both.
//! Two processes share less, see `benches/apart`.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tos_runtime::{Block, BlockOutcome, ContractEngine};

use super::Figures;
use super::stage::{Sample, warm};
use crate::stats::{median, median_us, us};

/// An engine with the block that it executes.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) engine: ContractEngine,
    pub(super) block: Block,
}

/// When a job was done.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: Instant,
    end: Instant,
}

/// A job for this thread and one for a second thread, which lives as long as this: a fresh thread
/// would have to ask the system for all of its memory.
pub(super) struct Apart {
    own: Job,
    other: Job,
    neighbour: Neighbour,
}

/// Both jobs one after the other, and at the same time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    own: Duration,
    other: Duration,
    together: Duration,
}

impl Apart {
    /// Both engines have one thread, and are not the same.
    pub(super) fn new(own: Job, other: Job) -> Result<Self> {
        warm(&[&own.engine], &own.block)?;
        warm(&[&other.engine], &other.block)?;
        Ok(Self { own, other, neighbour: Neighbour::new()? })
    }

    /// One job after the other, each on its thread, then both at once.
    pub(super) fn round(&self) -> Result<Round> {
        let own = length(&[self.own.run(&Barrier::new(1))?]);
        self.start_other(&Arc::new(Barrier::new(1)))?;
        let other = length(&[self.neighbour.answer()?]);
        let both = Arc::new(Barrier::new(2));
        self.start_other(&both)?;
        let here = self.own.run(&both)?;
        let together = length(&[here, self.neighbour.answer()?]);
        Ok(Round { own, other, together })
    }

    /// Executes this thread's job while the other one is executed over and over again.
    pub(super) fn beside(&self) -> Result<Sample> {
        let over = Arc::new(AtomicBool::new(false));
        let begun = Arc::new(Barrier::new(2));
        let (job, until, ready) = (self.other.clone(), Arc::clone(&over), Arc::clone(&begun));
        self.neighbour.start(move || {
            ready.wait();
            let start = Instant::now();
            while !until.load(Ordering::Relaxed) {
                drop(job.execute()?);
            }
            Ok(Span { start, end: Instant::now() })
        })?;
        begun.wait();
        let sample = Sample::of(&self.own.engine, &self.own.block);
        over.store(true, Ordering::Relaxed);
        self.neighbour.answer()?;
        sample
    }

    fn start_other(&self, barrier: &Arc<Barrier>) -> Result<()> {
        let (job, barrier) = (self.other.clone(), Arc::clone(barrier));
        self.neighbour.start(move || job.run(&barrier))
    }
}

/// How often the time of both at once goes into their times one after the other: 2 where they share
/// nothing.
pub(super) fn gain(rounds: &[Round]) -> f64 {
    let gain = |round: &Round| (us(round.own) + us(round.other)) / us(round.together);
    median(rounds.iter().map(gain).collect())
}

/// Adds the times that [`gain`] is made of.
pub(super) fn add_times(what: &str, rounds: &[Round], figures: &mut Figures) {
    let mut add = |which, of: fn(&Round) -> Duration| {
        let times: Vec<_> = rounds.iter().map(of).collect();
        figures.add_time(format!("{what}_{which}"), median_us(&times));
    };
    add("half_alone", |round| round.own);
    add("other_half_alone", |round| round.other);
    add("halves_at_once", |round| round.together);
}

impl Job {
    /// Some of a block's transactions, copied: not even these are shared.
    pub(super) fn part(engine: &ContractEngine, block: &Block, txs: Range<usize>) -> Self {
        let part = Block::new(block.context().clone(), block.transactions()[txs].to_vec());
        Self { engine: engine.clone(), block: part }
    }

    fn execute(&self) -> Result<BlockOutcome> {
        Ok(self.engine.execute_block(&self.block)?)
    }

    /// Begins with all others, and frees what came out when all have ended.
    fn run(&self, barrier: &Barrier) -> Result<Span> {
        barrier.wait();
        let start = Instant::now();
        let outcome = self.execute();
        let end = Instant::now();
        barrier.wait();
        drop(outcome?);
        Ok(Span { start, end })
    }
}

/// From the first beginning to the last end.
fn length(spans: &[Span]) -> Duration {
    let start = spans.iter().map(|span| span.start).min();
    let end = spans.iter().map(|span| span.end).max();
    start.zip(end).map_or(Duration::ZERO, |(start, end)| end - start)
}

type Task = Box<dyn FnOnce() -> Result<Span> + Send>;

/// A second thread.
struct Neighbour {
    /// `None` only while it is dropped.
    tasks: Option<Sender<Task>>,
    answers: Receiver<Result<Span>>,
    thread: Option<JoinHandle<()>>,
}

impl Neighbour {
    fn new() -> Result<Self> {
        let (tasks, inbox) = channel::<Task>();
        let (outbox, answers) = channel();
        let work = move || {
            for task in inbox {
                if outbox.send(task()).is_err() {
                    return;
                }
            }
        };
        let thread = Builder::new().name("neighbour".into()).spawn(work)?;
        Ok(Self { tasks: Some(tasks), answers, thread: Some(thread) })
    }

    fn start(&self, task: impl FnOnce() -> Result<Span> + Send + 'static) -> Result<()> {
        let tasks = self.tasks.as_ref().context("the neighbour is being dropped")?;
        tasks.send(Box::new(task)).ok().context("the neighbour is gone")
    }

    fn answer(&self) -> Result<Span> {
        self.answers.recv().context("the neighbour is gone")?
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.tasks = None;
        // If it panicked, whoever waited for its answer has been told.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Scene;
    use crate::shapes;

    #[test]
    fn two_jobs_are_timed_one_by_one_together_and_beside_each_other() {
        let mut scene = Scene::new(16, 8, 1).unwrap();
        let block = scene.block(|world| shapes::token_transfers(world, 4)).unwrap();
        let job = |txs| Job::part(&scene.engine(1).unwrap(), &block, txs);
        let apart = Apart::new(job(0..2), job(2..4)).unwrap();
        let round = apart.round().unwrap();
        assert!([round.own, round.other, round.together].iter().all(|time| !time.is_zero()));
        let sample = apart.beside().unwrap();
        assert!(!sample.execute.is_zero() && sample.execute <= sample.wall);
    }

    #[test]
    fn the_gain_is_what_both_take_alone_by_what_they_take_together() {
        let us = Duration::from_micros;
        let round = |together| Round { own: us(1), other: us(3), together: us(together) };
        assert_eq!(gain(&[1, 2, 3].map(round)), 2.0);
    }

    #[test]
    fn spans_are_measured_from_the_first_beginning_to_the_last_end() {
        let zero = Instant::now();
        let at = |us| zero + Duration::from_micros(us);
        let spans = [(3, 5), (1, 4)].map(|(start, end)| Span { start: at(start), end: at(end) });
        assert_eq!(length(&spans), Duration::from_micros(4));
        assert_eq!(length(&[]), Duration::ZERO);
    }
}
