//! Rounds: prepared outside of the time, executed within, checked afterwards.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::work::{Balances, transfers};
use crate::{Description, Request, Threads, Transfer, Work};

/// Plenty for the engines that compile, or run guests on the caller's stack.
const STACK_BYTES: usize = 64 << 20;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Case {
    /// What is transferred.
    pub work: Work,
    /// By how many threads.
    pub threads: usize,
}

/// An engine, as what it can open.
pub trait Engine: 'static {
    /// A state with what executes on it.
    type Ledger: Ledger;
    /// What it can do.
    const WORKS: &[Work];

    /// Who it is and what its figures stand for.
    fn description() -> Description;

    /// A state in which every holder has [`crate::FUNDS`]. `threads` is one, unless the engine is
    /// parallel by itself.
    ///
    /// # Errors
    /// Whatever keeps the engine from being ready.
    fn open(work: Work, holders: usize, threads: usize) -> anyhow::Result<Self::Ledger>;
}

/// A state with what executes on it. Stays on the thread that opened it.
pub trait Ledger {
    /// Makes transactions of transfers: addresses, encoding, signatures. Not timed.
    ///
    /// # Errors
    /// Those of the engine.
    fn queue(&mut self, transfers: &[Transfer]) -> anyhow::Result<()>;

    /// Executes what is queued, so that a later transaction would see the effects. Timed.
    ///
    /// # Errors
    /// Those of the engine, and transactions that fail.
    fn execute(&mut self) -> anyhow::Result<()>;

    /// What a holder has, fees not counted. Not timed.
    ///
    /// # Errors
    /// Those of the engine.
    fn balance(&mut self, holder: usize) -> anyhow::Result<u64>;
}

/// The open ledgers of one engine; cases open theirs with their first round.
pub struct Measurement<E: Engine> {
    cases: HashMap<(Case, usize), Vec<Part>>,
    engine: std::marker::PhantomData<E>,
}

impl<E: Engine> Default for Measurement<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Engine> Measurement<E> {
    /// Nothing is open yet.
    #[must_use]
    pub fn new() -> Self {
        Self { cases: HashMap::new(), engine: std::marker::PhantomData }
    }

    /// One round: how many microseconds it took from the first start to the last end. Rounds of a
    /// case go on where the one before ended.
    ///
    /// # Errors
    /// Those of the engine, and the first balance that is not what it should be.
    pub fn round(&mut self, request: &Request) -> anyhow::Result<f64> {
        let Request { case, txs, round } = *request;
        anyhow::ensure!(E::WORKS.contains(&case.work), "the engine does not do this");
        let parts = self.cases.entry((case, txs)).or_insert_with(|| open::<E>(case, txs));
        for part in parts.iter() {
            part.ask(Job::Queue(round));
        }
        for part in parts.iter() {
            part.hear()?;
        }
        let start = Arc::new(Barrier::new(parts.len()));
        for part in parts.iter() {
            part.ask(Job::Execute(start.clone()));
        }
        let times = parts.iter().map(Part::hear).collect::<anyhow::Result<Vec<_>>>()?;
        let started = times.iter().map(|time| time.started).min();
        let ended = times.iter().map(|time| time.ended).max();
        let took = started.zip(ended).map_or(Duration::ZERO, |(from, to)| to - from);
        for part in parts.iter() {
            part.ask(Job::Check);
        }
        for part in parts.iter() {
            part.hear()?;
        }
        Ok(took.as_secs_f64() * 1e6)
    }
}

fn open<E: Engine>(case: Case, txs: usize) -> Vec<Part> {
    match E::description().threads {
        Threads::Native => vec![Part::new::<E>(case.work, txs, case.threads)],
        Threads::Halves => {
            let share = |idx| (txs + idx) / case.threads;
            (0..case.threads).map(|idx| Part::new::<E>(case.work, share(idx), 1)).collect()
        }
    }
}

/// When a job began and ended.
struct Time {
    started: Instant,
    ended: Instant,
}

/// What a part is asked to do.
enum Job {
    /// Prepares a round.
    Queue(u64),
    /// Executes it, beginning together with all parts.
    Execute(Arc<Barrier>),
    /// Compares the balances.
    Check,
}

