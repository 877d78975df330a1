//! Opening a database file: creating it, recognising it, and saying what is wrong with it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use redb::backends::FileBackend;
use redb::{Database, DatabaseError, ReadableDatabase, TableHandle};

use super::RedbOptions;
use super::first_start::empty_if_unfinished;
use super::layout::{ARTIFACTS, META, RECORDS, STATE};
use super::write::begin_durable;
use crate::storage::STORAGE_FORMAT;

/// A table that only format 1 had: records in one piece each.
const FORMAT_1_TABLE: &str = "blocks";

/// Opens the file, or creates it, with all tables in it.
pub(super) fn open_file(path: &Path, options: &RedbOptions) -> Result<Database> {
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path);
    let backend = file.map_err(system_error).and_then(FileBackend::new).map_err(explain)?;
    let db = open_backend(backend, options)?;
    // Not of a new file only: who made it may have been gone before doing so.
    sync_directory(path).context("the file's name cannot be made durable")?;
    Ok(db)
}

/// Opens a database on a device of the caller's.
pub(super) fn open_backend(
    backend: impl redb::StorageBackend,
    options: &RedbOptions,
) -> Result<Database> {
    let builder = builder(options);
    empty_if_unfinished(&backend, &builder).map_err(system_error).map_err(explain)?;
    let db = builder.create_with_backend(backend).map_err(explain)?;
    prepare_tables(&db, options)?;
    Ok(db)
}

fn builder(options: &RedbOptions) -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(options.cache_bytes);
    builder.set_check_integrity_on_open(options.verify_on_open);
    builder
}

/// Creates the tables of a new database, so that nobody after this meets one without them.
fn prepare_tables(db: &Database, options: &RedbOptions) -> Result<()> {
    let found: BTreeSet<String> =
        db.begin_read()?.list_tables()?.map(|table| table.name().to_owned()).collect();
    let expected: BTreeSet<String> =
        [META.name(), RECORDS.name(), STATE.name(), ARTIFACTS.name()].map(str::to_owned).into();
    if found.is_empty() {
        let transaction = begin_durable(db, options)?;
        transaction.open_table(META)?;
        transaction.open_table(RECORDS)?;
        transaction.open_table(STATE)?;
        transaction.open_table(ARTIFACTS)?;
        transaction.commit()?;
        return Ok(());
    }
    ensure!(
        !found.contains(FORMAT_1_TABLE),
        "it was written in format 1, this version reads format {STORAGE_FORMAT}: synchronise into \
         a new file"
    );
    ensure!(
        found == expected,
        "it is another program's database, with tables {found:?}, expected {expected:?}: choose \
         another path"
    );
    Ok(())
}

/// Makes the name of a new file durable. redb syncs the file, but a power loss could still take the
/// directory entry, and every committed block with it.
fn sync_directory(path: &Path) -> Result<()> {
    // Other systems cannot open a directory as a file; their file systems journal names.
    if cfg!(unix) {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

/// An error of the system, as redb would report it.
fn system_error(error: std::io::Error) -> DatabaseError {
    DatabaseError::Storage(redb::StorageError::Io(error))
}

/// Says why the file could not be opened, and what the operator can do.
fn explain(error: DatabaseError) -> anyhow::Error {
    let advice = match &error {
        DatabaseError::DatabaseAlreadyOpen => {
            "it is open elsewhere: stop the other process or choose another path"
        }
        DatabaseError::UpgradeRequired(_) => {
            "it was written by an older redb: synchronise into a new file"
        }
        DatabaseError::Storage(redb::StorageError::Corrupted(_)) => {
            "it is damaged: restore a copy or synchronise into a new file"
        }
        DatabaseError::Storage(redb::StorageError::Io(error)) => match error.kind() {
            ErrorKind::NotFound => "its directory does not exist: create it",
            ErrorKind::PermissionDenied => "no permission to read and write it",
            ErrorKind::IsADirectory => "it is a directory: name a file in it",
            ErrorKind::InvalidData => "it is not a database: choose another path",
            _ => "the system refused",
        },
        _ => "redb refused",
    };
    anyhow!(error).context(advice)
}
