//! Commit, reopening, rollback, genesis, and the asynchronous face.

#[cfg(feature = "tokio")]
mod asynchronous;
mod background;
mod opening;
mod outcomes;
mod rollback;
