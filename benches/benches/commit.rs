//! What does a commit cost? One block at a time, waited for: in memory, in a database that syncs, and
//! in one that also brings its sorted tables up to date with every block, the price that is otherwise
//! paid once per 128 MiB of blocks. Between two runs the block is rolled back and executed again, which is
//! not part of the time.

#[path = "shared/harness.rs"]
#[allow(dead_code, reason = "shared with other benches, which use the rest")]
mod harness;

use harness::{Place, timed};
use tos_benches::bench::{SEED, must};
use tos_benches::{World, chain, shapes};
use tos_runtime::{ContractEngine, MemoryStorage, RedbOptions, RedbStorage, Storage};

/// As in the node.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    harness::run("commit", "transactions per block", |harness| {
        let folder = must(tempfile::tempdir());
        let redb = |name: &str, fold_bytes| {
            let options = RedbOptions { fold_bytes, ..RedbOptions::default() };
            must(RedbStorage::with_options(folder.path().join(name), options))
        };
        measure(harness, "memory", MemoryStorage::new());
        measure(harness, "redb", redb("one.redb", RedbOptions::FOLD_BYTES_DEFAULT));
        measure(harness, "redb, folding each", redb("two.redb", 0));
    });
}

fn measure(harness: &mut harness::Harness, series: &str, storage: impl Storage) {
    let mut world = World::with_holders(20_000, 0, SEED);
    let builder = ContractEngine::builder().storage(storage).genesis(world.genesis());
    let engine = must(builder.build());
    let parent = must(chain::set_up(&engine, &mut world));
    for txs in [1, 10, 100, 1_000, 10_000] {
        world.rewind();
        let transactions = shapes::disjoint_transfers(&mut world, txs);
        let block = must(chain::next_block(&engine, &world, transactions));
        let at = txs.to_string();
        let place = Place { panel: "transfers", series, at: &at, txs, threads: 1 };
        harness.case(place, || {
            must(engine.rollback_to(parent));
            let outcome = must(engine.execute_block(&block));
            timed(|| must(engine.commit(outcome)))
        });
        must(engine.rollback_to(parent));
    }
}
