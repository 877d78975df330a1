//! Executes transactions: one `execute_transaction` for every path, two executors around it.

mod callable;
mod deploy;
mod interrupt;
mod invoke;
mod marks;
mod observer;
mod outputs;
mod parallel;
mod plain;
mod scope;
mod sequential;
mod transaction;
mod transfer;
mod workers;

pub(crate) use callable::{Callable, callable};
pub(crate) use interrupt::Interrupt;
pub use observer::{ExecutionObserver, GuestMessage};
pub(crate) use observer::{Observer, inside_observer};
pub(crate) use outputs::Outputs;
pub(crate) use parallel::{Kind, Pace, Plan, execute_in_parallel};
pub(crate) use plain::{Payment, PlainTransfer, Terms};
pub(crate) use scope::{Lent, Scope};
pub(crate) use sequential::execute_in_sequence;
pub(crate) use transaction::{BlockEnv, Contracts, Deployed, Executor, Rare, TxOutput, TxRef};
pub(crate) use workers::WorkerPool;

use crate::error::EngineError;
use crate::explain::Recording;
use crate::metrics::WorkerTimes;

/// What an executor hands on.
pub(crate) struct Executed {
    pub(crate) outputs: Outputs,
    pub(crate) workers: WorkerTimes,
    /// Who executed what and when, if that was asked for.
    pub(crate) recording: Option<Recording>,
}

/// The payload of a panic as text.
pub(crate) fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".into())
}

/// An interrupt where only the engine itself can be at fault.
pub(crate) fn engine_fault(interrupt: Interrupt) -> EngineError {
    match interrupt {
        Interrupt::Fault(error) => *error,
        Interrupt::Revert(reason) => EngineError::Bug(format!("unexpected revert: {reason}")),
        Interrupt::Halt(reason) => EngineError::Bug(format!("unexpected halt: {reason}")),
    }
}
