//! What is written, in one redb transaction each: a commit, a slice of a fold. Does not touch what
//! readers see.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::Result;
use redb::{Database, Durability, WriteTransaction};

use super::RedbOptions;
use super::fold::Slice;
use super::layout::{
    EncodedRecord, META, META_KEY, RECORDS, STATE, Standing, StoredMeta, seal_value,
};
use super::unfolded::Entry;
use crate::planted::{Bug, planted};
use crate::storage::ChainMeta;

/// What a transaction does to the tables.
pub(super) struct Plan<'a> {
    /// What the database says about itself afterwards.
    pub(super) meta: &'a ChainMeta,
    /// What becomes of the records.
    pub(super) records: Records<'a>,
    /// What is brought up to date in the state table.
    pub(super) fold: Entries<'a>,
    /// How far the state table stands afterwards.
    pub(super) standing: Standing,
}

/// What a transaction does to the records.
pub(super) enum Records<'a> {
    /// Adds that of the new tip.
    Add(&'a EncodedRecord<'a>),
    /// Removes those of these heights.
    Remove(Range<u64>),
    /// Leaves them.
    Keep,
    /// Removes those above the tip.
    Truncate,
}

/// What a transaction writes to the state table.
pub(super) enum Entries<'a> {
    /// Part of a frozen span.
    Slice(&'a Slice),
    /// These, by key.
    Net(BTreeMap<Vec<u8>, Option<Vec<u8>>>),
    /// Nothing.
    None,
}

impl<'a> From<Option<&'a Slice>> for Entries<'a> {
    fn from(slice: Option<&'a Slice>) -> Self {
        slice.map_or(Self::None, Self::Slice)
    }
}

impl Plan<'_> {
    /// Carries the plan out, durably.
    ///
    /// # Errors
    /// The database failed. Before redb's commit nothing has changed; during it, the commit may
    /// have become durable or not.
    pub(super) fn execute(&self, db: &Database, options: &RedbOptions) -> Result<()> {
        self.write(begin_durable(db, options)?)
    }

    /// Carries the plan out. redb keeps the pages in memory and writes them with the next durable
    /// transaction; until then a crash leaves what was durable before, whole.
    ///
    /// # Errors
    /// The database failed.
    pub(super) fn execute_without_waiting(&self, db: &Database) -> Result<()> {
        let mut transaction = db.begin_write()?;
        transaction.set_durability(Durability::None)?;
        self.write(transaction)
    }

    fn write(&self, transaction: WriteTransaction) -> Result<()> {
        self.write_records(&transaction)?;
        match &self.fold {
            Entries::None => {}
            Entries::Slice(Slice { frozen, range }) => {
                let one = usize::from(planted(Bug::FoldStopsEarly) && !range.is_empty());
                fold(&transaction, frozen.slice(range.start, range.end - one))?;
            }
            Entries::Net(values) => {
                let entries = values.iter().map(|(key, value)| (key, value.as_deref()));
                fold(&transaction, entries.map(|(key, value)| Entry { key, value }))?;
            }
        }
        let stored = StoredMeta { chain: self.meta.clone(), standing: self.standing }.encode()?;
        transaction.open_table(META)?.insert(META_KEY, stored.as_slice())?;
        transaction.commit()?;
        Ok(())
    }

    fn write_records(&self, transaction: &WriteTransaction) -> Result<()> {
        let height = self.meta.topoheight.0;
        let mut table = transaction.open_table(RECORDS)?;
        match &self.records {
            Records::Add(record) => record.pieces(|number, len, parts| {
                let mut piece = table.insert_reserve((height, number), len)?;
                let mut room = piece.as_mut();
                for part in parts {
                    let (taken, rest) = room.split_at_mut(part.len());
                    taken.copy_from_slice(part);
                    room = rest;
                }
                Ok(())
            }),
            Records::Remove(heights) => {
                Ok(table.retain_in((heights.start, 0)..(heights.end, 0), |_, _| false)?)
            }
            Records::Keep => Ok(()),
            Records::Truncate if planted(Bug::RollbackKeepsRecords) => Ok(()),
            Records::Truncate => {
                let above = (height, u32::MAX)..=(u64::MAX, u32::MAX);
                Ok(table.retain_in(above, |_, _| false)?)
            }
        }
    }
}

/// A write transaction whose commit is on the disk when it returns.
///
/// Two phases: with one, redb decides by checksum whether the last commit was complete, and
/// contracts choose bytes that are written.
pub(super) fn begin_durable(db: &Database, options: &RedbOptions) -> Result<WriteTransaction> {
    let mut transaction = db.begin_write()?;
    let forgotten = planted(Bug::SyncForgotten);
    let durability = if forgotten { Durability::None } else { Durability::Immediate };
    transaction.set_durability(durability)?;
    transaction.set_two_phase_commit(!planted(Bug::OnePhaseCommits));
    transaction.set_quick_repair(options.quick_repair && !forgotten);
    Ok(transaction)
}

/// Writes values to the state table. They come in ascending order of key, so that each page is
/// touched once.
fn fold<'a>(
    transaction: &WriteTransaction,
    entries: impl Iterator<Item = Entry<'a>>,
) -> Result<()> {
    let mut state = transaction.open_table(STATE)?;
    let mut stored = Vec::new();
    for Entry { key, value } in entries {
        match value {
            Some(value) => {
                seal_value(key, value, &mut stored);
                state.insert(key, stored.as_slice())?;
            }
            None if planted(Bug::FoldForgetsRemovals) => {}
            None => {
                state.remove(key)?;
            }
        }
    }
    Ok(())
}
