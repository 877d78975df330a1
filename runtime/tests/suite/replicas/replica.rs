//! One node of the simulation: an engine with choices of its own on a storage of its own, which is
//! closed, opened, rolled back and hit by faults. It knows what it committed, and after everything
//! that happens to it its tip must be that.

use std::collections::VecDeque;
use std::path::PathBuf;

use tos_runtime::{
    Block, BlockOutcome, ContractEngine, EngineConfig, EngineError, Genesis, Hash, PendingCommit,
    RedbStorage, StateKey, Storage, TopoHeight,
};

use crate::support::{CommitFault, FailingStorage, Rng, SharedArtifacts};

/// Where a replica keeps its chain.
pub(super) enum Disk {
    /// Survives the engine, and fails when told to.
    Memory(FailingStorage),
    File(PathBuf),
}

/// Commits that may be on their way at once.
const PENDING_MAX: usize = 3;

pub(super) struct Replica {
    pub(super) name: usize,
    disk: Disk,
    genesis: Genesis,
    engine: Option<ContractEngine>,
    config: EngineConfig,
    pending: VecDeque<PendingCommit>,
    /// State digest of every height it committed; 0 is genesis.
    pub(super) history: Vec<Hash>,
}

/// Choices that change nothing but speed.
fn config(rng: &mut Rng) -> EngineConfig {
    EngineConfig {
        max_parallel_threads: *rng.pick(&[1, 2, 3, 4, 7]),
        enable_parallel_execution: !rng.percent(15),
        // Down to none: every block reads everything anew and loads every module again.
        module_cache_bytes: *rng.pick(&[0, 100_000, 256 << 20, 256 << 20]),
        state_cache_entries: *rng.pick(&[0, 5, 60, 4_000_000]),
        large_block_txs: *rng.pick(&[1, 12, usize::MAX]),
        reuse_instances: rng.percent(60),
        // Anything else a node chooses cannot reach a block at all.
        ..EngineConfig::default()
    }
}

impl Replica {
    pub(super) fn new(name: usize, disk: Disk, genesis: Genesis, rng: &mut Rng) -> Self {
        let config = config(rng);
        let (engine, pending, history) = Default::default();
        let mut replica = Self { name, disk, genesis, engine, config, pending, history };
        replica.open(rng);
        replica.history.push(replica.engine().tip().state_digest);
        replica
    }

    pub(super) fn engine(&self) -> &ContractEngine {
        self.engine.as_ref().expect("a replica is open between two steps")
    }

    pub(super) fn height(&self) -> usize {
        self.history.len() - 1
    }

    /// Whom a message is about.
    pub(super) fn describe(&self) -> String {
        format!("replica {} at height {} with {:?}", self.name, self.height(), self.config)
    }

    /// Opens with choices made anew; now and then nothing that was compiled is found.
    fn open(&mut self, rng: &mut Rng) {
        self.config = config(rng);
        // Everything is compiled again, once for each time it is loaded: not without a cache.
        let cold = self.config.module_cache_bytes > 0 && rng.percent(6);
        let builder = ContractEngine::builder().config(self.config.clone());
        let builder = match &self.disk {
            Disk::Memory(storage) => builder.storage(SharedArtifacts::of(storage.clone(), cold)),
            Disk::File(path) => {
                let storage = RedbStorage::open(path).expect("redb opens");
                builder.storage(SharedArtifacts::of(storage, cold))
            }
        };
        let engine = builder.genesis(self.genesis.clone()).build().expect("the engine opens");
        self.engine = Some(engine);
    }

    /// Closes and opens again. Everything that was committed is there.
    pub(super) fn restart(&mut self, rng: &mut Rng, seed: u64) {
        self.wait();
        self.engine = None;
        self.open(rng);
        self.assert_tip(seed);
    }

    /// Waits for what is on its way to the storage, which nothing holds up.
    fn wait(&mut self) {
        for commit in std::mem::take(&mut self.pending) {
            commit.wait().expect("it is written");
        }
    }

    #[track_caller]
    pub(super) fn assert_tip(&self, seed: u64) {
        let tip = self.engine().tip();
        let (height, digest) = (self.height() as u64, self.history[self.height()]);
        let same = tip.topoheight.0 == height && tip.state_digest == digest;
        assert!(same, "seed {seed}, {}: found {tip:?}, expected {digest}", self.describe());
    }

    pub(super) fn execute(&self, block: &Block) -> Result<BlockOutcome, EngineError> {
        self.engine().execute_block(block)
    }

    /// Commits one way or the other; the tip is the block's at once.
    pub(super) fn commit(&mut self, outcome: BlockOutcome, rng: &mut Rng) {
        let digest = outcome.state_digest();
        if rng.percent(50) {
            let pending = self.engine().commit_in_background(outcome).expect("it commits");
            self.pending.push_back(pending);
            if self.pending.len() > PENDING_MAX {
                let oldest = self.pending.pop_front().expect("there are several");
                oldest.wait().expect("it is written");
            }
        } else {
            self.engine().commit(outcome).expect("it commits");
        }
        self.history.push(digest);
    }

    pub(super) fn roll_back(&mut self, height: usize) {
        let target = TopoHeight(height as u64);
        self.engine().rollback_to(target).expect("the height is within the window");
        self.history.truncate(height + 1);
    }

    /// Commits while the storage fails; then the engine refuses work, and opened anew it stands
    /// before the block or after it. False when the disk of this replica never fails.
    pub(super) fn commit_with_fault(
        &mut self,
        outcome: BlockOutcome,
        block: &Block,
        rng: &mut Rng,
        seed: u64,
    ) {
        let Disk::Memory(storage) = &self.disk else { return self.commit(outcome, rng) };
        let storage = storage.clone();
        let fault = *rng.pick(&[CommitFault::BeforeWriting, CommitFault::AfterWriting]);
        let digest = outcome.state_digest();
        self.wait();
        storage.fail_commit(0, fault);
        let failed = if rng.percent(50) {
            self.engine().commit_in_background(outcome).expect("it is staged").wait()
        } else {
            self.engine().commit(outcome)
        };
        let refused = self.execute(block).err();
        let right = matches!(failed, Err(EngineError::Storage(_)))
            && matches!(refused, Some(EngineError::Poisoned(_)));
        assert!(right, "seed {seed}, {}: {failed:?}, then {refused:?}", self.describe());
        if fault == CommitFault::AfterWriting {
            self.history.push(digest);
        }
        self.engine = None;
        self.open(rng);
        self.assert_tip(seed);
    }

    /// From now on reads of this key fail.
    pub(super) fn break_reads(&self, key: StateKey) {
        if let Disk::Memory(storage) = &self.disk {
            storage.fail_reads_of(key);
        }
    }

    pub(super) fn heal(&self) {
        if let Disk::Memory(storage) = &self.disk {
            storage.heal();
        }
    }

    /// Closes for good: what its storage has recorded of every height.
    pub(super) fn close(mut self) -> Vec<tos_runtime::BlockRecord> {
        self.wait();
        self.engine = None;
        let storage: Box<dyn Storage> = match self.disk {
            Disk::Memory(storage) => Box::new(storage),
            Disk::File(path) => Box::new(RedbStorage::open(path).expect("redb opens again")),
        };
        let record = |height| storage.record(TopoHeight(height)).expect("it is read");
        let heights = 0..self.history.len() as u64;
        heights.map(|height| record(height).expect("nothing was pruned")).collect()
    }
}
