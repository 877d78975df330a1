//! The facade: one engine over one chain. Decides which blocks may run on the tip; the pipeline
//! runs them, `commit.rs` makes them durable, `query.rs`, `describe.rs` and `explain.rs` answer
//! questions.

mod builder;
mod commit;
mod describe;
mod explain;
mod pending;
mod query;

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};
use tos_host_api::{Hash, TopoHeight};

pub use builder::ContractEngineBuilder;
pub(crate) use pending::Background;
pub use pending::PendingCommit;
pub use query::{Simulation, View};

use crate::config::{EngineConfig, ProtocolParams};
use crate::error::{EngineError, InvalidBlock, InvalidTransaction};
use crate::outcome::BlockOutcome;
use crate::pipeline::{Mode, Pipeline, check_count};
use crate::storage::BlockRecord;
use crate::types::{Block, BlockContext, Transaction, UnverifiedBlock};
use crate::verify::{SIGNATURE_BATCH, VerifiedTransaction, verify_batch};

/// The newest committed block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// Its height; 0 is genesis.
    pub topoheight: TopoHeight,
    /// Height below which nothing is rolled back.
    pub stable_topoheight: TopoHeight,
    /// Digest of the whole history up to it.
    pub state_digest: Hash,
}

/// Executes blocks on a chain and commits them.
///
/// A handle: clones share one engine. All methods take `&self` and may be called from any thread;
/// they block, so a node on tokio uses [`crate::AsyncEngine`]. Executions of candidate blocks can
/// overlap with each other; commits and rollbacks wait for them and happen one at a time.
#[derive(Clone)]
pub struct ContractEngine {
    inner: Arc<Inner>,
}

/// What the clones of an engine share.
///
/// Lock order: `tip`, then `staged`; `writer` is taken before either and never while one is held.
struct Inner {
    config: EngineConfig,
    pipeline: Pipeline,
    /// State digest of genesis.
    genesis: Hash,
    /// Shared while the state at the tip is read, also for the whole execution of a block;
    /// exclusive while it changes.
    tip: RwLock<TipState>,
    /// Blocks on their way to the hot state and to the storage that the latter does not have yet, in
    /// order. Short.
    staged: Mutex<VecDeque<Arc<BlockRecord>>>,
    /// Held while the storage is written: one writer at a time, in order.
    writer: Mutex<()>,
    /// Writes what is committed in the background. Ends with the engine.
    persister: Background,
    /// Why the engine refuses work, once a commit has failed.
    poisoned: OnceLock<String>,
}

/// The tip and what a simulated next block copies from it.
#[derive(Debug, Clone, Copy)]
struct TipState {
    tip: Tip,
    timestamp: u64,
    block_version: u32,
}

impl TipState {
    fn of(record: &BlockRecord) -> Self {
        let header = &record.header;
        Self {
            tip: Tip {
                topoheight: header.context.topoheight,
                stable_topoheight: header.context.stable_topoheight,
                state_digest: header.state_digest,
            },
            timestamp: header.context.timestamp,
            block_version: header.context.block_version,
        }
    }

    /// The context of a block on this tip.
    fn next(&self, timestamp: u64) -> BlockContext {
        BlockContext {
            // Heights are counted up from 0 one by one; 2^64 blocks do not happen.
            topoheight: TopoHeight(self.tip.topoheight.0 + 1),
            stable_topoheight: self.tip.stable_topoheight,
            timestamp,
            block_version: self.block_version.max(1),
            parent: self.tip.state_digest,
        }
    }
}

impl ContractEngine {
    /// Starts building an engine.
    #[must_use]
    pub fn builder() -> ContractEngineBuilder {
        ContractEngineBuilder::default()
    }

    /// The parameters of the chain.
    #[must_use]
    pub fn params(&self) -> &ProtocolParams {
        &self.inner.pipeline.params
    }

    /// The local choices this engine was built with.
    #[must_use]
    pub fn config(&self) -> &EngineConfig {
        &self.inner.config
    }

    /// The newest committed block.
    #[must_use]
    pub fn tip(&self) -> Tip {
        self.inner.tip.read().tip
    }

    /// The context of a block that builds on the tip and leaves the stable height where it is.
    #[must_use]
    pub fn next_context(&self, timestamp: u64) -> BlockContext {
        self.inner.tip.read().next(timestamp)
    }

    /// Verifies one transaction.
    ///
    /// # Errors
    /// The first static fault, see [`VerifiedTransaction::verify`].
    pub fn verify(&self, tx: Transaction) -> Result<VerifiedTransaction, InvalidTransaction> {
        VerifiedTransaction::verify(tx, self.params())
    }

