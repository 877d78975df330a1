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
const ROUNDS: usize = 15;
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
    let transfers = |count| scene.time(&|account| Order::transfers(receivers(account, count)));
    let (one, many) = (transfers(1), transfers(256));
    let transfer = (many - one) / 255.0;
    let call = |change: &dyn Fn(Order) -> Order| {
        scene.time(&|_| {
            change(Order::invoke(scene.idle, "idle", Vec::new()).with_execution_gas(CALL_GAS))
        })
    };
    let plain = call(&|order| order);
    let listed = call(&|order| {
        (0..100).fold(order, |order, number| {
            order.with_access(AccessEntry::new(stranger(number), AccessMode::Credit))
        })
    });
    let deposits = call(&|order| {
        let sent = [AssetId::NATIVE, SECOND_ASSET];
        order
            .with_deposits(sent.map(|asset| Deposit { asset, amount: Amount(1) }).into())
            .with_access(AccessEntry::new(scene.idle, AccessMode::Credit))
    });
    let credited =
        call(&|order| order.with_access(AccessEntry::new(scene.idle, AccessMode::Credit)));
    let fed = scene.time(&|_| {
        Order::invoke(scene.idle, "idle", vec![7; INPUT_LEN]).with_execution_gas(CALL_GAS)
    });
    let row = |price: &str, name: &str, ns: f64, gas: u64| Row {
        price: price.into(),
        name: name.into(),
        plain_ns: None,
        ns,
        gas: gas as f64,
    };
    let mut rows = vec![
        row("transaction", "one transfer, less the transfer", one - transfer, costs.transaction),
        row("transfer", "255 more, each to a new account", transfer, costs.transfer),
        row(
            "call",
            "an empty entry, less the transaction",
            plain - (one - transfer),
            costs.call + 4 * costs.input_byte,
        ),
        row("access_entry", "100 entries", (listed - plain) / 100.0, costs.access_entry),
        row("deposit", "2 deposits", (deposits - credited) / 2.0, costs.deposit),
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

    /// Nanoseconds per transaction of a block in which every account sends an order.
    fn time(&self, order: &dyn Fn(usize) -> Order) -> f64 {
        let mut world = self.world.clone();
        let txs: Vec<_> = (0..TXS).map(|account| world.send(account, order(account))).collect();
        let fastest = (0..ROUNDS).map(|_| self.run(txs.clone())).min().unwrap_or_default();
        fastest.as_nanos() as f64 / TXS as f64
    }

    fn run(&self, txs: Vec<Transaction>) -> Duration {
        let started = Instant::now();
        let block = must(chain::next_block(&self.engine, &self.world, txs));
        let outcome = must(self.engine.execute_block_sequentially(&block));
        let took = started.elapsed();
        for result in outcome.results() {
            let receipt = must(result.as_ref().map_err(Clone::clone));
            assert!(receipt.status.is_success(), "{:?}", receipt.status);
        }
        took
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
            fastest = self.run(vec![tx]).min(fastest);
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
