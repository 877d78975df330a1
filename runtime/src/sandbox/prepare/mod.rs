//! Turns the bytes an author deploys into a module that may run: checked against our own limits.
//!
//! # The gate
//!
//! [`check`] reads a module once, front to back, and accepts exactly this:
//!
//! - **Features**: WebAssembly 1.0 without floats, plus mutable globals, sign extension, the two
//!   bulk memory operators `memory.copy` and `memory.fill`, and overlong table indices in
//!   `call_indirect` (an encoding, not a behaviour). That is what Rust emits for `wasm32v1-none`,
//!   with some of what it emits for `wasm32-unknown-unknown`. Multiple results are left out: no
//!   compiler we know of emits them unasked, and without them a block leaves at most one value, so
//!   the metering pass never has to move a group of operands.
//! - **Shape**: one memory, own and exported; at most one table; no start function; imports from
//!   the host function table only; active segments at constant offsets that fit, so that
//!   instantiation cannot fail.
//! - **Size**: [`limits`], each checked before anything in proportion to it is allocated.
//!
//! Validity itself is wasmparser's judgement, with the features above spelled out. Operators pass
//! an allowlist of our own first ([`OperatorClass`]): what the list does not price does not run, so
//! a new proposal in a new wasmparser cannot slip in unmetered.

mod bodies;
mod gate;
#[cfg(test)]
mod gate_tests;
mod info;
pub mod limits;
mod operators;
#[cfg(test)]
mod operators_tests;
mod rejection;
mod sections;
mod segments;

pub use gate::check;
pub use info::ModuleInfo;
pub use operators::OperatorClass;
pub use rejection::{Container, Excerpt, Place, Reason, Rejection};
