//! How much room a database file has to grow. What a file system says is a hint: others write to it
//! too, and a commit finds out.

use std::path::{Path, PathBuf};

use crate::storage::NoSpace;

/// Where a file is and how many bytes have to be free there.
#[derive(Debug)]
pub(super) struct Room {
    path: PathBuf,
    free_bytes_min: u64,
}

impl Room {
    pub(super) fn of(path: &Path, free_bytes_min: u64) -> Self {
        Self { path: path.to_owned(), free_bytes_min }
    }

    /// Checks that there is enough, unless the system does not tell.
    pub(super) fn check(&self) -> Result<(), NoSpace> {
        match free_bytes(&self.path) {
            Some(free_bytes) if free_bytes < self.free_bytes_min => Err(NoSpace {
                place: self.path.display().to_string(),
                free_bytes,
                free_bytes_min: self.free_bytes_min,
            }),
            _ => Ok(()),
        }
    }
}

/// Bytes that the process may still write where the file is. `None` when the system does not say:
/// then it does not keep anybody from working either.
#[cfg(unix)]
fn free_bytes(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    // More than can be counted is enough.
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_path: &Path) -> Option<u64> {
    None
}
