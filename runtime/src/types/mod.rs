//! What goes in (transactions, blocks) and what comes out (receipts).

mod block;
mod receipt;
mod transaction;

pub use block::{Block, BlockContext, UnverifiedBlock};
pub use receipt::{Event, ExecutionStatus, HaltReason, ModuleFault, Receipt, RevertReason};
pub use transaction::{
    AccessList, Deposit, Signature, Transaction, TransactionType, Transfer, UnsignedTransaction,
};
pub(crate) use transaction::{SIGNING_DOMAIN, code_hash, contract_id};
