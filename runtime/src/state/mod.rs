//! Values as seen by the chain, by a block and by a transaction.

mod account;
mod chain_state;
mod change_set;
mod conservation;
mod encoding;
mod journal;
mod key;
mod overlay;

pub use account::{Account, AssetBalances, AssetRecord, ContractRecord};
pub(crate) use chain_state::ChainState;
pub(crate) use change_set::Section;
pub use change_set::{Change, ChangeSet};
pub(crate) use conservation::Sums;
pub(crate) use journal::{Journal, SlotRef, Taken};
pub use key::{SlotKey, StateKey, StateValue};
pub(crate) use overlay::{AccountCell, Changes, Overlay, Ranked, SectionKey};
