//! What every benchmark begins with: conflict ratios, a line about the machine, and a short way to
//! end when something fails.

use crate::machine::Machine;

/// Conflict ratios in percent.
pub const CONFLICTS: [u32; 5] = [0, 20, 50, 80, 100];

/// Seed of every benchmark.
pub const SEED: u64 = 7;

/// The value, or the end of the benchmark with the error's text.
///
/// # Panics
/// On an error.
pub fn must<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("{error:#}"))
}

/// Prints what the figures were measured on and of what.
pub fn print_machine() {
    println!("machine: {}", Machine::this());
}
