//! An engine on which the guest of all host functions is deployed and has slots, counters, money:
//! ready to run blocks of one invocation.

use tos_runtime::{
    AccessEntry, AccessMode, Address, Amount, AssetId, Block, ContractEngine, ContractId, Deposit,
    EngineConfig, Gas, MemoryStorage, SigningKey, Transaction,
};

use super::host_functions::{HostWorkload, SETUP_ENTRIES, host_guest};
use crate::bench::must;
use crate::{Order, World, assemble, chain};

/// Seed of the world.
const SEED: u64 = 7;
/// Gas for any of the calls.
const CALL_GAS: Gas = Gas(500_000_000);
/// Bytes of input that every call carries.
const INPUT_LEN: usize = 60_000;
/// Assets deposited with every call.
const DEPOSITS: u8 = 16;
/// Native units that the contract holds.
const CONTRACT_FUNDS: Amount = Amount(1_000_000_000);

/// A contract to be called: an entry that does nothing and one that aborts.
const CALLEE_WAT: &str = r#"(module
    (import "tos_v1" "abort" (func $abort (param i32 i32 i32 i32 i32 i32)))
    (memory (export "memory") 1)
    (func (export "idle"))
    (func (export "fail") (call $abort (i32.const 1) (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0))))"#;

/// A secp256k1 signature that Ethereum's documentation of `ecrecover` has: hash, r, s, recovery id.
const SECP256K1: [&str; 4] = [
    "456e9aea5e197a1f1af7a3e85a3212fa4049a3ba34c2289b4c860fc0b0c64ef3",
    "9242685bf161793cc25603c231bc2f568eb630ea16aa137d2664ac8038825608",
    "4f8ae3bd7535248d0bd448298cc2e2071e56992d0774dc340c368ae950852ada",
    "01",
];

/// The engine and whoever calls.
pub struct HostScene {
    engine: ContractEngine,
    world: World,
    contract: ContractId,
    input: Vec<u8>,
}

/// What every call is given: at 0 the address of the contract to be called, at 64 an ed25519 key, a
/// signature and the 32 bytes signed, at 192 a hash and a secp256k1 signature.
fn input(callee: ContractId) -> Vec<u8> {
    let mut input = vec![7; INPUT_LEN];
    let mut write = |at: usize, bytes: &[u8]| input[at..at + bytes.len()].copy_from_slice(bytes);
    write(0, &Address::Contract(callee).to_bytes());
    let (key, message) = (SigningKey::from([7; 32]), [9; 32]);
    let public: [u8; 32] = key.verification_key().into();
    let signature: [u8; 64] = key.sign(&message).into();
    write(64, &public);
    write(96, &signature);
    write(160, &message);
    let digits = SECP256K1.concat();
    for (idx, pair) in digits.as_bytes().as_chunks::<2>().0.iter().enumerate() {
        let byte = pair.iter().fold(0, |byte, digit| {
            byte * 16 + char::from(*digit).to_digit(16).expect("a hexadecimal digit") as u8
        });
        write(192 + idx, &[byte]);
    }
    input
}

impl HostScene {
    /// Sets everything up.
    ///
    /// # Panics
    /// When a transaction fails: a mistake in the workloads.
    #[must_use]
    pub fn new() -> Self {
        let mut world = World::new(2, SEED).without_growth();
        let mut genesis = world.genesis();
        for number in 1..=DEPOSITS {
            let funds = Amount(1_000_000);
            genesis.allocations.push(tos_runtime::Allocation {
                account: world.address(0),
                asset: AssetId([number; 32]),
                amount: funds,
            });
        }
        let config = EngineConfig { max_parallel_threads: 1, ..EngineConfig::default() };
        let builder = ContractEngine::builder().storage(MemoryStorage::new()).config(config);
        let engine = must(builder.genesis(genesis).build());
        must(chain::set_up(&engine, &mut world));
        let deployment = world.send(0, Order::deploy(assemble(&host_guest()), Vec::new()));
        let other = world.send(0, Order::deploy(assemble(CALLEE_WAT), Vec::new()));
        let [contract, callee] = [&deployment, &other]
            .map(|tx| tx.deployed_contract().expect("a deployment has a contract"));
        let mut scene = Self { engine, world, contract, input: input(callee) };
        let payment = scene.world.send(0, Order::transfer(contract, CONTRACT_FUNDS));
        scene.commit(vec![deployment, other, payment]);
        for entry in SETUP_ENTRIES {
            let transaction = scene.invocation(entry);
            scene.commit(vec![transaction]);
        }
        scene
    }

    fn commit(&mut self, transactions: Vec<Transaction>) {
        let block = must(chain::next_block(&self.engine, &self.world, transactions));
        let outcome = must(self.engine.execute_block(&block));
        for result in outcome.results() {
            let receipt = must(result.as_ref().map_err(Clone::clone));
            assert!(receipt.status.is_success(), "{:?}", receipt.status);
        }
        must(self.engine.commit(outcome));
    }

    fn invocation(&mut self, entry: &str) -> Transaction {
        let deposits = (1..=DEPOSITS)
            .map(|number| Deposit { asset: AssetId([number; 32]), amount: Amount(1) })
            .collect();
        let order = Order::invoke(self.contract, entry, self.input.clone())
            .with_deposits(deposits)
            .with_access(AccessEntry::new(self.contract, AccessMode::Write))
            .with_execution_gas(CALL_GAS);
        self.world.send(0, order)
    }

    /// A block of one invocation. It can be executed as often as one likes but not committed, and
    /// stands beside all others on the same tip.
    ///
    /// # Panics
    /// When it cannot be verified: a mistake in the workloads.
    #[must_use]
    pub fn block(&self, entry: &str) -> Block {
        let mut fork = Self {
            engine: self.engine.clone(),
            world: self.world.clone(),
            contract: self.contract,
            input: self.input.clone(),
        };
        let transaction = fork.invocation(entry);
        must(chain::next_block(&fork.engine, &fork.world, vec![transaction]))
    }

    /// Executes a block of one invocation: the gas it used.
    ///
    /// # Panics
    /// When it ends otherwise than its workload means it to.
    pub fn execute(&self, block: &Block, workload: Option<&HostWorkload>) -> Gas {
        let outcome = must(self.engine.execute_block_sequentially(block));
        let receipt = must(outcome.results()[0].as_ref().map_err(Clone::clone));
        let reverts = workload.is_some_and(HostWorkload::reverts);
        assert_eq!(receipt.status.is_success(), !reverts, "{workload:?}: {:?}", receipt.status);
        receipt.gas_used
    }
}

impl Default for HostScene {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::host_workloads;

    #[test]
    fn every_workload_ends_as_it_is_meant_to_and_pays_for_its_calls() {
        let scene = HostScene::new();
        for workload in host_workloads() {
            let gas = scene.execute(&scene.block(&workload.entry()), Some(&workload));
            let empty = scene.execute(&scene.block(&workload.empty_entry()), None);
            let least = workload.function.spec().gas.base * u64::from(workload.calls);
            assert!(gas.0 - empty.0 >= least, "{workload:?}: {gas} and {empty} without the calls");
        }
    }
}
