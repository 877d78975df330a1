//! P9: opening a chain that has many contracts, and loading a compiled module.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tos_runtime::{ContractEngine, ContractId, RedbStorage, Storage, Transaction};

use super::{Figure, Figures, Options, Sizes, Target};
use crate::stats::{median, median_us, us};
use crate::{COUNTER_WAT, Order, TOKEN, World, assemble, chain};

/// Deployments per block: their gas has to fit.
const DEPLOYMENTS: usize = 100;

/// A chain with many contracts in a database, and calls of them.
struct Deployed {
    world: World,
    /// Calls of the world's own token, which is the first call after opening.
    first: Transaction,
    /// One call per token that is loaded.
    tokens: Vec<Transaction>,
}

pub(super) fn measure(sizes: &Sizes, options: &Options, figures: &mut Figures) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let path = folder.path().join("state.redb");
    let deployed = deploy(&path, sizes, options.seed)?;
    let (mut starts, mut loads) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds.min(5) {
        let start = Instant::now();
        let engine = open(RedbStorage::open(&path)?, &deployed.world)?;
        let first = vec![deployed.first.clone()];
        let block = chain::next_block(&engine, &deployed.world, first)?;
        let outcome = engine.execute_block(&block)?;
        starts.push(start.elapsed());
        let called = outcome.results()[0].as_ref();
        ensure!(called.is_ok_and(|receipt| receipt.status.is_success()), "{called:?}");
        loads.push(load_us(&engine, &deployed.tokens)?);
    }
    let mut add = |name, what: String, value, unit, target| {
        let target = Some(Target::AtMost(target));
        figures.add(Figure { name, row: "P9", what, value, unit, target });
    };
    let what = format!("opening a chain with {} contracts, to its first receipt", sizes.opened.0);
    add("p9_start_s", what, median_us(&starts) / 1e6, "s", 1.0);
    let what = "loading a compiled token module".to_owned();
    add("p9_load_us", what, median(loads), "us", 200.0);
    Ok(())
}

/// Median over tokens: what the first time of looking at a contract takes longer than the second,
/// which finds everything in memory.
fn load_us(engine: &ContractEngine, calls: &[Transaction]) -> Result<f64> {
    let warm = |call| -> Result<Duration> {
        let start = Instant::now();
        engine.warm(call)?;
        Ok(start.elapsed())
    };
    let mut loads = Vec::new();
    for call in calls {
        let (first, second) = (warm(call)?, warm(call)?);
        loads.push(us(first.saturating_sub(second)));
    }
    Ok(median(loads))
}

fn open(storage: impl Storage, world: &World) -> Result<ContractEngine> {
    Ok(ContractEngine::builder().storage(storage).genesis(world.genesis()).build()?)
}

/// Makes the database: every contract has code of its own, so that each has to be found by itself.
fn deploy(path: &Path, sizes: &Sizes, seed: u64) -> Result<Deployed> {
    let mut world = World::new(16, seed);
    let engine = open(RedbStorage::open(path)?, &world)?;
    chain::set_up(&engine, &mut world)?;
    let (contracts, tokens) = sizes.opened;
    let counter = assemble(COUNTER_WAT);
    let supply = 1_000_u64;
    let orders = (0..contracts).map(|number| {
        if number < tokens {
            Order::deploy(numbered(TOKEN, number), supply.to_le_bytes().to_vec())
        } else {
            Order::deploy(numbered(&counter, number), Vec::new())
        }
    });
    let deployments: Vec<Transaction> = orders.map(|order| world.send(0, order)).collect();
    let token_ids: Vec<ContractId> =
        deployments[..tokens].iter().filter_map(|tx| tx.deployed_contract()).collect();
    for deployments in deployments.chunks(DEPLOYMENTS) {
        let block = chain::next_block(&engine, &world, deployments.to_vec())?;
        let outcome = engine.execute_block(&block)?;
        for (idx, result) in outcome.results().iter().enumerate() {
            let succeeded = result.as_ref().is_ok_and(|receipt| receipt.status.is_success());
            ensure!(succeeded, "deployment {idx}: {result:?}");
        }
        engine.commit(outcome)?;
    }
    let pay = |world: &mut World, token| {
        let order = Order::token_transfer(token, world.address(2), 1);
        world.send(1, order)
    };
    let own = world.contracts().token;
    let first = pay(&mut world, own);
    let tokens: Vec<_> = token_ids.into_iter().map(|token| pay(&mut world, token)).collect();
    // Every module is compiled and stored before the database is closed.
    let calls = deployments
        .iter()
        .filter_map(|tx| tx.deployed_contract())
        .map(|contract| world.send(3, Order::invoke(contract, "get", Vec::new())));
    for call in calls.collect::<Vec<_>>() {
        engine.warm(&call)?;
    }
    Ok(Deployed { world, first, tokens })
}

/// The same module with a custom section of its own: other code to the engine, in nothing
/// different when it runs.
fn numbered(code: &[u8], number: usize) -> Vec<u8> {
    let mut numbered = code.to_vec();
    // Section 0: 12 bytes of content, a name of 3 bytes, the number.
    numbered.extend_from_slice(&[0, 12, 3]);
    numbered.extend_from_slice(b"num");
    numbered.extend_from_slice(&(number as u64).to_le_bytes());
    numbered
}
