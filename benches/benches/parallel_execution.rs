//! Does parallel execution pay? Transfers and token calls at several conflict ratios on 1, 2 and all
//! threads, with the sequential executor beside every run. At 100 percent the block is one chain and
//! there is nothing to gain.

#[path = "shared/harness.rs"]
#[allow(dead_code, reason = "shared with other benches, which use the rest")]
mod harness;

use harness::Engines;
use tos_benches::bench::{CONFLICTS, SEED, must};
use tos_benches::conflicts::{Payment, payments};
use tos_benches::scene::{Scene, check_success};

/// As in the node.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    harness::run("parallel_execution", "conflicts", |harness| {
        let cases =
            [("transfers", 10_000, Payment::Native), ("token_calls", 5_000, Payment::Token)];
        let mut scene = must(Scene::new(20_002, 5_001, SEED));
        let engines = Engines::of(&scene);
        for (panel, txs, payment) in cases {
            for conflicts in CONFLICTS {
                let shape = |world: &mut _| payments(world, payment, txs, conflicts, SEED);
                let block = must(scene.block(shape));
                must(check_success(&engines.last().1, &block));
                harness.executors(&engines, panel, &format!("{conflicts} %"), &block);
            }
        }
    });
}
