//! A chain after its first blocks, engines with any number of threads on it, and blocks on its tip
//! that can be executed as often as one likes, because executing changes nothing.

use anyhow::{Context as _, Result, ensure};
use tos_runtime::{
    Block, ContractEngine, ContractId, EngineConfig, Genesis, MemoryStorage, Transaction,
};

use crate::machine::cores;
use crate::{Order, SharedStorage, World, chain};

/// The chain and its world.
pub struct Scene {
    /// Who sends.
    pub world: World,
    storage: SharedStorage,
    genesis: Genesis,
    /// Verifies, with all threads; the only one that commits.
    main: ContractEngine,
}

impl Scene {
    /// A chain in memory on which the contracts of a world are deployed, and the first `holders` of
    /// its accounts hold tokens. Of assets they hold the native one, like the accounts of the
    /// yardstick.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn new(accounts: usize, holders: usize, seed: u64) -> Result<Self> {
        let world = World::with_holders(accounts, holders, seed);
        let genesis = world.native_genesis();
        Self::with_genesis(world, genesis)
    }

    /// The same with another genesis, which funds the world's accounts at least as well.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn with_genesis(mut world: World, genesis: Genesis) -> Result<Self> {
        let storage = SharedStorage::new(MemoryStorage::new());
        let main = open(&storage, &genesis, with_threads(cores()))?;
        chain::set_up(&main, &mut world).context("the first blocks")?;
        Ok(Self { world, storage, genesis, main })
    }

    /// Deploys a module, sent by the last account. Before any engine is opened: engines do not see
    /// what others commit.
    ///
    /// # Errors
    /// Those of the engine, and when the deployment does not succeed.
    pub fn deploy(&mut self, code: Vec<u8>) -> Result<ContractId> {
        let last = self.world.len() - 1;
        self.world.resume(|address| Ok::<_, anyhow::Error>(self.main.account(address)?.nonce))?;
        let tx = self.world.send(last, Order::deploy(code, Vec::new()));
        let contract = tx.deployed_contract().context("it is a deployment")?;
        let block = chain::next_block(&self.main, &self.world, vec![tx])?;
        check_success(&self.main, &block)?;
        self.main.commit(self.main.execute_block(&block)?)?;
        Ok(contract)
    }

    /// An engine of its own on the tip, with this many threads.
    ///
    /// # Errors
    /// Those of opening an engine.
    pub fn engine(&self, threads: usize) -> Result<ContractEngine> {
        self.engine_with(with_threads(threads))
    }

    /// An engine of its own on the tip, with these local choices.
    ///
    /// # Errors
    /// Those of opening an engine.
    pub fn engine_with(&self, config: EngineConfig) -> Result<ContractEngine> {
        Ok(open(&self.storage, &self.genesis, config)?)
    }

    /// A block on the tip. `shape` finds every account at its first nonce.
    ///
    /// # Errors
    /// A transaction is not valid.
    pub fn block(&mut self, shape: impl FnOnce(&mut World) -> Vec<Transaction>) -> Result<Block> {
        self.world.rewind();
        let transactions = shape(&mut self.world);
        Ok(chain::next_block(&self.main, &self.world, transactions)?)
    }
}

/// Executes a block and sees that all of it succeeds: loads what has to be loaded, and finds
/// workloads that do not do what they say.
///
/// # Errors
/// Those of the engine, and the first transaction that does not succeed.
pub fn check_success(engine: &ContractEngine, block: &Block) -> Result<()> {
    let outcome = engine.execute_block(block)?;
    for (idx, result) in outcome.results().iter().enumerate() {
        let succeeded = result.as_ref().is_ok_and(|receipt| receipt.status.is_success());
        ensure!(succeeded, "transaction {idx} of a workload: {result:?}");
    }
    Ok(())
}

fn with_threads(threads: usize) -> EngineConfig {
    EngineConfig { max_parallel_threads: threads, ..EngineConfig::default() }
}

fn open(
    storage: &SharedStorage,
    genesis: &Genesis,
    config: EngineConfig,
) -> Result<ContractEngine, tos_runtime::EngineError> {
    let builder = ContractEngine::builder().storage(storage.clone()).config(config);
    builder.genesis(genesis.clone()).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes;
    use crate::yardstick::Yardstick;

    #[test]
    fn engines_with_any_number_of_threads_see_one_tip() {
        let mut scene = Scene::new(40, 10, 1).unwrap();
        let block = scene.block(|world| shapes::token_transfers(world, 10)).unwrap();
        let digest = |threads| {
            let engine = scene.engine(threads).unwrap();
            check_success(&engine, &block).unwrap();
            engine.execute_block(&block).unwrap().state_digest()
        };
        assert_eq!(digest(1), digest(3));
    }

    #[test]
    fn the_yardstick_pays_what_the_engine_pays() {
        let mut scene = Scene::new(30, 0, 1).unwrap();
        let block = scene.block(|world| shapes::random_transfers(world, 200, 4)).unwrap();
        let engine = scene.engine(2).unwrap();
        check_success(&engine, &block).unwrap();
        let keys = scene.world.keys();
        let funds = engine.account(&scene.world.address(0)).unwrap().native.0;
        let mut yardstick =
            Yardstick::new(&block, &keys, funds, foldhash::fast::FixedState::default());
        for _ in 0..2 {
            assert_eq!(yardstick.run(), 200);
            let left: u64 = keys.iter().filter_map(|key| yardstick.account(key)).map(|a| a.1).sum();
            let fees = engine.execute_block(&block).unwrap().gas_fee().0;
            assert_eq!(left, funds * 30 - fees);
            yardstick.restore();
        }
        yardstick.run();
        // Paid again without being restored: no nonce fits.
        assert_eq!(yardstick.run(), 0);
        engine.commit(engine.execute_block(&block).unwrap()).unwrap();
        for key in &keys {
            let account = engine.account(&(*key).into()).unwrap();
            assert_eq!(yardstick.account(key), Some((account.nonce.0, account.native.0)));
        }
    }
}
