//! Does the price of a transaction depend on how many others are in its block? It should not, from a
//! few hundred on; below, what a block costs by itself shows. And from which size on is a block
//! large, that is, worth cutting into pieces: `EngineConfig::large_block_txs`?

#[path = "shared/harness.rs"]
#[allow(dead_code, reason = "shared with other benches, which use the rest")]
mod harness;

use harness::{Engines, Harness, Place, timed};
use tos_benches::bench::{SEED, must};
use tos_benches::scene::{Scene, check_success};
use tos_benches::{World, shapes};
use tos_runtime::{ContractEngine, EngineConfig, Transaction};

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
        large(harness, &mut scene);
    });
}

/// Makes so many transactions.
type Shape = fn(&mut World, usize) -> Vec<Transaction>;

/// Blocks around the limit, once as large ones and once as small ones.
fn large(harness: &mut Harness, scene: &mut Scene) {
    let engine = |threads, large_block_txs| {
        let limit = EngineConfig { large_block_txs, ..EngineConfig::default() };
        must(scene.engine_with(EngineConfig { max_parallel_threads: threads, ..limit }))
    };
    let engines: Vec<(String, usize, ContractEngine)> = [1, 2]
        .into_iter()
        .flat_map(|threads| {
            let name = |cut| format!("{cut}, {}", harness::threads_name(threads));
            let (whole, cut) = (engine(threads, usize::MAX), engine(threads, 1));
            [(name("whole"), threads, whole), (name("cut"), threads, cut)]
        })
        .collect();
    let shapes: [(&str, Shape); 2] = [
        ("large or not: transfers", |world, txs| shapes::random_transfers(world, txs, SEED)),
        ("large or not: token_calls", |world, txs| {
            shapes::random_token_transfers(world, txs, SEED)
        }),
    ];
    for (panel, shape) in shapes {
        for txs in [64, 128, 256, 512, 1_024, 2_048, 4_096] {
            let block = must(scene.block(|world| shape(world, txs)));
            for (series, threads, engine) in &engines {
                must(check_success(engine, &block));
                let at = txs.to_string();
                let place = Place { panel, series, at: &at, txs, threads: *threads };
                harness.case(place, || timed(|| must(engine.execute_block(&block))));
            }
        }
    }
}
