//! The main job: makes a chain, executes its blocks both ways, compares, commits and reopens.
//! What it found out is laid out by `report.rs`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tos_benches::{Mix, World, chain};
use tos_runtime::{
    Block, BlockOutcome, ContractEngine, Difference, EngineConfig, EngineError, OpenError,
    RedbStorage,
};

use crate::report::Report;
use crate::{Finished, replay};

/// Options of the main job.
#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// Transactions per block.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=200_000))]
    pub txs: u32,
    /// Blocks to execute.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub blocks: u32,
    /// Share of contract calls in percent.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub contracts: u32,
    /// Share of transactions that touch a small hot set under `Write`, in percent.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub conflicts: u32,
    /// Accounts of a new chain.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(2..=2_000_000))]
    pub accounts: u32,
    /// What accounts and transactions are drawn from.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Threads of the parallel execution.
    #[arg(long, default_value_t = crate::default_threads())]
    pub threads: usize,
    /// Database file: a new one is made, a chain made with the same accounts and seed is continued.
    /// Without it the job works in a temporary folder.
    #[arg(long, value_name = "PATH")]
    pub state: Option<PathBuf>,
    /// Executes every N-th block once more in the background, as a node can; 0 for none.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub shadow: u32,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Runs the main job.
pub(crate) fn run(options: &Options) -> Result<Finished> {
    let progress = progress_bar(options);
    let report = report_of(options, &progress);
    progress.finish_and_clear();
    let report = report?;
    let output = if options.json { report.to_json(options) } else { report.to_text(options) };
    Ok(Finished { output, success: report.difference.is_none() })
}

fn report_of(options: &Options, progress: &ProgressBar) -> Result<Report> {
    // Dropped, and with it deleted, when this function returns.
    let temporary = match options.state {
        Some(_) => None,
        None => Some(tempfile::tempdir().context("cannot make a temporary folder")?),
    };
    let path = match (&options.state, &temporary) {
        (Some(path), _) => path.clone(),
        (None, Some(folder)) => folder.path().join("state.redb"),
        (None, None) => bail!("there is neither a path nor a temporary folder"),
    };

    progress.set_message("making keys and first transactions");
    let mut world = World::new(options.accounts as usize, options.seed);
    let engine = open(&path, &world, options)?;
    progress.set_message("deploying contracts and handing out tokens");
    let setup = Instant::now();
    let start = chain::set_up(&engine, &mut world).context("cannot set up the chain")?;
    let mut report = Report::new(engine.config().max_parallel_threads, start, setup.elapsed());

    execute_blocks(options, &engine, &mut world, &mut report, progress)?;
    report.tip = engine.tip();
    if report.difference.is_some() {
        return Ok(report);
    }

    report.shadow = engine.finish_shadow()?;
    progress.set_message("reopening the database");
    drop(engine);
    let reopening = Instant::now();
    let tip = open(&path, &world, options).context("cannot reopen the database")?.tip();
    report.reopen = reopening.elapsed();
    ensure!(
        tip == report.tip,
        "the reopened database has another tip: expected {:?}, found {tip:?}",
        report.tip
    );
    Ok(report)
}

fn open(path: &Path, world: &World, options: &Options) -> Result<ContractEngine> {
    let shown = path.display();
    ensure!(!path.is_dir(), "{shown} is a folder, expected a database file or a new path");
    let storage = RedbStorage::open(path).with_context(|| format!("cannot open {shown}"))?;
    let config = EngineConfig {
        max_parallel_threads: options.threads,
        shadow_sample: options.shadow,
        shadow_folder: Some(replay::folder()),
        ..EngineConfig::default()
    };
    ContractEngine::builder()
        .storage(storage)
        .config(config)
        .genesis(world.genesis())
        .build()
        .map_err(|error| match error {
            EngineError::Open(OpenError::GenesisMismatch { .. }) => anyhow::Error::new(error)
                .context(format!(
                    "{shown} holds another chain; continue it with the --accounts and --seed it \
                     was made with ({} and {} were given), or name a new path",
                    options.accounts, options.seed
                )),
            error => error.into(),
        })
}

