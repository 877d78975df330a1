//! What readers see: one commit's tables and the changes that are not folded into them yet. Writes
//! nothing to the database.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use redb::{Database, ReadableDatabase};
use tos_host_api::TopoHeight;

use super::layout::{
    META, META_KEY, RECORDS, RecordsTable, STATE, Standing, StateTable, StoredMeta, decode_record,
    decode_sealed, decode_value,
};
use super::unfolded::{Frozen, Newest, Span, Waiting};
use crate::planted::{Bug, planted};
use crate::state::{ChangeSet, StateKey, StateValue};
use crate::storage::{BlockRecord, ChainMeta, STORAGE_FORMAT};

/// The database as of one commit.
///
/// Invariant: `active` laid over `frozen` laid over `tables.state` is the state at
/// `meta.topoheight`. All parts are of the same commit and are replaced together.
pub(super) struct View {
    /// What the database says about itself.
    pub(super) meta: Option<ChainMeta>,
    /// Height the state table stands at, as the stored meta says; `None` before the first fold.
    pub(super) folded_to: Option<TopoHeight>,
    /// The blocks after it that are being folded.
    pub(super) frozen: Option<Fold>,
    /// The blocks after those, up to the tip.
    pub(super) active: Span,
    /// Table handles of the commit's snapshot. Shared, so that a reader need not hold the view's
    /// lock while it waits for a disk.
    pub(super) tables: Arc<Tables>,
}

/// A frozen span and how far it is folded.
#[derive(Debug, Clone)]
pub(super) struct Fold {
    pub(super) frozen: Arc<Frozen>,
    /// How many of its entries are in the state table. After a crash nobody knows: they are
    /// written again, with the values of then.
    pub(super) done: usize,
}

impl View {
    /// The view of the newest commit, with the records replayed that are not folded in.
    pub(super) fn load(db: &Database) -> Result<Self> {
        let tables = Arc::new(Tables::open(db)?);
        let mut view =
            Self { meta: None, folded_to: None, frozen: None, active: Span::default(), tables };
        if let Some(stored) = db.begin_read()?.open_table(META)?.get(META_KEY)? {
            let StoredMeta { chain, standing } = StoredMeta::decode(stored.value())?;
            if chain.format != STORAGE_FORMAT {
                // Whoever asks for the meta refuses it, and says why. Nothing else is readable.
                view.meta = Some(chain);
                return Ok(view);
            }
            let Standing { folded_to, folding_to } = standing;
            let folding_to = folding_to.filter(|_| !planted(Bug::HalfAFoldUnread));
            if let Some(to) = folding_to {
                let frozen = Frozen::new(replay(&view.tables, folded_to, to)?, to);
                view.frozen = Some(Fold { frozen, done: 0 });
            }
            view.active = replay(&view.tables, folding_to.or(folded_to), chain.topoheight)?;
            view.folded_to = folded_to;
            view.meta = Some(chain);
        }
        Ok(view)
    }

    /// The value of a key that changed after what the state table stands at; `bytes` are the key's.
    pub(super) fn unfolded(&self, key: &StateKey, bytes: &[u8]) -> Option<Newest<'_>> {
        let frozen = || self.frozen.as_ref()?.frozen.span.get(key, bytes);
        self.active.get(key, bytes).or_else(frozen)
    }

    /// The newest value of every key that the state table lacks, with newer changes laid over them.
    pub(super) fn net(&self, newer: &ChangeSet) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
        let frozen = self.frozen.iter().flat_map(|fold| fold.frozen.span.entries());
        let older = frozen.chain(self.active.entries());
        let older = older.map(|entry| (entry.key.to_vec(), entry.value.map(<[u8]>::to_vec)));
        let newer = newer.encoded_changes().map(|change| {
            let mut key = Vec::new();
            change.append_key(&mut key);
            (key, change.new_bytes().map(<[u8]>::to_vec))
        });
        older.chain(newer).collect()
    }

    /// Height of the first block in `active`.
    pub(super) fn active_from(&self) -> u64 {
        let folded = self.frozen.as_ref().map(|fold| fold.frozen.to).or(self.folded_to);
        // No overflow: at the largest height nothing can follow.
        folded.map_or(0, |height| height.0.saturating_add(1))
    }
}

/// A value of the state that a view holds in memory.
pub(super) fn unfolded_value(key: &StateKey, newest: Newest<'_>) -> Result<Option<StateValue>> {
    newest.map(|value| decode_value(key, value)).transpose()
}

