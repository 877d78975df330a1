//! A disk in memory that can stop at a chosen operation, and what it may hold after a power loss.

use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;

use parking_lot::Mutex;

/// A device for `RedbStorage::with_backend`. Clones share one disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Device(Arc<Mutex<Disk>>);

#[derive(Debug, Default)]
struct Disk {
    /// What the system would read back while it is up.
    live: Vec<u8>,
    /// What a completed sync has made durable.
    durable: Vec<u8>,
    /// Operations since that sync, in order.
    unsynced: Vec<Operation>,
    /// Operations so far.
    operations: u64,
    /// The operation from which on all fail.
    stop_at: Option<u64>,
}

#[derive(Debug, Clone)]
enum Operation {
    Write(usize, Vec<u8>),
    SetLen(usize),
}

/// Which of the operations that were not synced survive a crash.
#[derive(Debug, Clone, Copy)]
pub(super) enum Survivors {
    /// All: the process was killed, the system stayed up.
    All,
    /// None: the power failed and nothing but synced data had reached the disk.
    None,
    /// A seeded choice, as if the disk had reordered them; a write may be torn.
    Some(u64),
}

impl Device {
    /// A device that holds these bytes durably.
    pub(super) fn holding(bytes: Vec<u8>) -> Self {
        let disk = Disk { live: bytes.clone(), durable: bytes, ..Disk::default() };
        Self(Arc::new(Mutex::new(disk)))
    }

    /// How many operations have been performed.
    pub(super) fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// Makes every operation fail once this many have been performed.
    pub(super) fn stop_at(&self, operation: u64) {
        self.0.lock().stop_at = Some(operation);
    }

    /// The bytes found after a crash.
    pub(super) fn image(&self, survivors: Survivors) -> Vec<u8> {
        let disk = self.0.lock();
        let mut image = disk.durable.clone();
        for (idx, operation) in disk.unsynced.iter().enumerate() {
            let lucky = match survivors {
                Survivors::All => 2,
                Survivors::None => 0,
                Survivors::Some(seed) => mix(seed, idx as u64) % 3,
            };
            match operation {
                _ if lucky == 0 => {}
                Operation::SetLen(len) => image.resize(*len, 0),
                // Torn: only the first half arrived.
                Operation::Write(offset, bytes) if lucky == 1 => {
                    put(&mut image, *offset, &bytes[..bytes.len() / 2]);
                }
                Operation::Write(offset, bytes) => put(&mut image, *offset, bytes),
            }
        }
        image
    }
}

impl Disk {
    fn count(&mut self) -> Result<()> {
        if self.stop_at.is_some_and(|stop_at| self.operations >= stop_at) {
            return Err(Error::other("the device has stopped"));
        }
        self.operations += 1;
        Ok(())
    }
}

impl redb::StorageBackend for Device {
    fn len(&self) -> Result<u64> {
        Ok(self.0.lock().live.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let disk = self.0.lock();
        let bytes = usize::try_from(offset)
            .ok()
            .and_then(|offset| disk.live.get(offset..offset.checked_add(out.len())?))
            .ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut disk = self.0.lock();
        disk.count()?;
        let len = usize::try_from(len).map_err(Error::other)?;
        disk.live.resize(len, 0);
        disk.unsynced.push(Operation::SetLen(len));
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        let mut disk = self.0.lock();
        disk.count()?;
        disk.durable = disk.live.clone();
        disk.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let mut disk = self.0.lock();
        disk.count()?;
        let offset = usize::try_from(offset).map_err(Error::other)?;
        put(&mut disk.live, offset, data);
        disk.unsynced.push(Operation::Write(offset, data.to_vec()));
        Ok(())
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(data);
}

fn mix(seed: u64, idx: u64) -> u64 {
    let mixed = seed.wrapping_add(idx).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 32
}
