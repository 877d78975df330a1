//! A storage in memory that fails or stops when a test says so, and counts what it is asked.
//!
//! It knows nothing of torn writes: what a crash in the middle of a write leaves behind is tested
//! below the engine, by redb's own crash tests at every single write.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex};

use tos_host_api::{Hash, TopoHeight};

use crate::error::StorageError;
use crate::state::{StateKey, StateValue};
use crate::storage::{BlockRecord, ChainMeta, CommitBatch, MemoryStorage, NoSpace, Storage};

/// When a commit fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitFault {
    /// Nothing was written.
    BeforeWriting,
    /// All of it was written, but the caller is told otherwise.
    AfterWriting,
}

/// A handle: clones share one storage, so a test keeps one and gives the engine another.
#[derive(Clone, Default)]
pub struct FailingStorage {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    inner: MemoryStorage,
    plan: Mutex<Plan>,
    /// Signalled when held commits may go on.
    released: Condvar,
}

#[derive(Default)]
struct Plan {
    failing_reads: BTreeSet<StateKey>,
    /// Commits until the fault; 0 is the next one.
    commit_fault: Option<(usize, CommitFault)>,
    /// How many commits may still write; `None` is all of them.
    commits_allowed: Option<usize>,
    damage_artifacts: bool,
    /// Bytes that are free; `None` for as many as anybody wants.
    free_bytes: Option<u64>,
    commits: Vec<TopoHeight>,
    artifacts_stored: usize,
}

impl FailingStorage {
    /// Bytes that have to be free before a block is executed.
    pub const FREE_BYTES_MIN: u64 = 1 << 20;

    /// A storage that works.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Every read of this key fails from now on.
    pub fn fail_reads_of(&self, key: StateKey) {
        self.plan(|plan| plan.failing_reads.insert(key));
    }

    /// No read fails any more.
    pub fn heal(&self) {
        self.plan(|plan| plan.failing_reads.clear());
    }

    /// The commit after `skip` more fails, once.
    pub fn fail_commit(&self, skip: usize, fault: CommitFault) {
        self.plan(|plan| plan.commit_fault = Some((skip, fault)));
    }

    /// So many bytes are free from now on; `None` for as many as anybody wants.
    pub fn leave_room(&self, free_bytes: Option<u64>) {
        self.plan(|plan| plan.free_bytes = free_bytes);
    }

    /// Compiled modules come back with one bit changed from now on.
    pub fn damage_artifacts(&self) {
        self.plan(|plan| plan.damage_artifacts = true);
    }

    /// Commits stop before they write until [`FailingStorage::release_commits`].
    pub fn hold_commits(&self) {
        self.plan(|plan| plan.commits_allowed = Some(0));
    }

    /// Lets held commits go on.
    pub fn release_commits(&self) {
        self.plan(|plan| plan.commits_allowed = None);
        self.shared.released.notify_all();
    }

    /// Lets one of the held commits write.
    pub fn release_one_commit(&self) {
        self.plan(|plan| plan.commits_allowed = Some(1));
        self.shared.released.notify_all();
    }

    /// Heights of the commits that were written, in order.
    #[must_use]
    pub fn commits(&self) -> Vec<u64> {
        self.plan(|plan| plan.commits.iter().map(|height| height.0).collect())
    }

    /// How many compiled modules were stored: one for each compilation.
    #[must_use]
    pub fn artifacts_stored(&self) -> usize {
        self.plan(|plan| plan.artifacts_stored)
    }

    fn plan<T>(&self, with: impl FnOnce(&mut Plan) -> T) -> T {
        with(&mut self.shared.plan.lock().expect("nobody panics while holding the plan"))
    }
}

fn injected(what: &str) -> StorageError {
    StorageError::new(std::io::Error::other(format!("injected: {what}")))
}

impl Storage for FailingStorage {
    fn meta(&self) -> Result<Option<ChainMeta>, StorageError> {
        self.shared.inner.meta()
    }

    fn read(&self, key: &StateKey) -> Result<Option<StateValue>, StorageError> {
        if self.plan(|plan| plan.failing_reads.contains(key)) {
            return Err(injected("read"));
        }
        self.shared.inner.read(key)
    }

    fn record(&self, topoheight: TopoHeight) -> Result<Option<BlockRecord>, StorageError> {
        self.shared.inner.record(topoheight)
    }

    fn commit(&self, batch: &CommitBatch<'_>) -> Result<(), StorageError> {
        let mut plan = self.shared.plan.lock().expect("nobody panics while holding the plan");
        while plan.commits_allowed == Some(0) {
            plan = self.shared.released.wait(plan).expect("nobody panics while holding the plan");
        }
        if let Some(allowed) = &mut plan.commits_allowed {
            *allowed -= 1;
        }
        let fault = match &mut plan.commit_fault {
            Some((0, fault)) => Some(*fault),
            Some((skip, _)) => {
                *skip -= 1;
                None
            }
            None => None,
        };
        if fault.is_some() {
            plan.commit_fault = None;
        }
        if fault == Some(CommitFault::BeforeWriting) {
            return Err(injected("commit, nothing written"));
        }
        self.shared.inner.commit(batch)?;
        plan.commits.push(batch.meta.topoheight);
        match fault {
            Some(_) => Err(injected("commit, all written")),
            None => Ok(()),
        }
    }

    fn check_space(&self) -> Result<(), NoSpace> {
        let free_bytes = self.plan(|plan| plan.free_bytes.unwrap_or(u64::MAX));
        let free_bytes_min = Self::FREE_BYTES_MIN;
        if free_bytes >= free_bytes_min {
            return Ok(());
        }
        Err(NoSpace { place: "a storage in memory".into(), free_bytes, free_bytes_min })
    }

    fn artifact(&self, key: &Hash) -> Result<Option<Vec<u8>>, StorageError> {
        let mut artifact = self.shared.inner.artifact(key)?;
        if self.plan(|plan| plan.damage_artifacts)
            && let Some(byte) = artifact.as_mut().and_then(|artifact| artifact.last_mut())
        {
            *byte ^= 1;
        }
        Ok(artifact)
    }

    fn store_artifact(&self, key: &Hash, artifact: &[u8]) -> Result<(), StorageError> {
        self.plan(|plan| plan.artifacts_stored += 1);
        self.shared.inner.store_artifact(key, artifact)
    }
}
