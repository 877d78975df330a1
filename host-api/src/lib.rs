//! What a contract and the engine agree on: identities, access modes, status codes, limits and the
//! table of host functions. Holds no behaviour of either side.
//!
//! The crate is `no_std` so that contracts can use it as it is; text forms (bech32m, hex) and serde
//! are features that the runtime switches on.
#![no_std]

extern crate alloc;

pub mod access;
#[cfg(feature = "description")]
pub mod description;
pub mod functions;
pub mod limits;
pub mod status;
#[cfg(feature = "text")]
mod text;
mod types;

pub use access::{AccessEntry, AccessMode};
pub use functions::{HostFunction, HostFunctionSpec};
pub use status::Status;
#[cfg(feature = "text")]
pub use text::ParseTextError;
pub use types::{
    Address, Amount, AssetId, ChainId, ContractId, Gas, Hash, Nonce, PublicKey, TopoHeight, TxIndex,
};
