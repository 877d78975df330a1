//! Seeded workloads: the same blocks for benchmarks, for the node's main job and for tests.
//!
//! A [`World`] is a set of accounts with their keys, the genesis that funds them and the contracts
//! they use. Generators ([`Mix`] and the functions of [`shapes`]) have its accounts send signed
//! transactions. [`chain`] takes both to an engine.
//!
//! Everything follows from a `u64` seed: equal seeds give equal bytes on every machine.

pub mod bench;
pub mod bombs;
pub mod calibration;
pub mod chain;
pub mod conflicts;
pub mod golden;
pub mod guests;
pub mod machine;
mod mix;
mod rng;
pub mod scene;
pub mod shapes;
mod shared_storage;
pub mod stats;
pub mod summary;
pub mod svg;
pub mod table;
mod threads;
pub mod tour;
mod world;
pub mod yardstick;

pub use mix::{Mix, SHARED_SENDERS};
pub use rng::Rng;
pub use shared_storage::SharedStorage;
pub use world::{
    AMM, COUNTER_WAT, Contracts, Order, SECOND_ASSET, TOKEN, TOKEN_WAT, World, assemble,
};
