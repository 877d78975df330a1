//! What transactions and stages take on this machine, measured, and kept in a file so that a
//! prediction can be repeated.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use tos_benches::chain;
use tos_runtime::explain::{Recording, RecordingDetail, Span};
use tos_runtime::{Block, ContractEngine};

use super::shapes::Shape;
use crate::seeded;

/// Version of the file.
const VERSION: u32 = 1;
/// Executions of each kind. What slows one down is mostly somebody else on the machine, and nothing
/// makes one faster: of whole stages the least is taken, of single transactions the lower quartile.
const RUNS: usize = 15;
/// Threads that predictions are checked with.
const THREADS: [usize; 2] = [1, 2];
/// The longest time a file may state, so that no sum of them overflows: a quarter of an hour.
const TIME_MAX_NS: u64 = 1_000_000_000_000;

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Costs {
    version: u32,
    seed: u64,
    txs: u32,
    contracts: u32,
    conflicts: u32,
    accounts: u32,
    /// From the first worker's beginning to the second one's, in nanoseconds.
    pub wake_ns: u64,
    /// By shape, in the order of [`Shape::ALL`].
    pub shapes: Vec<ShapeCosts>,
}

/// What one block takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShapeCosts {
    /// The shape's name, for readers of the file.
    name: String,
    /// By transaction: time on one thread, in nanoseconds.
    pub costs_ns: Vec<u64>,
    /// Whole blocks, by threads.
    pub measured: Vec<Measured>,
}

/// A block on so many threads, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Measured {
    /// Threads.
    pub threads: usize,
    /// The stage that executes transactions.
    pub execute_ns: u64,
    /// The same with a recording.
    pub recorded_ns: u64,
    /// The part of it before the first transaction and after the last.
    pub around_ns: u64,
    /// All other stages.
    pub rest_ns: u64,
}

impl Costs {
    /// Measures.
    pub(crate) fn measure(options: &seeded::Options) -> Result<Self> {
        let mut world = options.world();
        // Equal chains, so that one block fits on both.
        let engines =
            [seeded::engine(&mut world, THREADS[0])?, seeded::engine(&mut world, THREADS[1])?];
        let (mut wakes, mut shapes) = (Vec::new(), Vec::new());
        for shape in Shape::ALL {
            // Nothing is committed, so every block is the next one of the same world.
            let mut world = world.clone();
            let transactions = shape.block(options, &mut world);
            let block = chain::next_block(&engines[0], &world, transactions)?;
            // The first round compiles modules and fills caches.
            Runs::default().round(&engines, &block, true)?;
            let mut runs = Runs::default();
            for run in 0..RUNS {
                runs.round(&engines, &block, run % 2 == 0)?;
            }
            wakes.append(&mut runs.wakes);
            shapes.push(runs.costs(shape));
        }
        let &seeded::Options { seed, txs, contracts, conflicts, accounts } = options;
        let wake_ns = quartile(&mut wakes);
        Ok(Self { version: VERSION, seed, txs, contracts, conflicts, accounts, wake_ns, shapes })
    }

    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
        let costs: Self = serde_json::from_str(&text)
            .with_context(|| format!("{shown} is no file of measured costs"))?;
        costs.check().with_context(|| format!("{shown} is no file of measured costs"))?;
        Ok(costs)
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string(self)?;
        std::fs::write(path, text + "\n")
            .with_context(|| format!("cannot write {}", path.display()))
    }

    fn check(&self) -> Result<()> {
        ensure!(self.version == VERSION, "version {}, expected {VERSION}", self.version);
        ensure!(
            (1..=200_000).contains(&self.txs)
                && (2..=2_000_000).contains(&self.accounts)
                && self.contracts <= 100
                && self.conflicts <= 100,
            "its blocks are not within the limits of the options"
        );
        let names: Vec<_> = self.shapes.iter().map(|shape| shape.name.as_str()).collect();
        let expected = Shape::ALL.map(Shape::name);
        ensure!(names == expected, "shapes {names:?}, expected {expected:?}");
        for shape in &self.shapes {
            let (name, found) = (&shape.name, shape.costs_ns.len());
            ensure!(found == self.txs as usize, "{name} has {found} costs, expected {}", self.txs);
            let threads: Vec<_> = shape.measured.iter().map(|measured| measured.threads).collect();
            ensure!(threads == THREADS, "{name} was measured on {threads:?} threads");
            let whole =
                |measured: &Measured| [measured.execute_ns, measured.around_ns, measured.rest_ns];
            let mut times =
                shape.costs_ns.iter().copied().chain(shape.measured.iter().flat_map(whole));
            ensure!(
                times.all(|time| time <= TIME_MAX_NS) && self.wake_ns <= TIME_MAX_NS,
                "{name} has a time above {TIME_MAX_NS} ns"
            );
        }
        Ok(())
    }

    /// The blocks that were measured.
    pub(crate) fn options(&self) -> seeded::Options {
        let &Self { seed, txs, contracts, conflicts, accounts, .. } = self;
        seeded::Options { seed, txs, contracts, conflicts, accounts }
    }
}

