//! Panics of redb, which may be met on a damaged file, made errors.

use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::Database;

use crate::execute::panic_message;

/// A database that may be damaged: redb can panic while it closes one, and whoever drops a storage
/// is not to be ended by that.
pub(super) struct Closing(Option<Database>);

impl Closing {
    pub(super) fn new(db: Database) -> Self {
        Self(Some(db))
    }
}

impl Deref for Closing {
    type Target = Database;

    fn deref(&self) -> &Database {
        self.0.as_ref().expect("taken by drop only")
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        // Nobody is left to be told. What is durable is durable.
        let _ = caught(|| drop(self.0.take()));
    }
}

/// Runs a closure and turns a panic into its message: redb may panic on a damaged file, and a node
/// has to be told which one rather than lose a thread.
///
/// Unwind safety is asserted because both users discard what the closure worked on: a database
/// being opened is dropped, an open one is poisoned.
pub(super) fn caught<T>(run: impl FnOnce() -> T) -> std::result::Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| panic_message(panic.as_ref()))
}
