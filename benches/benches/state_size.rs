//! Does the price of a transfer depend on how many accounts there are? Blocks of 10,000 transfers to
//! receivers drawn from all accounts, every run another one of ten blocks, all accounts in memory:
//! what grows is how often the processor's caches miss. Ends at a million accounts;
//! `TOS_STATE_ACCOUNTS_MAX=5000000` goes on to five, which takes a minute and 4 GiB more.

#[path = "shared/harness.rs"]
#[allow(dead_code, reason = "shared with other benches, which use the rest")]
mod harness;

use harness::{Engines, Place, timed};
use tos_benches::bench::{SEED, must};
use tos_benches::scene::{Scene, check_success};
use tos_benches::{Order, Rng, World};
use tos_runtime::{Address, Amount, AssetId, PublicKey};

/// As in the node.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Transactions per block, and blocks.
const TXS: usize = 10_000;
const BLOCKS: usize = 10;
/// Accounts that have keys and send; all others only receive.
const SENDERS: usize = 50_000;

fn main() {
    harness::run("state_size", "accounts", |harness| {
        let most = accounts_max();
        for accounts in [10_000, 100_000, 1_000_000, 5_000_000] {
            if accounts <= most {
                measure(harness, accounts);
            }
        }
    });
}

#[allow(clippy::disallowed_methods, reason = "criterion has the command line; no result is near")]
fn accounts_max() -> usize {
    std::env::var("TOS_STATE_ACCOUNTS_MAX")
        .map_or(1_000_000, |text| text.parse().expect("a number of accounts"))
}

fn measure(harness: &mut harness::Harness, accounts: usize) {
    let world = World::with_holders(accounts.min(SENDERS), 0, SEED);
    let mut receivers = world.keys();
    let mut genesis = world.genesis();
    let mut rng = Rng::part(SEED, accounts as u64);
    for _ in receivers.len()..accounts {
        let key = PublicKey(rng.bytes());
        genesis = genesis.with_balance(key, AssetId::NATIVE, Amount(1_000));
        receivers.push(key);
    }
    let mut scene = must(Scene::with_genesis(world, genesis));
    let engines = Engines::of(&scene);
    let (threads, engine) = engines.last();
    let mut block = || {
        let mut order = |_| {
            let receiver = Address::Key(receivers[rng.below(receivers.len())]);
            (rng.below(accounts.min(SENDERS)), Order::transfer(receiver, Amount(1)))
        };
        let orders = (0..TXS).map(&mut order).collect();
        must(scene.block(|world| world.send_all(orders)))
    };
    let blocks: Vec<_> = (0..BLOCKS).map(|_| block()).collect();
    for block in &blocks {
        must(check_success(engine, block));
    }
    // Everybody is in memory, not only whom these blocks touch.
    for receiver in &receivers {
        must(engine.account(&Address::Key(*receiver)));
    }
    let (at, mut next) = (accounts.to_string(), 0);
    let series = harness::threads_name(*threads);
    let place = Place { panel: "transfers", series: &series, at: &at, txs: TXS, threads: *threads };
    harness.case(place, || {
        next += 1;
        timed(|| must(engine.execute_block(&blocks[next % BLOCKS])))
    });
    let place = Place { panel: "transfers", series: "sequential", at: &at, txs: TXS, threads: 1 };
    harness.case(place, || {
        next += 1;
        timed(|| must(engine.execute_block_sequentially(&blocks[next % BLOCKS])))
    });
}
