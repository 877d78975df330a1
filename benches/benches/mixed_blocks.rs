//! What do contract calls cost a block of transfers? The node's mix of transactions, a fifth of
//! which conflict, with a growing share of calls.

#[path = "shared/harness.rs"]
#[allow(dead_code, reason = "shared with other benches, which use the rest")]
mod harness;

use harness::Engines;

use tos_benches::bench::{SEED, must};
use tos_benches::scene::Scene;
use tos_benches::{Mix, World};

/// As in the node.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Transactions per block.
const TXS: usize = 10_000;

fn main() {
    harness::run("mixed_blocks", "share of contract calls", |harness| {
        let world = World::with_holders(2 * TXS, 2 * TXS, SEED);
        // Mixed blocks move a second asset too.
        let genesis = world.genesis();
        let mut scene = must(Scene::with_genesis(world, genesis));
        let engines = Engines::of(&scene);
        for contracts in [0, 10, 30, 50, 100] {
            let mix = Mix { txs: TXS, contracts, seed: SEED, ..Mix::default() };
            let block = must(scene.block(|world| mix.block(world, 1)));
            harness.executors(&engines, "mixed", &format!("{contracts} %"), &block);
        }
    });
}
