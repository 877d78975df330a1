//! The durable storage: one redb file. Decides what a commit writes and what readers see; stored
//! bytes are in `layout`, changes that wait in `unfolded`, when they are folded in `fold`, write
//! transactions in `write`, opening in `open` and `first_start`, room in `space`.
//!
//! A block's commit writes its record and the chain's meta, nothing else: a few inserts whatever
//! the block changed. Its changes wait in memory, are laid over the state table by every read, and
//! are folded into that table once there are [`RedbOptions::fold_bytes`] of records: in the order
//! of keys, the newest value of each once, in slices between the commits of later blocks (`folder`). Opening
//! replays the records that are not folded in.
//!
//! ```text
//! height        1    2    3    4    5    6    7    8
//! RECORDS       r1   r2   r3   r4   r5   r6   r7   r8    one record per commit
//! STATE         ------------->|- - - - - >|              folded_to = 3, folding_to = 6
//! frozen                       r4   r5   r6              newest value per key, being written
//! active                                      r7   r8    newest value per key
//! ```
//!
//! While a slice is followed by a crash, the state table has some values of height 6 and others of
//! height 3. Nobody sees it: every key that differs is in the records 4 to 6, which are replayed.

mod first_start;
mod fold;
mod folder;
mod layout;
mod open;
mod panics;
mod space;
mod unfolded;
mod view;
mod write;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use anyhow::{Result, anyhow};
use parking_lot::{Mutex, RwLock};
use redb::{Database, Durability, ReadableDatabase};
use tos_host_api::{Hash, TopoHeight};

use self::folder::Folder;
use self::layout::{ARTIFACTS, EncodedRecord, Standing, decode_artifact, encode_artifact};
use self::panics::{Closing, caught};
use self::space::Room;
use self::unfolded::Waiting;
use self::view::{Tables, View, unfolded_value};
use self::write::{Entries, Plan, Records};
use super::{BlockRecord, ChainMeta, CommitBatch, NoSpace, Storage};
use crate::error::StorageError;
use crate::planted::{Bug, planted};
use crate::state::{StateKey, StateValue};

/// Local choices of a [`RedbStorage`]. None of them changes what is read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedbOptions {
    /// Bytes of records after which their changes are folded into the state table. More coalesces
    /// more: an account that many blocks change is written once for all of them. It takes memory
    /// for the changed keys and values, twice at most and about a third of the records' bytes
    /// each time, and opening replays up to twice as many bytes. With 0 every block is folded
    /// after its commit.
    pub fold_bytes: usize,
    /// Bytes of pages redb keeps in memory.
    pub cache_bytes: usize,
    /// Which records to keep.
    pub keep_records: KeepRecords,
    /// Whether commits also store redb's page allocator, so that opening after a crash need not
    /// read the whole file. Costs a few hundred KiB per commit and 4 GiB of file; without it a
    /// crash costs seconds per GiB once. A clean shutdown opens at once either way.
    pub quick_repair: bool,
    /// Whether a thread of the storage's own folds and prunes between commits. Without it commits
    /// write the slices of folds themselves, and nothing is pruned but by [`RedbStorage::tidy`].
    pub fold_in_background: bool,
    /// Whether opening reads the whole file and compares every page with its checksum. Every value
    /// has a checksum anyway; this also finds a page in which a key cannot be found any more, so
    /// that its value would seem to be absent. Costs seconds per GiB at every opening: for a disk
    /// that is in doubt.
    pub verify_on_open: bool,
    /// Bytes that have to be free where the file is before a block is executed. With less the block
    /// is refused with [`EngineError::NoSpace`](crate::EngineError::NoSpace), and the engine can go
    /// on once there is room; a commit that fails in the middle of a block cannot be taken back so
    /// easily. With 0, and where the system does not tell, commits find out.
    pub free_bytes_min: u64,
}

