//! Values as seen by the chain, by a block and by a transaction.

mod account;
mod chain_state;
mod change_set;
mod conservation;
mod encoded;
mod encoding;
mod journal;
mod key;
mod key_bytes;
mod overlay;
mod section;
mod slot_table;

pub(crate) use account::AccountParts;
pub use account::{Account, AssetBalances, AssetRecord, ContractRecord};
pub(crate) use chain_state::{ByShard, ChainState, CounterColumn, CounterName, Numbering, Row};
pub use change_set::{Change, ChangeSet};
pub(crate) use conservation::Sums;
pub(crate) use encoded::{EncodedChange, EncodedKey, Kind};
#[cfg(fuzzing)]
pub(crate) use journal::modelled::journal_and_model;
pub(crate) use journal::{Journal, Taken};
pub(crate) use key::SlotRef;
pub use key::{SlotKey, StateKey, StateValue};
pub use key_bytes::KeyBytes;
pub(crate) use overlay::{AccountCell, Changes, Overlay, Ranked, SectionKey};
pub(crate) use section::Section;
