//! What the main job found out, as text and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::json;
use tos_runtime::{ShadowCounts, StageTimes, Tip, TopoHeight};

use crate::outcome;
use crate::run::{Executed, Options};

/// Sums over the blocks of a run.
pub(crate) struct Report {
    /// Threads of the parallel execution.
    threads: usize,
    /// Height before the first block of the run.
    start: TopoHeight,
    /// The tip at the end.
    pub tip: Tip,
    /// Time for the chain's first blocks.
    setup: Duration,
    /// Time for checking signatures.
    pub verify: Duration,
    /// Time for commits.
    pub commit: Duration,
    /// Time for opening the database again.
    pub reopen: Duration,
    /// Blocks executed once more in the background.
    pub shadow: ShadowCounts,
    /// The first difference, if there was one.
    pub difference: Option<String>,
    blocks: u64,
    txs: u64,
    sequential: Side,
    parallel: Side,
    batches: u64,
    /// Longest chains of waiting transactions, summed over blocks.
    critical_path: u64,
    conflicting: u64,
    gas: u64,
    fees: u64,
    changes: u64,
    /// Transactions by outcome.
    statuses: BTreeMap<String, u64>,
}

/// Times of one executor.
#[derive(Default)]
struct Side {
    /// From call to return.
    wall: Duration,
    /// By pipeline stage.
    stages: [Duration; STAGES.len()],
}

const STAGES: [&str; 6] = ["resolve", "schedule", "prefetch", "execute", "merge", "digest"];

impl Side {
    fn add(&mut self, wall: Duration, stages: &StageTimes) {
        self.wall += wall;
        let StageTimes { resolve, schedule, prefetch, execute, merge, digest, .. } = *stages;
        let stages = [resolve, schedule, prefetch, execute, merge, digest];
        for (sum, time) in self.stages.iter_mut().zip(stages) {
            *sum += time;
        }
    }

