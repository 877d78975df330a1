//! A window into the execution for operators, tests and tools. Nothing that passes through here can
//! reach a result.

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
/// [`crate::EngineError::WorkerPanicked`]; neither can change a result.
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
