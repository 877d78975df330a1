//! What does ordering cost? The dependency graph of access sets alone, without execution, for blocks
//! with few conflicts, with one receiver for all, and in which each transaction waits for the one
//! before it.

#[path = "shared/harness.rs"]
#[allow(dead_code, reason = "shared with other benches, which use the rest")]
mod harness;

use harness::{Place, timed};
use tos_benches::bench::SEED;
use tos_benches::{World, chain, shapes};
use tos_runtime::{AccessSet, Gas, Schedule, Transaction};

/// As in the node.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Makes a block of a world.
type Shape = fn(&mut World, usize) -> Vec<Transaction>;

const SHAPES: [(&str, Shape); 4] = [
    ("random", |world, txs| shapes::random_transfers(world, txs, SEED)),
    ("disjoint", shapes::disjoint_transfers),
    ("one receiver", shapes::hot_receiver),
    ("chain", shapes::serial_chain),
];

fn main() {
    harness::run("schedule", "transactions per block", |harness| {
        let mut world = World::with_holders(200_000, 0, SEED);
        for (series, shape) in SHAPES {
            world.rewind();
            let transactions = shape(&mut world, 100_000);
            let verified = chain::verify(&world, transactions);
            let verified = verified.unwrap_or_else(|(idx, why)| panic!("transaction {idx}: {why}"));
            let sets: Vec<(AccessSet, Gas)> =
                verified.iter().map(|tx| (AccessSet::of(tx), tx.gas_limit)).collect();
            for txs in [100, 1_000, 10_000, 100_000] {
                let at = txs.to_string();
                let place = Place { panel: "transfers", series, at: &at, txs, threads: 1 };
                harness.case(place, || timed(|| Schedule::new(&sets[..txs])));
            }
        }
    });
}
