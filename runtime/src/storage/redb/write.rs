//! The one write transaction of a commit. Does not touch what readers see.

use std::ops::Bound;

use anyhow::Result;
use redb::{Database, Durability, WriteTransaction};
use tos_host_api::TopoHeight;

use super::layout::{BLOCKS, META, META_KEY, STATE, StoredMeta, encode_value};
use super::view::Unfolded;
use super::{KeepRecords, RedbOptions};
use crate::state::ChangeSet;
use crate::storage::CommitBatch;

/// A commit decided on: what its transaction does to each table.
pub(super) struct Plan<'a> {
    /// The batch.
    pub(super) batch: &'a CommitBatch<'a>,
    /// The batch's record, encoded. `None` removes the records above the batch's height.
    pub(super) record: Option<&'a [u8]>,
    /// Changes of earlier commits.
    pub(super) unfolded: &'a Unfolded,
    /// Whether to bring the state table up to date in the same transaction.
    pub(super) fold: bool,
    /// Which records a fold leaves, and how redb commits.
    pub(super) options: &'a RedbOptions,
}

impl Plan<'_> {
    /// Carries the plan out, durably.
    ///
    /// # Errors
    /// The database failed. Before redb's commit nothing has changed; during it, the commit may
    /// have become durable or not.
    pub(super) fn execute(&self, db: &Database) -> Result<()> {
        let transaction = begin_durable(db, self.options)?;
        self.write_records(&transaction)?;
        if self.fold {
            fold(&transaction, self.unfolded, self.batch.changes)?;
        }
        self.write_meta(&transaction)?;
        transaction.commit()?;
        Ok(())
    }

    fn write_records(&self, transaction: &WriteTransaction) -> Result<()> {
        let height = self.batch.meta.topoheight.0;
        let mut blocks = transaction.open_table(BLOCKS)?;
        match self.record {
            Some(record) => {
                blocks.insert(height, record)?;
            }
            None => blocks.retain_in((Bound::Excluded(height), Bound::Unbounded), |_, _| false)?,
        }
        // Only after a fold: until then records are part of the state. Genesis stays, since it
        // says which chain this is.
        let stable = self.batch.meta.stable_topoheight;
        if self.fold
            && self.options.keep_records == KeepRecords::FromStable
            && stable > TopoHeight(1)
        {
            blocks.retain_in(1..stable.0, |_, _| false)?;
        }
        Ok(())
    }

    fn write_meta(&self, transaction: &WriteTransaction) -> Result<()> {
        let chain = self.batch.meta.clone();
        let folded_to = if self.fold { Some(chain.topoheight) } else { self.unfolded.folded_to };
        let stored = StoredMeta { chain, folded_to }.encode()?;
        transaction.open_table(META)?.insert(META_KEY, stored.as_slice())?;
        Ok(())
    }
}

/// A write transaction whose commit is on the disk when it returns.
///
/// Two phases: with one, redb decides by checksum whether the last commit was complete, and
/// contracts choose bytes that are written.
pub(super) fn begin_durable(db: &Database, options: &RedbOptions) -> Result<WriteTransaction> {
    let mut transaction = db.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    transaction.set_quick_repair(options.quick_repair);
    Ok(transaction)
}

/// Writes the newest value of every changed key to the state table, in ascending order of key, so
/// that each page is touched once and a hot account is written once for all its blocks.
fn fold(transaction: &WriteTransaction, unfolded: &Unfolded, changes: &ChangeSet) -> Result<()> {
    let mut state = transaction.open_table(STATE)?;
    for (key, value) in unfolded.overlaid(changes) {
        let key = key.to_bytes();
        match value {
            Some(value) => {
                state.insert(key.as_slice(), encode_value(&key, value)?.as_slice())?;
            }
            None => {
                state.remove(key.as_slice())?;
            }
        }
    }
    Ok(())
}
