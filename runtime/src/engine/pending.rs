//! Commits that become durable while their caller goes on: the thread that writes them, and the
//! promise the caller holds.

use std::sync::Arc;

use tos_host_api::TopoHeight;

use super::ContractEngine;
use crate::error::{EngineError, StorageError};
use crate::outcome::BlockOutcome;
use crate::planted::{Bug, planted};
use crate::storage::BlockRecord;
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
        let topoheight = outcome.context().topoheight;
        let accepted = self.accept(outcome)?;
        let (reply, answer) = channel();
        // If nobody waits for it any more, the answer is nothing to complain about: an error is
        // what every later call is refused with.
        accepted.commit(move |committed| drop(reply.send(committed))).done();
        Ok(PendingCommit { topoheight, answer })
    }

    /// Writes staged blocks up to a height on the engine's own thread, waits until the last of them
    /// is applied, lets go of this handle, and answers: whoever has all answers and drops the
    /// engine can open its storage again at once, instead of racing with the thread that gave the
    /// last answer.
    pub(super) fn persist_then(
        self,
        topoheight: TopoHeight,
        answer: impl FnOnce(Result<(), EngineError>) + Send + 'static,
    ) -> Applying {
        let (done, applied) = channel();
        let persister = self.inner.persister.clone();
        persister.run(move || {
            let forgotten = planted(Bug::BackgroundCommitsForgotten);
            let persisted = if forgotten { Ok(()) } else { self.persist(topoheight) };
            let applied = applied.recv();
            let committed = match applied {
                Ok(_) => persisted.inspect(|()| self.trim()),
                Err(_) => Err(self.poison("a block was written and could not be applied")),
            };
            drop(self);
            answer(committed);
            // Freeing a large block takes a millisecond that nobody has to wait for.
            drop(applied);
        });
        Applying { record: None, done }
    }
}

/// A block that is being made visible. Dropping this instead of saying that it is done is what a
/// panic does: the engine then refuses all further work.
#[must_use = "the commit is not answered before this is done"]
pub(crate) struct Applying {
    record: Option<Arc<BlockRecord>>,
    done: Sender<Option<Arc<BlockRecord>>>,
}

impl Applying {
    /// Has the block freed by whoever answers.
    pub(super) fn of(self, record: Arc<BlockRecord>) -> Self {
        Self { record: Some(record), ..self }
    }

    /// The block is visible, and nobody needs the engine for it any more.
    pub(crate) fn done(self) {
        // If the engine's thread is gone, whoever waits for the answer is told.
        let _ = self.done.send(self.record);
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::RecvTimeoutError;
    use std::time::{Duration, Instant};

    use super::*;
    use tos_host_api::ChainId;

    use crate::config::ProtocolParams;
    use crate::genesis::Genesis;
    use crate::testing::FailingStorage;
    use crate::types::Block;

    type Answers = Receiver<Result<(), EngineError>>;

    /// An engine that has written and applied a block, with whoever applied it still at work.
    fn applying() -> (ContractEngine, Applying, Answers) {
        let storage = FailingStorage::new();
        let engine = ContractEngine::builder()
            .storage(storage.clone())
            .genesis(Genesis::new(ProtocolParams::new(ChainId(7))))
            .build()
            .expect("it starts");
        let block = Block::new(engine.next_context(0), Vec::new());
        let outcome = engine.execute_block(&block).expect("it executes");
        let (reply, answers) = channel();
        let accepted = engine.accept(outcome).expect("it is accepted");
        let applying = accepted.commit(move |committed| drop(reply.send(committed)));
        let start = Instant::now();
        while storage.commits() != [0, 1] {
            assert!(start.elapsed() < Duration::from_secs(60), "writing waits for applying");
            std::thread::yield_now();
        }
        (engine, applying, answers)
    }

    #[test]
    fn a_block_that_is_written_is_acknowledged_when_it_is_applied_too() {
        let (_engine, applying, answers) = applying();
        // Whoever is answered may look at the tip or drop the engine.
        let early = answers.recv_timeout(Duration::from_millis(50));
        assert!(matches!(early, Err(RecvTimeoutError::Timeout)), "{early:?}");
        applying.done();
        answers.recv().expect("there is an answer").expect("it is committed");
    }

    #[test]
    fn a_block_that_could_not_be_applied_ends_the_engine() {
        // Applying cannot fail, but if it ever panics the storage has a block that the hot state
        // lacks: going on would execute on a state that never was.
        let (engine, applying, answers) = applying();
        drop(applying);
        let error = answers.recv().expect("there is an answer").expect_err("it is not applied");
        assert!(matches!(error, EngineError::Poisoned(_)), "{error}");
        let block = Block::new(engine.next_context(0), Vec::new());
        let error = engine.execute_block(&block).expect_err("it refuses");
        assert!(matches!(error, EngineError::Poisoned(_)), "{error}");
    }
}
