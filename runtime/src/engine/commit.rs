//! Commit and rollback. A commit becomes visible (hot state and tip change together) and durable
//! (persisted: one atomic write). The two go side by side, and it is acknowledged after both:
//! nobody sees a part of it, since the tip is locked until it is visible. If persisting fails,
//! nobody knows what the database holds, so the engine refuses all further work until it is opened
//! anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use tos_host_api::TopoHeight;

use super::pending::Applying;
use super::shadow::Applied;
use super::{ContractEngine, Poison, Tip, TipState};
use crate::error::{EngineError, InvalidBlock};
use crate::outcome::BlockOutcome;
use crate::planted::{Bug, planted};
use crate::state::{Change, ChangeSet, StateKey, StateValue};
use crate::storage::{BlockRecord, ChainMeta, CommitBatch, STORAGE_FORMAT};
use crate::sync::RwLockWriteGuard;
use crate::types::Block;

impl ContractEngine {
    /// Makes an outcome the new tip, durably. Committing a block that is committed already does
    /// nothing.
    ///
    /// # Errors
    /// [`EngineError::StaleOutcome`] when the outcome was executed on another state than the tip's,
    /// [`InvalidBlock::Conflict`] when another block is committed at its height; nothing changed
    /// then. After a storage error the engine refuses work until it is opened anew.
    pub fn commit(&self, outcome: BlockOutcome) -> Result<(), EngineError> {
        self.commit_in_background(outcome)?.wait()
    }

