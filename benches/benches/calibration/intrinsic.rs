//! What is charged before anything runs, measured over whole blocks: signatures in a batch, then
//! everything up to the digest. Each price is a difference between two blocks that differ in one
//! thing.

use std::time::{Duration, Instant};

use tos_benches::bench::must;
use tos_benches::calibration::{OperatorWorkload, Report, Row, operator_workloads};
use tos_benches::guests::SHA256_WAT;
use tos_benches::{Order, SECOND_ASSET, TOKEN_WAT, World, assemble, chain};
use tos_runtime::{
    AccessEntry, AccessMode, Address, Amount, AssetId, ContractEngine, ContractId, CostTable,
    Deposit, EngineConfig, MemoryStorage, PublicKey, Transaction, Transfer,
};

/// Transactions of a block.
const TXS: usize = 200;
/// How often each block is verified and executed; the fastest counts.
const ROUNDS: usize = 25;
/// Bytes of the long input.
const INPUT_LEN: usize = 60_000;
/// Gas for a call that does nothing.
const CALL_GAS: tos_runtime::Gas = tos_runtime::Gas(10_000);

/// A contract that does nothing.
const IDLE_WAT: &str = r#"(module (memory (export "memory") 1) (func (export "idle")))"#;

struct Scene {
    engine: ContractEngine,
    world: World,
    idle: ContractId,
}

/// Measures all of them.
pub(crate) fn measure() -> Report {
    let scene = Scene::new();
    let costs = CostTable::default();
    let idle = || Order::invoke(scene.idle, "idle", Vec::new()).with_execution_gas(CALL_GAS);
    let credited = || idle().with_access(AccessEntry::new(scene.idle, AccessMode::Credit));
    let [one, many, plain, listed, credit, deposits, fed] = scene.times([
        &|account| Order::transfers(receivers(account, 1)),
        &|account| Order::transfers(receivers(account, 256)),
        &|_| idle(),
        &|_| {
            (0..100).fold(idle(), |order, number| {
                order.with_access(AccessEntry::new(stranger(number), AccessMode::Credit))
            })
        },
        &|_| credited(),
        &|_| {
            let sent = [AssetId::NATIVE, SECOND_ASSET];
            let deposit = |asset| Deposit { asset, amount: Amount(1) };
            credited().with_deposits(sent.map(deposit).into())
        },
        &|_| Order::invoke(scene.idle, "idle", vec![7; INPUT_LEN]).with_execution_gas(CALL_GAS),
    ]);
    let transfer = (many - one) / 255.0;
    let transaction = one - transfer;
    let call_gas = costs.call + "idle".len() as u64 * costs.input_byte;
    let mut rows = vec![
        row("transaction", "one transfer, less the transfer", transaction, costs.transaction),
        row("transfer", "255 more, each to a new account", transfer, costs.transfer),
        row("call", "an empty entry, less the transaction", plain - transaction, call_gas),
        row("access_entry", "100 entries", (listed - plain) / 100.0, costs.access_entry),
        row("deposit", "2 deposits", (deposits - credit) / 2.0, costs.deposit),
        row("input_byte", "60,000 bytes", (fed - plain) / INPUT_LEN as f64, costs.input_byte),
    ];
    let supply = 1_u64.to_le_bytes();
    let codes = [
        ("the token", assemble(TOKEN_WAT), &supply[..]),
        ("SHA-256", assemble(SHA256_WAT), &[]),
        ("straight code", straight_code(), &[]),
    ];
    rows.extend(codes.map(|(name, code, input)| {
        let ns = scene.deployment(&code, input) / code.len() as f64;
        row("code_byte", name, ns, costs.code_byte)
    }));
    Report { rows }
}

fn row(price: &str, name: &str, ns: f64, gas: u64) -> Row {
    let (price, name) = (price.into(), name.into());
    Row { price, name, plain_ns: None, ns, gas: gas as f64 }
}

impl Scene {
    fn new() -> Self {
        let mut world = World::new(TXS, 7).without_growth();
        let config = EngineConfig { max_parallel_threads: 1, ..EngineConfig::default() };
        let builder = ContractEngine::builder().storage(MemoryStorage::new()).config(config);
        let engine = must(builder.genesis(world.genesis()).build());
        must(chain::set_up(&engine, &mut world));
        let deployment = world.send(0, Order::deploy(assemble(IDLE_WAT), Vec::new()));
        let idle = deployment.deployed_contract().expect("a deployment has a contract");
        let block = must(chain::next_block(&engine, &world, vec![deployment]));
        must(engine.commit(must(engine.execute_block(&block))));
        Self { engine, world, idle }
    }

    /// Nanoseconds per transaction of blocks in which every account sends an order.
    fn times<const N: usize>(&self, orders: [&dyn Fn(usize) -> Order; N]) -> [f64; N] {
        let blocks = orders.map(|order| {
            let mut world = self.world.clone();
            (0..TXS).map(|account| world.send(account, order(account))).collect::<Vec<_>>()
        });
        let mut fastest = [[Duration::MAX; 2]; N];
        for _ in 0..ROUNDS {
            for (txs, fastest) in blocks.iter().zip(&mut fastest) {
                let times = self.run(txs.clone());
                *fastest = [0, 1].map(|part| fastest[part].min(times[part]));
            }
        }
        fastest.map(|parts| parts.iter().sum::<Duration>().as_nanos() as f64 / TXS as f64)
    }

    /// How long verifying and how long executing takes.
    fn run(&self, txs: Vec<Transaction>) -> [Duration; 2] {
        let started = Instant::now();
        let block = must(chain::next_block(&self.engine, &self.world, txs));
        let verified = started.elapsed();
        let outcome = must(self.engine.execute_block_sequentially(&block));
        let executed = started.elapsed() - verified;
        for result in outcome.results() {
            let receipt = must(result.as_ref().map_err(Clone::clone));
            assert!(receipt.status.is_success(), "{:?}", receipt.status);
        }
        [verified, executed]
    }

    /// Nanoseconds of a deployment of code that was never seen.
    fn deployment(&self, code: &[u8], input: &[u8]) -> f64 {
        let mut fastest = Duration::MAX;
        for round in 0..ROUNDS {
            // A custom section named `n` makes the hash another one.
            let mut code = code.to_vec();
            code.extend_from_slice(&[0, 3, 1, b'n', round as u8]);
            let mut world = self.world.clone();
            let tx = world.send(0, Order::deploy(code, input.to_vec()));
            fastest = self.run(vec![tx]).iter().sum::<Duration>().min(fastest);
        }
        fastest.as_nanos() as f64
    }
}

/// An address nobody has used.
fn stranger(number: usize) -> Address {
    let mut bytes = [0x55; 32];
    bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
    Address::Key(PublicKey(bytes))
}

fn receivers(account: usize, count: usize) -> Vec<Transfer> {
    (0..count)
        .map(|number| Transfer {
            destination: stranger(account * 1_000 + number),
            asset: AssetId::NATIVE,
            amount: Amount(1),
        })
        .collect()
}

/// Code without a branch, of which compilers make most instructions per byte.
fn straight_code() -> Vec<u8> {
    let workloads = operator_workloads();
    let dense = workloads.iter().find(|workload| workload.name == "i64.add");
    assemble(&dense.map(OperatorWorkload::module).expect("a workload adds"))
}
