//! Turns the bytes an author deploys into a module that may run: checked against our own limits,
//! and metered. Compiles and runs nothing.
//!
//! # The gate
//!
//! [`check`] reads a module once, front to back, and accepts exactly this:
//!
//! - **Features**: WebAssembly 1.0 without floats, plus mutable globals, sign extension, the two
//!   bulk memory operators `memory.copy` and `memory.fill`, and overlong table indices in
//!   `call_indirect` (an encoding, not a behaviour). That is what Rust emits for `wasm32v1-none`,
//!   and most of what it emits for `wasm32-unknown-unknown`. Multiple results are left out: no
//!   compiler we know of emits them unasked, and without them every block leaves at most one value.
//! - **Shape**: one memory, own and exported; at most one table; no start function; imports from
//!   the host function table only; active segments at constant offsets that fit, so that
//!   instantiation cannot fail.
//! - **Size**: [`limits`], each checked before anything in proportion to it is allocated.
//! - **Compilation work**: what the module asks of the compiler, estimated from its operators, is
//!   in proportion to the length of its code, since that is what a deployment pays for.
//!
//! Validity itself is wasmparser's judgement, with the features above spelled out. Operators pass
//! an allowlist of our own first ([`OperatorClass`]): what the list does not price does not run, so
//! a new proposal in a new wasmparser cannot slip in unmetered.
//!
//! # Gas
//!
//! [`prepare`] writes the module anew. A function is cut into metered blocks, sets of operators
//! that run equally often whenever the function completes, and each block is charged as a whole
//! where it starts, before any of it runs:
//!
//! | Starts a block | Charged |
//! |---|---|
//! | entering a function | at each call: [`OperatorCosts::entry`], its locals, its operators |
//! | `loop` | on each pass |
//! | an arm of an `if` | when it is taken |
//! | what follows `br_if` | when the branch is not taken |
//! | what follows a construct that a branch inside leaves for an outer one | when it is reached |
//!
//! All else continues the block it is in, across calls and around inner constructs. Nothing is
//! charged for operators behind `br`, `br_table`, `return` or `unreachable` that cannot run.
//! `memory.grow` is charged per page asked for, granted or not, and `memory.copy` and `memory.fill`
//! per 8 bytes, each before it runs.
//!
//! Prices are in units of which [`UNITS_PER_GAS`] make one gas, because an operator takes a fraction
//! of the time that the cheapest host function does.
//!
//! A call that completes has paid the sum of the prices of the operators it ran, exactly. One that
//! is stopped halfway has paid for the rest of its block in advance.
//!
//! # Stack
//!
//! A function that calls anything takes words of stack when it is entered and gives them back when
//! it returns: its parameters, locals and highest operand stack, [`limits::FRAME_WORDS_MIN`] for
//! any call, and one for every [`limits::HIDDEN_VALUES_PER_FRAME_WORD`] operators and merged
//! values.
//! Functions that call nothing take none: only one can be active, the last. All of this is a
//! property of the bytes, so recursion ends at the same depth on every machine; the native stack is
//! sized so that it never ends first.
//!
//! # Writes
//!
//! Functions that write memory tell where, so that an instance can be put back to its initial state
//! without looking at all of it: the module docs of `writes.rs` tell how. Nothing is charged for it.
//!
//! # What the host does
//!
//! Before a call it sets [`STACK_EXPORT`]; the gas goes in as an argument and comes back as the
//! result, see `entry.rs`. In between, a host function reads and lowers it in [`GAS_EXPORT`], and a
//! nested contract starts with what is left of both. When a call ended in a
//! trap, the counters tell why: gas below zero is out of gas, stack below zero is the stack limit,
//! otherwise the guest trapped. No trap code of any engine is consulted. After a trap other than by
//! `unreachable` the gas is what it was at the last call or return, the same everywhere; a halted
//! call pays its whole limit, so nobody needs it. The counters are the last globals of the module:
//! no index the guest can write reaches them, and names with [`limits::RESERVED_PREFIX`] are
//! refused.
//!
//! # Example
//!
//! This module
//!
//! ```wat
#![doc = include_str!("example_before.wat")]
//! ```
//!
//! becomes
//!
//! ```wat
#![doc = include_str!("example_after.wat")]
//! ```
//!
//! # Why not a library
//!
//! `finite-wasm` 0.6 does the same job. Taken from it as ideas: charges found in one pass over the
//! operators and merged where no branch can tell the difference, frames measured by the highest
//! operand stack in reachable code, a block around each body through which every exit leads. From
//! Polkadot's `wasm-instrument`: a metered block goes on behind an inner construct that no branch
//! leaves. No code is taken from either. We do not depend on it because it is bound to wasmparser
//! 0.228, twenty-six versions behind the one that judges validity here, calls an imported function
//! for every charge, and has its module transformation written for its tests.

mod bodies;
mod costs;
mod entry;
mod frames;
mod function;
mod gate;
mod info;
mod instrument;
pub mod limits;
mod merges;
mod metering;
mod operators;
mod rejection;
mod sections;
mod segments;
#[cfg(test)]
mod tests;
mod work;
mod writes;

use thiserror::Error;
use wasmparser::Validator;

pub use costs::{OperatorCosts, START_PAGES, UNITS_PER_GAS};
pub use entry::{EntryParams, EntryResult};
pub use gate::check;
pub use info::{ENTER_EXPORT, GAS_EXPORT, ModuleInfo, STACK_EXPORT, WRITTEN_EXPORT, global_export};
pub use operators::OperatorClass;
pub use rejection::{Container, Excerpt, Place, Reason, Rejection};
pub use writes::WRITE_REACH;

/// Version of what preparation makes of a module. Part of the key of a compiled artifact.
pub const PREPARE_VERSION: u32 = 5;

/// Custom section whose content is handed on: a contract's description of itself.
pub const DESCRIPTION_SECTION: &str = "tos.description";

/// A module ready to be compiled, and what is known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The metered module. A function of the deployed code, the prices and [`PREPARE_VERSION`].
    pub module: Vec<u8>,
    /// What is known about the deployed module.
    pub info: ModuleInfo,
}

/// Why a module could not be prepared.
#[derive(Debug, Error)]
pub enum PrepareError {
    /// The module may not be deployed.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// What preparation wrote is invalid. A bug of ours, never the module's fault.
    #[error("prepared module is broken: {0}")]
    Broken(String),
}

/// Checks a module and meters it.
///
/// # Errors
/// [`PrepareError::Rejected`] if the module may not be deployed; [`PrepareError::Broken`] is a bug.
pub fn prepare(code: &[u8], costs: &OperatorCosts) -> Result<Prepared, PrepareError> {
    let inspection = gate::inspect(code)?;
    let module = instrument::instrument(code, &inspection, costs)
        .map_err(|error| PrepareError::Broken(error.to_string()))?;
    Validator::new_with_features(gate::FEATURES)
        .validate_all(&module)
        .map_err(|error| PrepareError::Broken(error.to_string()))?;
    Ok(Prepared { module, info: inspection.info })
}
