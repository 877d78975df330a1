//! P1, the transfers' part of P3, and P5: plain transfers beside the yardstick.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::apart::{self, Apart, Job, gain};
use super::calls::TWO_ENGINES;
use super::stage::{Sample, Stage, column, warm};
use super::{Figure, Figures, Options, Sizes, Target};
use crate::shapes;
use crate::stats::{median_ratio, median_us};
use crate::yardstick::Yardstick;

/// What the accounts of the yardstick begin with: never the reason for a refusal.
const FUNDS: u64 = 1_000_000_000_000;

pub(super) fn measure(
    stage: &mut Stage,
    sizes: &Sizes,
    options: &Options,
    figures: &mut Figures,
) -> Result<()> {
    let txs = sizes.transfers;
    let block = stage.block(|world| shapes::random_transfers(world, txs, options.seed))?;
    let hot = stage.block(|world| shapes::hot_receiver(world, txs))?;
    let keys = stage.scene.world.keys();
    let mut sip = Yardstick::new(&block, &keys, FUNDS, RandomState::new());
    let mut fold = Yardstick::new(&block, &keys, FUNDS, foldhash::fast::RandomState::default());
    let Stage { two, one, another, .. } = stage;
    warm(&[two, one], &block)?;
    warm(&[two], &hot)?;
    // The same half for both: the other one is by senders whose first payments are in this one.
    let half = |engine| Job::part(engine, &block, 0..txs / 2);
    let apart = Apart::new(half(one), half(another))?;

    let (mut sips, mut folds) = (Vec::new(), Vec::new());
    let (mut twos, mut ones, mut hots) = (Vec::new(), Vec::new(), Vec::new());
    let mut aparts = Vec::new();
    for _ in 0..options.rounds {
        sips.push(yardstick(&mut sip)?);
        twos.push(again(|| Sample::of(two, &block))?);
        sips.push(yardstick(&mut sip)?);
        ones.push(again(|| Sample::of(one, &block))?);
        hots.push(again(|| Sample::of(two, &hot))?);
        folds.push(yardstick(&mut fold)?);
        aparts.push(again(|| apart.round())?);
    }
    // The yardstick runs before both engines, since it moves most: each is compared with its own.
    let before = |first: usize| sips.iter().skip(first).step_by(2).copied().collect::<Vec<_>>();
    let (sip_two, sip_one) = (before(0), before(1));

    let wall = |samples: &[Sample]| column(samples, |sample| sample.wall);
    let core = |samples: &[Sample]| column(samples, |sample| sample.core);
    let per_tx = |times: &[Duration]| median_us(times) / txs as f64;
    let mut add = |name, row, what: &str, value, unit, target| {
        let what = what.to_owned();
        figures.add(Figure { name, row, what, value, unit, target });
    };
    add(
        "yardstick_us",
        "",
        "the yardstick: a transfer in a bare loop over a HashMap, 1 thread",
        per_tx(&sips),
        "us",
        None,
    );
    add(
        "yardstick_foldhash_us",
        "",
        "  the same loop with a faster hash (foldhash)",
        per_tx(&folds),
        "us",
        None,
    );
    add(
        "p1_ratio",
        "P1",
        "time of a transfer, resolve to execute, by the yardstick's; 2 threads",
        median_ratio(&core(&twos), &sip_two),
        "",
        Some(Target::AtMost(1.0)),
    );
    add(
        "p1_ratio_1_thread",
        "P1",
        "  the same, 1 thread",
        median_ratio(&core(&ones), &sip_one),
        "",
        Some(Target::AtMost(2.0)),
    );
    add(
        "p1_full_ratio",
        "P1",
        "time of the whole pipeline by the yardstick's, 2 threads",
        median_ratio(&wall(&twos), &sip_two),
        "",
        Some(Target::AtMost(2.0)),
    );
    add(
        "p1_full_ratio_1_thread",
        "P1",
        "  the same, 1 thread",
        median_ratio(&wall(&ones), &sip_one),
        "",
        Some(Target::AtMost(3.5)),
    );
    add(
        "p3_transfers",
        "P3",
        "transfers: time on 1 thread by time on 2",
        median_ratio(&wall(&ones), &wall(&twos)),
        "",
        Some(Target::AtLeast(1.6)),
    );
    add("p3_transfers_machine", "P3", TWO_ENGINES, gain(&aparts), "", None);
    add(
        "p5_ratio",
        "P5",
        "time with one receiver for all by that of P1, whole pipeline, 2 threads",
        median_ratio(&wall(&hots), &wall(&twos)),
        "",
        Some(Target::AtMost(1.3)),
    );
    for (what, times) in [
        ("yardstick", &sips),
        ("yardstick_foldhash", &folds),
        ("transfers_core_2_threads", &core(&twos)),
        ("transfers_core_1_thread", &core(&ones)),
        ("transfers_2_threads", &wall(&twos)),
        ("transfers_1_thread", &wall(&ones)),
        ("hot_receiver_2_threads", &wall(&hots)),
    ] {
        figures.add_time(what, median_us(times));
    }
    apart::add_times("transfers", &aparts, figures);
    Ok(())
}

/// Runs twice and keeps the second: the one before has evicted from the processor's caches what this
/// one would find there in a loop of its own. So it is for all contestants.
fn again<T>(mut run: impl FnMut() -> Result<T>) -> Result<T> {
    run()?;
    run()
}

fn yardstick<S: BuildHasher + Clone>(loops: &mut Yardstick<S>) -> Result<Duration> {
    again(|| {
        loops.restore();
        let start = Instant::now();
        let paid = loops.run();
        let time = start.elapsed();
        ensure!(paid == loops.len(), "the yardstick refused {} payments", loops.len() - paid);
        Ok(time)
    })
}
