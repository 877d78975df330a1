//! A storage whose genesis holds values that no honest chain reaches: exhausted nonces, balances
//! beyond the supply.

use std::collections::BTreeMap;

use std::sync::Arc;

use tos_runtime::{
    Account, BlockRecord, ChainMeta, Change, ChangeSet, CommitBatch, Hash, MemoryStorage, StateKey,
    StateValue, Storage, StorageError, TopoHeight,
};

use super::account;

/// Replaces values of the genesis while it is written; otherwise a [`MemoryStorage`].
#[derive(Default)]
pub(crate) struct Doctored {
    inner: MemoryStorage,
    values: BTreeMap<StateKey, StateValue>,
}

impl Doctored {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn with(mut self, key: StateKey, value: StateValue) -> Self {
        self.values.insert(key, value);
        self
    }

    /// Replaces the account of person `number`.
    pub(crate) fn with_account(self, number: u64, value: Account) -> Self {
        self.with(StateKey::Account(account(number)), StateValue::Account(value))
    }

    fn doctor(&self, record: &BlockRecord) -> Result<BlockRecord, StorageError> {
        let mut changes = record.change_set.changes().to_vec();
        changes.retain(|change| !self.values.contains_key(&change.key));
        let doctored = self.values.iter().map(|(key, value)| Change {
            key: key.clone(),
            old: None,
            new: Some(value.clone()),
        });
        changes.extend(doctored);
        let change_set = ChangeSet::new(changes).map_err(StorageError::new)?;
        Ok(BlockRecord { change_set, ..record.clone() })
    }
}

impl Storage for Doctored {
    fn meta(&self) -> Result<Option<ChainMeta>, StorageError> {
        self.inner.meta()
    }

    fn read(&self, key: &StateKey) -> Result<Option<StateValue>, StorageError> {
        self.inner.read(key)
    }

    fn record(&self, topoheight: TopoHeight) -> Result<Option<BlockRecord>, StorageError> {
        self.inner.record(topoheight)
    }

    fn commit(&self, batch: &CommitBatch<'_>) -> Result<(), StorageError> {
        match batch.record {
            Some(record) if batch.meta.topoheight == TopoHeight::ZERO => {
                let record = Arc::new(self.doctor(record)?);
                let (record, changes) = (Some(&record), &record.change_set);
                self.inner.commit(&CommitBatch { meta: batch.meta, record, changes })
            }
            _ => self.inner.commit(batch),
        }
    }

    fn artifact(&self, key: &Hash) -> Result<Option<Vec<u8>>, StorageError> {
        self.inner.artifact(key)
    }

    fn store_artifact(&self, key: &Hash, artifact: &[u8]) -> Result<(), StorageError> {
        self.inner.store_artifact(key, artifact)
    }
}