impl RedbOptions {
    /// 128 MiB: about 40 blocks of 10,000 mixed transactions, replayed in well under a second.
    pub const FOLD_BYTES_DEFAULT: usize = 128 << 20;
    /// 64 MiB: the engine has a cache of values above this one, and what this one is filled with
    /// first is records, which are hardly ever read.
    pub const CACHE_BYTES_DEFAULT: usize = 64 << 20;
    /// 256 MiB: the records of two spans that wait to be folded, so also what folding them writes,
    /// or some dozens of the largest blocks. A disk with less is full for whoever shares it, too.
    pub const FREE_BYTES_MIN_DEFAULT: u64 = 256 << 20;
}

impl Default for RedbOptions {
    fn default() -> Self {
        Self {
            fold_bytes: Self::FOLD_BYTES_DEFAULT,
            cache_bytes: Self::CACHE_BYTES_DEFAULT,
            keep_records: KeepRecords::default(),
            quick_repair: true,
            fold_in_background: true,
            verify_on_open: false,
            free_bytes_min: Self::FREE_BYTES_MIN_DEFAULT,
        }
    }
}

/// Which block records a [`RedbStorage`] keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeepRecords {
    /// All of them.
    #[default]
    All,
    /// Genesis and those from the stable height on; the others are removed one by one
    /// between commits, once they are folded in.
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
    /// Stopped first.
    folder: Option<Folder>,
    shared: Arc<Shared>,
}

/// What a storage shares with the thread that folds.
struct Shared {
    /// What readers see. Written only for the instant in which a finished commit replaces it, never
    /// while a disk is waited for.
    view: RwLock<View>,
    /// Held for the whole of a commit, and of a slice of a fold. Lock order: `writer`, then redb's
    /// own write slot, then `view`. Readers take `view` alone; artifacts take redb's slot alone.
    writer: Mutex<()>,
    /// Text of the error after which this handle refuses work.
    poison: OnceLock<String>,
    options: RedbOptions,
    /// Where the file is, if room there matters; a device of the caller's is not asked.
    room: Option<Room>,
    /// Last, so that the view's snapshot is released before the file is closed.
    db: Closing,
}

impl RedbStorage {
    /// Opens a database file with default options, or creates one where there is none.
    ///
    /// # Errors
    /// See [`RedbStorage::with_options`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        Self::with_options(path, RedbOptions::default())
    }

    /// Opens a database file, or creates one where there is none. Its directory must exist. A file
    /// that was begun when the process or the power ended is begun anew: nothing is in it.
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
        let asked = options.free_bytes_min > 0;
        let room = asked.then(|| Room::of(path, options.free_bytes_min));
        Self::build(options, room, || open::open_file(path, &options))
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
        Self::build(options, None, || open::open_backend(backend, &options))
            .map_err(StorageError::new)
    }

    fn build(
        options: RedbOptions,
        room: Option<Room>,
        open: impl FnOnce() -> Result<Database>,
    ) -> Result<Self> {
        let (db, view) = caught(|| {
            let db = open()?;
            let view = View::load(&db)?;
            Ok((db, view))
        })
        .unwrap_or_else(|panic| Err(anyhow!("redb panicked: {panic}")))?;
        let shared = Arc::new(Shared {
            view: RwLock::new(view),
            writer: Mutex::new(()),
            poison: OnceLock::new(),
            options,
            room,
            db: Closing::new(db),
        });
        let folder =
            options.fold_in_background.then(|| Folder::start(Arc::clone(&shared))).transpose()?;
        Ok(Self { folder, shared })
    }

    /// Does a little of what commits have put off, on the caller's thread: folds ahead, and removes
    /// records that are not kept. With [`RedbOptions::fold_in_background`] the storage does so by
    /// itself; without, a node calls this when it has nothing better to do.
    ///
    /// # Errors
    /// The database failed; the handle refuses all work from then on.
    pub fn tidy(&self) -> Result<(), StorageError> {
        self.shared.tidy()
    }
}

impl Shared {
    /// See [`Storage::commit`].
    fn commit(&self, batch: &CommitBatch<'_>) -> Result<(), StorageError> {
        let _writer = self.writer.lock();
        self.check_usable()?;
        batch.check_follows(self.view.read().meta.as_ref())?;
        self.writing(|| match batch.record {
            Some(record) => self.add(batch.meta, record),
            None => self.roll_back(batch),
        })
    }

