//! Making a bundle: the block is executed sequentially over a state that writes down what it is
//! asked for. Recording what is really read, below every cache, leaves no room for forgetting a
//! kind of state.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use tos_host_api::{Hash, TopoHeight};

use super::ReplayBundle;
use crate::engine::ContractEngine;
use crate::error::{EngineError, StorageError};
use crate::execute::WorkerPool;
use crate::outcome::BlockOutcome;
use crate::pipeline::{Mode, Pipeline};
use crate::protocol::{RuleBook, Rules};
use crate::sandbox::Modules;
use crate::state::{ChainState, StateKey, StateValue};
use crate::storage::{BlockRecord, ChainMeta, CommitBatch, Storage};
use crate::types::{Block, UnverifiedBlock};

/// The state before a block, key by key.
pub(crate) trait ReadState: Send + Sync + 'static {
    /// The value of a key.
    fn value(&self, key: &StateKey) -> Result<Option<StateValue>, StorageError>;
}

/// The tip. Whoever reads holds the tip lock.
impl ReadState for Arc<ChainState> {
    fn value(&self, key: &StateKey) -> Result<Option<StateValue>, StorageError> {
        ChainState::value(self, key).map_err(|error| match error {
            EngineError::Storage(error) => error,
            error => StorageError::new(error),
        })
    }
}

/// A block executed sequentially, and everything that was read for it.
pub(crate) struct Capture<S> {
    rules: Rules,
    block: Block,
    reads: Arc<Recorder<S>>,
    /// What the sequential executor made of the block.
    pub(crate) outcome: BlockOutcome,
}

impl<S: ReadState> Capture<S> {
    /// Executes a block on a state with these modules.
    pub(crate) fn of(
        block: &Block,
        rules: &Rules,
        modules: Arc<Modules>,
        state: S,
    ) -> Result<Self, EngineError> {
        let reads = Arc::new(Recorder { state, reads: Mutex::default() });
        let storage: Arc<dyn Storage> = Arc::clone(&reads) as _;
        let pipeline = Pipeline {
            chain: Arc::new(ChainState::new(storage)),
            rules: RuleBook::of(rules.clone()),
            modules,
            pool: WorkerPool::new(1)?,
            cut_min: usize::MAX,
            observer: None,
        };
        let outcome = pipeline.execute(block, Mode::Sequential)?;
        Ok(Self { rules: rules.clone(), block: block.clone(), reads, outcome })
    }

    /// The bundle of what was executed.
    pub(crate) fn into_bundle(self) -> Result<ReplayBundle, EngineError> {
        let Self { rules, block, reads, outcome } = self;
        // Modules may have been compiled long ago, so that nobody asked for their code.
        let contracts: Vec<Hash> = reads
            .reads
            .lock()
            .values()
            .filter_map(|value| match value {
                Some(StateValue::Contract(record)) => Some(record.code_hash),
                _ => None,
            })
            .collect();
        for code_hash in contracts {
            reads.read(&StateKey::Code(code_hash))?;
        }
        let state = std::mem::take(&mut *reads.reads.lock());
        let block = UnverifiedBlock {
            context: block.context().clone(),
            beneficiary: block.beneficiary(),
            transactions: block.transactions().iter().map(|tx| tx.transaction().clone()).collect(),
        };
        Ok(ReplayBundle {
            since: rules.since(),
            params: (*rules.params).clone(),
            block,
            state: Arc::new(state),
            expected: (*outcome.record).clone(),
            found: None,
        })
    }
}

impl ReplayBundle {
    /// Makes the bundle of a block on an engine's tip, by executing it sequentially. Touches
    /// nothing.
    ///
    /// # Errors
    /// Those of [`ContractEngine::execute_block`], but for a block that is committed already: its
    /// parent state is gone, so that is [`crate::InvalidBlock::Gap`]. Roll back, or capture before
    /// the commit.
    pub fn capture(engine: &ContractEngine, block: &Block) -> Result<Self, EngineError> {
        engine.with_tip_of(block, |pipeline| {
            let rules = pipeline.rules.at(block.context().topoheight);
            let (modules, chain) = (Arc::clone(&pipeline.modules), Arc::clone(&pipeline.chain));
            Capture::of(block, rules, modules, chain)?.into_bundle()
        })
    }
}

impl ReplayBundle {
    /// For a block on an engine's tip whose executions did not agree: writes its bundle into a
    /// folder and says how to look into it, or why there is none. The advice of a last message,
    /// so it cannot fail.
    #[must_use]
    pub fn report(
        engine: &ContractEngine,
        block: &Block,
        found: &BlockOutcome,
        folder: &Path,
    ) -> String {
        match Self::capture(engine, block) {
            Ok(bundle) => bundle.with_found(found).write_advice(folder),
            Err(error) => format!("no replay bundle could be made: {error}"),
        }
    }

    /// Writes the bundle into a folder and says how to look into it, or why it was not written.
    pub(crate) fn write_advice(&self, folder: &Path) -> String {
        match self.write_into(folder) {
            Ok(path) => format!("look into it with `tos-node replay {}`", path.display()),
            Err(error) => format!("no replay bundle could be written: {error}"),
        }
    }
}

/// A storage that writes down every read. Caches above it ask once for each key.
struct Recorder<S> {
    state: S,
    reads: Mutex<BTreeMap<StateKey, Option<StateValue>>>,
}

impl<S: ReadState> Storage for Recorder<S> {
    fn meta(&self) -> Result<Option<ChainMeta>, StorageError> {
        Ok(None)
    }

    fn read(&self, key: &StateKey) -> Result<Option<StateValue>, StorageError> {
        let value = self.state.value(key)?;
        self.reads.lock().insert(key.clone(), value.clone());
        Ok(value)
    }

    fn record(&self, _topoheight: TopoHeight) -> Result<Option<BlockRecord>, StorageError> {
        Ok(None)
    }

    fn commit(&self, _batch: &CommitBatch<'_>) -> Result<(), StorageError> {
        Err(StorageError::new(EngineError::Bug("a recorded state was written to".into())))
    }

    fn artifact(&self, _key: &Hash) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(None)
    }

    fn store_artifact(&self, _key: &Hash, _artifact: &[u8]) -> Result<(), StorageError> {
        Ok(())
    }
}
