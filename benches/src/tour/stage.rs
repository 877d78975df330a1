//! The chain that most figures are measured on, and engines with different threads on it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tos_runtime::{Block, BlockOutcome, ContractEngine, EngineConfig, MemoryStorage, Transaction};

use super::Sizes;
use crate::machine::cores;
use crate::{SharedStorage, World, chain};

/// A chain after its first blocks, and engines that each have a view of it.
pub(super) struct Stage {
    pub(super) world: World,
    /// Two threads, whatever the machine has.
    pub(super) two: ContractEngine,
    /// One thread, parallel execution enabled.
    pub(super) one: ContractEngine,
    /// As many threads as the machine has.
    pub(super) all: ContractEngine,
}

/// What one execution took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// From the call to the return.
    pub(super) wall: Duration,
    /// The stages that do what the yardstick does: resolve, schedule, prefetch, execute.
    pub(super) core: Duration,
    /// The execute stage alone.
    pub(super) execute: Duration,
}

impl Stage {
    pub(super) fn new(sizes: &Sizes, seed: u64) -> Result<Self> {
        let mut world = World::with_holders(sizes.accounts, sizes.calls, seed);
        let storage = SharedStorage::new(MemoryStorage::new());
        let build = |threads| {
            let config = EngineConfig { max_parallel_threads: threads, ..EngineConfig::default() };
            ContractEngine::builder()
                .storage(storage.clone())
                .config(config)
                .genesis(world.genesis())
                .build()
        };
        // The others open after the first blocks: engines do not see each other's commits.
        let two = build(2)?;
        chain::set_up(&two, &mut world.clone()).context("the first blocks")?;
        let one = build(1)?;
        let all = if cores() == 2 { two.clone() } else { build(cores())? };
        world.rewind();
        Ok(Self { world, two, one, all })
    }

    /// A block on the tip. `shape` finds every account at its first nonce.
    pub(super) fn block(
        &mut self,
        shape: impl FnOnce(&mut World) -> Vec<Transaction>,
    ) -> Result<Block> {
        self.world.rewind();
        let transactions = shape(&mut self.world);
        Ok(chain::next_block(&self.two, &self.world, transactions)?)
    }
}

impl Sample {
    /// Executes a block; leaves no trace.
    pub(super) fn of(engine: &ContractEngine, block: &Block) -> Result<Self> {
        Self::with(|| Ok(engine.execute_block(block)?))
    }

    /// The same with the sequential executor, the one that runs when parallel execution is not
    /// enabled.
    pub(super) fn of_sequential(engine: &ContractEngine, block: &Block) -> Result<Self> {
        Self::with(|| Ok(engine.execute_block_sequentially(block)?))
    }

    fn with(execute: impl FnOnce() -> Result<BlockOutcome>) -> Result<Self> {
        let start = Instant::now();
        let outcome = execute()?;
        let wall = start.elapsed();
        let stages = &outcome.metrics().stages;
        let core = stages.resolve + stages.schedule + stages.prefetch + stages.execute;
        Ok(Self { wall, core, execute: stages.execute })
    }
}

/// Executes a block on each engine and sees that all of it succeeds: loads what has to be loaded,
/// and finds workloads that do not do what they say.
pub(super) fn warm(engines: &[&ContractEngine], block: &Block) -> Result<()> {
    for engine in engines {
        let outcome = engine.execute_block(block)?;
        for (idx, result) in outcome.results().iter().enumerate() {
            let succeeded = result.as_ref().is_ok_and(|receipt| receipt.status.is_success());
            ensure!(succeeded, "transaction {idx} of a workload: {result:?}");
        }
    }
    Ok(())
}

/// One column of samples.
pub(super) fn column(samples: &[Sample], of: impl Fn(&Sample) -> Duration) -> Vec<Duration> {
    samples.iter().map(of).collect()
}
