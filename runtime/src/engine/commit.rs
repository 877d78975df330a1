//! Commit and rollback. A commit first becomes visible (staged: hot state and tip change together),
//! then durable (persisted: one atomic write). If persisting fails, nobody knows what the database
//! holds, so the engine refuses all further work until it is opened anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use tos_host_api::TopoHeight;

use super::shadow::Applied;
use super::{ContractEngine, Poison, Tip, TipState};
use crate::error::{EngineError, InvalidBlock};
use crate::outcome::BlockOutcome;
use crate::planted::{Bug, planted};
use crate::state::{Change, ChangeSet, StateKey, StateValue};
use crate::storage::{BlockRecord, ChainMeta, CommitBatch, STORAGE_FORMAT};

impl ContractEngine {
    /// Makes an outcome the new tip, durably. Committing a block that is committed already does
    /// nothing.
    ///
    /// # Errors
    /// [`EngineError::StaleOutcome`] when the outcome was executed on another state than the tip's,
    /// [`InvalidBlock::Conflict`] when another block is committed at its height; nothing changed
    /// then. After a storage error the engine refuses work until it is opened anew.
    pub fn commit(&self, outcome: BlockOutcome) -> Result<(), EngineError> {
        let topoheight = self.stage(outcome)?;
        self.persist(topoheight)
    }

    /// Makes an outcome visible: it is the tip from now on.
    pub(crate) fn stage(&self, outcome: BlockOutcome) -> Result<TopoHeight, EngineError> {
        self.check_usable()?;
        let BlockOutcome { record, sampled, .. } = outcome;
        let context = &record.header.context;
        let topoheight = context.topoheight;
        let mut tip = self.inner.tip.write();
        if topoheight <= tip.tip.topoheight {
            drop(tip);
            return self.check_same(&record).map(|()| topoheight);
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
        if !planted(Bug::HotStateNotUpdated) {
            self.inner.pipeline.chain.apply(&record.change_set);
        }
        *tip = TipState::of(&record).with_stable(tip.tip.stable_topoheight);
        self.shadow_block(sampled, &record);
        self.inner.staged.lock().push_back(record);
        Ok(topoheight)
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
        self.trim();
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
        let changes = Arc::new(self.undo(topoheight, highest)?);
        // What was stable stays stable.
        let target = TipState::of(&self.stored(topoheight)?).with_stable(lowest);
        let meta = self.meta(&target.tip);
        self.write(&CommitBatch { meta: &meta, record: None, changes: &changes })?;
        if !planted(Bug::RollbackForgetsTheHotState) {
            self.inner.pipeline.chain.apply(&changes);
        }
        if let Some(shadow) = &self.inner.shadow {
            shadow.note(&Applied::Rollback(changes));
        }
        *tip = target;
        Ok(())
    }

    /// The net effect of undoing the blocks above `to`, newest first.
    fn undo(&self, to: TopoHeight, from: TopoHeight) -> Result<ChangeSet, EngineError> {
        type Values = (Option<StateValue>, Option<StateValue>);
        let mut net = BTreeMap::<StateKey, Values>::new();
        for height in (to.0 + 1..=from.0).rev() {
            for change in self.stored(TopoHeight(height))?.change_set.changes() {
                let Change { key, old, new } = change.clone();
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
            let poison = (!planted(Bug::NotPoisoned)).then(|| error.to_string());
            let _ = poison.map(|text| self.inner.poisoned.set(Poison::CommitFailed(text)));
            EngineError::Storage(error)
        })
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
    fn trim(&self) {
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
