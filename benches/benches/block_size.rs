//! Does the price of a transaction depend on how many others are in its block? It should not, from a
//! few hundred on; below, what a block costs by itself shows.

#[path = "shared/harness.rs"]
#[allow(dead_code, reason = "shared with other benches, which use the rest")]
mod harness;

use harness::Engines;
use tos_benches::bench::{SEED, must};
use tos_benches::scene::{Scene, check_success};
use tos_benches::shapes;

/// As in the node.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    harness::run("block_size", "transactions per block", |harness| {
        let mut scene = must(Scene::new(200_000, 10_000, SEED));
        let engines = Engines::of(&scene);
        for txs in [1, 10, 100, 1_000, 10_000, 100_000] {
            let block = must(scene.block(|world| shapes::random_transfers(world, txs, SEED)));
            must(check_success(&engines.last().1, &block));
            harness.executors(&engines, "transfers", &txs.to_string(), &block);
        }
        for txs in [1, 10, 100, 1_000, 10_000] {
            let block = must(scene.block(|world| shapes::random_token_transfers(world, txs, SEED)));
            must(check_success(&engines.last().1, &block));
            harness.executors(&engines, "token_calls", &txs.to_string(), &block);
        }
    });
}
