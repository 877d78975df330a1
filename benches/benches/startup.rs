//! How long until an engine on a chain with a thousand deployed contracts answers its first call?
//! Every contract has code of its own (a token, made distinct by a custom section), and all of it
//! is compiled already: the artifacts are in the database. A few are the token in Rust, which is
//! larger: what one of them takes to load.

use std::time::{Duration, Instant};

use tos_benches::bench::{self, must};
use tos_benches::{Order, TOKEN, TOKEN_WAT, World, assemble, chain};
use tos_runtime::{ContractEngine, ContractId, RedbStorage, Transaction};

/// As in the node.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Contracts on the chain besides the world's own.
const CONTRACTS: usize = 1_000;
/// How many of them are the token in Rust; the others are its smallest reading.
const IN_RUST: usize = 50;
/// Deployments in a block.
const BLOCK: usize = 50;
/// How often the chain is opened.
const OPENINGS: usize = 7;

fn main() {
    bench::print_machine();
    let path = std::env::temp_dir().join(format!("tos-startup-{}.redb", std::process::id()));
    let mut world = World::new(64, 1);
    let open = |world: &World| {
        let storage = must(RedbStorage::open(&path));
        must(ContractEngine::builder().storage(storage).genesis(world.genesis()).build())
    };
    let contracts = deploy(&open(&world), &mut world);
    let (mut first_call, mut rust, mut wat) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..OPENINGS {
        let started = Instant::now();
        let engine = open(&world);
        call(&engine, contracts[0]);
        first_call.push(started.elapsed());
        for (number, contract) in contracts.iter().enumerate().skip(1) {
            let started = Instant::now();
            call(&engine, *contract);
            let cold = started.elapsed();
            let started = Instant::now();
            call(&engine, *contract);
            // What the second call of a module takes as well is no loading.
            let loads = if number < IN_RUST { &mut rust } else { &mut wat };
            loads.push(cold.saturating_sub(started.elapsed()));
        }
    }
    println!("{:>28} {:>12} {:>12} {:>12}", "", "min", "median", "max");
    print("open to first call", first_call);
    print("load of the token in Rust", rust);
    print("load of a small token", wat);
    let _ = std::fs::remove_file(path);
}

/// Deploys the contracts.
fn deploy(engine: &ContractEngine, world: &mut World) -> Vec<ContractId> {
    must(chain::set_up(engine, world));
    let small = assemble(TOKEN_WAT);
    let mut contracts = Vec::with_capacity(CONTRACTS);
    for first in (0..CONTRACTS).step_by(BLOCK) {
        let transactions: Vec<Transaction> = (first..first + BLOCK)
            .map(|number| {
                let code = if number < IN_RUST { TOKEN } else { &small };
                let order = Order::deploy(distinct(code, number), 1_000_u64.to_le_bytes().to_vec());
                world.send(number % world.len(), order)
            })
            .collect();
        contracts.extend(transactions.iter().filter_map(|tx| tx.deployed_contract()));
        let block = must(chain::next_block(engine, world, transactions));
        let outcome = must(engine.execute_block(&block));
        for result in outcome.results() {
            assert!(result.as_ref().is_ok_and(|receipt| receipt.status.is_success()), "{result:?}");
        }
        must(engine.commit(outcome));
    }
    contracts
}

/// A module with a custom section that nobody reads: other code to everybody who goes by its hash.
fn distinct(code: &[u8], number: usize) -> Vec<u8> {
    let mut code = code.to_vec();
    // Custom section: id, length, length of the name, name, content.
    code.extend_from_slice(&[0, 6, 1, b'n']);
    code.extend_from_slice(&(number as u32).to_le_bytes());
    code
}

fn call(engine: &ContractEngine, contract: ContractId) {
    let view = must(engine.view(contract, "total_supply", &[]));
    assert!(view.status.is_success(), "{:?}", view.status);
}

fn print(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let (min, median, max) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    println!("{name:>28} {min:>12.1?} {median:>12.1?} {max:>12.1?}");
}