fn execute_blocks(
    options: &Options,
    engine: &ContractEngine,
    world: &mut World,
    report: &mut Report,
    progress: &ProgressBar,
) -> Result<()> {
    let mix = Mix {
        txs: options.txs as usize,
        contracts: options.contracts,
        conflicts: options.conflicts,
        seed: options.seed,
        ..Mix::default()
    };
    for count in 0..options.blocks {
        let number = engine.tip().topoheight.0 + 1;
        progress.set_message(format!("block {number}"));
        let transactions = mix.block(world, number);
        let verifying = Instant::now();
        let block = chain::next_block(engine, world, transactions)?;
        report.verify += verifying.elapsed();

        // Whoever goes second finds warm caches, so they take turns.
        let executed = Executed::of(engine, &block, count % 2 == 0)?;
        report.add(&executed);
        let (sequential, parallel) = (&executed.sequential.outcome, &executed.parallel.outcome);
        if let Some(difference) = Difference::between(sequential, parallel) {
            let advice = replay::report(engine, &block, parallel);
            report.difference = Some(format!("block {number}: {difference}; {advice}"));
            return Ok(());
        }

        let committing = Instant::now();
        engine.commit(executed.parallel.outcome).context("cannot commit")?;
        report.commit += committing.elapsed();
        progress.inc(1);
    }
    Ok(())
}

/// One block, executed both ways on the same state.
pub(crate) struct Executed {
    /// By the sequential executor.
    pub sequential: Timed,
    /// By the parallel executor.
    pub parallel: Timed,
}

/// An outcome and how long it took from the call to the return.
pub(crate) struct Timed {
    /// What came of it.
    pub outcome: BlockOutcome,
    /// How long it took.
    pub time: Duration,
}

impl Executed {
    /// Executes a block both ways; nothing is committed.
    fn of(
        engine: &ContractEngine,
        block: &Block,
        sequential_first: bool,
    ) -> Result<Self, EngineError> {
        let sequentially = || Timed::of(|| engine.execute_block_sequentially(block));
        let in_parallel = || Timed::of(|| engine.execute_block(block));
        if sequential_first {
            let sequential = sequentially()?;
            Ok(Self { sequential, parallel: in_parallel()? })
        } else {
            let parallel = in_parallel()?;
            Ok(Self { sequential: sequentially()?, parallel })
        }
    }
}

impl Timed {
    fn of(
        execute: impl FnOnce() -> Result<BlockOutcome, EngineError>,
    ) -> Result<Self, EngineError> {
        let start = Instant::now();
        let outcome = execute()?;
        Ok(Self { outcome, time: start.elapsed() })
    }
}

/// A bar on standard error; invisible when that is no terminal.
fn progress_bar(options: &Options) -> ProgressBar {
    let bar = ProgressBar::new(u64::from(options.blocks));
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} blocks  {elapsed}  {msg}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(state: Option<PathBuf>) -> Options {
        Options {
            txs: 60,
            blocks: 2,
            contracts: 50,
            conflicts: 30,
            accounts: 100,
            seed: 1,
            threads: 2,
            state,
            shadow: 1,
            json: true,
        }
    }

    #[test]
    fn a_small_job_prints_one_object_with_the_promised_fields() {
        let finished = run(&options(None)).unwrap();
        assert!(finished.success);
        let json: serde_json::Value = serde_json::from_str(&finished.output).unwrap();
        for field in [
            "identical",
            "blocks",
            "txs",
            "sequential_tps",
            "parallel_tps",
            "speedup",
            "threads",
            "batches",
            "conflict_ratio",
            "commit_ms",
            "state_digest",
            "statuses",
        ] {
            assert!(!json[field].is_null(), "{field}: {json}");
        }
        assert_eq!(json["identical"], true);
        let shadow = &json["shadow"];
        let [compared, skipped] = ["compared", "skipped"].map(|it| shadow[it].as_u64().unwrap());
        // The first blocks of the chain are committed too.
        assert!(compared > 0 && compared + skipped >= 2, "{json}");
        assert_eq!((&json["blocks"], &json["txs"]), (&2.into(), &120.into()));
    }

    #[test]
    fn a_difference_is_named_in_text_and_in_json() {
        let options = options(None);
        let mut report = Report::new(2, tos_runtime::TopoHeight(4), Duration::ZERO);
        report.difference = Some("block 5: result of transaction 7".to_owned());
        let text = report.to_text(&options);
        assert!(text.contains("NOT IDENTICAL. First difference: block 5: result of transaction 7"));
        let json: serde_json::Value = serde_json::from_str(&report.to_json(&options)).unwrap();
        assert_eq!(json["identical"], false);
        assert_eq!(json["difference"], "block 5: result of transaction 7");
    }

    #[test]
    fn a_chain_is_continued_and_a_foreign_one_refused() {
        let folder = tempfile::tempdir().unwrap();
        let options = options(Some(folder.path().join("state.redb")));
        let height = |options: &Options| {
            let json: serde_json::Value =
                serde_json::from_str(&run(options).unwrap().output).unwrap();
            json["topoheight"].as_u64().unwrap()
        };
        let first = height(&options);
        assert_eq!(height(&options), first + 2);

        let foreign = Options { seed: 2, ..options };
        let message = run(&foreign).map(|_| ()).unwrap_err().to_string();
        assert!(message.contains("holds another chain"), "{message}");
    }
}
