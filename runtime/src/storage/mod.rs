//! The persistent backend: what a database must offer, and the records it keeps. How bytes reach a
//! disk is [`RedbStorage`]'s business.

#[cfg(test)]
mod conformance;
mod memory;
mod redb;
#[cfg(test)]
pub(crate) mod test_chain;

use std::sync::Arc;

use anyhow::{Context, ensure};
use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;
use tos_host_api::{Address, Hash, TopoHeight};

pub use self::memory::MemoryStorage;
pub use self::redb::{KeepRecords, RedbOptions, RedbStorage};
use crate::error::StorageError;
use crate::state::{ChangeSet, StateKey, StateValue};
use crate::types::BlockContext;

/// Version of the stored format this library reads and writes.
pub const STORAGE_FORMAT: u32 = 4;

/// A database as the engine needs it. Object-safe, synchronous, shared between threads.
///
/// A node can bring its own. What the engine relies on:
/// - [`Storage::commit`] is atomic and durable when it returns: after a crash all of it is there or
///   nothing of it. Only one commit runs at a time.
/// - A batch that [`CommitBatch::check_follows`] refuses changes nothing, and work may go on.
/// - Reads see exactly the commits that have returned, also while another commit is running.
/// - Artifacts are a cache: losing them costs time, nothing else.
pub trait Storage: Send + Sync + 'static {
    /// What the database holds, or `None` when it is new.
    ///
    /// # Errors
    /// The backend failed or its bytes cannot be decoded. The same holds for every other method.
    fn meta(&self) -> Result<Option<ChainMeta>, StorageError>;

    /// The value of a key at the tip.
    ///
    /// # Errors
    /// See [`Storage::meta`].
    fn read(&self, key: &StateKey) -> Result<Option<StateValue>, StorageError>;

    /// The record of a committed block; 0 is genesis. `None` above the tip, and where a backend has
    /// pruned records below the stable height.
    ///
    /// # Errors
    /// See [`Storage::meta`].
    fn record(&self, topoheight: TopoHeight) -> Result<Option<BlockRecord>, StorageError>;

    /// Applies a batch: all of it, durably, or nothing.
    ///
    /// # Errors
    /// See [`Storage::meta`]. After an error the engine does not know what the database holds and
    /// refuses work until the storage is opened anew.
    fn commit(&self, batch: &CommitBatch<'_>) -> Result<(), StorageError>;

    /// Checks that there is room to commit one more block, as far as the backend knows. The engine
    /// asks before it executes one, and executes nothing otherwise. A backend that does not know
    /// leaves it to its commits.
    ///
    /// # Errors
    /// There is less room than the backend wants to be sure of. Nothing else is wrong with it.
    fn check_space(&self) -> Result<(), NoSpace> {
        Ok(())
    }

    /// A compiled module stored under this key, if any.
    ///
    /// # Errors
    /// See [`Storage::meta`].
    fn artifact(&self, key: &Hash) -> Result<Option<Vec<u8>>, StorageError>;

    /// Keeps a compiled module, replacing one of the same key. Need not be durable.
    ///
    /// # Errors
    /// See [`Storage::meta`].
    fn store_artifact(&self, key: &Hash, artifact: &[u8]) -> Result<(), StorageError>;
}

/// Less room than a storage wants to be sure of before a block is executed.
#[derive(Debug, Error)]
#[error(
    "{free_bytes} bytes are free for {place}, expected at least {free_bytes_min}: make room and \
     try again; the block was not executed, and nothing else is wrong"
)]
pub struct NoSpace {
    /// What has to grow.
    pub place: String,
    /// Bytes that are free there.
    pub free_bytes: u64,
    /// Bytes that have to be.
    pub free_bytes_min: u64,
}

/// What a database says about itself.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChainMeta {
    /// Version of the stored format.
    pub format: u32,
    /// State digest of genesis; names the chain.
    pub genesis: Hash,
    /// Encoded protocol parameters by height, each with the rules it needs of a library.
    pub params: Vec<u8>,
    /// Height of the tip.
    pub topoheight: TopoHeight,
    /// Height below which nothing is rolled back.
    pub stable_topoheight: TopoHeight,
    /// State digest of the tip.
    pub state_digest: Hash,
}

/// A committed block as the database keeps it: what happened, what changed, and how to undo it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BlockRecord {
    /// Identity and digests.
    pub header: BlockHeader,
    /// Encoded results by transaction index.
    pub results: Vec<u8>,
    /// Changed keys with old and new values.
    pub change_set: ChangeSet,
}

/// Identity and digests of a committed block.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BlockHeader {
    /// Where the block stands.
    pub context: BlockContext,
    /// Who received the fees.
    pub beneficiary: Option<Address>,
    /// [`crate::Block::hash`].
    pub block_hash: Hash,
    /// BLAKE3 of the encoded change set.
    pub delta_hash: Hash,
    /// BLAKE3 of the encoded results.
    pub receipts_hash: Hash,
    /// State digest after the block.
    pub state_digest: Hash,
}

/// One atomic step of a database: a block, the genesis, or a rollback.
#[derive(Debug, Clone, Copy)]
pub struct CommitBatch<'a> {
    /// What the database says about itself afterwards.
    pub meta: &'a ChainMeta,
    /// The record to add, at the height `meta.topoheight`. `None` for a rollback, after which
    /// records above `meta.topoheight` are gone.
    /// Shared, so that a backend can keep it.
    pub record: Option<&'a Arc<BlockRecord>>,
    /// Changed keys. For a block these are the record's own.
    pub changes: &'a ChangeSet,
}

impl CommitBatch<'_> {
    /// Checks that this batch may be applied to a database whose tip is `tip`; `None` is a new one.
    /// Every backend calls this before it writes anything.
    ///
    /// A block extends the tip by one height, genesis begins at 0, and a rollback ends between the
    /// stable height and the tip. The changes are in order, and for a block they are the record's:
    /// a backend may rebuild the state from records alone.
    ///
    /// # Errors
    /// The batch does not follow `tip` or contradicts itself, which is a bug of the caller.
    pub fn check_follows(&self, tip: Option<&ChainMeta>) -> Result<(), StorageError> {
        self.follows(tip).map_err(StorageError::new)
    }

    fn follows(&self, tip: Option<&ChainMeta>) -> anyhow::Result<()> {
        let height = self.meta.topoheight;
        ensure!(
            self.meta.stable_topoheight <= height,
            "stable height {} is above the batch's height {height}",
            self.meta.stable_topoheight
        );
        if let Some(record) = self.record {
            let expected = match tip {
                None => TopoHeight::ZERO,
                Some(tip) => {
                    tip.topoheight.checked_add(TopoHeight(1)).context("heights are exhausted")?
                }
            };
            ensure!(height == expected, "batch has height {height}, expected {expected}");
            let header = &record.header;
            ensure!(
                header.context.topoheight == height
                    && header.state_digest == self.meta.state_digest,
                "record of height {} does not belong to a batch of height {height}",
                header.context.topoheight
            );
            // The engine passes the record's own change set; comparing 10,000 changes is for
            // callers that do not.
            ensure!(
                std::ptr::eq(self.changes, &record.change_set)
                    || *self.changes == record.change_set,
                "changes of the batch at height {height} are not its record's"
            );
        } else {
            let tip = tip.context("nothing to roll back in a new database")?;
            ensure!(
                (tip.stable_topoheight..=tip.topoheight).contains(&height),
                "rollback to height {height}, expected {} to {}",
                tip.stable_topoheight,
                tip.topoheight
            );
        }
        Ok(self.changes.check_order()?)
    }
}
