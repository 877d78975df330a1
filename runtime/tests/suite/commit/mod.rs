//! Commit, reopening, rollback, genesis, and the asynchronous face.

#[cfg(feature = "tokio")]
mod asynchronous;
mod opening;
mod outcomes;
mod rollback;
