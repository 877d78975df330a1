//! What is a gas? Nanoseconds per gas of every operator class, of every host function and of what is
//! charged before anything runs; the median, and the rows furthest from it.
//!
//! ```text
//! cargo bench -p tos-benches --bench calibration               # everything
//! cargo bench -p tos-benches --bench calibration -- operators  # or: host, intrinsic
//! ```
//!
//! Every time is the least of many runs, and the runs of what is compared alternate, so that other
//! work on the machine disturbs little.

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
