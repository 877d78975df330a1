//! Commits that become durable while their caller goes on: the thread that writes them, and the
//! promise the caller holds.

use tos_host_api::TopoHeight;

use super::ContractEngine;
use crate::error::{EngineError, StorageError};
use crate::outcome::BlockOutcome;
use crate::planted::{Bug, planted};
use crate::sync::mpsc::{Receiver, Sender, channel};
use crate::sync::thread;

impl ContractEngine {
    /// Makes an outcome the new tip at once, and durable on a thread of the engine's own: blocks
    /// executed after this call build on it while it is being written.
    ///
    /// Until [`PendingCommit::wait`] has returned, a crash may still take the block away, so nobody
    /// must be told of it before. If it cannot be written, the engine refuses all further work
    /// until it is opened anew.
    ///
    /// ```
    /// # use tos_runtime::{Block, ContractEngine, EngineError};
    /// # fn follow(engine: &ContractEngine, blocks: &[Block]) -> Result<(), EngineError> {
    /// let mut written = None;
    /// for block in blocks {
    ///     let outcome = engine.execute_block(block)?;
    ///     // At most one block is on its way to the disk while the next one executes.
    ///     if let Some(commit) = written.replace(engine.commit_in_background(outcome)?) {
    ///         commit.wait()?;
    ///     }
    /// }
    /// written.map_or(Ok(()), |commit| commit.wait())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`ContractEngine::commit`] but for storage errors; nothing changed then.
    pub fn commit_in_background(
        &self,
        outcome: BlockOutcome,
    ) -> Result<PendingCommit, EngineError> {
        let topoheight = self.stage(outcome)?;
        let (reply, answer) = channel();
        // If nobody waits for it any more, the answer is nothing to complain about: an error is
        // what every later call is refused with.
        self.clone().persist_then(topoheight, move |persisted| drop(reply.send(persisted)));
        Ok(PendingCommit { topoheight, answer })
    }

    /// Writes staged blocks up to a height on the engine's own thread, then lets go of this handle,
    /// then answers: whoever has all answers and drops the engine can open its storage again at
    /// once, instead of racing with the thread that gave the last answer.
    pub(crate) fn persist_then(
        self,
        topoheight: TopoHeight,
        answer: impl FnOnce(Result<(), EngineError>) + Send + 'static,
    ) {
        let persister = self.inner.persister.clone();
        persister.run(move || {
            let forgotten = planted(Bug::BackgroundCommitsForgotten);
            let persisted = if forgotten { Ok(()) } else { self.persist(topoheight) };
            drop(self);
            answer(persisted);
        });
    }
}

/// A commit that is visible and on its way to the disk. Dropping it does not stop it.
#[derive(Debug)]
#[must_use = "a block is durable when waiting for it has returned"]
pub struct PendingCommit {
    topoheight: TopoHeight,
    answer: Receiver<Result<(), EngineError>>,
}

impl PendingCommit {
    /// Height of the block.
    #[must_use]
    pub fn topoheight(&self) -> TopoHeight {
        self.topoheight
    }

    /// Waits until the storage has the block.
    ///
    /// # Errors
    /// It could not be written; the engine refuses work until it is opened anew.
    pub fn wait(self) -> Result<(), EngineError> {
        self.answer.recv().unwrap_or_else(|_| Err(EngineError::thread_is_gone()))
    }
}

/// A thread that does what it is asked to, in order, until nobody can ask any more.
#[derive(Clone)]
pub(crate) struct Background(Sender<Request>);

/// A request, boxed.
type Request = Box<dyn FnOnce() + Send>;

impl Background {
    /// Starts the thread.
    pub(crate) fn start(name: &str) -> Result<Self, EngineError> {
        let (sender, inbox) = channel::<Request>();
        thread::Builder::new()
            .name(name.into())
            .spawn(move || inbox.into_iter().for_each(|request| request()))
            .map_err(StorageError::new)?;
        Ok(Self(sender))
    }

    /// Asks for something.
    pub(crate) fn run(&self, request: impl FnOnce() + Send + 'static) {
        // If the thread is gone the request is dropped, its way to answer with it, and whoever
        // waits for the answer is told.
        let _ = self.0.send(Box::new(request));
    }
}
