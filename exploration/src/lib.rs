//! The engine's own sources, compiled once more with locks, atomics, channels and threads that
//! belong to shuttle: every operation on one of them is a point at which another thread may go on,
//! and which one does follows from a seed.
//!
//! Nothing of the engine is changed for it, and the engine knows nothing of it. This crate declares
//! the engine's files as its modules, and brings what they find under `crate::` and what is not the
//! engine's here:
//!
//! | Module | Instead of | What it is |
//! |---|---|---|
//! | `sync` | std and parking_lot | the same interface on shuttle's primitives |
//! | `grain` | what is worth a worker | the smallest sizes, so that small blocks are shared |
//! | `sandbox` | wasmtime | calls that do what their input says, see [`Step`]; permits, module cache and gate are the engine's |
//! | - | `host/`, `async_engine.rs` | left out |
//!
//! What stays as it is: DashMap, whose guards never leave a method of the hot state, so that each
//! of its operations is one step; and the storage, whose locks are its own. Neither is waited for
//! while another thread holds it, because no operation of `sync` happens under its locks.

mod explore;
mod grain;
mod observer;
mod play;
#[path = "../../benches/src/rng.rs"]
#[allow(dead_code, unreachable_pub, reason = "the numbers of the benches")]
mod rng;
#[allow(dead_code, unreachable_pub, unused_imports, reason = "the engine has more than is used")]
mod sandbox;
mod scenario;
mod sync;

/// The engine's files.
#[path = "../../runtime/src"]
#[allow(dead_code, unreachable_pub, unused_imports, reason = "the engine has more than is used")]
#[allow(clippy::duplicate_mod, reason = "the sandbox declares some of them in its place")]
mod sources {
    pub(crate) mod access;
    pub(crate) mod bundle;
    pub(crate) mod config;
    pub(crate) mod description;
    pub(crate) mod digest;
    pub(crate) mod engine;
    pub(crate) mod error;
    pub(crate) mod execute;
    pub(crate) mod explain;
    pub(crate) mod gas;
    pub(crate) mod genesis;
    pub(crate) mod metrics;
    pub(crate) mod outcome;
    pub(crate) mod pipeline;
    pub(crate) mod planted;
    pub(crate) mod protocol;
    pub(crate) mod schedule;
    pub(crate) mod state;
    pub(crate) mod storage;
    pub(crate) mod types;
    pub(crate) mod verify;
}

use sources::*;

pub use explore::{Exploration, Scheduling};
pub use sandbox::Step;
