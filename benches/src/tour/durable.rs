//! P7: what durability costs. The same mixed blocks on a database that syncs and in memory, both
//! through the asynchronous engine: a block's commit overlaps the execution of the next. After that,
//! what an acknowledgement takes when nothing executes beside it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tos_runtime::{
    AsyncEngine, Block, BlockContext, ContractEngine, EngineConfig, MemoryStorage, RedbStorage,
    Storage, VerifiedTransaction,
};

use super::{Figure, Figures, Options, Sizes, Target, durable_floor};
use crate::stats::{median_us, us};
use crate::{Mix, World, chain};

/// Parts of the run. Both chains take turns part by part, and each waits for its last commit at the
/// end of a part.
const PARTS: usize = 10;

/// Blocks that are acknowledged with nothing beside them.
const ALONE: usize = 15;

/// One chain of the two.
struct Side {
    engine: AsyncEngine,
    time: Duration,
    /// From asking for a commit to its answer, in the order of answers.
    acks: Arc<Mutex<Vec<Duration>>>,
}

pub(super) fn measure(
    sizes: &Sizes,
    options: &Options,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Result<()> {
    let (blocks, txs) = sizes.durable;
    let parts = PARTS.min(blocks);
    progress("P7: making a chain");
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let mut world = World::new(sizes.durable_accounts, options.seed);
    let storage = RedbStorage::open(folder.path().join("state.redb"))?;
    let mut durable = Side::new(storage, &world)?;
    let mut volatile = Side::new(MemoryStorage::new(), &world)?;
    chain::set_up(durable.engine.engine(), &mut world.clone())?;
    chain::set_up(volatile.engine.engine(), &mut world)?;

    let mix = Mix { txs, contracts: 30, seed: options.seed, ..Mix::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut number = 0;
    for part in 0..parts {
        progress(&format!("P7: mixed blocks, part {} of {parts}", part + 1));
        let mut verified = Vec::new();
        for _ in 0..blocks / parts {
            number += 1;
            verified.push(transactions(&mix, &mut world, number)?);
        }
        // The first of the two makes blocks of them, which is not part of its time; the other
        // finds the same tips, since both chains are the same.
        let mut blocks = Vec::new();
        let mut verified = verified.into_iter();
        runtime.block_on(volatile.run(|context| {
            let block = Block::new(context, verified.next()?).with_beneficiary(world.operator());
            blocks.push(block.clone());
            Some(block)
        }))?;
        let mut blocks = blocks.into_iter();
        runtime.block_on(durable.run(|_| blocks.next()))?;
    }

    let done = number as f64 * txs as f64;
    let per_second = |side: &Side| done / (us(side.time) / 1e6);
    let mut add = |name, what: String, value, unit, target| {
        figures.add(Figure { name, row: "P7", what, value, unit, target: Some(target) });
    };
    add(
        "p7_ratio",
        format!("blocks per second, durable by in memory: {number} mixed blocks of {txs}"),
        per_second(&durable) / per_second(&volatile),
        "",
        Target::AtLeast(0.8),
    );
    let acks = durable.acks();
    let what = "acknowledging a block while the next one executes, median".to_owned();
    add("p7_ack_ms", what, median_us(&acks) / 1e3, "ms", Target::AtMost(5.0));
    let longest = acks.iter().max().copied().unwrap_or_default();
    figures.add_time("p7_ack_longest", us(longest));
    let alone = (1..=ALONE.min(blocks) as u64)
        .map(|idx| {
            let transactions = transactions(&mix, &mut world, number + idx)?;
            let context = durable.engine.engine().next_context(0);
            let block = Block::new(context, transactions).with_beneficiary(world.operator());
            runtime.block_on(durable.acknowledge(block))
        })
        .collect::<Result<Vec<_>>>()?;
    figures.add(Figure {
        name: "p7_ack_alone_ms",
        row: "P7",
        what: "  the same with nothing executing beside it".into(),
        value: median_us(&alone) / 1e3,
        unit: "ms",
        target: None,
    });
    let next = number + 1 + ALONE.min(blocks) as u64;
    let engine = durable.engine.engine();
    let next = Block::new(engine.next_context(0), transactions(&mix, &mut world, next)?);
    let execute = || engine.execute_block(&next).map(drop).map_err(Into::into);
    let floor = durable_floor::measure(folder.path(), txs, ALONE.min(blocks), execute)?;
    for (name, what, times) in [
        (
            "p7_ack_floor_ms",
            "  a plain file beside an execution: written, synced, its head written, synced",
            floor.beside,
        ),
        ("p7_ack_floor_alone_ms", "  the same with nothing beside it", floor.alone),
    ] {
        let value = median_us(&times) / 1e3;
        figures.add(Figure { name, row: "P7", what: what.into(), value, unit: "ms", target: None });
    }
    figures.add_time("p7_durable_per_block", us(durable.time) / number as f64);
    figures.add_time("p7_in_memory_per_block", us(volatile.time) / number as f64);
    Ok(())
}

/// The transactions of a block.
fn transactions(mix: &Mix, world: &mut World, number: u64) -> Result<Vec<VerifiedTransaction>> {
    let transactions = mix.block(world, number);
    chain::verify(world, transactions)
        .map_err(|(idx, why)| anyhow::anyhow!("transaction {idx}: {why}"))
}

impl Side {
    fn new(storage: impl Storage, world: &World) -> Result<Self> {
        let engine = ContractEngine::builder()
            .storage(storage)
            .config(EngineConfig::default())
            .genesis(world.genesis())
            .build()?;
        Ok(Self { engine: AsyncEngine::new(engine)?, time: Duration::ZERO, acks: Arc::default() })
    }

    /// From asking for the commit of a block to its answer.
    async fn acknowledge(&self, block: Block) -> Result<Duration> {
        let outcome = self.engine.execute_block(block).await?;
        let asked = Instant::now();
        self.engine.commit(outcome).await?;
        Ok(asked.elapsed())
    }

    fn acks(&self) -> Vec<Duration> {
        self.acks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Executes and commits blocks until there is none for the next context. No execution waits for
    /// a commit before it; at the end all are waited for.
    async fn run(&mut self, mut next: impl FnMut(BlockContext) -> Option<Block>) -> Result<()> {
        let mut context = self.engine.engine().next_context(0);
        let mut commits = Vec::new();
        while let Some(block) = next(context.clone()) {
            let start = Instant::now();
            let outcome = self.engine.execute_block(block).await?;
            context.topoheight.0 += 1;
            context.parent = outcome.state_digest();
            let asked = Instant::now();
            let commit = self.engine.commit(outcome);
            let acks = Arc::clone(&self.acks);
            // A task of its own notices the answer when it comes, not when somebody asks for it.
            commits.push(tokio::spawn(async move {
                let answer = commit.await;
                let ack = asked.elapsed();
                acks.lock().unwrap_or_else(PoisonError::into_inner).push(ack);
                answer
            }));
            self.time += start.elapsed();
        }
        let start = Instant::now();
        for commit in commits {
            commit.await??;
        }
        self.time += start.elapsed();
        Ok(())
    }
}