/// Executions of one block.
#[derive(Default)]
struct Runs {
    /// By run: what each transaction took.
    costs: Vec<Vec<u64>>,
    /// The same, but cheap transactions measured several at a time.
    slices: Vec<Recording>,
    /// By number of threads, then by run.
    measured: [Vec<Measured>; THREADS.len()],
    wakes: Vec<u64>,
}

impl Runs {
    /// One execution of each kind; interleaved, so that a change of the machine's mood meets all.
    /// With and without a recording take turns in going first.
    fn round(
        &mut self,
        engines: &[ContractEngine; THREADS.len()],
        block: &Block,
        plain_first: bool,
    ) -> Result<()> {
        let each = RecordingDetail::Transactions;
        let alone = engines[0].execute_block_recorded(block, 1, each)?;
        self.costs.push(alone.recording().context("not recorded")?.costs_ns());
        for ((threads, engine), measured) in
            THREADS.into_iter().zip(engines).zip(&mut self.measured)
        {
            let plain = || engine.execute_block(block);
            let slices = RecordingDetail::Slices;
            let recorded = || engine.execute_block_recorded(block, threads, slices);
            let (plain, recorded) = if plain_first {
                let plain = plain()?;
                (plain, recorded()?)
            } else {
                let recorded = recorded()?;
                (plain()?, recorded)
            };
            let recording = recorded.recording().context("not recorded")?;
            if threads == 1 {
                self.slices.push(recording.clone());
            }
            let (first, last, wake) = ends(recording);
            let stages = &plain.metrics().stages;
            let recorded_ns = nanos(recorded.metrics().stages.execute);
            measured.push(Measured {
                threads,
                execute_ns: nanos(stages.execute),
                recorded_ns,
                around_ns: recorded_ns.saturating_sub(last - first),
                rest_ns: nanos(stages.total()).saturating_sub(nanos(stages.execute)),
            });
            self.wakes.extend(wake);
        }
        Ok(())
    }

    fn costs(mut self, shape: Shape) -> ShapeCosts {
        let weights = quartiles(&self.costs);
        // Reading the clock takes as long as a transfer, so how long a transaction takes beside its
        // neighbours comes from single measurements, and how long they take together does not.
        let spans = self.slices.iter().map(|recording| recording.spans(&weights));
        let costs: Vec<Vec<u64>> =
            spans.map(|spans| spans.iter().map(Span::duration_ns).collect()).collect();
        let measured = self.measured.iter_mut().map(|runs| least(runs)).collect();
        ShapeCosts { name: shape.name().to_owned(), costs_ns: quartiles(&costs), measured }
    }
}

/// By transaction: the lower quartile over runs.
pub(crate) fn quartiles(runs: &[Vec<u64>]) -> Vec<u64> {
    let txs = runs.first().map_or(0, Vec::len);
    let of = |tx: usize| quartile(&mut runs.iter().map(|run| run[tx]).collect::<Vec<_>>());
    (0..txs).map(of).collect()
}

/// When the first transaction began, when the last had ended, and how much later than the first the
/// second worker began, if there was one.
fn ends(recording: &Recording) -> (u64, u64, Option<u64>) {
    let slices = || (0..recording.workers()).flat_map(|worker| recording.slices(worker));
    let first = slices().map(|slice| nanos(slice.started)).min().unwrap_or(0);
    let last = slices().map(|slice| nanos(slice.finished)).max().unwrap_or(0);
    let begins = |worker| recording.slices(worker).next().map(|slice| nanos(slice.started));
    let second = if recording.workers() > 1 { begins(1) } else { None };
    let wake = second.zip(begins(0)).map(|(second, own)| second.saturating_sub(own));
    (first, last, wake)
}

fn least(runs: &[Measured]) -> Measured {
    let of = |figure: fn(&Measured) -> u64| runs.iter().map(figure).min().unwrap_or(0);
    Measured {
        threads: runs.first().map_or(0, |run| run.threads),
        execute_ns: of(|run| run.execute_ns),
        recorded_ns: of(|run| run.recorded_ns),
        around_ns: of(|run| run.around_ns),
        rest_ns: of(|run| run.rest_ns),
    }
}

/// The value that a quarter of all do not reach.
fn quartile(values: &mut [u64]) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 4).copied().unwrap_or(0)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
impl Costs {
    /// Costs of tiny blocks, made up.
    pub(super) fn made_up(options: &seeded::Options) -> Self {
        let txs = u64::from(options.txs);
        let shapes = Shape::ALL.map(|shape| ShapeCosts {
            name: shape.name().to_owned(),
            costs_ns: (0..txs).map(|tx| 200 + 37 * (tx % 11)).collect(),
            measured: THREADS
                .map(|threads| Measured {
                    threads,
                    execute_ns: 400 * txs / threads as u64,
                    recorded_ns: 404 * txs / threads as u64,
                    around_ns: 1_000,
                    rest_ns: 50_000,
                })
                .into(),
        });
        let &seeded::Options { seed, txs, contracts, conflicts, accounts } = options;
        let (version, wake_ns, shapes) = (VERSION, 5_000, shapes.into());
        Self { version, seed, txs, contracts, conflicts, accounts, wake_ns, shapes }
    }
}
