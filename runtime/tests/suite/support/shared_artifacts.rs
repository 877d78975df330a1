//! A storage with a state of its own that shares compiled modules with all others of this process:
//! chains without end need each module compiled once.

use std::sync::OnceLock;

use tos_runtime::{
    BlockRecord, ChainMeta, CommitBatch, Hash, MemoryStorage, StateKey, StateValue, Storage,
    StorageError, TopoHeight,
};

/// What was compiled so far, by whichever engine.
static ARTIFACTS: OnceLock<MemoryStorage> = OnceLock::new();

/// A state, and the artifacts of all.
pub(crate) struct SharedArtifacts<S> {
    state: S,
    /// Nothing compiled is found; everything is compiled anew.
    cold: bool,
}

impl SharedArtifacts<MemoryStorage> {
    /// A state in memory.
    pub(crate) fn memory() -> Self {
        Self::of(MemoryStorage::new(), false)
    }
}

impl<S: Storage> SharedArtifacts<S> {
    pub(crate) fn of(state: S, cold: bool) -> Self {
        Self { state, cold }
    }
}

fn artifacts() -> &'static MemoryStorage {
    ARTIFACTS.get_or_init(MemoryStorage::new)
}

impl<S: Storage> Storage for SharedArtifacts<S> {
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

    fn artifact(&self, key: &Hash) -> Result<Option<Vec<u8>>, StorageError> {
        if self.cold { Ok(None) } else { artifacts().artifact(key) }
    }

    fn store_artifact(&self, key: &Hash, artifact: &[u8]) -> Result<(), StorageError> {
        artifacts().store_artifact(key, artifact)
    }
}
