//! The durable storage: one redb file. Decides when to fold and what readers see; stored bytes are
//! in `layout`, the write transaction in `write`, opening in `open`.
//!
//! A block's commit writes its record and the chain's meta, nothing else: two inserts whatever the
//! block changed. Its changes wait in memory (`view`), are laid over the state table by every
//! read, and are folded into that table in sorted bulk every [`RedbOptions::fold_bytes`] of
//! records, in the transaction of the block that exceeds the limit. Opening replays the records
//! that are not folded in.
//!
//! ```text
//! height        1    2    3    4    5    6
//! BLOCKS        r1   r2   r3   r4   r5   r6      one insert per commit
//! STATE         ------------->|                  folded_to = 3
//! in memory                    r4 + r5 + r6      newest value per key
//! ```

mod layout;
mod open;
mod view;
mod write;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod device;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use anyhow::{Result, anyhow};
use parking_lot::{Mutex, RwLock};
use redb::{Database, Durability, ReadableDatabase};
use tos_host_api::{Hash, TopoHeight};

use self::layout::{ARTIFACTS, decode_artifact, encode_artifact, encode_record};
use self::view::{Tables, Unfolded, View, newest_values};
use self::write::Plan;
use super::{BlockRecord, ChainMeta, CommitBatch, Storage};
use crate::error::StorageError;
use crate::state::{StateKey, StateValue};

/// Local choices of a [`RedbStorage`]. None of them changes what is read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedbOptions {
    /// Bytes of records after which their changes are folded into the state table. More makes folds
    /// rarer and coalesces more; it also takes that much memory, and opening replays up to as much.
    /// With 0 every commit folds.
    pub fold_bytes: usize,
    /// Bytes of pages redb keeps in memory.
    pub cache_bytes: usize,
    /// Which records to keep.
    pub keep_records: KeepRecords,
    /// Whether commits also store redb's page allocator, so that opening after a crash need not
    /// read the whole file. Costs a few hundred KiB per commit and 4 GiB of file; without it a
    /// crash costs seconds per GiB once. A clean shutdown opens at once either way.
    pub quick_repair: bool,
}

impl RedbOptions {
    /// 16 MiB: about 100 blocks of a thousand changes each, replayed in well under a second.
    pub const FOLD_BYTES_DEFAULT: usize = 16 << 20;
    /// 256 MiB: the engine has a cache of values above this one.
    pub const CACHE_BYTES_DEFAULT: usize = 256 << 20;
}

impl Default for RedbOptions {
    fn default() -> Self {
        Self {
            fold_bytes: Self::FOLD_BYTES_DEFAULT,
            cache_bytes: Self::CACHE_BYTES_DEFAULT,
            keep_records: KeepRecords::default(),
            quick_repair: true,
        }
    }
}

/// Which block records a [`RedbStorage`] keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeepRecords {
    /// All of them.
    #[default]
    All,
    /// Genesis and those from the stable height on; the others are removed at the next fold.
    /// Nothing is ever rolled back below that height, so they are history only.
    FromStable,
}

/// A [`Storage`] in one redb file.
///
/// A commit is on the disk when it returns. Everything stored carries a checksum: bytes that are
/// not what was written are an error that names them, never a value.
///
/// After a write has failed, or redb has panicked, it is unknown what the file holds. The handle
/// then refuses all work with the first error's text; drop it and open the file anew.
pub struct RedbStorage {
    /// What readers see. Written only for the instant in which a finished commit replaces it, never
    /// while a disk is waited for.
    view: RwLock<View>,
    /// Held for the whole of a commit. Lock order: `writer`, then redb's own write slot, then
    /// `view`. Readers take `view` alone; artifacts take redb's slot alone.
    writer: Mutex<()>,
    /// Text of the error after which this handle refuses work.
    poison: OnceLock<String>,
    options: RedbOptions,
    /// Last, so that the view's snapshot is released before the file is closed.
    db: Database,
}

