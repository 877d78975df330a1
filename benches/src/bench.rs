//! What the benchmarks share: scenes, engines at the point where measuring begins, and a line about
//! the machine.

use tos_runtime::{Block, ContractEngine, EngineConfig, MemoryStorage};

use crate::conflicts::{Payment, payments};
use crate::machine::Machine;
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
    println!("machine: {}", Machine::this());
}
