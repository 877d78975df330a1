//! The persistent backend: what a database must offer, and the records it keeps.

mod memory;
mod redb;

use borsh::{BorshDeserialize, BorshSerialize};
use tos_host_api::{Address, Hash, TopoHeight};

pub use self::memory::MemoryStorage;
pub use self::redb::RedbStorage;
use crate::error::StorageError;
use crate::state::{ChangeSet, StateKey, StateValue};
use crate::types::BlockContext;

/// Version of the stored format this library reads and writes.
pub const STORAGE_FORMAT: u32 = 1;

/// A database as the engine needs it. Object-safe, synchronous, shared between threads.
///
/// A node can bring its own. What the engine relies on:
/// - [`Storage::commit`] is atomic and durable when it returns: after a crash all of it is there or
///   nothing of it. Only one commit runs at a time.
/// - Reads see exactly the commits that have returned.
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

    /// The record of a committed block; 0 is genesis.
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

    /// A compiled module stored under this key, if any.
    ///
    /// # Errors
    /// See [`Storage::meta`].
    fn artifact(&self, key: &Hash) -> Result<Option<Vec<u8>>, StorageError>;

    /// Keeps a compiled module. Need not be durable.
    ///
    /// # Errors
    /// See [`Storage::meta`].
    fn store_artifact(&self, key: &Hash, artifact: &[u8]) -> Result<(), StorageError>;
}

/// What a database says about itself.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChainMeta {
    /// Version of the stored format.
    pub format: u32,
    /// State digest of genesis; names the chain.
    pub genesis: Hash,
    /// Encoded protocol parameters, as fixed at genesis.
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
    pub record: Option<&'a BlockRecord>,
    /// Changed keys. For a block these are the record's own.
    pub changes: &'a ChangeSet,
}
