//! How fast is the reference executor? Transfers and token calls in block order on one thread, at
//! several conflict ratios. Signatures are checked before; nothing is committed.

#[path = "shared/harness.rs"]
#[allow(dead_code, reason = "shared with other benches, which use the rest")]
mod harness;

use harness::{Place, timed};
use tos_benches::bench::{CONFLICTS, SEED, must};
use tos_benches::conflicts::{Payment, payments};
use tos_benches::scene::{Scene, check_success};

/// As in the node.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    harness::run("sequential_execution", "conflicts", |harness| {
        let cases =
            [("transfers", 10_000, Payment::Native), ("token_calls", 5_000, Payment::Token)];
        let mut scene = must(Scene::new(20_002, 5_001, SEED));
        let engine = must(scene.engine(1));
        for (panel, txs, payment) in cases {
            for conflicts in CONFLICTS {
                let shape = |world: &mut _| payments(world, payment, txs, conflicts, SEED);
                let block = must(scene.block(shape));
                must(check_success(&engine, &block));
                let at = format!("{conflicts} %");
                let place = Place { panel, series: "sequential", at: &at, txs, threads: 1 };
                harness.case(place, || timed(|| must(engine.execute_block_sequentially(&block))));
            }
        }
    });
}
