//! P2, the calls' part of P3, and P6: contract calls.

use anyhow::Result;

use super::apart::{self, Apart, Job, gain};
use super::floor::Floor;
use super::stage::{Sample, Stage, column, warm};
use super::{Figure, Figures, Options, Sizes, Target};
use crate::shapes;
use crate::stats::{median, median_ratio, median_us, us};

/// What two engines gain that share nothing, see `apart.rs`.
pub(super) const TWO_ENGINES: &str = "  two engines that never wait for each other gain";

/// P2 and P3: token payments by distinct senders.
pub(super) fn tokens(
    stage: &mut Stage,
    sizes: &Sizes,
    options: &Options,
    figures: &mut Figures,
) -> Result<()> {
    let txs = sizes.calls;
    let block = stage.block(|world| shapes::random_token_transfers(world, txs, options.seed))?;
    let Stage { two, one, another, scene, .. } = stage;
    warm(&[two, one], &block)?;
    let keys = scene.world.keys();
    let mut floor = Floor::new(&block, &one.execute_block(&block)?, &keys, options.seed)?;
    let half = txs / 2;
    let apart = Apart::new(Job::part(one, &block, 0..half), Job::part(another, &block, half..txs))?;
    let (mut twos, mut ones, mut aparts) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        twos.push(Sample::of(two, &block)?.wall);
        ones.push(Sample::of(one, &block)?.wall);
        aparts.push(apart.round()?);
        floor.round()?;
    }
    let mut add = |name, row, what: &str, value, unit, target| {
        let what = what.to_owned();
        figures.add(Figure { name, row, what, value, unit, target });
    };
    let per_call = |times: &[_]| median_us(times) / txs as f64;
    let at_most = |value| Some(Target::AtMost(value));
    let us = per_call(&twos);
    add(
        "p2_us",
        "P2",
        "a token payment through a contract, whole pipeline, 2 threads",
        us,
        "us",
        at_most(1.0),
    );
    let us = per_call(&ones);
    add("p2_us_1_thread", "P2", "  the same, 1 thread", us, "us", at_most(1.8));
    let what = "token payments: time on 1 thread by time on 2";
    let target = Some(Target::AtLeast(1.85));
    add("p3_contracts", "P3", what, median_ratio(&ones, &twos), "", target);
    add("p3_contracts_machine", "P3", TWO_ENGINES, gain(&aparts), "", None);
    figures.add_time("tokens_2_threads", median_us(&twos));
    figures.add_time("tokens_1_thread", median_us(&ones));
    floor.add_to(figures);
    apart::add_times("tokens", &aparts, figures);
    Ok(())
}

/// P6: a chain of purchases beside free token payments. No schedule can be faster than the chain
/// alone, or than half of all work; both are measured on one thread, in the execute stage.
pub(super) fn pool(
    stage: &mut Stage,
    sizes: &Sizes,
    options: &Options,
    figures: &mut Figures,
) -> Result<()> {
    let (txs, seed) = (sizes.pool_calls, options.seed);
    let block = stage.block(|world| shapes::pool_and_tokens(world, txs, seed))?;
    let chain = stage.block(|world| shapes::purchases(world, txs / 2, 0, seed))?;
    let free = stage.block(|world| shapes::token_transfers(world, txs / 2))?;
    let Stage { two, one, another, .. } = stage;
    warm(&[two, one], &block)?;
    let apart = Apart::new(
        Job { engine: one.clone(), block: chain.clone() },
        Job { engine: another.clone(), block: free },
    )?;
    let (mut twos, mut ones) = (Vec::new(), Vec::new());
    let (mut chains, mut besides) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        twos.push(Sample::of(two, &block)?);
        ones.push(Sample::of(one, &block)?);
        chains.push(Sample::of(one, &chain)?);
        besides.push(apart.beside()?);
    }
    let execute = |samples: &[Sample]| column(samples, |sample| sample.execute);
    let (twos, ones) = (execute(&twos), execute(&ones));
    let (chains, besides) = (execute(&chains), execute(&besides));
    let share = |((two, one), chain): ((&_, &_), &_)| {
        let bound = us(*chain).max(us(*one) / 2.0);
        bound / us(*two)
    };
    let mut add = |name, what: &str, value, target| {
        let what = what.to_owned();
        figures.add(Figure { name, row: "P6", what, value, unit: "", target });
    };
    add(
        "p6_ratio",
        "half of all calls in one chain: least possible time by time, 2 threads",
        median(twos.iter().zip(&ones).zip(&chains).map(share).collect()),
        Some(Target::AtLeast(0.95)),
    );
    add(
        "p6_machine",
        "  the chain alone by the same beside a second engine",
        median_ratio(&chains, &besides),
        None,
    );
    figures.add_time("pool_execute_2_threads", median_us(&twos));
    figures.add_time("pool_execute_1_thread", median_us(&ones));
    figures.add_time("pool_execute_chain_alone", median_us(&chains));
    figures.add_time("pool_execute_chain_beside_another_engine", median_us(&besides));
    Ok(())
}