    fn tps(&self, txs: u64) -> f64 {
        txs as f64 / self.wall.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

impl Report {
    /// An empty report of a run that starts after height `start`.
    pub(crate) fn new(threads: usize, start: TopoHeight, setup: Duration) -> Self {
        let tip = Tip {
            topoheight: start,
            stable_topoheight: TopoHeight::ZERO,
            state_digest: tos_runtime::Hash::default(),
        };
        Self {
            threads,
            start,
            tip,
            setup,
            verify: Duration::ZERO,
            commit: Duration::ZERO,
            reopen: Duration::ZERO,
            shadow: ShadowCounts::default(),
            difference: None,
            blocks: 0,
            txs: 0,
            sequential: Side::default(),
            parallel: Side::default(),
            batches: 0,
            critical_path: 0,
            conflicting: 0,
            gas: 0,
            fees: 0,
            changes: 0,
            statuses: BTreeMap::new(),
        }
    }

    /// Adds a block.
    pub(crate) fn add(&mut self, block: &Executed) {
        let outcome = &block.parallel.outcome;
        let metrics = outcome.metrics();
        self.sequential.add(block.sequential.time, &block.sequential.outcome.metrics().stages);
        self.parallel.add(block.parallel.time, &metrics.stages);
        self.blocks += 1;
        self.txs += outcome.results().len() as u64;
        self.batches += metrics.batches as u64;
        self.critical_path += metrics.critical_path_transactions as u64;
        self.conflicting += metrics.conflicting_transactions as u64;
        self.fees += outcome.gas_fee().0;
        self.changes += outcome.change_set().len() as u64;
        for result in outcome.results() {
            self.gas += result.as_ref().map_or(0, |receipt| receipt.gas_used.0);
            *self.statuses.entry(outcome::name(result)).or_default() += 1;
        }
    }

    fn speedup(&self) -> f64 {
        self.parallel.tps(self.txs) / self.sequential.tps(self.txs).max(f64::MIN_POSITIVE)
    }

    /// Share of transactions that wait for an earlier one.
    fn conflict_ratio(&self) -> f64 {
        self.conflicting as f64 / self.txs.max(1) as f64
    }

    /// One JSON object on one line.
    pub(crate) fn to_json(&self, options: &Options) -> String {
        let stages = |side: &Side| {
            let stages = STAGES.iter().zip(side.stages);
            stages.map(|(name, time)| ((*name).to_owned(), millis(time).into())).collect()
        };
        let (sequential, parallel): (serde_json::Map<_, _>, serde_json::Map<_, _>) =
            (stages(&self.sequential), stages(&self.parallel));
        let object = json!({
            "identical": self.difference.is_none(),
            "difference": self.difference,
            "shadow": { "compared": self.shadow.compared, "skipped": self.shadow.skipped },
            "blocks": self.blocks,
            "txs": self.txs,
            "txs_per_block": options.txs,
            "contracts_percent": options.contracts,
            "conflicts_percent": options.conflicts,
            "accounts": options.accounts,
            "seed": options.seed,
            "threads": self.threads,
            "sequential_tps": self.sequential.tps(self.txs).round(),
            "parallel_tps": self.parallel.tps(self.txs).round(),
            "speedup": rounded(self.speedup(), 1_000.0),
            "sequential_ms": millis(self.sequential.wall),
            "parallel_ms": millis(self.parallel.wall),
            "sequential_stages_ms": sequential,
            "parallel_stages_ms": parallel,
            "setup_ms": millis(self.setup),
            "verify_ms": millis(self.verify),
            "commit_ms": millis(self.commit),
            "reopen_ms": millis(self.reopen),
            "batches": self.batches,
            "critical_path": self.critical_path,
            "conflict_ratio": rounded(self.conflict_ratio(), 10_000.0),
            "changes": self.changes,
            "gas": self.gas,
            "fees": self.fees,
            "topoheight": self.tip.topoheight,
            "state_digest": self.tip.state_digest,
            "statuses": self.statuses,
        });
        format!("{object}\n")
    }

    /// A page for people.
    pub(crate) fn to_text(&self, options: &Options) -> String {
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = self.write_text(&mut text, options);
        text
    }

    fn write_text(&self, out: &mut String, options: &Options) -> std::fmt::Result {
        writeln!(
            out,
            "{} blocks of {} transactions: {} % contract calls, {} % conflicts, {} accounts, seed {}",
            self.blocks,
            options.txs,
            options.contracts,
            options.conflicts,
            options.accounts,
            options.seed
        )?;
        if self.start > TopoHeight::ZERO {
            let first = self.start.0 + 1;
            writeln!(out, "heights {first} to {}", self.start.0 + self.blocks)?;
        }
        if let Some(difference) = &self.difference {
            writeln!(out, "\nNOT IDENTICAL. First difference: {difference}")?;
            return writeln!(out, "Nothing of this block was committed.");
        }
        writeln!(
            out,
            "\nidentical: results, change sets and digests of every block, byte for byte\n"
        )?;
        self.write_times(out)?;
        if options.shadow > 0 {
            let ShadowCounts { compared, skipped, .. } = self.shadow;
            writeln!(out, "executed once more in the background: {compared}, skipped {skipped}\n")?;
        }
        self.write_counts(out)
    }

    fn write_times(&self, out: &mut String) -> std::fmt::Result {
        let (sequential, parallel) = (&self.sequential, &self.parallel);
        let per_block = |time: Duration| millis(time) / self.blocks.max(1) as f64;
        let threads = match self.threads {
            1 => "1 thread".to_owned(),
            threads => format!("{threads} threads"),
        };
        writeln!(out, "{:<24}{:>12}{:>12}", "", "sequential", threads)?;
        for (idx, stage) in STAGES.iter().enumerate() {
            writeln!(
                out,
                "  {stage:<22}{:>9.2} ms{:>9.2} ms",
                per_block(sequential.stages[idx]),
                per_block(parallel.stages[idx])
            )?;
        }
        writeln!(
            out,
            "{:<24}{:>9.2} ms{:>9.2} ms",
            "per block",
            per_block(sequential.wall),
            per_block(parallel.wall)
        )?;
        writeln!(
            out,
            "{:<24}{:>12.0}{:>12.0}   speed-up {:.2}x\n",
            "transactions/s",
            sequential.tps(self.txs),
            parallel.tps(self.txs),
            self.speedup()
        )?;
        writeln!(
            out,
            "besides, per block: signatures {:.2} ms, commit {:.2} ms",
            per_block(self.verify),
            per_block(self.commit)
        )?;
        writeln!(
            out,
            "once: first blocks {:.0} ms, reopening {:.0} ms\n",
            millis(self.setup),
            millis(self.reopen)
        )
    }

    fn write_counts(&self, out: &mut String) -> std::fmt::Result {
        let per_block = |sum: u64| sum as f64 / self.blocks.max(1) as f64;
        let rows = [
            ("batches per block", format!("{:.1}", per_block(self.batches))),
            ("longest chain", format!("{:.1} transactions", per_block(self.critical_path))),
            ("conflict ratio", format!("{:.1} %", 100.0 * self.conflict_ratio())),
            ("changed keys per block", format!("{:.1}", per_block(self.changes))),
            ("gas", format!("{} ({:.0} per transaction)", self.gas, per(self.gas, self.txs))),
            ("fees", format!("{} native units", self.fees)),
            ("height", format!("{}, read again after reopening", self.tip.topoheight)),
            ("state digest", self.tip.state_digest.to_string()),
        ];
        for (name, value) in rows {
            writeln!(out, "{name:<24}{value}")?;
        }
        writeln!(out, "outcomes")?;
        for (name, count) in &self.statuses {
            writeln!(out, "  {name:<22}{count}")?;
        }
        Ok(())
    }
}

fn per(sum: u64, count: u64) -> f64 {
    sum as f64 / count.max(1) as f64
}

/// Milliseconds, to the microsecond.
fn millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1_000.0
}

fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}
