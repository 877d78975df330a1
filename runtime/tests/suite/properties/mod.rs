//! Properties that hold for everything: random inputs against models simple enough to be believed.
//!
//! A failure prints the smallest input found; nothing is written beside the sources.

mod counters;
mod encodings;
mod ledger;
mod payments;
mod schedule;
mod simulation;

/// How many random inputs each property is tried with.
fn cases(cases: u32) -> proptest::test_runner::Config {
    proptest::test_runner::Config {
        cases,
        failure_persistence: None,
        ..proptest::test_runner::Config::default()
    }
}
