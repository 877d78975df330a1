//! The tour: every promise about speed, measured in about a minute beside the yardstick. What the
//! figures look like to a reader is the caller's business.
//!
//! Everything that is compared is interleaved: each round runs every contestant once, and what is
//! reported is the median over the rounds. An engine's round executes the same block on the same
//! tip again, which leaves no trace. `benches/README.md` tells what each figure includes.
#![allow(clippy::float_arithmetic, reason = "figures for readers, no part of a result")]

mod apart;
mod calls;
mod durable;
mod durable_floor;
mod figure;
mod floor;
mod memory;
mod signatures;
mod stage;
mod start;
mod transfers;
mod worst;

use anyhow::Result;

pub use self::figure::{Figure, Figures, Target};
use self::stage::Stage;
use crate::machine::{Machine, cores};

/// What to measure, and how carefully.
#[derive(Debug, Clone)]
pub struct Options {
    /// Rounds of each interleaved measurement.
    pub rounds: usize,
    /// What accounts and blocks are drawn from.
    pub seed: u64,
    /// Tiny sizes, to see that everything runs. The figures mean nothing.
    pub quick: bool,
}

/// How large everything is.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    accounts: usize,
    /// Transfers of a block of transfers.
    transfers: usize,
    /// Calls of a block of token calls.
    calls: usize,
    /// Calls of the block half of which is one chain.
    pool_calls: usize,
    /// Transfers of a block that is compared with the sequential executor, and calls.
    compared: (usize, usize),
    /// Repetitions of blocks so small that one takes microseconds.
    repetitions: usize,
    /// Blocks that become durable, and transactions in each.
    durable: (usize, usize),
    /// Accounts of the chain whose blocks become durable.
    durable_accounts: usize,
    /// Accounts whose memory is weighed.
    weighed: usize,
    /// Contracts of a chain that is opened, and tokens that are loaded.
    opened: (usize, usize),
    /// Signatures that are verified.
    signatures: usize,
}

const FULL: Sizes = Sizes {
    accounts: 200_000,
    transfers: 100_000,
    calls: 50_000,
    pool_calls: 20_000,
    compared: (20_000, 5_000),
    repetitions: 400,
    durable: (100, 10_000),
    durable_accounts: 20_000,
    weighed: 400_000,
    opened: (1_000, 12),
    signatures: 20_000,
};

const QUICK: Sizes = Sizes {
    accounts: 240,
    transfers: 100,
    calls: 60,
    pool_calls: 20,
    compared: (40, 20),
    repetitions: 3,
    durable: (4, 30),
    durable_accounts: 100,
    weighed: 20_000,
    opened: (8, 2),
    signatures: 130,
};

/// What came out.
#[derive(Debug, Clone)]
pub struct Tour {
    /// Where.
    pub machine: Machine,
    /// How.
    pub options: Options,
    /// Threads of figures that say "all threads".
    pub threads: usize,
    /// The figures, in the order of targets.
    pub figures: Figures,
}

/// Measures everything. `progress` hears what is being measured.
///
/// # Errors
/// The engine or the system failed, or a transaction of a workload did.
pub fn run(options: &Options, mut progress: impl FnMut(&str)) -> Result<Tour> {
    let sizes = if options.quick { &QUICK } else { &FULL };
    let mut figures = Figures::default();
    // First, while the process has not freed anything that could be used again unseen.
    progress("P8: memory of cached accounts");
    memory::measure(sizes, &mut figures)?;
    progress("making accounts and a chain");
    let mut stage = Stage::new(sizes, options.seed)?;
    progress("P1, P3, P5: transfers");
    transfers::measure(&mut stage, sizes, options, &mut figures)?;
    progress("P2, P3: token calls");
    calls::tokens(&mut stage, sizes, options, &mut figures)?;
    progress("P6: a chain of calls beside free ones");
    calls::pool(&mut stage, sizes, options, &mut figures)?;
    progress("P4: parallel against sequential");
    worst::measure(&mut stage, sizes, options, &mut figures)?;
    progress("P10: signatures");
    signatures::measure(&mut stage, sizes, options, &mut figures)?;
    drop(stage);
    progress("P9: opening a chain with many contracts");
    start::measure(sizes, options, &mut figures)?;
    durable::measure(sizes, options, &mut figures, &mut progress)?;
    figures.sort();
    Ok(Tour { machine: Machine::this(), options: options.clone(), threads: cores(), figures })
}
