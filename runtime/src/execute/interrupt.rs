//! Why the execution of a transaction stops early, on its way to a receipt or to an engine error.

use crate::error::EngineError;
use crate::types::{HaltReason, RevertReason};

/// An early end of a transaction. The three consequences stay apart: the first two end in a
/// receipt, the last one stops the block.
#[derive(Debug)]
pub(crate) enum Interrupt {
    /// The transaction fails and pays what it used.
    Revert(RevertReason),
    /// The transaction fails and pays its gas limit.
    Halt(HaltReason),
    /// The engine failed; no transaction is to blame.
    Fault(Box<EngineError>),
}

impl From<EngineError> for Interrupt {
    #[cold]
    fn from(error: EngineError) -> Self {
        Self::Fault(Box::new(error))
    }
}

impl From<HaltReason> for Interrupt {
    #[cold]
    fn from(reason: HaltReason) -> Self {
        Self::Halt(reason)
    }
}

impl From<RevertReason> for Interrupt {
    #[cold]
    fn from(reason: RevertReason) -> Self {
        Self::Revert(reason)
    }
}
