//! What the criterion benches share: each runs its cases through criterion, which writes a page for
//! every one, and at its end prints all figures as a table and draws them in one chart.
#![allow(clippy::float_arithmetic, reason = "shares and rates for readers, no part of a result")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use tos_benches::bench::must;
use tos_benches::machine::{Machine, cores, processor_time, resident_bytes};
use tos_benches::summary::{Case, Summary};
use tos_runtime::{Block, ContractEngine};

/// One bench: where its cases go.
pub(crate) struct Harness {
    name: &'static str,
    criterion: Criterion,
    summary: Summary,
}

/// What names a case.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Its chart.
    pub(crate) panel: &'a str,
    /// Its line.
    pub(crate) series: &'a str,
    /// Its place on the line.
    pub(crate) at: &'a str,
    /// Transactions per run.
    pub(crate) txs: usize,
    /// Threads that could be busy.
    pub(crate) threads: usize,
}

/// Runs a bench. `x` says what the places on its lines are. A case takes a second and a half or so;
/// `--measurement-time` and `--warm-up-time` change that, a word runs the cases it is part of.
pub(crate) fn run(name: &'static str, x: &str, measure: impl FnOnce(&mut Harness)) {
    let machine = Machine::this();
    println!("{name}\n{machine}\n");
    let criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let mut harness = Harness { name, criterion, summary: Summary::new(name, x) };
    measure(&mut harness);
    harness.criterion.final_summary();
    if harness.summary.is_empty() {
        return;
    }
    println!("\n{}", harness.summary.to_text(&machine));
    match harness.summary.write(&machine, &folder()) {
        Ok([chart, page]) => println!("chart: {}\ntable: {}", chart.display(), page.display()),
        Err(error) => eprintln!("chart and table cannot be written: {error}"),
    }
}

impl Harness {
    /// Measures a case. `run` does it once and returns what it took; what it does besides, such as
    /// restoring, is not part of that.
    pub(crate) fn case(&mut self, place: Place<'_>, mut run: impl FnMut() -> Duration) {
        let Place { panel, series, at, txs, threads } = place;
        let mut times = Vec::new();
        let (mut busy, mut wall) = (Some(Duration::ZERO), Duration::ZERO);
        let memory = resident_bytes();
        let mut group = self.criterion.benchmark_group(format!("{}/{panel}", self.name));
        group.throughput(Throughput::Elements(txs as u64));
        // Samples of equal length: otherwise the last of ten takes ten times as long as the first,
        // which of large blocks is seconds.
        group.sampling_mode(SamplingMode::Flat);
        group.bench_function(BenchmarkId::new(series, at), |bencher| {
            bencher.iter_custom(|iterations| {
                let (start, before) = (Instant::now(), processor_time());
                let total: Duration = (0..iterations).map(|_| run()).sum();
                wall += start.elapsed();
                let used = processor_time().zip(before).map(|(now, then)| now.saturating_sub(then));
                busy = busy.zip(used).map(|(sum, used)| sum + used);
                times.push(total / u32::try_from(iterations).unwrap_or(u32::MAX).max(1));
                total
            });
        });
        group.finish();
        if times.len() < 2 {
            // Filtered out, or only listed, or run once to see that it runs, which is no figure.
            return;
        }
        let share = |busy: Duration| busy.as_secs_f64() / wall.as_secs_f64() / threads as f64;
        let grown = |(now, then): (u64, u64)| now.cast_signed() - then.cast_signed();
        self.summary.add(Case {
            panel: panel.to_owned(),
            series: series.to_owned(),
            place: at.to_owned(),
            txs,
            times,
            utilisation: busy.map(share),
            memory: resident_bytes().zip(memory).map(grown),
        });
    }

    /// The sequential executor and the parallel one on one, on two and on all threads, on a block.
    pub(crate) fn executors(&mut self, engines: &Engines, panel: &str, at: &str, block: &Block) {
        let txs = block.transactions().len();
        let (_, first) = &engines.0[0];
        let place = Place { panel, series: "sequential", at, txs, threads: 1 };
        self.case(place, || timed(|| must(first.execute_block_sequentially(block))));
        for (threads, engine) in &engines.0 {
            let series = threads_name(*threads);
            let place = Place { panel, series: &series, at, txs, threads: *threads };
            self.case(place, || timed(|| must(engine.execute_block(block))));
        }
    }
}

/// Engines on one chain, by their number of threads.
pub(crate) struct Engines(Vec<(usize, ContractEngine)>);

impl Engines {
    /// With one, two and all threads.
    pub(crate) fn of(scene: &tos_benches::scene::Scene) -> Self {
        let mut threads = vec![1, 2, cores()];
        threads.sort_unstable();
        threads.dedup();
        let open = |threads| (threads, must(scene.engine(threads)));
        Self(threads.into_iter().map(open).collect())
    }

    /// The one with the most threads, and how many it has.
    #[allow(dead_code, reason = "not every bench needs it")]
    pub(crate) fn last(&self) -> &(usize, ContractEngine) {
        self.0.last().expect("there is one")
    }
}

/// What something took. What it returns is dropped after the clock has stopped.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    let result = work();
    let time = start.elapsed();
    drop(result);
    time
}

/// How a number of threads is called in tables.
pub(crate) fn threads_name(threads: usize) -> String {
    if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") }
}

/// Where criterion keeps its pages: the program stands in `target/release/deps`.
fn folder() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let target = program.ancestors().nth(3).map(PathBuf::from).unwrap_or_default();
    target.join("criterion").join("summary")
}