    /// Verifies all transactions of a block on the worker threads, signatures in batches.
    ///
    /// # Errors
    /// [`InvalidBlock::TooManyTransactions`], or [`InvalidBlock::Transaction`] with the first
    /// transaction that is not valid.
    pub fn verify_block(&self, block: UnverifiedBlock) -> Result<Block, EngineError> {
        let UnverifiedBlock { context, beneficiary, mut transactions } = block;
        // Before the expensive part; everything else is checked when the block is executed.
        check_count(transactions.len(), self.params())?;
        let mut parts = Vec::with_capacity(transactions.len().div_ceil(SIGNATURE_BATCH));
        while transactions.len() > SIGNATURE_BATCH {
            let rest = transactions.split_off(transactions.len() - SIGNATURE_BATCH);
            parts.push(Mutex::new(rest));
        }
        parts.push(Mutex::new(transactions));
        parts.reverse();
        let params = Arc::clone(&self.inner.pipeline.params);
        let verified = self.inner.pipeline.pool.map(parts.len(), move |part| {
            let part: &Mutex<Vec<Transaction>> = &parts[part];
            verify_batch(std::mem::take(&mut *part.lock()), &params)
        })?;
        let mut transactions = Vec::new();
        for part in verified {
            let start = transactions.len();
            transactions.extend(part.map_err(|(at, reason)| InvalidBlock::Transaction {
                index: u32::try_from(start + at).unwrap_or(u32::MAX),
                reason,
            })?);
        }
        let block = Block::new(context, transactions);
        Ok(match beneficiary {
            Some(beneficiary) => block.with_beneficiary(beneficiary),
            None => block,
        })
    }

    /// Executes a block on the tip. Touches nothing: the outcome can be committed or dropped, and
    /// several candidates for one height can be executed.
    ///
    /// A block that is committed already is not executed again: its stored outcome is returned.
    ///
    /// # Errors
    /// [`EngineError::InvalidBlock`] when the block does not fit on the tip or breaks a limit of
    /// blocks; any other error is the engine's own.
    pub fn execute_block(&self, block: &Block) -> Result<BlockOutcome, EngineError> {
        let parallel = self.inner.config.enable_parallel_execution;
        let mode = if parallel {
            Mode::Parallel { threads_max: usize::MAX, recording: None }
        } else {
            Mode::Sequential
        };
        self.execute_as(block, mode)
    }

    /// Executes a block with the reference executor, whatever the configuration says: for
    /// comparing.
    ///
    /// # Errors
    /// See [`ContractEngine::execute_block`].
    pub fn execute_block_sequentially(&self, block: &Block) -> Result<BlockOutcome, EngineError> {
        self.execute_as(block, Mode::Sequential)
    }

    fn execute_as(&self, block: &Block, mode: Mode) -> Result<BlockOutcome, EngineError> {
        self.check_usable()?;
        let tip = self.inner.tip.read();
        let context = block.context();
        if context.topoheight <= tip.tip.topoheight {
            let record = self.committed(context.topoheight)?;
            return match record.filter(|record| record.header.block_hash == block.hash()) {
                Some(record) => BlockOutcome::of_record(record),
                None => Err(InvalidBlock::Conflict { topoheight: context.topoheight }.into()),
            };
        }
        check_position(context, &tip)?;
        self.inner.pipeline.execute(block, mode)
    }

    /// The record of a block that is applied or durable.
    fn committed(&self, topoheight: TopoHeight) -> Result<Option<BlockRecord>, EngineError> {
        let at = |record: &&Arc<BlockRecord>| record.header.context.topoheight == topoheight;
        let staged = self.inner.staged.lock().iter().find(at).map(|record| (**record).clone());
        match staged {
            Some(record) => Ok(Some(record)),
            None => Ok(self.inner.pipeline.chain.storage().record(topoheight)?),
        }
    }

    fn check_usable(&self) -> Result<(), EngineError> {
        match self.inner.poisoned.get() {
            Some(reason) => Err(EngineError::Poisoned(reason.clone())),
            None => Ok(()),
        }
    }
}

/// Checks that a block follows the tip.
fn check_position(context: &BlockContext, tip: &TipState) -> Result<(), InvalidBlock> {
    let next = tip.next(context.timestamp);
    if context.topoheight != next.topoheight {
        return Err(InvalidBlock::Gap { expected: next.topoheight, found: context.topoheight });
    }
    if context.parent != next.parent {
        return Err(InvalidBlock::WrongParent { expected: next.parent, found: context.parent });
    }
    let (lowest, found) = (tip.tip.stable_topoheight, context.stable_topoheight);
    if found < lowest || found > context.topoheight {
        let topoheight = context.topoheight;
        return Err(InvalidBlock::StableTopoheight { lowest, topoheight, found });
    }
    Ok(())
}
