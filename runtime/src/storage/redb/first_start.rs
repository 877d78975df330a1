//! A file that redb has begun and not finished, because the process or the power was gone: how it
//! is told from everything else, and begun anew. redb itself refuses such a file for ever.
//!
//! redb makes a file in two steps, each of them synced: the length and a header without the magic
//! number, then the header with it. It commits after both, and never takes the magic number back.
//! So a file of that length in which the magic number is incomplete, and every byte of which is
//! zero or the one redb puts there in these two steps, holds nothing of any commit. Nothing else is
//! touched: not a text of whoever mistook its name, nor a database whose header is damaged.
//!
//! It is begun anew in its place. Making it under another name and giving it the right one at the
//! end would need no such proof, but a device has no name; and the proof needs nothing that is not
//! durable, nor a name that an operator or another process can change meanwhile.

use std::io::{Error, Result};
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::Mutex;
use redb::{BackendError, StorageBackend};

use crate::planted::{Bug, planted};

/// What every database of redb begins with.
const MAGIC: &[u8] = b"redb\x1a\x0a\xa9\x0d\x0a";

/// Empties a file that was begun and not finished, so that redb begins it anew. Whoever has it open
/// keeps it: redb will say that.
///
/// # Errors
/// The device failed.
pub(super) fn empty_if_unfinished(
    backend: &impl StorageBackend,
    builder: &redb::Builder,
) -> Result<()> {
    if has_begun(backend)? != Some(false) || planted(Bug::UnfinishedFilesStay) {
        return Ok(());
    }
    let whole = (Bound::Unbounded, Bound::Unbounded);
    match backend.try_lock_range(whole.0, whole.1) {
        Ok(true) => {
            let emptied = empty(backend, builder);
            backend.unlock_range(whole.0, whole.1)?;
            emptied
        }
        // Somebody else is about to finish it.
        Ok(false) => Ok(()),
        // A device that is nobody else's.
        Err(BackendError::Unsupported) => empty(backend, builder),
        Err(error) => Err(error.into()),
    }
}

/// Whether a file that is not empty has the magic number.
fn has_begun(backend: &impl StorageBackend) -> Result<Option<bool>> {
    let len = backend.len()?.min(MAGIC.len() as u64) as usize;
    let mut found = [0; MAGIC.len()];
    backend.read(0, &mut found[..len])?;
    Ok((len > 0).then_some(found == MAGIC))
}

/// Empties the file if it is what it must be. The caller keeps others away: between the first look
/// and this one somebody may have finished it.
fn empty(backend: &impl StorageBackend, builder: &redb::Builder) -> Result<()> {
    let begun = Begun::by(builder);
    // The length is the first thing that it gets, as a whole.
    if backend.len()? != begun.len() as u64 {
        return Ok(());
    }
    let mut found = vec![0; begun.len()];
    backend.read(0, &mut found)?;
    let expected = planted(Bug::StrangeFilesEmptied)
        || found.iter().zip(&begun).all(|(found, made)| *found == 0 || found == made);
    if expected && !found.starts_with(MAGIC) {
        backend.set_len(0)?;
    }
    Ok(())
}

/// A device in memory that ends after the second sync: what a file holds that was begun.
#[derive(Debug, Clone, Default)]
struct Begun(Arc<Mutex<(Vec<u8>, u32)>>);

impl Begun {
    /// What redb writes before it can commit anything.
    fn by(builder: &redb::Builder) -> Vec<u8> {
        let begun = Self::default();
        // Refused by this device, so that no more is written.
        drop(builder.create_with_backend(begun.clone()));
        let (bytes, _) = &*begun.0.lock();
        bytes.clone()
    }
}

