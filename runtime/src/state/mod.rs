//! Values as seen by the chain, by a block and by a transaction.

mod account;
mod change_set;
mod key;

pub use account::{Account, AssetRecord, ContractRecord};
pub use change_set::{Change, ChangeSet};
pub use key::{SlotKey, StateKey, StateValue};
