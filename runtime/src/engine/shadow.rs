//! Shadow executions: a sample of committed blocks is executed once more, sequentially, on a thread
//! of its own, and compared. Commits go on meanwhile, so the state before such a block is put
//! together again: for a key that changed since, the old value in the first change set that has
//! it, for any other the value at the tip.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use anyhow::anyhow;
use parking_lot::{Condvar, Mutex};

use super::{Background, ContractEngine, Inner, Poison};
use crate::bundle::{Capture, Difference, ReadState};
use crate::config::EngineConfig;
use crate::error::{EngineError, StorageError};
use crate::outcome::BlockOutcome;
use crate::protocol::Rules;
use crate::state::{ChangeSet, EncodedKey, StateKey, StateValue};
use crate::storage::BlockRecord;
use crate::types::Block;

/// Blocks that are executed or wait for it. More are skipped: whoever cannot keep up with every
/// n-th block would fall behind for ever, and what waits holds memory.
const JOBS_MAX: usize = 2;

/// Change sets applied since a block, beyond which its shadow execution is given up: they are kept
/// in memory for it.
const APPLIED_MAX: usize = 64;

/// What has become of the blocks that were to be executed once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShadowCounts {
    /// Blocks whose second execution came to the same, to the last byte.
    pub compared: u64,
    /// Blocks that were not compared: too many were waiting already, the chain went on too far, the
    /// storage failed, or the engine ended.
    pub skipped: u64,
    /// Blocks that wait or are being executed.
    pub pending: u64,
}

/// The shadow executions of one engine.
pub(super) struct Shadow {
    /// Every so many heights; not 0.
    sample: u64,
    thread: Background,
    board: Arc<Board>,
}

/// What the engine and the thread share.
#[derive(Default)]
struct Board {
    state: Mutex<State>,
    /// Signalled when a job has ended.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    counts: ShadowCounts,
    /// Those that wait or run, in order.
    jobs: Vec<Arc<Job>>,
}

/// One block to be executed once more.
struct Job {
    block: Block,
    rules: Rules,
    found: Arc<BlockRecord>,
    /// What was applied to the state since the block's parent, the block itself first. Pushed under
    /// the exclusive tip lock, read under the shared one.
    applied: Mutex<Vec<Applied>>,
    given_up: AtomicBool,
}

/// A change of the tip.
#[derive(Clone)]
pub(super) enum Applied {
    Block(Arc<BlockRecord>),
    Rollback(ChangeSet),
}

impl Applied {
    fn changes(&self) -> &ChangeSet {
        match self {
            Self::Block(record) => &record.change_set,
            Self::Rollback(changes) => changes,
        }
    }
}

impl Shadow {
    /// What the configuration asks for.
    pub(super) fn start(config: &EngineConfig) -> Result<Option<Self>, EngineError> {
        if config.shadow_sample == 0 {
            return Ok(None);
        }
        Ok(Some(Self {
            sample: u64::from(config.shadow_sample),
            thread: Background::start("tos-shadow")?,
            board: Arc::default(),
        }))
    }

    /// The block, if it is one of the sample: what its outcome carries to the commit.
    pub(super) fn sampled(&self, block: &Block) -> Option<Block> {
        block.context().topoheight.0.is_multiple_of(self.sample).then(|| block.clone())
    }

    /// Notes that the tip changes. The caller holds the tip lock exclusively.
    pub(super) fn note(&self, applied: &Applied) {
        for job in &self.board.state.lock().jobs {
            let mut list = job.applied.lock();
            list.push(applied.clone());
            if list.len() > APPLIED_MAX {
                job.given_up.store(true, Ordering::Relaxed);
                list.clear();
            }
        }
    }

    /// Asks for a second execution of a block that has just become the tip. The caller holds the
    /// tip lock exclusively, so nothing else was applied yet.
    fn ask(&self, engine: &ContractEngine, block: Block, found: Arc<BlockRecord>) {
        let mut state = self.board.state.lock();
        if state.jobs.len() >= JOBS_MAX {
            state.counts.skipped += 1;
            return;
        }
        let rules = engine.inner.pipeline.rules.at(block.context().topoheight).clone();
        let applied = Mutex::new(vec![Applied::Block(Arc::clone(&found))]);
        let job = Arc::new(Job { block, rules, found, applied, given_up: AtomicBool::new(false) });
        state.jobs.push(Arc::clone(&job));
        drop(state);
        let (engine, board) = (Arc::downgrade(&engine.inner), Arc::clone(&self.board));
        let ticket = Ticket { engine, job, board };
        self.thread.run(move || ticket.execute());
    }
}

impl Board {
    /// Counts a job that has ended, once.
    fn end(&self, job: &Arc<Job>, compared: bool) {
        let mut state = self.state.lock();
        let before = state.jobs.len();
        state.jobs.retain(|other| !Arc::ptr_eq(other, job));
        if state.jobs.len() < before {
            let counts = &mut state.counts;
            let count = if compared { &mut counts.compared } else { &mut counts.skipped };
            *count += 1;
            self.ended.notify_all();
        }
    }
}

