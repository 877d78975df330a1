//! How an engine is opened on a simulated disk: the choices of an operator that change what is
//! written.

use std::sync::Arc;

use tos_runtime::testing::SimulatedDisk;
use tos_runtime::{
    BlockRecord, ChainMeta, CommitBatch, ContractEngine, EngineConfig, EngineError, Hash,
    KeepRecords, NoSpace, RedbOptions, RedbStorage, StateKey, StateValue, Storage, StorageError,
    TopoHeight,
};

use super::story::PEOPLE;
use crate::support::genesis;

/// How a storage is used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Machine {
    pub(super) options: RedbOptions,
    pub(super) threads: usize,
}

impl Machine {
    /// The machine of a seed. All but the last kind do the same whenever they do it: folding and
    /// pruning are called for by whoever commits, not done by a thread in its own time.
    pub(super) fn of(seed: u64) -> Self {
        let base = RedbOptions {
            // A few blocks of a story.
            fold_bytes: 12_000,
            cache_bytes: 1 << 20,
            keep_records: KeepRecords::FromStable,
            quick_repair: true,
            fold_in_background: false,
            verify_on_open: false,
            free_bytes_min: 0,
        };
        let options = match seed % 5 {
            0 => base,
            1 => RedbOptions { quick_repair: false, ..base },
            // Too small for a transaction: pages are written long before they are synced.
            2 => RedbOptions { cache_bytes: 32 << 10, ..base },
            3 => RedbOptions { keep_records: KeepRecords::All, fold_bytes: 0, ..base },
            _ => RedbOptions { fold_in_background: true, ..base },
        };
        Self { options, threads: if options.fold_in_background { 2 } else { 1 } }
    }

    pub(super) fn storage(self, disk: &SimulatedDisk) -> Result<RedbStorage, StorageError> {
        RedbStorage::with_backend(disk.clone(), self.options)
    }

    /// Opens the engine on a disk.
    pub(super) fn open(self, disk: &SimulatedDisk) -> Result<ContractEngine, EngineError> {
        self.open_on(self.storage(disk)?)
    }

    /// Opens the engine on a storage.
    pub(super) fn open_on(self, storage: RedbStorage) -> Result<ContractEngine, EngineError> {
        self.open_shared(Arc::new(storage))
    }

    /// Opens the engine on a storage that the caller can ask as well.
    pub(super) fn open_shared(
        self,
        storage: Arc<RedbStorage>,
    ) -> Result<ContractEngine, EngineError> {
        let config = EngineConfig {
            max_parallel_threads: self.threads,
            module_cache_bytes: 1 << 20,
            ..EngineConfig::default()
        };
        let tidy = !self.options.fold_in_background;
        ContractEngine::builder()
            .storage(Tidied { storage, tidy })
            .config(config)
            .genesis(genesis(PEOPLE))
            .build()
    }
}

/// A storage that tidies after some commits, as often as their heights say.
struct Tidied {
    storage: Arc<RedbStorage>,
    tidy: bool,
}

impl Storage for Tidied {
    fn meta(&self) -> Result<Option<ChainMeta>, StorageError> {
        self.storage.meta()
    }

    fn read(&self, key: &StateKey) -> Result<Option<StateValue>, StorageError> {
        self.storage.read(key)
    }

    fn record(&self, topoheight: TopoHeight) -> Result<Option<BlockRecord>, StorageError> {
        self.storage.record(topoheight)
    }

    fn commit(&self, batch: &CommitBatch<'_>) -> Result<(), StorageError> {
        self.storage.commit(batch)?;
        // An error is what every later call is refused with.
        let times = if self.tidy { batch.meta.topoheight.0 % 3 } else { 0 };
        (0..times).try_for_each(|_| self.storage.tidy()).or(Ok(()))
    }

    fn check_space(&self) -> Result<(), NoSpace> {
        self.storage.check_space()
    }

    fn artifact(&self, key: &Hash) -> Result<Option<Vec<u8>>, StorageError> {
        self.storage.artifact(key)
    }

    fn store_artifact(&self, key: &Hash, artifact: &[u8]) -> Result<(), StorageError> {
        self.storage.store_artifact(key, artifact)
    }
}