impl RedbStorage {
    /// Opens a database file with default options, or creates one where there is none.
    ///
    /// # Errors
    /// See [`RedbStorage::with_options`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        Self::with_options(path, RedbOptions::default())
    }

    /// Opens a database file, or creates one where there is none. Its directory must exist.
    ///
    /// # Errors
    /// The file is open elsewhere, is not a database or another program's, its directory is
    /// missing, or a record that has to be replayed is corrupt. The message says which and what to
    /// do.
    pub fn with_options(
        path: impl AsRef<Path>,
        options: RedbOptions,
    ) -> Result<Self, StorageError> {
        let path = path.as_ref();
        Self::build(options, || open::open_file(path, &options))
            .map_err(|error| error.context(format!("cannot open {}", path.display())))
            .map_err(StorageError::new)
    }

    /// Opens or creates a database on a device of the caller's, such as one that injects crashes.
    ///
    /// # Errors
    /// The device failed, or what it holds is not a database of this engine.
    pub fn with_backend(
        backend: impl redb::StorageBackend,
        options: RedbOptions,
    ) -> Result<Self, StorageError> {
        Self::build(options, || open::open_backend(backend, &options)).map_err(StorageError::new)
    }

    fn build(options: RedbOptions, open: impl FnOnce() -> Result<Database>) -> Result<Self> {
        let (db, view) = caught(|| {
            let db = open()?;
            let view = View::load(&db)?;
            Ok((db, view))
        })
        .unwrap_or_else(|panic| Err(anyhow!("redb panicked: {panic}")))?;
        Ok(Self {
            view: RwLock::new(view),
            writer: Mutex::new(()),
            poison: OnceLock::new(),
            options,
            db,
        })
    }

    /// Commits a batch. The caller holds `writer`.
    fn apply(&self, batch: &CommitBatch<'_>) -> Result<()> {
        let tip = batch.meta.topoheight;
        let record = batch.record.map(|record| encode_record(tip, record)).transpose()?;
        let record_len = record.as_ref().map_or(0, Vec::len);
        let folded = {
            // Shared with readers. It is held while the disk is waited for, which delays nobody:
            // only a commit wants it for itself, and commits come one at a time.
            let view = self.view.read();
            let unfolded_bytes = view.unfolded.record_bytes.saturating_add(record_len);
            // A rollback folds always: afterwards the records of what it undid are gone, and with
            // them what the state table would have to be brought up to date from.
            let fold = record.is_none() || unfolded_bytes > self.options.fold_bytes;
            Plan {
                batch,
                record: record.as_deref(),
                unfolded: &view.unfolded,
                fold,
                options: &self.options,
            }
            .execute(&self.db)?;
            fold
        };

        // Everything slow is prepared before the lock is taken.
        let tables = Arc::new(Tables::open(&self.db)?);
        let meta = batch.meta.clone();
        let newest = if folded { Vec::new() } else { newest_values(batch.changes) };
        let mut view = self.view.write();
        // Up to here readers see the commit before: their snapshot and their unfolded changes. From
        // here on they see this one. No reader sees parts of both, since all parts change under the
        // lock that every reader takes.
        view.meta = Some(meta);
        let old_tables = std::mem::replace(&mut view.tables, tables);
        let old_unfolded = if folded {
            Some(std::mem::replace(&mut view.unfolded, Unfolded::folded_to(tip)))
        } else {
            view.unfolded.add(newest, record_len);
            None
        };
        drop(view);
        // Freeing a large map takes a while; readers need not wait for it.
        drop((old_tables, old_unfolded));
        Ok(())
    }

    /// Runs a read. Its errors are the caller's; a panic ends this handle.
    fn reading<T>(&self, read: impl FnOnce() -> Result<T>) -> Result<T, StorageError> {
        self.check_usable()?;
        match caught(read) {
            Ok(result) => result.map_err(StorageError::new),
            Err(panic) => Err(self.poisoned_by(anyhow!("redb panicked: {panic}"))),
        }
    }

    /// Runs a write. An error or a panic ends this handle.
    fn writing(&self, write: impl FnOnce() -> Result<()>) -> Result<(), StorageError> {
        self.check_usable()?;
        caught(write)
            .unwrap_or_else(|panic| Err(anyhow!("redb panicked: {panic}")))
            .map_err(|error| self.poisoned_by(error))
    }

    fn check_usable(&self) -> Result<(), StorageError> {
        match self.poison.get() {
            None => Ok(()),
            Some(first) => Err(StorageError::new(anyhow!(
                "refuses work since an earlier write failed: {first}; reopen the database"
            ))),
        }
    }

    fn poisoned_by(&self, error: anyhow::Error) -> StorageError {
        // Only the first error counts: later ones follow from it.
        let _ = self.poison.set(format!("{error:#}"));
        StorageError::new(error)
    }
}

