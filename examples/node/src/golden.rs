//! `golden`: replays the recorded chain of the workloads here and now, and says whether it came out as
//! recorded. What else differs between two nodes, build, environment, threads, must not matter.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use tos_benches::golden::{BLOCKS, replay};
use tos_runtime::EngineConfig;

use crate::Finished;

/// Options of the replay.
#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// Blocks to replay, from the first.
    #[arg(long, default_value_t = BLOCKS, value_parser = clap::value_parser!(u64).range(1..=BLOCKS))]
    pub blocks: u64,
    /// Threads that execute a block.
    #[arg(long, default_value_t = crate::default_threads())]
    pub threads: usize,
    /// Treats every block as a large one, which is cut into pieces that all threads work on.
    #[arg(long)]
    pub cut: bool,
    /// Writes what came out to this file instead of comparing: a change of the protocol, to be told
    /// in the change log.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
}

/// Replays and compares.
pub(crate) fn run(options: &Options) -> Result<Finished> {
    let mut config =
        EngineConfig { max_parallel_threads: options.threads, ..EngineConfig::default() };
    if options.cut {
        config.large_block_txs = 1;
    }
    let replay = replay(options.blocks, config).context("cannot replay the chain")?;
    let verdict = match &options.record {
        Some(path) => {
            std::fs::write(path, replay.to_text())
                .with_context(|| format!("cannot write {}", path.display()))?;
            Ok(format!("recorded in {}", path.display()))
        }
        None => replay.check().map(|()| "as recorded".to_owned()),
    };
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let success = verdict.is_ok();
    let verdict = verdict.unwrap_or_else(|difference| format!("NOT AS RECORDED: {difference}"));
    let output = format!(
        "{} blocks, {} transactions, {profile} build, {} threads\nstatuses {:?}\ntip {}\n{verdict}\n",
        options.blocks,
        replay.transactions(),
        options.threads,
        replay.by_code,
        replay.tip,
    );
    Ok(Finished { output, success })
}
