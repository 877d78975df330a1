//! What most figures are measured on: engines with different threads on one chain.

use std::time::{Duration, Instant};

use anyhow::Result;
use tos_runtime::{Block, BlockOutcome, ContractEngine, Transaction};

use super::Sizes;
use crate::World;
use crate::machine::cores;
use crate::scene::{Scene, check_success};

/// The scene, and the engines that are compared.
pub(super) struct Stage {
    pub(super) scene: Scene,
    /// Two threads, whatever the machine has.
    pub(super) two: ContractEngine,
    /// One thread, parallel execution enabled.
    pub(super) one: ContractEngine,
    /// The same again, which shares nothing with it but the storage.
    pub(super) another: ContractEngine,
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
        let scene = Scene::new(sizes.accounts, sizes.calls, seed)?;
        let two = scene.engine(2)?;
        let (one, another) = (scene.engine(1)?, scene.engine(1)?);
        let all = if cores() == 2 { two.clone() } else { scene.engine(cores())? };
        Ok(Self { scene, two, one, another, all })
    }

    /// See [`Scene::block`].
    pub(super) fn block(
        &mut self,
        shape: impl FnOnce(&mut World) -> Vec<Transaction>,
    ) -> Result<Block> {
        self.scene.block(shape)
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

/// See [`check_success`], on each engine.
pub(super) fn warm(engines: &[&ContractEngine], block: &Block) -> Result<()> {
    engines.iter().try_for_each(|engine| check_success(engine, block))
}

/// One column of samples.
pub(super) fn column(samples: &[Sample], of: impl Fn(&Sample) -> Duration) -> Vec<Duration> {
    samples.iter().map(of).collect()
}