    /// Decides whether an outcome may become the tip. Nothing has changed yet.
    pub(crate) fn accept(&self, outcome: BlockOutcome) -> Result<Accepted<'_>, EngineError> {
        self.check_usable()?;
        let BlockOutcome { record, sampled, .. } = outcome;
        let context = &record.header.context;
        let topoheight = context.topoheight;
        let tip = self.inner.tip.write();
        self.check_usable()?;
        if topoheight <= tip.tip.topoheight {
            drop(tip);
            self.check_same(&record)?;
            return Ok(Accepted { engine: self, record, sampled: None, tip: None });
        }
        if context.parent != tip.tip.state_digest && !planted(Bug::StaleOutcomesCommitted) {
            return Err(EngineError::StaleOutcome {
                parent: context.parent,
                topoheight,
                tip: tip.tip.state_digest,
                tip_topoheight: tip.tip.topoheight,
            });
        }
        record.change_set.check_order()?;
        Ok(Accepted { engine: self, record, sampled, tip: Some(tip) })
    }

    /// A second commit at a height is fine if it is the same block.
    fn check_same(&self, record: &Arc<BlockRecord>) -> Result<(), EngineError> {
        let topoheight = record.header.context.topoheight;
        match self.committed(topoheight)? {
            Some(committed) if committed.header == record.header => Ok(()),
            Some(_) if planted(Bug::OtherBlocksAtAHeight) => Ok(()),
            _ => Err(InvalidBlock::Conflict { topoheight }.into()),
        }
    }

    /// Writes staged blocks up to a height, in order.
    pub(crate) fn persist(&self, topoheight: TopoHeight) -> Result<(), EngineError> {
        // Before the lock, which a rollback may hold while it waits for the block of an observer.
        self.check_usable()?;
        let mut stable = self.inner.writer.lock();
        self.check_usable()?;
        loop {
            let front = self.inner.staged.lock().front().cloned();
            let Some(record) = front.filter(|r| r.header.context.topoheight <= topoheight) else {
                break;
            };
            let meta = self.meta(&TipState::of(&record).with_stable(*stable).tip);
            let changes = &record.change_set;
            self.write(&CommitBatch { meta: &meta, record: Some(&record), changes })?;
            *stable = meta.stable_topoheight;
            self.inner.staged.lock().pop_front();
        }
        Ok(())
    }

    /// Undoes committed blocks until the tip has this height. Undoing nothing is fine.
    ///
    /// # Errors
    /// [`EngineError::RollbackOutOfRange`] for a height above the tip or below the stable height.
    /// After a storage error the engine refuses work until it is opened anew.
    pub fn rollback_to(&self, topoheight: TopoHeight) -> Result<(), EngineError> {
        self.persist(TopoHeight(u64::MAX))?;
        let writer = self.inner.writer.lock();
        let mut tip = self.inner.tip.write();
        self.check_usable()?;
        // A block staged between the two locks is undone like any other: it has to be durable
        // first.
        if !self.inner.staged.lock().is_empty() {
            drop(tip);
            drop(writer);
            return self.rollback_to(topoheight);
        }
        let Tip { topoheight: highest, stable_topoheight: lowest, .. } = tip.tip;
        let lowest = if planted(Bug::StableBlocksUndone) { TopoHeight::ZERO } else { lowest };
        if topoheight < lowest || topoheight > highest {
            let (tip, found) = (highest, topoheight);
            return Err(EngineError::RollbackOutOfRange { lowest, tip, found });
        }
        if topoheight == highest {
            return Ok(());
        }
        let changes = self.undo(topoheight, highest)?;
        // What was stable stays stable.
        let target = TipState::of(&self.stored(topoheight)?).with_stable(lowest);
        let meta = self.meta(&target.tip);
        self.write(&CommitBatch { meta: &meta, record: None, changes: &changes })?;
        let unapplied = Unapplied(self);
        if !planted(Bug::RollbackForgetsTheHotState) {
            self.inner.pipeline.chain.apply(&changes);
        }
        if let Some(shadow) = &self.inner.shadow {
            shadow.note(&Applied::Rollback(changes));
        }
        *tip = target;
        unapplied.done();
        Ok(())
    }

    /// The net effect of undoing the blocks above `to`, newest first.
    fn undo(&self, to: TopoHeight, from: TopoHeight) -> Result<ChangeSet, EngineError> {
        type Values = (Option<StateValue>, Option<StateValue>);
        let mut net = BTreeMap::<StateKey, Values>::new();
        for height in (to.0 + 1..=from.0).rev() {
            for change in self.stored(TopoHeight(height))?.change_set.encoded_changes() {
                let Change { key, old, new } = change.decode();
                if planted(Bug::RollbackForgetsSlots) && matches!(key, StateKey::Slot(_)) {
                    continue;
                }
                net.entry(key).or_insert((new, None)).1 = old;
            }
        }
        let changes = net.into_iter().map(|(key, (old, new))| Change { key, old, new });
        ChangeSet::new(changes.collect())
    }

    fn stored(&self, topoheight: TopoHeight) -> Result<BlockRecord, EngineError> {
        let record = self.inner.pipeline.chain.storage().record(topoheight)?;
        record.ok_or_else(|| EngineError::Corrupt(format!("the record of {topoheight} is missing")))
    }

    /// Writes a batch; after an error the engine is poisoned.
    fn write(&self, batch: &CommitBatch<'_>) -> Result<(), EngineError> {
        self.inner.pipeline.chain.storage().commit(batch).map_err(|error| {
            if !planted(Bug::NotPoisoned) {
                let _ = self.poison(error.to_string());
            }
            EngineError::Storage(error)
        })
    }

    /// From now on all work is refused, with the reason given first.
    pub(super) fn poison(&self, reason: impl Into<String>) -> EngineError {
        self.inner.poisoned.get_or_init(|| Poison::CommitFailed(reason.into())).error()
    }

    fn meta(&self, tip: &Tip) -> ChainMeta {
        ChainMeta {
            format: STORAGE_FORMAT,
            genesis: self.inner.genesis,
            params: self.inner.pipeline.rules.schedule().encode(),
            topoheight: tip.topoheight,
            stable_topoheight: tip.stable_topoheight,
            state_digest: tip.state_digest,
        }
    }

    /// Evicts what has not been used for long, if everything applied is durable.
    pub(super) fn trim(&self) {
        let chain = &self.inner.pipeline.chain;
        let entries_max = self.inner.config.state_cache_entries;
        if chain.len() > entries_max {
            // Not worth waiting for: the next commit tries again.
            let Some(_tip) = self.inner.tip.try_write() else { return };
            if self.inner.staged.lock().is_empty() || planted(Bug::TrimmedWhileStaged) {
                chain.trim(entries_max);
            }
        }
    }
}

