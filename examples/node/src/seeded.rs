//! Seeded blocks for commands that look at one block: the same as those of the main job.

use anyhow::{Context as _, Result};
use clap::Args;
use tos_benches::{Mix, World, chain};
use tos_runtime::{Address, ContractEngine, EngineConfig, Transaction};

/// What a seeded block is like; the same options as the main job's.
#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// What accounts and transactions are drawn from.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Transactions of the block.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=200_000))]
    pub txs: u32,
    /// Share of contract calls in percent.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub contracts: u32,
    /// Share of transactions that touch a small hot set under `Write`, in percent.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub conflicts: u32,
    /// Accounts of the chain.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(2..=2_000_000))]
    pub accounts: u32,
}

impl Options {
    /// The accounts, their keys and contracts.
    pub(crate) fn world(&self) -> World {
        World::new(self.accounts as usize, self.seed)
    }

    /// The shape of mixed blocks.
    pub(crate) fn mix(&self) -> Mix {
        Mix {
            txs: self.txs as usize,
            contracts: self.contracts,
            conflicts: self.conflicts,
            seed: self.seed,
            ..Mix::default()
        }
    }

    /// The transactions of the mixed block that follows a world's first blocks.
    pub(crate) fn mixed_block(&self, world: &mut World) -> Vec<Transaction> {
        let number = world.setup().len() as u64 + 1;
        self.mix().block(world, number)
    }
}

/// An engine in memory on which the world's first blocks are committed.
pub(crate) fn engine(world: &mut World, threads: usize) -> Result<ContractEngine> {
    // What is settled account by account has no place in a schedule.
    let config = EngineConfig {
        max_parallel_threads: threads,
        large_block_txs: usize::MAX,
        ..EngineConfig::default()
    };
    let engine = ContractEngine::builder().config(config).genesis(world.genesis()).build()?;
    chain::set_up(&engine, world).context("cannot set up the chain")?;
    Ok(engine)
}

/// Names of a world's accounts and contracts.
pub(crate) fn names(world: &World) -> impl Iterator<Item = (Address, String)> {
    let contracts = world.contracts();
    let contracts = [
        (contracts.token, "token"),
        (contracts.counter, "counter"),
        (contracts.hot_counter, "hot counter"),
        (contracts.pool, "pool"),
    ];
    let accounts = (0..world.len()).map(|idx| (world.address(idx), format!("account {idx}")));
    contracts
        .map(|(id, name)| (Address::Contract(id), name.to_owned()))
        .into_iter()
        .chain([(world.operator(), "operator".to_owned())])
        .chain(accounts)
}
