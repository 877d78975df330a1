//! Planted bugs that tests of this binary catch.

use tos_runtime::PLANTABLE_BUGS;

#[path = "../planted/mod.rs"]
mod runner;

#[test]
fn planted_bugs_are_caught_by_the_tests_that_are_named() {
    let bugs: Vec<_> = PLANTABLE_BUGS.iter().map(|bug| (bug.name, bug.what, bug.law)).collect();
    runner::check(runner::Binary::Suite, &bugs);
}
