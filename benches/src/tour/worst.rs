//! P4: no workload for which parallel execution should have been switched off.

use anyhow::Result;
use tos_runtime::{Block, ContractEngine};

use super::stage::{Sample, Stage, warm};
use super::{Figure, Figures, Options, Sizes, Target};
use crate::conflicts::{Payment, payments};
use crate::stats::{median_ratio, median_us};
use crate::{World, shapes};

/// Blocks below this many transactions are repeated more often.
const SMALL: [usize; 5] = [1, 2, 5, 10, 50];

/// A block by its name, and how often it runs.
type Workload = (String, Block, usize);

pub(super) fn measure(
    stage: &mut Stage,
    sizes: &Sizes,
    options: &Options,
    figures: &mut Figures,
) -> Result<()> {
    let mut worst: Option<(f64, String)> = None;
    let workloads = workloads(stage, sizes, options)?;
    let cases = workloads.len();
    for (name, block, rounds) in workloads {
        let ratio = sequential_to_parallel(&stage.all, &block, rounds, &name, figures)?;
        if worst.as_ref().is_none_or(|(least, _)| ratio < *least) {
            worst = Some((ratio, name));
        }
    }
    let (value, name) = worst.unwrap_or((0.0, "nothing".into()));
    figures.add(Figure {
        name: "p4_worst",
        row: "P4",
        what: format!("the sequential executor's time by ours, worst of {cases}: {name}"),
        value,
        unit: "",
        target: Some(Target::AtLeast(0.97)),
    });
    Ok(())
}

fn workloads(stage: &mut Stage, sizes: &Sizes, options: &Options) -> Result<Vec<Workload>> {
    let (transfers, calls) = sizes.compared;
    let rounds = 2 * options.rounds;
    let mut workloads = Vec::new();
    for conflicts in [0, 50, 100] {
        let block = |world: &mut World| {
            payments(world, Payment::Native, transfers, conflicts, options.seed)
        };
        let name = format!("{transfers} transfers, {conflicts} % conflicts");
        workloads.push((name, stage.block(block)?, rounds));
    }
    let hot = stage.block(|world| shapes::hot_receiver(world, transfers))?;
    workloads.push((format!("{transfers} transfers to one receiver"), hot, rounds));
    for conflicts in [0, 100] {
        let block =
            |world: &mut World| payments(world, Payment::Token, calls, conflicts, options.seed);
        let name = format!("{calls} token calls, {conflicts} % conflicts");
        workloads.push((name, stage.block(block)?, rounds));
    }
    let chain = stage.block(|world| shapes::purchases(world, calls / 2, 0, options.seed))?;
    workloads.push((format!("{} purchases from one pool", calls / 2), chain, rounds));
    for txs in SMALL {
        let block = stage.block(|world| shapes::disjoint_transfers(world, txs))?;
        workloads.push((format!("a block of {txs} transfers"), block, sizes.repetitions));
        let block = stage.block(|world| shapes::token_transfers(world, txs))?;
        workloads.push((format!("a block of {txs} token calls"), block, sizes.repetitions));
    }
    Ok(workloads)
}

/// Who goes first alternates, since the second finds what the first has brought into the caches.
fn sequential_to_parallel(
    engine: &ContractEngine,
    block: &Block,
    rounds: usize,
    name: &str,
    figures: &mut Figures,
) -> Result<f64> {
    warm(&[engine], block)?;
    let (mut sequential, mut parallel) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        if round % 2 == 0 {
            sequential.push(Sample::of_sequential(engine, block)?.wall);
        }
        parallel.push(Sample::of(engine, block)?.wall);
        if round % 2 == 1 {
            sequential.push(Sample::of_sequential(engine, block)?.wall);
        }
    }
    let ratio = median_ratio(&sequential, &parallel);
    figures.add_time(format!("p4 {name}: sequential"), median_us(&sequential));
    figures.add_time(format!("p4 {name}: parallel"), median_us(&parallel));
    Ok(ratio)
}
