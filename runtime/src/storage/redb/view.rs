//! What readers see: one commit's tables and the changes that are not folded into them yet. Writes
//! nothing to the database.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use redb::{Database, ReadableDatabase};
use tos_host_api::TopoHeight;

use super::layout::{
    BLOCKS, BlocksTable, META, META_KEY, STATE, StateTable, StoredMeta, decode_record, decode_value,
};
use crate::state::{ChangeSet, StateKey, StateValue};
use crate::storage::{BlockRecord, ChainMeta};

/// The database as of one commit.
///
/// Invariant: `unfolded` laid over `tables.state` is the state at `meta.topoheight`. All parts are
/// of the same commit and are replaced together.
pub(super) struct View {
    /// What the database says about itself.
    pub(super) meta: Option<ChainMeta>,
    /// Changes newer than the state table.
    pub(super) unfolded: Unfolded,
    /// Table handles of the commit's snapshot. Shared, so that a reader need not hold the view's
    /// lock while it waits for a disk.
    pub(super) tables: Arc<Tables>,
}

impl View {
    /// The view of the newest commit, with the records replayed that are not folded in.
    pub(super) fn load(db: &Database) -> Result<Self> {
        let tables = Tables::open(db)?;
        let stored = db.begin_read()?.open_table(META)?.get(META_KEY)?;
        let Some(stored) = stored else {
            return Ok(Self { meta: None, unfolded: Unfolded::default(), tables: tables.into() });
        };
        let StoredMeta { chain, folded_to } = StoredMeta::decode(stored.value())?;
        let unfolded = Unfolded::replay(&tables, folded_to, chain.topoheight)?;
        Ok(Self { meta: Some(chain), unfolded, tables: tables.into() })
    }
}

/// Table handles of one snapshot. Opened once per commit: opening one per read costs more than the
/// read itself.
pub(super) struct Tables {
    state: StateTable,
    blocks: BlocksTable,
}

impl Tables {
    /// Handles of the newest commit's snapshot.
    pub(super) fn open(db: &Database) -> Result<Self> {
        let transaction = db.begin_read()?;
        Ok(Self { state: transaction.open_table(STATE)?, blocks: transaction.open_table(BLOCKS)? })
    }

    /// A value of the state table.
    pub(super) fn read(&self, key: &StateKey) -> Result<Option<StateValue>> {
        let bytes = key.to_bytes();
        let Some(stored) = self.state.get(bytes.as_slice())? else { return Ok(None) };
        decode_value(key, &bytes, stored.value()).map(Some)
    }

    /// A record.
    pub(super) fn record(&self, topoheight: TopoHeight) -> Result<Option<BlockRecord>> {
        let Some(stored) = self.blocks.get(topoheight.0)? else { return Ok(None) };
        decode_record(topoheight, stored.value()).map(Some)
    }

    /// A record and the number of bytes it is stored in.
    fn sized_record(&self, topoheight: TopoHeight) -> Result<(BlockRecord, usize)> {
        let stored = self
            .blocks
            .get(topoheight.0)?
            .with_context(|| format!("record of height {topoheight} is missing"))?;
        let record = decode_record(topoheight, stored.value())?;
        let found = record.header.context.topoheight;
        ensure!(found == topoheight, "record of height {topoheight} says it has height {found}");
        Ok((record, stored.value().len()))
    }
}

/// Changes of committed blocks that the state table does not hold yet: the newest value of each
/// changed key, `None` where the key was removed.
#[derive(Default)]
pub(super) struct Unfolded {
    /// Height the state table stands at.
    pub(super) folded_to: Option<TopoHeight>,
    /// Stored bytes of the records these changes come from.
    pub(super) record_bytes: usize,
    /// Hashed with the standard, keyed hasher, since contracts choose part of a key. Iterated only
    /// to be sorted.
    newest: HashMap<StateKey, Option<StateValue>>,
}

impl Unfolded {
    /// Nothing: the state table stands at the tip.
    pub(super) fn folded_to(tip: TopoHeight) -> Self {
        Self { folded_to: Some(tip), ..Self::default() }
    }

    /// The changes of the records above `folded_to` up to `tip`.
    fn replay(tables: &Tables, folded_to: Option<TopoHeight>, tip: TopoHeight) -> Result<Self> {
        let first = match folded_to {
            None => 0,
            Some(height) => {
                ensure!(height <= tip, "state is folded to {height}, above the tip {tip}");
                // No overflow: at the largest height the range below is empty either way.
                height.0.saturating_add(1)
            }
        };
        let mut unfolded = Self { folded_to, ..Self::default() };
        if folded_to == Some(tip) {
            return Ok(unfolded);
        }
        for topoheight in first..=tip.0 {
            let (record, len) = tables.sized_record(TopoHeight(topoheight))?;
            record.change_set.check_order()?;
            unfolded.add(newest_values(&record.change_set), len);
        }
        Ok(unfolded)
    }

    /// Whether the key changed, and its value if so.
    pub(super) fn get(&self, key: &StateKey) -> Option<&Option<StateValue>> {
        self.newest.get(key)
    }

    /// Adds the changes of one more record.
    pub(super) fn add(&mut self, values: Vec<(StateKey, Option<StateValue>)>, record_len: usize) {
        self.newest.extend(values);
        self.record_bytes = self.record_bytes.saturating_add(record_len);
    }

    /// These changes with newer ones laid over them, in the order in which keys are stored.
    pub(super) fn overlaid<'a>(
        &'a self,
        newer: &'a ChangeSet,
    ) -> BTreeMap<&'a StateKey, Option<&'a StateValue>> {
        let older = self.newest.iter().map(|(key, value)| (key, value.as_ref()));
        let newer = newer.changes().iter().map(|change| (&change.key, change.new.as_ref()));
        older.chain(newer).collect()
    }
}

/// The keys of a change set with their new values.
pub(super) fn newest_values(changes: &ChangeSet) -> Vec<(StateKey, Option<StateValue>)> {
    changes.changes().iter().map(|change| (change.key.clone(), change.new.clone())).collect()
}
