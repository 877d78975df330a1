//! Computes how long blocks take on more and more workers. A function of costs: no clock, no engine.

use tos_runtime::explain::{Overheads, heaviest_chain, makespan, workers_for};
use tos_runtime::{AccessSet, Schedule};

use super::costs::{Costs, Measured, ShapeCosts};
use super::shapes::Shape;

/// Numbers of workers.
pub(crate) const WORKERS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// What taking work from the common queue costs: a lock and a few cache lines of another core.
const TAKE_NS: u64 = 150;

/// A block on all numbers of workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prediction {
    /// The block.
    pub shape: Shape,
    /// All transactions one after the other, in nanoseconds.
    pub total_ns: u64,
    /// Transactions of the longest chain.
    pub chain: usize,
    /// Time along it, in nanoseconds.
    pub chain_ns: u64,
    /// By number of workers.
    pub rows: Vec<Row>,
    /// Measured and predicted.
    pub checks: Vec<Check>,
}

/// A block on one number of workers; times in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// Threads of the engine.
    pub workers: usize,
    /// Workers the engine uses for this block.
    pub used: usize,
    /// The stage that executes transactions.
    pub execute_ns: u64,
    /// No schedule is faster: the longest chain, or the total shared out evenly.
    pub bound_ns: u64,
    /// All stages; the others as measured, on two threads where there are more.
    pub pipeline_ns: u64,
}

/// A prediction beside what was measured; times of the executing stage in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Check {
    /// Threads.
    pub threads: usize,
    /// Computed.
    pub predicted_ns: u64,
    /// Measured.
    pub measured_ns: u64,
    /// Measured with a recording.
    pub recorded_ns: u64,
}

impl Check {
    /// How far off the prediction is, in percent of what was measured.
    pub(crate) fn error_percent(&self) -> f64 {
        let measured = self.measured_ns.max(1) as f64;
        100.0 * (self.predicted_ns as f64 - measured) / measured
    }

    /// What a recording costs, in percent.
    pub(crate) fn recording_percent(&self) -> f64 {
        let measured = self.measured_ns.max(1) as f64;
        100.0 * (self.recorded_ns as f64 - measured) / measured
    }
}

impl Prediction {
    /// How much faster a row is than the first one.
    pub(crate) fn speed_up(&self, row: &Row, figure: fn(&Row) -> u64) -> f64 {
        let one = self.rows.first().map_or(0, figure);
        one as f64 / figure(row).max(1) as f64
    }
}

/// Predicts for all blocks.
pub(crate) fn all(costs: &Costs) -> Vec<Prediction> {
    let options = costs.options();
    let world = options.world();
    let overheads = Overheads { wake: costs.wake_ns, take: TAKE_NS };
    let predict = |(shape, measured): (Shape, &ShapeCosts)| {
        // What a block touches does not depend on the nonces of its transactions.
        let transactions = shape.block(&options, &mut world.clone());
        let sets: Vec<_> =
            transactions.iter().map(|tx| (AccessSet::of(tx), tx.gas_limit)).collect();
        let calls: Vec<_> = transactions.iter().map(|tx| tx.data.is_call()).collect();
        of_block(shape, &Schedule::new(&sets), &calls, measured, overheads)
    };
    Shape::ALL.into_iter().zip(&costs.shapes).map(predict).collect()
}

fn of_block(
    shape: Shape,
    schedule: &Schedule,
    calls: &[bool],
    costs: &ShapeCosts,
    overheads: Overheads,
) -> Prediction {
    let costs_ns = &costs.costs_ns;
    let total_ns: u64 = costs_ns.iter().sum();
    let chain = heaviest_chain(schedule, costs_ns);
    let row = |workers: usize| {
        let used = workers_for(schedule, calls, workers);
        // One worker is the caller's thread, which runs the block in order and takes nothing.
        let overheads = if used == 1 { Overheads::default() } else { overheads };
        let measured = nearest(&costs.measured, used);
        let execute_ns =
            makespan(schedule, costs_ns, calls, used, overheads).finish + measured.around_ns;
        Row {
            workers,
            used,
            execute_ns,
            bound_ns: chain.cost.max(total_ns.div_ceil(workers as u64)),
            pipeline_ns: execute_ns + nearest(&costs.measured, workers).rest_ns,
        }
    };
    let checks = costs.measured.iter().map(|measured| Check {
        threads: measured.threads,
        predicted_ns: row(measured.threads).execute_ns,
        measured_ns: measured.execute_ns,
        recorded_ns: measured.recorded_ns,
    });
    Prediction {
        shape,
        total_ns,
        chain: chain.transactions.len(),
        chain_ns: chain.cost,
        rows: WORKERS.into_iter().map(row).collect(),
        checks: checks.collect(),
    }
}

/// The measurement with the most threads that are not too many.
fn nearest(measured: &[Measured], threads: usize) -> Measured {
    let fitting = measured.iter().rev().find(|measured| measured.threads <= threads);
    let none = Measured { threads, execute_ns: 0, recorded_ns: 0, around_ns: 0, rest_ns: 0 };
    fitting.copied().unwrap_or(none)
}
