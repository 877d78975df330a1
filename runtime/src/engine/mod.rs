//! The facade: one engine over one chain. Decides which blocks may run on the tip; the pipeline
//! runs them, `commit.rs` makes them durable, `query.rs`, `describe.rs` and `explain.rs` answer
//! questions.

mod builder;
mod claim;
mod commit;
mod describe;
mod explain;
mod pending;
mod query;
mod shadow;

use std::collections::VecDeque;
use std::sync::Arc;

use tos_host_api::{Hash, TopoHeight};

pub use builder::ContractEngineBuilder;
pub(crate) use pending::Background;
pub use pending::PendingCommit;
pub use query::{Simulation, View};
use shadow::Shadow;
pub use shadow::ShadowCounts;

use crate::config::{EngineConfig, ProtocolParams};
use crate::error::{EngineError, InvalidBlock, InvalidTransaction};
use crate::execute::inside_observer;
use crate::outcome::BlockOutcome;
use crate::pipeline::{Mode, Pipeline, check_count};
use crate::planted::{Bug, planted};
use crate::protocol::ProtocolSchedule;
use crate::storage::BlockRecord;
use crate::sync::{Mutex, OnceLock, RwLock, RwLockReadGuard};
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
    /// Held while the storage is written: one writer at a time, in order. Holds the stable height
    /// the storage has, which never decreases.
    writer: Mutex<TopoHeight>,
    /// Writes what is committed in the background. Ends with the engine.
    persister: Background,
    /// Executes committed blocks once more, if that is asked for.
    shadow: Option<Shadow>,
    /// Why the engine refuses work.
    poisoned: OnceLock<Poison>,
}

/// What an engine does not recover from.
enum Poison {
    /// Nobody knows what the database holds.
    CommitFailed(String),
    /// A block came out otherwise when it was executed once more.
    Diverged { topoheight: TopoHeight, difference: String, advice: String },
}

impl Poison {
    /// What every call is refused with.
    fn error(&self) -> EngineError {
        match self {
            Self::CommitFailed(reason) => EngineError::Poisoned(reason.clone()),
            Self::Diverged { topoheight, difference, advice } => EngineError::Diverged {
                topoheight: *topoheight,
                difference: difference.clone(),
                advice: advice.clone(),
            },
        }
    }
}

/// The tip and what a simulated next block copies from it.
#[derive(Debug, Clone, Copy)]
struct TipState {
    tip: Tip,
    /// The stable height the tip's block states. After a rollback it lies below the tip's own, which
    /// this node keeps: what a block may state must not depend on what a node undid.
    stated_stable: TopoHeight,
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
            stated_stable: header.context.stable_topoheight,
            timestamp: header.context.timestamp,
            block_version: header.context.block_version,
        }
    }

    /// The same tip on a node for which this height is stable already.
    fn with_stable(mut self, stable: TopoHeight) -> Self {
        self.tip.stable_topoheight = self.tip.stable_topoheight.max(stable);
        self
    }

    /// Height of a block on this tip.
    fn next_height(&self) -> TopoHeight {
        // Heights are counted up from 0 one by one; 2^64 blocks do not happen.
        TopoHeight(self.tip.topoheight.0 + 1)
    }

    /// The context of a block on this tip.
    fn next(&self, timestamp: u64) -> BlockContext {
        BlockContext {
            topoheight: self.next_height(),
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

    /// The parameters of the next block: those at the height above the tip's.
    #[must_use]
    pub fn params(&self) -> &ProtocolParams {
        let next = self.inner.tip.read().next_height();
        &self.inner.pipeline.rules.at(next).params
    }

    /// The parameters of the chain by height, those to come included. Changes are added when an
    /// engine is built, see [`ContractEngineBuilder::params_at`].
    #[must_use]
    pub fn protocol(&self) -> &ProtocolSchedule {
        self.inner.pipeline.rules.schedule()
    }

    /// The local choices this engine was built with.
    #[must_use]
    pub fn config(&self) -> &EngineConfig {
        &self.inner.config
    }

    /// The newest committed block.
    #[must_use]
    pub fn tip(&self) -> Tip {
        self.inner.tip.read_recursive().tip
    }

    /// The context of a block that builds on the tip and leaves the stable height where it is.
    #[must_use]
    pub fn next_context(&self, timestamp: u64) -> BlockContext {
        self.inner.tip.read_recursive().next(timestamp)
    }

    /// Verifies one transaction, for the next block and all others with the same parameters.
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
        let params = &self.inner.pipeline.rules.at(context.topoheight).params;
        // Before the expensive part; everything else is checked when the block is executed.
        check_count(transactions.len(), params)?;
        let mut parts = Vec::with_capacity(transactions.len().div_ceil(SIGNATURE_BATCH));
        while transactions.len() > SIGNATURE_BATCH {
            let rest = transactions.split_off(transactions.len() - SIGNATURE_BATCH);
            parts.push(Mutex::new(rest));
        }
        parts.push(Mutex::new(transactions));
        parts.reverse();
        let params = Arc::clone(params);
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
        let tip = self.usable_tip()?;
        let context = block.context();
        if context.topoheight <= tip.tip.topoheight {
            let record = self.committed(context.topoheight)?;
            return match record.filter(|record| record.header.block_hash == block.hash()) {
                Some(record) => BlockOutcome::of_record(record),
                None => Err(InvalidBlock::Conflict { topoheight: context.topoheight }.into()),
            };
        }
        check_position(context, &tip)?;
        if !planted(Bug::RoomUnchecked) {
            self.inner.pipeline.chain.storage().check_space()?;
        }
        let outcome = self.inner.pipeline.execute(block, mode)?;
        let sampled = self.inner.shadow.as_ref().and_then(|shadow| shadow.sampled(block));
        Ok(BlockOutcome { sampled, ..outcome })
    }

    /// Does something with the state that a block builds on, which is the tip's.
    pub(crate) fn with_tip_of<R>(
        &self,
        block: &Block,
        work: impl FnOnce(&Pipeline) -> Result<R, EngineError>,
    ) -> Result<R, EngineError> {
        let tip = self.usable_tip()?;
        check_position(block.context(), &tip)?;
        work(&self.inner.pipeline)
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

    /// The tip, which stays while this is held. Looks before waiting for it, which an observer must
    /// not, and after: the commit it waited for may have ended the engine.
    fn usable_tip(&self) -> Result<RwLockReadGuard<'_, TipState>, EngineError> {
        self.check_usable()?;
        let tip = self.inner.tip.read();
        self.check_usable()?;
        Ok(tip)
    }

    fn check_usable(&self) -> Result<(), EngineError> {
        if inside_observer() {
            // Some thread holds the tip; waiting for it behind a commit would never end.
            return Err(EngineError::CalledFromObserver);
        }
        self.inner.poisoned.get().map_or(Ok(()), |poison| Err(poison.error()))
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
    let (lowest, found) = (tip.stated_stable, context.stable_topoheight);
    if found < lowest || found > context.topoheight {
        let topoheight = context.topoheight;
        return Err(InvalidBlock::StableTopoheight { lowest, topoheight, found });
    }
    Ok(())
}
