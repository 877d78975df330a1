//! An engine on which the guest of all host functions is deployed and has slots, counters, money:
//! ready to run blocks of one invocation.

use tos_runtime::{
    AccessEntry, AccessMode, Amount, AssetId, Block, ContractEngine, ContractId, Deposit,
    EngineConfig, Gas, MemoryStorage, Transaction,
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

/// The engine and whoever calls.
pub struct HostScene {
    engine: ContractEngine,
    world: World,
    contract: ContractId,
}

impl HostScene {
    /// Sets everything up.
    ///
    /// # Panics
    /// When a transaction fails: a mistake in the workloads.
    #[must_use]
    pub fn new() -> Self {
        let mut world = World::new(2, SEED);
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
        let contract = deployment.deployed_contract().expect("a deployment has a contract");
        let mut scene = Self { engine, world, contract };
        let payment = scene.world.send(0, Order::transfer(contract, CONTRACT_FUNDS));
        scene.commit(vec![deployment, payment]);
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
        let order = Order::invoke(self.contract, entry, vec![7; INPUT_LEN])
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