impl Storage for RedbStorage {
    fn meta(&self) -> Result<Option<ChainMeta>, StorageError> {
        self.check_usable()?;
        Ok(self.view.read().meta.clone())
    }

    fn read(&self, key: &StateKey) -> Result<Option<StateValue>, StorageError> {
        self.reading(|| {
            let view = self.view.read();
            if let Some(value) = view.unfolded.get(key) {
                return Ok(value.clone());
            }
            // The snapshot belongs to the changes just consulted, so it may be read without the
            // lock: it answers as of this view whatever is committed meanwhile.
            let tables = Arc::clone(&view.tables);
            drop(view);
            tables.read(key)
        })
    }

    fn record(&self, topoheight: TopoHeight) -> Result<Option<BlockRecord>, StorageError> {
        self.reading(|| {
            let tables = Arc::clone(&self.view.read().tables);
            tables.record(topoheight)
        })
    }

    fn commit(&self, batch: &CommitBatch<'_>) -> Result<(), StorageError> {
        let _writer = self.writer.lock();
        self.check_usable()?;
        batch.check_follows(self.view.read().meta.as_ref())?;
        self.writing(|| self.apply(batch))
    }

    fn artifact(&self, key: &Hash) -> Result<Option<Vec<u8>>, StorageError> {
        self.reading(|| {
            let artifacts = self.db.begin_read()?.open_table(ARTIFACTS)?;
            let stored = artifacts.get(key.as_bytes())?;
            Ok(stored.and_then(|stored| decode_artifact(key.as_bytes(), stored.value())))
        })
    }

    /// Waits while a commit is running. Not durable by itself: redb keeps the pages in memory and
    /// writes them with the next block, or when the database is closed. It is no risk to blocks:
    /// the last durable commit stays whole on the disk until the next one replaces it.
    fn store_artifact(&self, key: &Hash, artifact: &[u8]) -> Result<(), StorageError> {
        self.writing(|| {
            let stored = encode_artifact(key.as_bytes(), artifact);
            let mut transaction = self.db.begin_write()?;
            transaction.set_durability(Durability::None)?;
            transaction.open_table(ARTIFACTS)?.insert(key.as_bytes(), stored.as_slice())?;
            transaction.commit()?;
            Ok(())
        })
    }
}

impl fmt::Debug for RedbStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStorage")
            .field("options", &self.options)
            .field("poison", &self.poison.get())
            .finish_non_exhaustive()
    }
}

/// Runs a closure and turns a panic into its message: redb may panic on a damaged file, and a node
/// has to be told which one rather than lose a thread.
///
/// Unwind safety is asserted because both users discard what the closure worked on: a database
/// being opened is dropped, an open one is poisoned.
fn caught<T>(run: impl FnOnce() -> T) -> std::result::Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| panic_message(panic.as_ref()))
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    if let Some(message) = panic.downcast_ref::<&str>() {
        (*message).to_owned()
    } else if let Some(message) = panic.downcast_ref::<String>() {
        message.clone()
    } else {
        "no message".to_owned()
    }
}
