//! A window into the execution for operators, tests and tools. Nothing that passes through here can
//! reach a result.

use std::cell::Cell;
use std::sync::Arc;

use tos_host_api::{ContractId, TxIndex};

/// Words of a contract for the operator: a `debug_log`, or the message of an `abort`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestMessage {
    /// Who speaks.
    pub contract: ContractId,
    /// What it says: at most [`tos_host_api::limits::MESSAGE_LEN_MAX`] bytes of the guest's,
    /// control characters escaped.
    pub text: String,
}

/// Is told what the engine does while it executes a block. Called from the worker threads.
///
/// An observer that is slow makes blocks slow, and one that panics fails the block with
/// [`crate::EngineError::WorkerPanicked`]; neither can change a result. One that asks the engine
/// anything gets [`crate::EngineError::CalledFromObserver`]; one that waits for another thread that
/// asks may wait for ever, since a commit can stand between the two.
pub trait ExecutionObserver: Send + Sync + 'static {
    /// A worker is about to execute a transaction.
    fn transaction_started(&self, worker: usize, tx: TxIndex) {
        let _ = (worker, tx);
    }

    /// A worker has executed and merged a transaction.
    fn transaction_finished(&self, worker: usize, tx: TxIndex) {
        let _ = (worker, tx);
    }

    /// A contract has something to say.
    fn guest_message(&self, tx: TxIndex, message: &GuestMessage) {
        let _ = (tx, message);
    }
}

thread_local! {
    /// Whether this thread is inside an observer.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside an observer, with the engine's tip held around it.
pub(crate) fn inside_observer() -> bool {
    INSIDE.get()
}

/// The engine's side of an observer: notes for the time of a call that the thread is inside.
#[derive(Clone)]
pub(crate) struct Observer(Arc<dyn ExecutionObserver>);

impl Observer {
    pub(crate) fn new(observer: impl ExecutionObserver) -> Self {
        Self(Arc::new(observer))
    }

    pub(crate) fn transaction_started(&self, worker: usize, tx: TxIndex) {
        self.tell(|observer| observer.transaction_started(worker, tx));
    }

    pub(crate) fn transaction_finished(&self, worker: usize, tx: TxIndex) {
        self.tell(|observer| observer.transaction_finished(worker, tx));
    }

    pub(crate) fn guest_message(&self, tx: TxIndex, message: &GuestMessage) {
        self.tell(|observer| observer.guest_message(tx, message));
    }

    fn tell(&self, call: impl FnOnce(&dyn ExecutionObserver)) {
        /// Also when the observer panics.
        struct Leave;
        impl Drop for Leave {
            fn drop(&mut self) {
                INSIDE.set(false);
            }
        }
        INSIDE.set(true);
        let _leave = Leave;
        call(&*self.0);
    }
}
