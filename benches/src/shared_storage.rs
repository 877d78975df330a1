//! A storage that several engines use: each with its own threads and caches, all on one chain. Only
//! one of them may commit, and the others open after that.

use std::sync::Arc;

use tos_runtime::{
    BlockRecord, ChainMeta, CommitBatch, Hash, NoSpace, StateKey, StateValue, Storage,
    StorageError, TopoHeight,
};

/// A handle to a storage; clones share it.
#[derive(Clone)]
pub struct SharedStorage(Arc<dyn Storage>);

impl SharedStorage {
    /// Shares this storage.
    #[must_use]
    pub fn new(storage: impl Storage) -> Self {
        Self(Arc::new(storage))
    }
}

impl Storage for SharedStorage {
    fn meta(&self) -> Result<Option<ChainMeta>, StorageError> {
        self.0.meta()
    }

    fn read(&self, key: &StateKey) -> Result<Option<StateValue>, StorageError> {
        self.0.read(key)
    }

    fn record(&self, topoheight: TopoHeight) -> Result<Option<BlockRecord>, StorageError> {
        self.0.record(topoheight)
    }

    fn commit(&self, batch: &CommitBatch<'_>) -> Result<(), StorageError> {
        self.0.commit(batch)
    }

    fn check_space(&self) -> Result<(), NoSpace> {
        self.0.check_space()
    }

    fn artifact(&self, key: &Hash) -> Result<Option<Vec<u8>>, StorageError> {
        self.0.artifact(key)
    }

    fn store_artifact(&self, key: &Hash, artifact: &[u8]) -> Result<(), StorageError> {
        self.0.store_artifact(key, artifact)
    }
}