impl StorageBackend for Begun {
    fn len(&self) -> Result<u64> {
        Ok(self.0.lock().0.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let (bytes, _) = &*self.0.lock();
        let bytes = bytes.get(offset as usize..).and_then(|rest| rest.get(..out.len()));
        out.copy_from_slice(bytes.ok_or(std::io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.0.lock().0.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        let (_, syncs) = &mut *self.0.lock();
        *syncs += 1;
        if *syncs < 2 { Ok(()) } else { Err(Error::other("it has begun")) }
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let (bytes, syncs) = &mut *self.0.lock();
        let end = offset as usize + data.len();
        match bytes.get_mut(offset as usize..end) {
            Some(place) if *syncs < 2 => place.copy_from_slice(data),
            _ => return Err(Error::other("it has begun")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::RedbStorage;
    use super::super::tests::ALWAYS_FOLDS;
    use super::*;
    use crate::storage::Storage;
    use crate::storage::test_chain::{TestChain, seeded_writes};
    use crate::testing::{SimulatedDisk, Survivors};

    fn open(disk: &SimulatedDisk) -> RedbStorage {
        RedbStorage::with_backend(disk.clone(), ALWAYS_FOLDS).unwrap()
    }

    /// What opening does to a disk: whether it opens, and what the disk holds then.
    fn try_to_open(bytes: &[u8]) -> (bool, Vec<u8>) {
        let disk = SimulatedDisk::holding(bytes.to_vec());
        let opens = RedbStorage::with_backend(disk.clone(), ALWAYS_FOLDS).is_ok();
        (opens, disk.image(Survivors::All))
    }

    #[test]
    fn a_first_start_that_is_cut_off_anywhere_is_begun_anew() {
        // redb had refused what it had not finished: somebody had to find out that the file could
        // be deleted.
        let disk = SimulatedDisk::default();
        let storage = open(&disk);
        let mut chain = TestChain::default();
        let genesis = chain.block(seeded_writes(1, 10));
        genesis.commit(&storage).unwrap();
        let recording = disk.recording();
        drop(storage);
        let (mut unfinished, mut without_genesis, mut with_genesis) = (0, 0, 0);
        let mut moment = recording.start();
        for cut in 0..=recording.operations().len() {
            moment.advance(cut);
            let some = (0..6).map(|seed| Survivors::Some(seed + 6 * cut as u64));
            for survivors in [Survivors::All, Survivors::None].into_iter().chain(some) {
                let image = moment.image(survivors);
                unfinished += u32::from(!image.is_empty() && !image.starts_with(MAGIC));
                let disk = SimulatedDisk::holding(image);
                let storage = open(&disk);
                if storage.meta().unwrap().is_none() {
                    without_genesis += 1;
                    genesis.commit(&storage).unwrap();
                } else {
                    with_genesis += 1;
                }
                chain.check(&storage);
                drop(storage);
                chain.check(&open(&disk));
            }
        }
        assert!(unfinished > 10 && without_genesis > unfinished && with_genesis > 0);
    }

    #[test]
    fn only_what_redb_has_begun_itself_is_begun_anew() {
        let begun = Begun::by(&redb::Database::builder());
        assert!(begun.starts_with(MAGIC) && begun.len() > 1 << 20, "both steps are seen");
        let with = |at: usize, byte: u8| {
            let mut bytes = begun.clone();
            bytes[..MAGIC.len()].fill(0);
            bytes[at] = byte;
            bytes
        };
        assert!(try_to_open(&with(0, 0)).0, "it is what is begun anew");
        assert!(try_to_open(&with(0, MAGIC[0])).0, "a torn magic number is none");

        let disk = SimulatedDisk::default();
        let mut chain = TestChain::default();
        let storage = open(&disk);
        chain.block(seeded_writes(1, 10)).commit(&storage).unwrap();
        drop(storage);
        let mut blocks = disk.image(Survivors::None);
        blocks[..MAGIC.len()].fill(0);
        let others = [
            ("a text", b"not a database, whatever it is called".to_vec()),
            ("a text that begins like the magic number", b"redb".to_vec()),
            ("a database whose magic number is gone", blocks),
            ("a byte that redb does not write", with(20, 0xFF)),
            ("a byte behind the header", with(begun.len() - 1, 1)),
            ("more zeroes than redb begins with", vec![0; begun.len() + 1]),
            ("fewer zeroes", vec![0; begun.len() - 1]),
        ];
        for (what, bytes) in others {
            let (opens, after) = try_to_open(&bytes);
            assert!(!opens, "{what} was opened");
            assert!(after == bytes, "{what} was changed");
        }
    }

    #[test]
    fn what_another_process_is_about_to_begin_is_left_to_it() {
        use redb::backends::FileBackend;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.redb");
        let mut begun = Begun::by(&redb::Database::builder());
        begun[..MAGIC.len()].fill(0);
        std::fs::write(&path, &begun).unwrap();
        let theirs = std::fs::File::options().read(true).write(true).open(&path).unwrap();
        let theirs = FileBackend::new(theirs).unwrap();
        assert!(theirs.try_lock_range(Bound::Unbounded, Bound::Unbounded).unwrap());
        let error = RedbStorage::open(&path).unwrap_err().to_string();
        assert!(error.contains("stop the other process"), "{error}");
        assert!(std::fs::read(&path).unwrap() == begun, "it was changed");
        theirs.close().unwrap();
        drop(theirs);
        assert!(RedbStorage::open(&path).unwrap().meta().unwrap().is_none());
    }
}
