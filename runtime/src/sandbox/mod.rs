//! Runs contract modules: which are allowed, how they are compiled and kept, how one call goes.
//! The only place, with `host/`, that knows wasmtime.

mod artifact;
mod call;
mod counter_keys;
mod guest_memory;
mod image;
mod kept;
mod limiter;
mod live;
mod meter;
mod modules;
mod permits;
pub mod prepare;
mod profile;

pub(crate) use call::{CallEnd, CallRequest, CalleeEnd, HostState, InstanceFacts, call};
pub(crate) use guest_memory::{GuestMemory, Written};
pub(crate) use meter::{Meter, Purse, Unknown};
pub(crate) use modules::{CompiledModule, Modules, ModulesConfig, Preparation, Verdict};
pub(crate) use permits::CallPermit;
pub(crate) use profile::WASM_STACK_BYTES;
#[cfg(feature = "testing")]
pub(crate) use profile::host_config;
