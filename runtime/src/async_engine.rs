//! The engine for nodes on tokio. The only place that knows tokio.
//!
//! Two threads of its own: one executes, the other makes durable. A commit is staged on the first
//! and persisted on the second, so block `n + 1` executes while block `n` becomes durable. Requests
//! are queued when the method is called, not when its future is first polled, so their order is the
//! order of the calls.

use std::future::Future;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use tokio::sync::oneshot;

use crate::engine::ContractEngine;
use crate::error::{EngineError, StorageError};
use crate::outcome::BlockOutcome;
use crate::types::{Block, UnverifiedBlock};

/// A request, boxed.
type Request = Box<dyn FnOnce() + Send>;

/// A [`ContractEngine`] whose methods never block an async worker.
///
/// Dropping a returned future does not cancel what it asked for. Dropping the engine lets its
/// threads finish what is queued.
pub struct AsyncEngine {
    engine: ContractEngine,
    execute: Sender<Request>,
    persist: Sender<Request>,
}

impl AsyncEngine {
    /// Wraps an engine; other handles to it stay usable.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn new(engine: ContractEngine) -> Result<Self, EngineError> {
        let execute = spawn("tos-execute")?;
        let persist = spawn("tos-persist")?;
        Ok(Self { engine, execute, persist })
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
        send(&self.execute, move || {
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
        let (reply, answer) = oneshot::channel();
        send(&self.execute, move || {
            let executed = engine.execute_block(&block);
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
        let (engine, persist) = (self.engine.clone(), self.persist.clone());
        let (reply, answer) = oneshot::channel();
        send(&self.execute, move || match engine.stage(outcome) {
            Err(error) => answer_with(reply, engine, Err(error)),
            Ok(topoheight) => send(&persist, move || {
                let persisted = engine.persist(topoheight);
                answer_with(reply, engine, persisted);
            }),
        });
        receive(answer)
    }
}

/// A thread that runs requests in order until nobody can send any more.
fn spawn(name: &str) -> Result<Sender<Request>, EngineError> {
    let (sender, inbox) = channel::<Request>();
    thread::Builder::new()
        .name(name.into())
        .spawn(move || inbox.into_iter().for_each(|request| request()))
        .map_err(StorageError::new)?;
    Ok(sender)
}

fn send(to: &Sender<Request>, request: impl FnOnce() + Send + 'static) {
    // If the thread is gone the request is dropped, its reply with it, and `receive` says so.
    let _ = to.send(Box::new(request));
}

/// Answers, after letting go of the engine: whoever has all answers and drops the engine can open
/// its storage again at once, instead of racing with the thread that gave the last answer.
fn answer_with<T>(reply: oneshot::Sender<T>, engine: ContractEngine, answer: T) {
    drop(engine);
    // An answer nobody waits for is nothing to complain about.
    let _ = reply.send(answer);
}

async fn receive<T>(answer: oneshot::Receiver<Result<T, EngineError>>) -> Result<T, EngineError> {
    answer.await.unwrap_or_else(|_| {
        let message = "an engine thread is gone".into();
        Err(EngineError::WorkerPanicked { tx: None, message })
    })
}
