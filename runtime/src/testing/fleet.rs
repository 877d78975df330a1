//! Engines that execute the same blocks and must agree.

use std::sync::{Arc, Mutex};

use tos_host_api::{Hash, TopoHeight, TxIndex};

use crate::engine::ContractEngine;
use crate::error::StorageError;
use crate::execute::{ExecutionObserver, GuestMessage};
use crate::outcome::BlockOutcome;
use crate::state::{StateKey, StateValue};
use crate::storage::{BlockRecord, ChainMeta, CommitBatch, MemoryStorage, NoSpace, Storage};
use crate::types::{Block, UnverifiedBlock};
use crate::{Difference, EngineConfig, Genesis, ReplayBundle};

/// Thread counts of the engines besides the reference, which executes sequentially.
const THREADS: [usize; 3] = [1, 2, 4];

/// The reference and those that are compared with it.
pub(super) struct Fleet {
    pub(super) reference: ContractEngine,
    others: Vec<(usize, ContractEngine)>,
    heard: Heard,
}

/// What contracts said while the reference executed.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(TxIndex, GuestMessage)>>>);

impl ExecutionObserver for Heard {
    fn guest_message(&self, tx: TxIndex, message: &GuestMessage) {
        self.0.lock().expect(HELD).push((tx, message.clone()));
    }
}

const HELD: &str = "nobody panics while holding the lock";

impl Fleet {
    pub(super) fn new(genesis: &Genesis, storage: Arc<dyn Storage>) -> Self {
        let heard = Heard::default();
        let artifacts = Arc::new(MemoryStorage::new());
        let open = |threads: usize, state: Arc<dyn Storage>| {
            let config = EngineConfig {
                max_parallel_threads: threads.max(1),
                enable_parallel_execution: threads > 0,
                // One of them treats every block as a large one.
                large_block_txs: if threads == 4 { 1 } else { usize::MAX },
                // The reference makes a fresh instance for every call.
                reuse_instances: threads > 0,
                ..EngineConfig::default()
            };
            let storage = SharedArtifacts { state, artifacts: Arc::clone(&artifacts) };
            let builder = ContractEngine::builder().config(config).genesis(genesis.clone());
            let builder = match threads {
                0 => builder.observer(heard.clone()),
                _ => builder,
            };
            builder.storage(storage).build().unwrap_or_else(|error| panic!("the engine: {error}"))
        };
        let memory = || Arc::new(MemoryStorage::new());
        let reference = open(0, storage);
        let others = THREADS.map(|threads| (threads, open(threads, memory()))).into();
        Self { reference, others, heard }
    }

    /// Executes and commits a block everywhere.
    ///
    /// # Panics
    /// When the engines do not agree, or one fails.
    pub(super) fn run(
        &self,
        block: UnverifiedBlock,
    ) -> (BlockOutcome, Vec<(TxIndex, GuestMessage)>) {
        let block = self.reference.verify_block(block).unwrap_or_else(|error| panic!("{error}"));
        self.heard.0.lock().expect(HELD).clear();
        let expected = execute(&self.reference, &block);
        let heard = std::mem::take(&mut *self.heard.0.lock().expect(HELD));
        for (threads, engine) in &self.others {
            let outcome = execute(engine, &block);
            compare(engine, &block, &expected, &outcome, *threads);
            commit(engine, outcome);
        }
        // The outcome that is handed out comes from a second execution: a commit takes one.
        let shown = execute(&self.reference, &block);
        commit(&self.reference, expected);
        (shown, heard)
    }

    pub(super) fn rollback_to(&self, topoheight: TopoHeight) {
        let engines = self.others.iter().map(|(_, engine)| engine).chain([&self.reference]);
        for engine in engines {
            engine.rollback_to(topoheight).unwrap_or_else(|error| panic!("rollback: {error}"));
        }
    }
}

fn execute(engine: &ContractEngine, block: &Block) -> BlockOutcome {
    engine.execute_block(block).unwrap_or_else(|error| panic!("the engine failed: {error}"))
}

fn commit(engine: &ContractEngine, outcome: BlockOutcome) {
    engine.commit(outcome).unwrap_or_else(|error| panic!("the commit failed: {error}"));
}

/// Demands equality to the last byte; names the first difference and leaves a replay bundle.
fn compare(
    engine: &ContractEngine,
    block: &Block,
    expected: &BlockOutcome,
    found: &BlockOutcome,
    threads: usize,
) {
    if let Some(difference) = Difference::between(expected, found) {
        let folder = std::env::temp_dir().join("tos-bundles");
        let advice = ReplayBundle::report(engine, block, found, &folder);
        panic!("sequential and {threads} threads differ: {difference}; {advice}");
    }
}

/// State of one engine, compiled modules of all: each contract is compiled once.
struct SharedArtifacts {
    state: Arc<dyn Storage>,
    artifacts: Arc<MemoryStorage>,
}

impl Storage for SharedArtifacts {
    fn meta(&self) -> Result<Option<ChainMeta>, StorageError> {
        self.state.meta()
    }

    fn read(&self, key: &StateKey) -> Result<Option<StateValue>, StorageError> {
        self.state.read(key)
    }

    fn record(&self, topoheight: TopoHeight) -> Result<Option<BlockRecord>, StorageError> {
        self.state.record(topoheight)
    }

    fn commit(&self, batch: &CommitBatch<'_>) -> Result<(), StorageError> {
        self.state.commit(batch)
    }

    fn check_space(&self) -> Result<(), NoSpace> {
        self.state.check_space()
    }

    fn artifact(&self, key: &Hash) -> Result<Option<Vec<u8>>, StorageError> {
        self.artifacts.artifact(key)
    }

    fn store_artifact(&self, key: &Hash, artifact: &[u8]) -> Result<(), StorageError> {
        self.artifacts.store_artifact(key, artifact)
    }
}
