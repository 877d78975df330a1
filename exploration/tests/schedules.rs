//! A thousand schedules of the executor, in the test command. `cargo run --release -p
//! tos-exploration -- --schedules N --seed N` explores as many as one likes.

use tos_exploration::{Exploration, Scheduling};

#[track_caller]
fn explore(scheduling: Scheduling, seed: u64) {
    let explored = Exploration { seed, schedules: 500, scheduling }.run(|_| ());
    assert_eq!(explored, 500);
}

#[test]
fn blocks_come_out_as_in_order_under_random_schedules() {
    explore(Scheduling::Random, 0);
}

#[test]
fn blocks_come_out_as_in_order_when_threads_stand_still_for_long() {
    explore(Scheduling::Pct, 1_000_000);
}