/// The changes of the records above one height up to another.
fn replay(tables: &Tables, above: Option<TopoHeight>, to: TopoHeight) -> Result<Span> {
    let mut span = Span::default();
    let first = match above {
        None => 0,
        Some(height) if height == to => return Ok(span),
        Some(height) => {
            ensure!(height < to, "the state table stands at {height}, above {to}");
            height.0 + 1
        }
    };
    let last = to.0 - u64::from(planted(Bug::ReplayStopsEarly) && to.0 > first);
    for topoheight in first..=last {
        let (record, len) = tables.sized_record(TopoHeight(topoheight))?;
        record.change_set.check_order()?;
        span.push(Waiting::new(Arc::new(record), len)?);
    }
    span.index();
    Ok(span)
}

/// Table handles of one snapshot. Opened once per commit: opening one per read costs more than the
/// read itself.
pub(super) struct Tables {
    state: StateTable,
    records: RecordsTable,
}

impl Tables {
    /// Handles of the newest commit's snapshot.
    pub(super) fn open(db: &Database) -> Result<Self> {
        let transaction = db.begin_read()?;
        let records = transaction.open_table(RECORDS)?;
        Ok(Self { state: transaction.open_table(STATE)?, records })
    }

    /// A value of the state table; `bytes` are `key`'s.
    pub(super) fn read(&self, key: &StateKey, bytes: &[u8]) -> Result<Option<StateValue>> {
        let Some(stored) = self.state.get(bytes)? else { return Ok(None) };
        decode_sealed(key, bytes, stored.value()).map(Some)
    }

    /// A record.
    pub(super) fn record(&self, topoheight: TopoHeight) -> Result<Option<BlockRecord>> {
        let stored = self.stored_record(topoheight)?;
        stored.map(|stored| decode_record(topoheight, &stored)).transpose()
    }

    /// Height of the lowest record but genesis, if it is below a limit.
    pub(super) fn lowest_record(&self, limit: u64) -> Result<Option<u64>> {
        let first = self.records.range((1, 0)..(limit.max(1), 0))?.next().transpose()?;
        Ok(first.map(|(key, _)| key.value().0))
    }

    /// A record and the number of bytes it is stored in.
    fn sized_record(&self, topoheight: TopoHeight) -> Result<(BlockRecord, usize)> {
        let stored = self
            .stored_record(topoheight)?
            .with_context(|| format!("record of height {topoheight} is missing"))?;
        let record = decode_record(topoheight, &stored)?;
        let found = record.header.context.topoheight;
        ensure!(found == topoheight, "record of height {topoheight} says it has height {found}");
        Ok((record, stored.len()))
    }

    /// The pieces of a record, put together. If one is missing or too many, the seal will say so.
    fn stored_record(&self, topoheight: TopoHeight) -> Result<Option<Vec<u8>>> {
        let mut stored = None;
        for piece in self.records.range((topoheight.0, 0)..=(topoheight.0, u32::MAX))? {
            let (_, piece) = piece?;
            stored.get_or_insert_with(Vec::new).extend_from_slice(piece.value());
        }
        Ok(stored)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RedbOptions, RedbStorage};
    use super::*;
    use crate::storage::Storage;
    use crate::storage::test_chain::{TestChain, seeded_writes};
    use crate::testing::{SimulatedDisk, Survivors};

    /// The engine refuses a database of another format and says why, which it can only do if
    /// opening does not stumble over records it cannot read.
    #[test]
    fn nothing_but_the_meta_of_another_format_is_read() {
        let disk = SimulatedDisk::default();
        let storage = RedbStorage::with_backend(disk.clone(), RedbOptions::default()).unwrap();
        let step = TestChain::default().block(seeded_writes(1, 5));
        step.commit(&storage).unwrap();
        let format = STORAGE_FORMAT - 1;
        let chain = ChainMeta { format, ..step.meta };
        let standing = Standing { folded_to: None, folding_to: None };
        let transaction = storage.shared.db.begin_write().unwrap();
        transaction.open_table(RECORDS).unwrap().insert((0, 0), &b"of another format"[..]).unwrap();
        let stored = StoredMeta { chain, standing }.encode().unwrap();
        transaction.open_table(META).unwrap().insert(META_KEY, stored.as_slice()).unwrap();
        transaction.commit().unwrap();
        drop(storage);
        let disk = SimulatedDisk::holding(disk.image(Survivors::All));
        let storage = RedbStorage::with_backend(disk, RedbOptions::default()).unwrap();
        assert_eq!(storage.meta().unwrap().expect("there is one").format, format);
    }
}