/// The right to execute a job. One that is dropped instead, because the thread is gone, counts as
/// skipped, so that nobody waits for it.
struct Ticket {
    engine: Weak<Inner>,
    job: Arc<Job>,
    board: Arc<Board>,
}

type Captured = Result<Capture<Parent>, EngineError>;

impl Ticket {
    /// Executes and compares. When the job ends, nothing here holds the engine or its storage any
    /// more: whoever waited can open it again at once.
    fn execute(self) {
        let modules = |inner: Arc<Inner>| Arc::clone(&inner.pipeline.modules);
        // An engine that has ended has nobody left to tell.
        let Some(modules) = self.engine.upgrade().map(modules) else { return };
        let parent = Parent { engine: Weak::clone(&self.engine), job: Arc::clone(&self.job) };
        let captured = Capture::of(&self.job.block, &self.job.rules, modules, parent);
        let Some(compared) = self.compare(captured) else { return };
        self.board.end(&self.job, compared);
    }

    /// Looks at what came of the job: whether it could be compared; `None` if the engine has ended.
    fn compare(&self, captured: Captured) -> Option<bool> {
        let inner = self.engine.upgrade()?;
        Some(match captured {
            Ok(capture) if *capture.outcome.record == *self.job.found => true,
            // Nobody knows what it would have come to.
            Err(EngineError::Storage(_)) => false,
            differing => {
                let folder = inner.config.shadow_folder.as_deref();
                // If the engine refuses work for another reason already, that one stands.
                let _ = inner.poisoned.set(Self::report(&self.job, differing, folder));
                true
            }
        })
    }

    /// Why the engine refuses work after this.
    fn report(job: &Job, captured: Captured, folder: Option<&Path>) -> Poison {
        let topoheight = job.block.context().topoheight;
        let (difference, bundle) = match captured {
            Err(error) => (format!("sequential execution fails: {error}"), None),
            Ok(capture) => match BlockOutcome::of_record((*job.found).clone()) {
                Err(error) => (error.to_string(), None),
                Ok(found) => {
                    let difference = Difference::between(&capture.outcome, &found)
                        .map_or_else(|| "encodings of equal records".into(), |it| it.to_string());
                    let bundle = capture.into_bundle().map(|bundle| bundle.with_found(&found));
                    (difference, Some(bundle))
                }
            },
        };
        let advice = match (bundle, folder) {
            (None, _) => "there is no replay bundle of it".to_owned(),
            (_, None) => "no replay bundle was written, since shadow_folder is not set".to_owned(),
            (Some(Err(error)), _) => format!("no replay bundle could be made: {error}"),
            (Some(Ok(bundle)), Some(folder)) => bundle.write_advice(folder),
        };
        Poison::Diverged { topoheight, difference, advice }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.board.end(&self.job, false);
    }
}

/// The state before the block of a job.
struct Parent {
    engine: Weak<Inner>,
    job: Arc<Job>,
}

impl ReadState for Parent {
    fn value(&self, key: &StateKey) -> Result<Option<StateValue>, StorageError> {
        let ended = || StorageError::new(anyhow!("the engine has ended"));
        let inner = self.engine.upgrade().ok_or_else(ended)?;
        // Held for one key: a commit waits for this, never for the whole execution.
        let _tip = inner.tip.read();
        if self.job.given_up.load(Ordering::Relaxed) {
            return Err(StorageError::new(anyhow!("the chain went on too far")));
        }
        let applied = self.job.applied.lock();
        let encoded = EncodedKey::of(key);
        match applied.iter().find_map(|applied| applied.changes().find(&encoded)) {
            Some(change) => Ok(change.old_value()),
            None => ReadState::value(&inner.pipeline.chain, key),
        }
    }
}

impl ContractEngine {
    /// Notes a block that becomes the tip. The caller holds the tip lock exclusively.
    pub(super) fn shadow_block(&self, block: Option<Block>, record: &Arc<BlockRecord>) {
        let Some(shadow) = &self.inner.shadow else { return };
        shadow.note(&Applied::Block(Arc::clone(record)));
        if let Some(block) = block {
            shadow.ask(self, block, Arc::clone(record));
        }
    }

    /// How many blocks were executed once more, see [`EngineConfig::shadow_sample`].
    #[must_use]
    pub fn shadow_counts(&self) -> ShadowCounts {
        let Some(shadow) = &self.inner.shadow else { return ShadowCounts::default() };
        let state = shadow.board.state.lock();
        ShadowCounts { pending: state.jobs.len() as u64, ..state.counts }
    }

    /// Waits until no shadow execution is pending. To be called before an engine is dropped whose
    /// storage is to be opened again at once: an execution under way holds it open.
    ///
    /// # Errors
    /// [`EngineError::Diverged`] when one came to another result, or the engine refuses work for
    /// another reason.
    pub fn finish_shadow(&self) -> Result<ShadowCounts, EngineError> {
        if let Some(shadow) = &self.inner.shadow {
            let mut state = shadow.board.state.lock();
            while !state.jobs.is_empty() {
                shadow.board.ended.wait(&mut state);
            }
        }
        self.check_usable().map(|()| self.shadow_counts())
    }
}

#[cfg(test)]
mod tests;
