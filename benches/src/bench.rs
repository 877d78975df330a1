//! What the benchmarks share: scenes, engines at the point where measuring begins, and a line about
//! the machine.

use tos_runtime::{Block, ContractEngine, EngineConfig, MemoryStorage};

use crate::conflicts::{Payment, payments};
use crate::{World, chain};

/// Conflict ratios in percent.
pub const CONFLICTS: [u32; 5] = [0, 20, 50, 80, 100];

/// Seed of every benchmark.
const SEED: u64 = 7;

/// A block shape to measure.
#[derive(Debug, Clone, Copy)]
pub struct Scene {
    /// Its name in reports.
    pub name: &'static str,
    /// Transactions per block.
    pub txs: usize,
    /// What they pay in.
    pub payment: Payment,
}

impl Scene {
    /// Native transfers and token calls.
    pub fn all() -> [Self; 2] {
        [
            Self { name: "transfers", txs: 10_000, payment: Payment::Native },
            Self { name: "token_calls", txs: 5_000, payment: Payment::Token },
        ]
    }

    /// An engine with everything deployed, and a block on its tip that can be executed as often as
    /// one likes, because executing changes nothing.
    ///
    /// # Panics
    /// When a transaction of the block fails: a mistake in the workload.
    #[must_use]
    pub fn engine_and_block(&self, threads: usize, conflicts: u32) -> (ContractEngine, Block) {
        let mut world = World::new(2 * self.txs + 2, SEED);
        let config = EngineConfig { max_parallel_threads: threads, ..EngineConfig::default() };
        let builder = ContractEngine::builder()
            .storage(MemoryStorage::new())
            .config(config)
            .genesis(world.genesis());
        let engine = must(builder.build());
        must(chain::set_up(&engine, &mut world));
        let txs = payments(&mut world, self.payment, self.txs, conflicts, SEED);
        let block = must(chain::next_block(&engine, &world, txs));
        let outcome = must(engine.execute_block(&block));
        for (idx, result) in outcome.results().iter().enumerate() {
            let succeeded = result.as_ref().is_ok_and(|receipt| receipt.status.is_success());
            assert!(succeeded, "transaction {idx}: {result:?}");
        }
        (engine, block)
    }
}

/// The value, or the end of the benchmark with the error's text.
///
/// # Panics
/// On an error.
pub fn must<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

/// Prints what the figures were measured on and of what.
pub fn print_machine() {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split(':').nth(1)?.trim().to_owned())
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = cpu.unwrap_or_else(|| "unknown processor".into());
    println!(
        "machine: {cpu}, {cores} cores, {} {}; tos-runtime {}, {}",
        std::env::consts::OS,
        std::env::consts::ARCH,
        env!("CARGO_PKG_VERSION"),
        commit().unwrap_or_else(|| "unknown commit".into())
    );
}

/// What the sources were checked out at, if git knows; `-dirty` when they were changed since.
fn commit() -> Option<String> {
    let output = std::process::Command::new("git")
        .args(["describe", "--always", "--dirty", "--exclude", "*"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| format!("commit {}", text.trim()))
}
