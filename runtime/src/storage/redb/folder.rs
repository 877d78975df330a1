//! The thread that folds and prunes between commits. Decides when; what is done is others'
//! business.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use anyhow::Result;

use super::Shared;

/// Tidies once after every commit: whoever waits for a commit does not wait for this, and the next
/// commit at most for the rest of one slice. If commits come faster, they write what is due
/// themselves.
///
/// Dropping it stops the thread and waits for it, so that a storage that is dropped has closed its
/// file.
pub(super) struct Folder {
    /// One call is enough: a thread that is busy looks again.
    calls: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Folder {
    /// Starts the thread. It ends when it is told to or after a failed write.
    pub(super) fn start(shared: Arc<Shared>) -> Result<Self> {
        let (calls, inbox) = sync_channel::<()>(1);
        let run = move || {
            for () in inbox {
                if shared.tidy().is_err() {
                    // The handle refuses all work from here on and says why.
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("tos-fold".into()).spawn(run)?;
        Ok(Self { calls: Some(calls), thread: Some(thread) })
    }

    /// Says that a commit is done.
    pub(super) fn wake(&self) {
        match self.calls.as_ref().map(|calls| calls.try_send(())) {
            // Called already, or gone after an error that every user of the handle is told.
            None | Some(Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(()))) => {}
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.calls = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was caught and made an error before it got here.
            let _ = thread.join();
        }
    }
}
