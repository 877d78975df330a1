//! What is a gas? Nanoseconds per gas of every operator class, of every host function and of what
//! is charged before anything runs; the median, and the rows furthest from it.
//!
//! ```text
//! cargo bench -p tos-benches --bench calibration               # everything
//! cargo bench -p tos-benches --bench calibration -- operators  # or: host, intrinsic
//! ```
//!
//! Every time is the least of many runs, and the runs of what is compared alternate, so that other
//! work on the machine disturbs little. Growth of the state costs nothing here: it is priced for
//! what it takes on disk for good, not for time.
//!
//! # Result
//!
//! On 2 cores of an AMD EPYC, a shared virtual machine:
//!
//! | | Median ns per gas | Most ns per gas | of |
//! |---|---|---|---|
//! | operators | 0.36 | 1.1 | `i32.load` over 4 MiB, each address from the load before |
//! | host functions | 0.51 | 1.0 | `debug_log`, which escapes what it is given |
//! | before anything runs | 0.87 | 3.8 | a transaction: its signature takes 16 of the 19 us |
//!
//! One row stands apart: the pages a module has from the start cost nothing, and touching all of
//! one for the first time in a call takes 23 us, because what a call leaves behind is unmapped
//! beyond the first two pages. What is paid for most beyond its time are bytes that are copied (a
//! gas is the smallest price, a byte takes 0.02 ns) and reads of memory that is near (8 gas, 0.2 to
//! 1.3 ns).
#![allow(clippy::float_arithmetic, reason = "times and ratios for readers, no part of a result")]

mod host;
mod intrinsic;
#[path = "../shared/machine.rs"]
#[allow(dead_code, reason = "shared with another bench, which uses the rest")]
mod machine;
mod operators;

use tos_benches::bench;

/// As in the node.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    bench::print_machine();
    let chosen: Vec<String> =
        std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let is_chosen = |part: &str| chosen.is_empty() || chosen.iter().any(|arg| arg == part);
    if is_chosen("operators") {
        println!("\noperators\n{}", operators::measure());
    }
    if is_chosen("host") {
        println!("\nhost functions\n{}", host::measure());
    }
    if is_chosen("intrinsic") {
        println!("\nbefore anything runs\n{}", intrinsic::measure());
    }
}
