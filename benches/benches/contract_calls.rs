//! What does a call cost, by what it does? Nothing at all, one slot, a token payment, a purchase from
//! a pool, SHA-256 of a KiB computed by the guest, and a call that makes another one.

#[path = "shared/harness.rs"]
#[allow(dead_code, reason = "shared with other benches, which use the rest")]
mod harness;

use harness::Engines;
use tos_benches::bench::{SEED, must};
use tos_benches::guests::{CALLS_WAT, sha256_contract};
use tos_benches::scene::{Scene, check_success};
use tos_benches::{Order, assemble, shapes};
use tos_runtime::{Address, ContractId, Gas};

/// As in the node.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Calls per block.
const TXS: usize = 2_000;

fn main() {
    harness::run("contract_calls", "what is called", |harness| {
        let mut scene = must(Scene::new(2 * TXS + 1, TXS, SEED));
        let [calls, callee] = [0, 1].map(|_| must(scene.deploy(assemble(CALLS_WAT))));
        let sha256 = must(scene.deploy(sha256_contract(1_024)));
        let engines = Engines::of(&scene);
        // Each sender calls once, and touches nothing but its own slots.
        let mut each = |contract: ContractId, entry: &str, input: &[u8]| {
            let order = Order::invoke(contract, entry, input.to_vec());
            let order = order.with_execution_gas(Gas(400_000));
            let orders = (0..TXS).map(|sender| (sender, order.clone())).collect();
            must(scene.block(|world| world.send_all(orders)))
        };
        let callee = Address::Contract(callee).to_bytes();
        let mut blocks = vec![
            ("empty", each(calls, "nothing", &[])),
            ("storage", each(calls, "store", &[])),
            ("nested", each(calls, "nested", &callee)),
            ("sha256", each(sha256, "run", &[])),
        ];
        let token = must(scene.block(|world| shapes::random_token_transfers(world, TXS, SEED)));
        let pool = must(scene.block(|world| shapes::purchases(world, TXS, 0, SEED)));
        blocks.extend([("token", token), ("amm", pool)]);
        for (at, block) in blocks {
            must(check_success(&engines.last().1, &block));
            harness.executors(&engines, "calls", at, &block);
        }
    });
}
