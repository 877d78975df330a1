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
mod costs;
mod function;
mod gate;
mod info;
mod instrument;
pub mod limits;
mod metering;
mod operators;
mod rejection;
mod sections;
mod segments;
#[cfg(test)]
mod tests;

use thiserror::Error;
use wasmparser::Validator;

pub use costs::OperatorCosts;
pub use gate::check;
pub use info::{GAS_EXPORT, ModuleInfo, STACK_EXPORT, global_export};
pub use operators::OperatorClass;
pub use rejection::{Container, Excerpt, Place, Reason, Rejection};

/// Version of what preparation makes of a module. Part of the key of a compiled artifact.
pub const PREPARE_VERSION: u32 = 1;

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
