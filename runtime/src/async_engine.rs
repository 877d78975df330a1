//! The engine for nodes on tokio. The only place that knows tokio.
//!
//! A thread of its own executes; the engine's makes durable. A commit is applied on the first and
//! persisted on the second, so block `n + 1` executes while block `n` becomes durable. Requests are
//! queued when the method is called, not when its future is first polled, so their order is the
//! order of the calls.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::oneshot;
use tos_host_api::Hash;

use crate::engine::{Background, ContractEngine};
use crate::error::EngineError;
use crate::outcome::BlockOutcome;
use crate::sync::Mutex;
use crate::types::{Block, UnverifiedBlock};

/// A [`ContractEngine`] whose methods never block an async worker.
///
/// Dropping a returned future does not cancel what it asked for. Dropping the engine lets its
/// threads finish what is queued.
pub struct AsyncEngine {
    engine: ContractEngine,
    execute: Background,
    /// The last executed block. Freeing ten thousand transactions takes most of a millisecond,
    /// which neither its outcome nor its commit has to wait for.
    spent: Arc<Mutex<Option<Block>>>,
}

impl AsyncEngine {
    /// Wraps an engine; other handles to it stay usable.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn new(engine: ContractEngine) -> Result<Self, EngineError> {
        let spent = Arc::default();
        Ok(Self { engine, execute: Background::start("tos-execute")?, spent })
    }

    /// The wrapped engine, for queries.
    #[must_use]
    pub fn engine(&self) -> &ContractEngine {
        &self.engine
    }

    /// See [`ContractEngine::verify_block`].
    pub fn verify_block(
        &self,
        block: UnverifiedBlock,
    ) -> impl Future<Output = Result<Block, EngineError>> + Send + 'static {
        let engine = self.engine.clone();
        let (reply, answer) = oneshot::channel();
        self.execute.run(move || {
            let verified = engine.verify_block(block);
            answer_with(reply, engine, verified);
        });
        receive(answer)
    }

    /// See [`ContractEngine::execute_block`]. Sees every commit asked for before.
    pub fn execute_block(
        &self,
        block: Block,
    ) -> impl Future<Output = Result<BlockOutcome, EngineError>> + Send + 'static {
        let engine = self.engine.clone();
        let spent = Arc::clone(&self.spent);
        let (reply, answer) = oneshot::channel();
        self.execute.run(move || {
            let executed = engine.execute_block(&block);
            let before = spent.lock().replace(block);
            answer_with(reply, engine, executed);
            drop(before);
        });
        receive(answer)
    }

    /// See [`ContractEngine::execute_claimed_block`]. Sees every commit asked for before.
    pub fn execute_claimed_block(
        &self,
        block: Block,
        claimed: Hash,
    ) -> impl Future<Output = Result<BlockOutcome, EngineError>> + Send + 'static {
        let engine = self.engine.clone();
        let (reply, answer) = oneshot::channel();
        self.execute.run(move || {
            let executed = engine.execute_claimed_block(&block, claimed);
            answer_with(reply, engine, executed);
        });
        receive(answer)
    }

    /// See [`ContractEngine::commit`]. Blocks executed after this call build on the outcome at
    /// once; the future resolves when the storage has it. If it fails, the engine refuses further
    /// work until it is opened anew.
    pub fn commit(
        &self,
        outcome: BlockOutcome,
    ) -> impl Future<Output = Result<(), EngineError>> + Send + 'static {
        let engine = self.engine.clone();
        let spent = Arc::clone(&self.spent);
        let (reply, answer) = oneshot::channel();
        self.execute.run(move || {
            let committing = match engine.accept(outcome) {
                // An answer nobody waits for is nothing to complain about.
                Ok(accepted) => Ok(accepted.commit(|committed| drop(reply.send(committed)))),
                Err(error) => Err((error, reply)),
            };
            match committing {
                Ok(applying) => {
                    drop(engine);
                    applying.done();
                    drop(spent.lock().take());
                }
                Err((error, reply)) => answer_with(reply, engine, Err(error)),
            }
        });
        receive(answer)
    }
}

/// Answers, after letting go of the engine: whoever has all answers and drops the engine can open
/// its storage again at once, instead of racing with the thread that gave the last answer.
fn answer_with<T>(reply: oneshot::Sender<T>, engine: ContractEngine, answer: T) {
    drop(engine);
    // An answer nobody waits for is nothing to complain about.
    let _ = reply.send(answer);
}

async fn receive<T>(answer: oneshot::Receiver<Result<T, EngineError>>) -> Result<T, EngineError> {
    answer.await.unwrap_or_else(|_| Err(EngineError::thread_is_gone()))
}
