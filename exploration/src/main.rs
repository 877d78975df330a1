//! Explores as many schedules as one likes.
//!
//! ```text
//! cargo run --release -p tos-exploration -- --schedules 500000 --seed 1 --scheduling random
//! ```

use clap::{Parser, ValueEnum};
use tos_exploration::{Exploration, Scheduling};

/// Explores schedules of the parallel executor; a failure tells the seed of its scenario.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many schedules.
    #[arg(long, default_value_t = 10_000)]
    schedules: usize,
    /// The seed of the first scenario.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Who decides which thread goes on.
    #[arg(long, value_enum, default_value_t = By::Random)]
    scheduling: By,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    Random,
    Pct,
}

fn main() {
    let Arguments { schedules, seed, scheduling } = Arguments::parse();
    let scheduling = match scheduling {
        By::Random => Scheduling::Random,
        By::Pct => Scheduling::Pct,
    };
    let every = (schedules / 20).max(1);
    let told = std::cell::Cell::new(0);
    let explored = Exploration { seed, schedules, scheduling }.run(|explored| {
        if explored / every > told.get() {
            told.set(explored / every);
            println!("{explored} schedules");
        }
    });
    println!("{explored} schedules under {scheduling:?} from seed {seed}: all as in order");
}