/// A ledger on a thread of its own.
struct Part {
    jobs: Sender<Job>,
    results: Receiver<anyhow::Result<Time>>,
}

impl Part {
    fn new<E: Engine>(work: Work, txs: usize, threads: usize) -> Self {
        let (jobs, todo) = channel();
        let (done, results) = channel();
        std::thread::Builder::new()
            .name("part".into())
            .stack_size(STACK_BYTES)
            .spawn(move || live::<E>(work, txs, threads, &todo, &done))
            .expect("the machine has a thread for us");
        Self { jobs, results }
    }

    fn ask(&self, job: Job) {
        // If the part is gone, whoever waits for its result learns it.
        let _ = self.jobs.send(job);
    }

    fn hear(&self) -> anyhow::Result<Time> {
        self.results.recv().context("the engine panicked")?
    }
}

/// The life of a part.
fn live<E: Engine>(
    work: Work,
    txs: usize,
    threads: usize,
    jobs: &Receiver<Job>,
    done: &Sender<anyhow::Result<Time>>,
) {
    let mut ledger = E::open(work, 2 * txs, threads);
    let mut balances = Balances::new(2 * txs);
    for job in jobs {
        let mut started = Instant::now();
        let result = match (&mut ledger, job) {
            (Err(error), _) => Err(anyhow::anyhow!("not ready: {error:#}")),
            (Ok(ledger), Job::Queue(round)) => {
                let transfers = transfers(txs, round);
                balances.apply(&transfers);
                ledger.queue(&transfers)
            }
            (Ok(ledger), Job::Execute(start)) => {
                start.wait();
                started = Instant::now();
                ledger.execute()
            }
            (Ok(ledger), Job::Check) => balances.check(|holder| ledger.balance(holder)),
        };
        let ended = Instant::now();
        if done.send(result.map(|()| Time { started, ended })).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moves what it is told, but forgets the last transfer of the second round.
    struct Forgetful {
        balances: Vec<u64>,
        queued: Vec<Transfer>,
        rounds: u32,
    }

    impl Engine for Forgetful {
        type Ledger = Self;
        const WORKS: &[Work] = &[Work::Plain];

        fn description() -> Description {
            Description {
                name: "forgetful".into(),
                version: "1".into(),
                works: Self::WORKS.into(),
                token: "none".into(),
                threads: Threads::Halves,
                includes: Vec::new(),
                excludes: Vec::new(),
            }
        }

        fn open(_: Work, holders: usize, _: usize) -> anyhow::Result<Self> {
            Ok(Self { balances: vec![crate::FUNDS; holders], queued: Vec::new(), rounds: 0 })
        }
    }

    impl Ledger for Forgetful {
        fn queue(&mut self, transfers: &[Transfer]) -> anyhow::Result<()> {
            self.queued = transfers.to_vec();
            Ok(())
        }

        fn execute(&mut self) -> anyhow::Result<()> {
            self.rounds += 1;
            if self.rounds == 2 {
                self.queued.pop();
            }
            for transfer in self.queued.drain(..) {
                self.balances[transfer.from] -= transfer.amount;
                self.balances[transfer.to] += transfer.amount;
            }
            Ok(())
        }

        fn balance(&mut self, holder: usize) -> anyhow::Result<u64> {
            Ok(self.balances[holder])
        }
    }

    #[test]
    fn a_forgotten_transfer_is_no_measurement() {
        for threads in [1, 2] {
            let mut measurement = Measurement::<Forgetful>::new();
            let case = Case { work: Work::Plain, threads };
            let mut round = |round| measurement.round(&Request { case, txs: 11, round });
            assert!(round(0).is_ok());
            let error = round(1).expect_err("a transfer is missing").to_string();
            assert!(error.contains("instead of"), "{error}");
        }
    }

    #[test]
    fn a_work_that_the_engine_does_not_have_is_refused() {
        let case = Case { work: Work::Token, threads: 1 };
        let request = Request { case, txs: 11, round: 0 };
        assert!(Measurement::<Forgetful>::new().round(&request).is_err());
    }
}
