//! P2, the calls' part of P3, and P6: contract calls.

use anyhow::Result;

use super::stage::{Sample, Stage, column, warm};
use super::{Figure, Figures, Options, Sizes, Target};
use crate::shapes;
use crate::stats::{median, median_ratio, median_us, us};

/// P2 and P3: token payments by distinct senders.
pub(super) fn tokens(
    stage: &mut Stage,
    sizes: &Sizes,
    options: &Options,
    figures: &mut Figures,
) -> Result<()> {
    let txs = sizes.calls;
    let block = stage.block(|world| shapes::random_token_transfers(world, txs, options.seed))?;
    let Stage { two, one, .. } = stage;
    warm(&[two, one], &block)?;
    let (mut twos, mut ones) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        twos.push(Sample::of(two, &block)?.wall);
        ones.push(Sample::of(one, &block)?.wall);
    }
    let mut add = |name, row, what: &str, value, unit, target| {
        let what = what.to_owned();
        figures.add(Figure { name, row, what, value, unit, target: Some(target) });
    };
    let per_call = |times: &[_]| median_us(times) / txs as f64;
    add("p2_us", "P2", "a token payment, 2 threads", per_call(&twos), "us", Target::AtMost(1.0));
    let us = per_call(&ones);
    add("p2_us_1_thread", "P2", "the same, 1 thread", us, "us", Target::AtMost(1.8));
    let ratio = median_ratio(&ones, &twos);
    let what = "token payments: 1 thread to 2 threads";
    add("p3_contracts", "P3", what, ratio, "", Target::AtLeast(1.85));
    figures.add_time("tokens_2_threads", median_us(&twos));
    figures.add_time("tokens_1_thread", median_us(&ones));
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
    let Stage { two, one, .. } = stage;
    warm(&[two, one], &block)?;
    warm(&[one], &chain)?;
    let (mut twos, mut ones, mut chains) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        twos.push(Sample::of(two, &block)?);
        ones.push(Sample::of(one, &block)?);
        chains.push(Sample::of(one, &chain)?);
    }
    let execute = |samples: &[Sample]| column(samples, |sample| sample.execute);
    let (twos, ones, chains) = (execute(&twos), execute(&ones), execute(&chains));
    let share = |((two, one), chain): ((&_, &_), &_)| {
        let bound = us(*chain).max(us(*one) / 2.0);
        bound / us(*two)
    };
    figures.add(Figure {
        name: "p6_ratio",
        row: "P6",
        what: "half of the calls on one pool: bound to time, 2 threads".into(),
        value: median(twos.iter().zip(&ones).zip(&chains).map(share).collect()),
        unit: "",
        target: Some(Target::AtLeast(0.95)),
    });
    figures.add_time("pool_execute_2_threads", median_us(&twos));
    figures.add_time("pool_execute_1_thread", median_us(&ones));
    figures.add_time("pool_execute_chain_alone", median_us(&chains));
    Ok(())
}
