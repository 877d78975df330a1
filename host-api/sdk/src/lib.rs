//! The SDK for contracts in Rust: a struct is the state, its methods are what transactions call.
//!
//! # A contract
//!
//! ```no_run
//! #![no_std]
//! # extern crate std;
//! # fn main() {}
//! use tos_sdk::prelude::*;
//!
//! /// A token.
//! #[contract]
//! pub struct Token {
//!     /// What everybody has.
//!     balances: PerAccount<Counter>,
//!     supply: Counter,
//! }
//!
//! #[error]
//! pub enum TokenError {
//!     /// The balance is too small.
//!     Insufficient = 1,
//! }
//!
//! #[event("token.transfer")]
//! pub struct Transferred {
//!     #[topic]
//!     pub from: Address,
//!     #[topic]
//!     pub to: Address,
//!     pub amount: u64,
//! }
//!
//! #[entries]
//! impl Token {
//!     /// Gives the supply to the deployer.
//!     #[init]
//!     #[access()]
//!     pub fn init(&mut self, supply: u64) {
//!         self.balances.of_mut(env::caller()).add(supply);
//!         self.supply.add(supply);
//!     }
//!
//!     /// Moves the caller's tokens.
//!     #[access(caller: write, to: credit)]
//!     pub fn transfer(&mut self, to: Address, amount: u64) -> Result<(), TokenError> {
//!         let from = env::caller();
//!         self.balances.of_mut(from).sub_or(amount, TokenError::Insufficient)?;
//!         self.balances.of_mut(to).add(amount);
//!         env::emit(&Transferred { from, to, amount });
//!         Ok(())
//!     }
//!
//!     /// How many tokens somebody has.
//!     pub fn balance_of(&self, holder: Address) -> u128 {
//!         self.balances.of(holder).get()
//!     }
//! }
//! ```
//!
//! `Cargo.toml` has `crate-type = ["cdylib", "rlib"]`, a dependency on `tos-sdk` and this profile:
//!
//! ```toml
//! [profile.release]
//! opt-level = "s"          # 3 makes calls a little cheaper, and modules a sixth larger
//! lto = true
//! codegen-units = 1
//! panic = "abort"
//! strip = true
//! overflow-checks = true
//! ```
//!
//! `.cargo/config.toml` beside it:
//!
//! ```toml
//! [build]
//! target = "wasm32v1-none"
//!
//! [target.wasm32v1-none]
//! rustflags = [
//!     "-Clink-arg=-zstack-size=16384",
//!     "-Clink-arg=--compress-relocations",
//!     "-Ctarget-feature=+bulk-memory,+sign-ext",
//! ]
//! ```
//!
//! Then `rustup target add wasm32v1-none` once and `cargo build --release` give
//! `target/wasm32v1-none/release/NAME.wasm`: what is deployed, with nothing to be done to it.
//!
//! # State
//!
//! A field is a cell: [`Value`](cells::Value), [`Map`](cells::Map), [`Counter`](cells::Counter),
//! [`Counters`](cells::Counters), in the contract's own *partition* of its storage; or
//! [`PerAccount`](cells::PerAccount) of one of these, in the partition of an account. Transactions
//! that touch different partitions run in parallel, and so do those that only add to a counter:
//! keep what belongs to people with them, and keep sums in counters.
//!
//! | Cell | Slot | Key |
//! |---|---|---|
//! | `name: Value<T>` | byte slot | `name` |
//! | `name: Map<K, V>` | byte slot for each key | `name`, `/`, encoded key |
//! | `name: Counter` | counter | `name` |
//! | `name: Counters<K>` | counter for each key | `name`, `/`, encoded key |
//! | `name: PerAccount<C>` | as `C`, in the account's partition | as `C` |
//!
//! Renaming a field loses what it held.
//!
//! # Entries
//!
//! Public methods. `&self` is a view and has no way to change a cell; `&mut self` is a call.
//! `#[init]` runs once at deployment, `#[migrate]` once at an upgrade. An argument, a result or a
//! part of the state is [`Data`]: integers, strings, lists, the chain's identities, and what an
//! author derives it for. The input of an entry is the encodings (borsh) of its arguments, one
//! after the other; the return data is that of its result.
//!
//! # Access
//!
//! A transaction declares which accounts it touches and how, or it is halted. Nobody writes that by
//! hand: `#[access(...)]` says it in terms of `caller`, `source`, `contract` and the arguments, and
//! the engine's `call_access` makes the list from it. What needs which mode:
//!
//! | Use | Account | Mode |
//! |---|---|---|
//! | reading a cell | its partition: the contract, or the account of `of` | `read` |
//! | changing a cell, subtracting from a counter | its partition | `write` |
//! | adding to a counter | its partition | `credit` |
//! | [`env::balance`] | the account | `read` |
//! | [`env::transfer`], deposits of a call | the contract; the receiver | `write`; `credit` |
//! | [`env::burn`] | the contract | `write` |
//! | calling another contract | what that touches, it being the caller | |
//!
//! The source is always `write`. Reading and crediting one account is `write`. An entry that
//! touches accounts it finds in its storage has no template: its callers simulate.
//!
//! # Failing
//!
//! An entry fails as a whole: all it did is undone. It returns an `Err` with an enum marked
//! [`error`](macro@error), or says [`require!`] to name the line. Panics are caught too, and wrong
//! arguments. The chain keeps the code; the operator, and a simulation, get message, file and line.
//! Codes from [`error::codes::OWN_MAX`] up are the SDK's: see [`error::codes`].
//!
//! # Other contracts
//!
//! `TokenClient::at(token).transfer(&to, &amount)` calls a contract: its crate is a dependency with
//! the feature `library`, which it declares as `library = []` in its `Cargo.toml` and which
//! switches its entries off. Build each contract alone (`cargo build --release -p NAME`): cargo
//! unites the features of what it builds together. Without the crate, an [`interface`] will do.
//!
//! # What is in a module
//!
//! The entries, their description (names, types, docs' first paragraphs, errors, events, templates,
//! in the section `tos.description`), and as much of the SDK as is used: a few kilobytes, no
//! floats. One page of memory, of which 16 KiB are stack; the allocator takes more when it is
//! asked.
//!
//! The same sources give the same bytes in every folder, as long as the SDK is a git or registry
//! dependency, or lies within the workspace; messages name files as the workspace sees them.
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
        // Not every contract is used as a library.
        #[allow(unexpected_cfgs)]
        const _: () = {
            #[cfg(all(target_arch = "wasm32", not(feature = "library")))]
            #[allow(unsafe_code, reason = "a section's content is what its reader makes of it")]
            const _: () = {
                const FRAGMENT: $crate::describe::Fragment = $fragment;
                #[unsafe(link_section = "tos.description")]
                static BYTES: [u8; FRAGMENT.len()] = FRAGMENT.bytes();
            };
        };
    };
}