    /// Folds and prunes a little. Not durable by itself: see [`RedbStorage::store_artifact`].
    fn tidy(&self) -> Result<(), StorageError> {
        // Before the lock is taken: all of it takes a while, and no commit needs it.
        let waiting = self.view.read().active.waiting().to_vec();
        waiting.iter().for_each(Waiting::encode);
        let records: Vec<_> = waiting.into_iter().map(Waiting::into_record).collect();
        self.view.write().active.index_encoded();
        // Blocks are freed without a lock, too.
        drop(records);
        let frozen = self.view.read().frozen.as_ref().map(|fold| Arc::clone(&fold.frozen));
        if let Some(frozen) = frozen {
            frozen.sort();
        }
        let _writer = self.writer.lock();
        self.writing(|| self.tidy_up())
    }

    /// Commits a block. The caller holds `writer`, so that nobody else changes the view.
    fn add(&self, meta: &ChainMeta, record: &Arc<BlockRecord>) -> Result<()> {
        let changes = record.change_set.encoding_in_pieces();
        let encoded = EncodedRecord::of(meta.topoheight, record, changes.pieces())?;
        let block = Waiting::new(Arc::clone(record), encoded.len())?;
        let fold_bytes = self.options.fold_bytes;
        let (slice, standing) = {
            let view = self.view.read();
            let slice = view.due(fold_bytes);
            let standing = view.standing(slice.as_ref());
            (slice, standing)
        };
        let records = Records::Add(&encoded);
        let plan = Plan { meta, records, fold: slice.as_ref().into(), standing };
        plan.execute(&self.db, &self.options)?;
        self.publish(|view| {
            view.meta = Some(meta.clone());
            let folded = slice.and_then(|slice| view.advance(&slice));
            view.active.push(block);
            view.freeze_if_full(fold_bytes);
            folded
        })
    }

    /// Commits a rollback. The caller holds `writer`.
    ///
    /// Blocks whose values are in memory only are forgotten; further down, everything that is in
    /// memory is written to the state table together with what undoes the blocks.
    fn roll_back(&self, batch: &CommitBatch<'_>) -> Result<()> {
        let meta = batch.meta;
        let height = meta.topoheight;
        self.view.write().active.index();
        let kept = {
            let view = self.view.read();
            let kept = height.0.saturating_add(1).checked_sub(view.active_from());
            let (fold, standing) = match kept {
                Some(_) => (Entries::None, view.standing(None)),
                None => (
                    Entries::Net(view.net(batch.changes)),
                    Standing { folded_to: Some(height), folding_to: None },
                ),
            };
            let plan = Plan { meta, records: Records::Truncate, fold, standing };
            // The view is held shared while the disk is waited for, which delays nobody: only a
            // commit wants it for itself, and commits come one at a time.
            plan.execute(&self.db, &self.options)?;
            kept
        };
        self.publish(|view| {
            view.meta = Some(meta.clone());
            match kept {
                Some(blocks) => {
                    view.active.truncate(usize::try_from(blocks).unwrap_or(usize::MAX));
                    None
                }
                None => Some(view.fold_all()),
            }
        })
    }

    /// Folds ahead of what is due and removes records that are not kept. The caller holds `writer`.
    fn tidy_up(&self) -> Result<()> {
        let (slice, standing, meta, tables) = {
            let view = self.view.read();
            let Some(meta) = view.meta.clone() else { return Ok(()) };
            let slice = view.ahead(self.options.fold_bytes);
            let standing = view.standing(slice.as_ref());
            (slice, standing, meta, Arc::clone(&view.tables))
        };
        let records = self.superfluous_records(&tables, &meta, standing)?;
        if slice.is_none() && matches!(records, Records::Keep) {
            return Ok(());
        }
        drop(tables);
        let plan = Plan { meta: &meta, records, fold: slice.as_ref().into(), standing };
        plan.execute_without_waiting(&self.db)?;
        self.publish(|view| slice.and_then(|slice| view.advance(&slice)))
    }