/// A change that is written, or will be, and not yet what the tip shows. Dropping this instead of
/// saying that it is done is what a panic does: it ends the engine while the tip is still locked, so
/// that nobody works on a state that never was.
#[must_use = "the engine ends when this is dropped"]
struct Unapplied<'e>(&'e ContractEngine);

impl Unapplied<'_> {
    /// The tip shows it.
    fn done(self) {
        std::mem::forget(self);
    }
}

impl Drop for Unapplied<'_> {
    fn drop(&mut self) {
        let _ = self.0.poison("a change was written and could not be applied");
    }
}

/// An outcome that may become the tip.
#[must_use = "nothing has changed yet"]
pub(crate) struct Accepted<'e> {
    engine: &'e ContractEngine,
    record: Arc<BlockRecord>,
    /// The block, if it is to be executed once more.
    sampled: Option<Block>,
    /// Held since it was decided; `None` if the block is committed already.
    tip: Option<RwLockWriteGuard<'e, TipState>>,
}

impl Accepted<'_> {
    /// Has the outcome written by the engine's own thread and makes it visible meanwhile: it is the
    /// tip when this returns. `answer` hears when it is both and [`Applying::done`] was called.
    ///
    /// Its place among the staged blocks and its turn at the writer are taken under the tip's lock,
    /// so blocks are written in order.
    pub(crate) fn commit(
        self,
        answer: impl FnOnce(Result<(), EngineError>) + Send + 'static,
    ) -> Applying {
        let Self { engine, record, sampled, tip } = self;
        if tip.is_some() {
            engine.inner.staged.lock().push_back(Arc::clone(&record));
        }
        let topoheight = record.header.context.topoheight;
        let applying = engine.clone().persist_then(topoheight, answer);
        if let Some(mut tip) = tip {
            let unapplied = Unapplied(engine);
            if !planted(Bug::HotStateNotUpdated) {
                engine.inner.pipeline.chain.apply(&record.change_set);
            }
            *tip = TipState::of(&record).with_stable(tip.tip.stable_topoheight);
            engine.shadow_block(sampled, &record);
            unapplied.done();
        }
        applying.of(record)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::Duration;

    use super::*;
    use tos_host_api::{Address, ChainId, PublicKey};

    use crate::config::ProtocolParams;
    use crate::genesis::Genesis;

    #[test]
    fn who_waited_for_a_commit_that_panics_is_refused() {
        let genesis = Genesis::new(ProtocolParams::new(ChainId(7)));
        let engine = ContractEngine::builder().genesis(genesis).build().expect("it starts");
        let account = Address::Key(PublicKey([1; 32]));
        let asked = std::thread::scope(|scope| {
            let tip = engine.inner.tip.write();
            let waiting = scope.spawn(|| engine.account(&account));
            // If it is later than this it is refused at once, which proves nothing and is no error.
            std::thread::sleep(Duration::from_millis(20));
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                let _tip = tip;
                let _unapplied = Unapplied(&engine);
                panic!("in the middle of applying");
            }));
            panicked.expect_err("it panics");
            waiting.join().expect("it is answered")
        });
        assert!(matches!(asked, Err(EngineError::Poisoned(_))), "{asked:?}");
        let block = Block::new(engine.next_context(0), Vec::new());
        let error = engine.execute_block(&block).expect_err("it refuses");
        assert!(matches!(error, EngineError::Poisoned(_)), "{error}");
    }
}
