//! A storage that lives and dies with the process: for tests, simulations and benchmarks. Nothing
//! is encoded, so it says nothing about stored bytes.

use std::collections::{BTreeMap, HashMap};

use parking_lot::RwLock;
use tos_host_api::{Hash, TopoHeight};

use super::{BlockRecord, ChainMeta, CommitBatch, Storage};
use crate::error::StorageError;
use crate::state::{StateKey, StateValue};

/// A [`Storage`] in memory. Keeps every record; atomic, but not durable.
#[derive(Debug, Default)]
pub struct MemoryStorage {
    /// One lock, held for the whole of a commit, so that a reader sees all of a batch or nothing.
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    meta: Option<ChainMeta>,
    /// Never iterated: the order of a hash map must not reach anybody. The standard hasher is
    /// keyed, since contracts choose part of a key.
    state: HashMap<StateKey, StateValue>,
    records: BTreeMap<TopoHeight, BlockRecord>,
    artifacts: HashMap<Hash, Vec<u8>>,
}

impl MemoryStorage {
    /// A new, empty storage.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Storage for MemoryStorage {
    fn meta(&self) -> Result<Option<ChainMeta>, StorageError> {
        Ok(self.inner.read().meta.clone())
    }

    fn read(&self, key: &StateKey) -> Result<Option<StateValue>, StorageError> {
        Ok(self.inner.read().state.get(key).cloned())
    }

    fn record(&self, topoheight: TopoHeight) -> Result<Option<BlockRecord>, StorageError> {
        Ok(self.inner.read().records.get(&topoheight).cloned())
    }

    fn commit(&self, batch: &CommitBatch<'_>) -> Result<(), StorageError> {
        let mut inner = self.inner.write();
        batch.check_follows(inner.meta.as_ref())?;
        // Nothing below can fail, so the batch is applied whole.
        for change in batch.changes.encoded_changes() {
            let key = change.decode_key();
            match change.new_value() {
                Some(value) => inner.state.insert(key, value),
                None => inner.state.remove(&key),
            };
        }
        match batch.record {
            Some(record) => {
                inner.records.insert(batch.meta.topoheight, BlockRecord::clone(record));
            }
            None => inner.records.retain(|topoheight, _| *topoheight <= batch.meta.topoheight),
        }
        inner.meta = Some(batch.meta.clone());
        Ok(())
    }

    fn artifact(&self, key: &Hash) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.inner.read().artifacts.get(key).cloned())
    }

    fn store_artifact(&self, key: &Hash, artifact: &[u8]) -> Result<(), StorageError> {
        self.inner.write().artifacts.insert(*key, artifact.to_vec());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::conformance;

    #[test]
    fn memory_conforms() {
        conformance::check(&MemoryStorage::new());
    }
}