    /// The lowest records that are neither to be kept nor part of the state: two, so that they get
    /// fewer even if there is no time for them after every commit.
    fn superfluous_records(
        &self,
        tables: &Tables,
        meta: &ChainMeta,
        standing: Standing,
    ) -> Result<Records<'static>> {
        let (KeepRecords::FromStable, Some(folded_to)) =
            (self.options.keep_records, standing.folded_to)
        else {
            return Ok(Records::Keep);
        };
        // Genesis stays, since it says which chain this is.
        let one = u64::from(planted(Bug::PrunesARecordTooMany));
        let limit = meta.stable_topoheight.min(folded_to).0 + one;
        Ok(match tables.lowest_record(limit)? {
            // No overflow: it is below the limit.
            Some(lowest) => Records::Remove(lowest..limit.min(lowest.saturating_add(2))),
            None => Records::Keep,
        })
    }

    /// Makes what has been written visible: the newest snapshot, and a view changed to match it.
    ///
    /// Up to here readers see the state before: their snapshot and their unfolded changes. From
    /// here on they see this one. No reader sees parts of both, since all parts change under the
    /// lock that every reader takes.
    fn publish<T>(&self, change: impl FnOnce(&mut View) -> T) -> Result<()> {
        // Everything slow is prepared before the lock is taken.
        let tables = Arc::new(Tables::open(&self.db)?);
        let mut view = self.view.write();
        let replaced = (std::mem::replace(&mut view.tables, tables), change(&mut view));
        drop(view);
        // Freeing a large span takes a while; readers need not wait for it.
        drop(replaced);
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
            Some(first) if !planted(Bug::StorageNotPoisoned) => Err(StorageError::new(anyhow!(
                "refuses work since an earlier write failed: {first}; reopen the database"
            ))),
            _ => Ok(()),
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
        self.shared.check_usable()?;
        Ok(self.shared.view.read().meta.clone())
    }

    fn read(&self, key: &StateKey) -> Result<Option<StateValue>, StorageError> {
        self.shared.reading(|| {
            let bytes = key.to_bytes();
            let view = self.shared.view.read();
            if let Some(value) = view.unfolded(key, &bytes) {
                return unfolded_value(key, value);
            }
            // The snapshot belongs to the changes just consulted, so it may be read without the
            // lock: it answers as of this view whatever is committed meanwhile.
            let tables = Arc::clone(&view.tables);
            drop(view);
            tables.read(key, &bytes)
        })
    }

    fn record(&self, topoheight: TopoHeight) -> Result<Option<BlockRecord>, StorageError> {
        self.shared.reading(|| {
            let tables = Arc::clone(&self.shared.view.read().tables);
            tables.record(topoheight)
        })
    }

    fn commit(&self, batch: &CommitBatch<'_>) -> Result<(), StorageError> {
        self.shared.commit(batch)?;
        if let Some(folder) = &self.folder {
            folder.wake();
        }
        Ok(())
    }

    fn check_space(&self) -> Result<(), NoSpace> {
        self.shared.room.as_ref().map_or(Ok(()), Room::check)
    }

    fn artifact(&self, key: &Hash) -> Result<Option<Vec<u8>>, StorageError> {
        self.shared.reading(|| {
            let artifacts = self.shared.db.begin_read()?.open_table(ARTIFACTS)?;
            let stored = artifacts.get(key.as_bytes())?;
            Ok(stored.and_then(|stored| decode_artifact(key.as_bytes(), stored.value())))
        })
    }

    /// Waits while a commit is running. Not durable by itself: redb keeps the pages in memory and
    /// writes them with the next block, or when the database is closed. It is no risk to blocks:
    /// the last durable commit stays whole on the disk until the next one replaces it.
    fn store_artifact(&self, key: &Hash, artifact: &[u8]) -> Result<(), StorageError> {
        self.shared.writing(|| {
            let stored = encode_artifact(key.as_bytes(), artifact);
            let mut transaction = self.shared.db.begin_write()?;
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
            .field("options", &self.shared.options)
            .field("poison", &self.shared.poison.get())
            .finish_non_exhaustive()
    }
}
