//! Executing a bundle: an engine's pipeline over the recorded state, without a chain.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::anyhow;
use tos_host_api::{Hash, TopoHeight};

use super::{Difference, ReplayBundle};
use crate::config::EngineConfig;
use crate::error::{EngineError, InvalidBlock, StorageError};
use crate::execute::WorkerPool;
use crate::outcome::BlockOutcome;
use crate::pipeline::{Mode, Pipeline, check_count};
use crate::protocol::{RuleBook, Rules};
use crate::sandbox::{Modules, ModulesConfig};
use crate::state::{ChainState, StateKey, StateValue};
use crate::storage::{BlockRecord, ChainMeta, CommitBatch, Storage};
use crate::types::Block;
use crate::verify::verify_batch;

/// What came of executing a bundle.
#[derive(Debug)]
pub struct Replay {
    outcome: BlockOutcome,
    difference: Option<Difference>,
}

impl Replay {
    /// The outcome here.
    #[must_use]
    pub fn outcome(&self) -> &BlockOutcome {
        &self.outcome
    }

    /// In what it differs from the one that the bundle says was had; `None` when receipts, changes
    /// and digests are the same to the last byte.
    #[must_use]
    pub fn difference(&self) -> Option<&Difference> {
        self.difference.as_ref()
    }
}

impl ReplayBundle {
    /// Executes the block as an engine of this configuration would, on as many threads, by the
    /// sequential executor if parallel execution is not enabled, and compares.
    ///
    /// # Errors
    /// The block is not valid, or the engine failed. An execution that reads what the recorded one
    /// did not fails too, and names the key: that is a difference already.
    pub fn replay(&self, config: &EngineConfig) -> Result<Replay, EngineError> {
        config.check()?;
        let block = self.verified_block()?;
        let storage: Arc<dyn Storage> = Arc::new(RecordedState(Arc::clone(&self.state)));
        let modules = ModulesConfig {
            bytes_max: config.module_cache_bytes,
            workers: config.max_parallel_threads,
            reuse_instances: config.reuse_instances,
        };
        let pipeline = Pipeline {
            modules: Arc::new(Modules::new(Arc::clone(&storage), modules)?),
            chain: Arc::new(ChainState::new(storage)),
            rules: RuleBook::of(Rules::new(self.since, self.params.clone())),
            pool: WorkerPool::new(config.max_parallel_threads)?,
            cut_min: config.large_block_txs,
            observer: None,
        };
        let mode = if config.enable_parallel_execution {
            Mode::Parallel { threads_max: usize::MAX, recording: None }
        } else {
            Mode::Sequential
        };
        let outcome = pipeline.execute(&block, mode)?;
        let expected = BlockOutcome::of_record(self.expected.clone())?;
        let difference = Difference::between(&expected, &outcome);
        Ok(Replay { outcome, difference })
    }

    fn verified_block(&self) -> Result<Block, EngineError> {
        let transactions = self.block.transactions.clone();
        check_count(transactions.len(), &self.params)?;
        let verified = verify_batch(transactions, &self.params).map_err(|(at, reason)| {
            InvalidBlock::Transaction { index: u32::try_from(at).unwrap_or(u32::MAX), reason }
        })?;
        let block = Block::new(self.block.context.clone(), verified);
        Ok(match self.block.beneficiary {
            Some(beneficiary) => block.with_beneficiary(beneficiary),
            None => block,
        })
    }
}

/// What a bundle knows of the state. A key it does not know is an error, never an absent value.
struct RecordedState(Arc<BTreeMap<StateKey, Option<StateValue>>>);

impl Storage for RecordedState {
    fn meta(&self) -> Result<Option<ChainMeta>, StorageError> {
        Ok(None)
    }

    fn read(&self, key: &StateKey) -> Result<Option<StateValue>, StorageError> {
        self.0.get(key).cloned().ok_or_else(|| {
            let text = "this execution reads what the recorded one did not";
            StorageError::new(anyhow!("{text}: {key:?}"))
        })
    }

    fn record(&self, _topoheight: TopoHeight) -> Result<Option<BlockRecord>, StorageError> {
        Ok(None)
    }

    fn commit(&self, _batch: &CommitBatch<'_>) -> Result<(), StorageError> {
        Err(StorageError::new(anyhow!("a recorded state is not written to")))
    }

    fn artifact(&self, _key: &Hash) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(None)
    }

    fn store_artifact(&self, _key: &Hash, _artifact: &[u8]) -> Result<(), StorageError> {
        Ok(())
    }
}
