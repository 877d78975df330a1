//! Values as seen by the chain, by a block and by a transaction.

mod account;
mod chain_state;
mod change_set;
mod conservation;
mod journal;
mod key;
mod overlay;

pub use account::{Account, AssetBalances, AssetRecord, ContractRecord};
pub(crate) use chain_state::{ChainState, Numbering};
pub use change_set::{Change, ChangeSet};
pub(crate) use conservation::check_conservation;
pub(crate) use journal::{Journal, SlotRef, Taken};
pub use key::{SlotKey, StateKey, StateValue};
pub(crate) use overlay::{AccountCell, Overlay};
