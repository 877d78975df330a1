//! The SDK for contracts in Rust.
#![no_std]

extern crate alloc;
// The macros write `::tos_sdk`, also in here.
extern crate self as tos_sdk;

mod buffer;
pub mod cells;
mod client;
mod data;
#[doc(hidden)]
pub mod describe;
#[doc(hidden)]
pub mod entry;
pub mod env;
pub mod error;
mod event;
#[cfg(target_arch = "wasm32")]
mod guest;
mod sys;

pub use buffer::Buffer;
pub use cells::StateField;
pub use client::{CallError, Callee};
pub use data::{Data, Input, Malformed};
pub use error::{ContractError, NoError};
pub use event::{Event, Topic};
pub use tos_sdk_macros::{Data, contract, entries, error, event, interface};

/// A contract's state: a struct with the attribute [`contract`]. Not implemented by hand.
pub trait Contract {
    /// What it looks like to tools.
    const DESCRIPTION: describe::Contract;

    /// The state. Reads nothing: cells read when they are asked.
    fn open() -> Self;
}

/// A contract's entries: an `impl` with the attribute [`entries`]. Not implemented by hand.
pub trait Entries {
    /// What they look like to tools.
    const DESCRIPTION: &'static [describe::Entry];
}

/// What almost every contract needs.
pub mod prelude {
    pub use alloc::borrow::ToOwned;
    pub use alloc::string::String;
    pub use alloc::vec;
    pub use alloc::vec::Vec;

    pub use tos_host_api::{Address, AssetId, ContractId, Hash, PublicKey, TopoHeight};
    pub use tos_sdk_macros::{contract, entries, error, event, interface};

    pub use crate::cells::{Counter, Counters, Insufficient, Map, PerAccount, Value};
    pub use crate::{CallError, Callee, ContractError, Data, Event, NoError, env, require};
}

/// Puts a fragment of the description into the module, unless the contract is used as a library.
#[doc(hidden)]
#[macro_export]
macro_rules! description_fragment {
    ($fragment:expr) => {
        #[cfg(all(target_arch = "wasm32", not(feature = "library")))]
        #[allow(unexpected_cfgs, unsafe_code, reason = "not every contract is a library")]
        const _: () = {
            const FRAGMENT: $crate::describe::Fragment = $fragment;
            #[unsafe(link_section = "tos.description")]
            static BYTES: [u8; FRAGMENT.len()] = FRAGMENT.bytes();
        };
    };
}
