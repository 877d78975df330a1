//! `bundle` and `replay FILE`: one block in one file, to be executed again on any machine.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use tos_benches::chain;
use tos_runtime::{Block, BlockOutcome, ContractEngine, EngineConfig, ReplayBundle, StateKey};

use crate::{Finished, block_file, outcome, seeded};

/// Options of `bundle`.
#[derive(Args, Debug, Clone)]
pub(crate) struct BundleOptions {
    /// A block file, as for `block`; without one a seeded mixed block is made.
    #[arg(conflicts_with_all = ["seed", "txs", "contracts", "conflicts", "accounts"])]
    pub file: Option<PathBuf>,
    /// The seeded block.
    #[command(flatten)]
    pub seeded: seeded::Options,
    /// Where the bundle goes; without it, into this folder under a name that tells the block.
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,
}

/// Options of `replay`.
#[derive(Args, Debug, Clone)]
pub(crate) struct ReplayOptions {
    /// The bundle: written by `bundle`, or by a node, the main job or a test when two executions of
    /// a block did not agree.
    pub file: PathBuf,
    /// Threads that execute the block.
    #[arg(long, default_value_t = crate::default_threads(), conflicts_with = "sequential")]
    pub threads: usize,
    /// Executes the block with the sequential executor.
    #[arg(long)]
    pub sequential: bool,
    /// Transactions from which on a block is settled account by account; 1 does it to any block.
    #[arg(long, value_name = "TXS", conflicts_with = "sequential",
        default_value_t = EngineConfig::default().large_block_txs)]
    pub large_block_txs: usize,
}

/// Where bundles go that nobody asked for.
pub(crate) fn folder() -> PathBuf {
    std::env::temp_dir().join("tos-bundles")
}

/// Writes the bundle of a block on an engine's tip that came out in two ways, and says where it is.
pub(crate) fn report(engine: &ContractEngine, block: &Block, found: &BlockOutcome) -> String {
    ReplayBundle::report(engine, block, found, &folder())
}

/// Writes a bundle.
pub(crate) fn bundle(options: &BundleOptions) -> Result<Finished> {
    let threads = crate::default_threads();
    let bundle = match &options.file {
        Some(path) => {
            let prepared = block_file::prepare(path, threads)?;
            ReplayBundle::capture(&prepared.engine, &prepared.block)
        }
        None => {
            let mut world = options.seeded.world();
            let engine = seeded::engine(&mut world, threads)?;
            let transactions = options.seeded.mixed_block(&mut world);
            ReplayBundle::capture(&engine, &chain::next_block(&engine, &world, transactions)?)
        }
    };
    let bundle = bundle.context("cannot execute the block")?;
    let path = options.out.clone().unwrap_or_else(|| bundle.file_name().into());
    bundle.write(&path).context("cannot write the bundle: name another path with --out")?;
    let mut output = about(&bundle);
    let bytes = std::fs::metadata(&path).map_or(0, |file| file.len());
    let shown = path.display();
    let _ = writeln!(output, "\nwritten to {shown}, {bytes} bytes");
    let _ = writeln!(output, "execute it again with: tos-node replay {shown}");
    Ok(Finished { output, success: true })
}

/// Executes a bundle and says what differs.
pub(crate) fn replay(options: &ReplayOptions) -> Result<Finished> {
    let shown = options.file.display();
    let bundle =
        ReplayBundle::read(&options.file).with_context(|| format!("cannot use {shown}"))?;
    let mut output = about(&bundle);
    if let Some(difference) = bundle.recorded_difference()? {
        let _ = writeln!(output, "\nwritten because an execution came out otherwise:");
        let _ = writeln!(output, "  {difference}");
    }
    let config = EngineConfig {
        max_parallel_threads: if options.sequential { 1 } else { options.threads },
        enable_parallel_execution: !options.sequential,
        large_block_txs: options.large_block_txs,
        ..EngineConfig::default()
    };
    let executed = match (options.sequential, options.threads) {
        (true, _) => "sequentially".to_owned(),
        (false, 1) => "on 1 thread".to_owned(),
        (false, threads) => format!("on {threads} threads"),
    };
    let replay = bundle
        .replay(&config)
        .with_context(|| format!("{output}\nexecuted {executed}, the block does not come out"))?;
    match replay.difference() {
        None => {
            let _ =
                writeln!(output, "\nidentical: executed {executed}, receipts, changes and digests");
            let _ = writeln!(output, "are what the bundle says, byte for byte");
        }
        Some(difference) => {
            let _ = writeln!(output, "\nNOT IDENTICAL: executed {executed}");
            let _ = writeln!(output, "  {difference}");
        }
    }
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for result in replay.outcome().results() {
        *counts.entry(outcome::name(result)).or_default() += 1;
    }
    let _ = writeln!(output, "state digest {}", replay.outcome().state_digest());
    let _ = writeln!(output, "outcomes");
    for (name, count) in counts {
        let _ = writeln!(output, "  {name:<22}{count}");
    }
    Ok(Finished { output, success: replay.difference().is_none() })
}

/// What a bundle holds.
fn about(bundle: &ReplayBundle) -> String {
    let block = bundle.block();
    let header = &bundle.expected().header;
    let modules = bundle.state().keys().filter(|key| matches!(key, StateKey::Code(_)));
    format!(
        "block {} of chain {}: {} transactions, {} values of the state before it, {} of them \
         modules\nexpected state digest {}\n",
        block.context.topoheight,
        bundle.params().chain_id,
        block.transactions.len(),
        bundle.state().len(),
        modules.count(),
        header.state_digest,
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn write(path: &Path) -> String {
        let options = BundleOptions {
            file: None,
            seeded: seeded::Options {
                seed: 3,
                txs: 60,
                contracts: 40,
                conflicts: 20,
                accounts: 50,
            },
            out: Some(path.to_owned()),
        };
        bundle(&options).unwrap().output
    }

    fn options(file: &Path) -> ReplayOptions {
        let file = file.to_owned();
        ReplayOptions { file, threads: 2, sequential: false, large_block_txs: 1 }
    }

    #[test]
    fn a_bundle_is_written_and_comes_out_the_same_both_ways() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("block.replay");
        let written = write(&path);
        assert!(written.contains("60 transactions"), "{written}");
        assert!(written.contains(&format!("tos-node replay {}", path.display())), "{written}");
        for options in [options(&path), ReplayOptions { sequential: true, ..options(&path) }] {
            let finished = replay(&options).unwrap();
            assert!(finished.success, "{}", finished.output);
            assert!(finished.output.contains("\nidentical: "), "{}", finished.output);
        }
    }

    #[test]
    fn what_differs_is_said_and_what_is_no_bundle_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("block.replay");
        write(&path);
        // Another expectation with a right checksum: the state digest, the last thing in the file
        // before the results, is somewhere in it once.
        let bundle = ReplayBundle::read(&path).unwrap();
        let digest = bundle.expected().header.state_digest.0;
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(32).rposition(|window| window == digest).unwrap();
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let error = replay(&options(&path)).map(|_| ()).unwrap_err();
        let text = crate::with_causes(&error);
        assert!(text.contains("block.replay") && text.contains("copy it again"), "{text}");

        let rest = blake3::hash(&bytes[52..]);
        bytes[20..52].copy_from_slice(rest.as_bytes());
        std::fs::write(&path, &bytes).unwrap();
        let finished = replay(&options(&path)).unwrap();
        assert!(!finished.success);
        assert!(
            finished.output.contains("NOT IDENTICAL: executed on 2 threads"),
            "{}",
            finished.output
        );
        assert!(finished.output.contains("state digest: expected "), "{}", finished.output);
    }
}
