//! What a contract says about itself, put to use: from an entry's access template and a call's
//! arguments to the accounts the call declares. Executes nothing.
//!
//! A template is a shortcut to what a simulation finds, never more: a call that declares too little
//! halts with `UndeclaredAccess`, whoever made the list.

mod template;

use thiserror::Error;
use tos_host_api::ContractId;

pub use tos_host_api::description::*;

pub use template::{DescribedCall, template_access};

use crate::error::EngineError;
use crate::sandbox::prepare::Rejection;

/// Why the accounts of a call do not follow from a description.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallAccessError {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// There is no such contract.
    #[error("no contract {0}")]
    NoSuchContract(ContractId),
    /// The code would not be deployed.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The contract carries no description; simulate the call.
    #[error("the contract does not describe itself")]
    NoDescription,
    /// The contract carries something else in the place of a description.
    #[error(transparent)]
    Malformed(#[from] DescriptionError),
    /// The template cannot be filled in.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// Why a template cannot be filled in with a call.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The description has no such entry.
    #[error("no entry `{entry}`")]
    NoSuchEntry {
        /// The entry asked for.
        entry: String,
    },
    /// The entry has no template; simulate the call.
    #[error("{entry}: no access template")]
    NoTemplate {
        /// The entry.
        entry: String,
    },
    /// An argument is not what the entry takes.
    #[error("{entry}: argument `{argument}` ({ty}): {fault}")]
    Argument {
        /// The entry.
        entry: String,
        /// The argument.
        argument: String,
        /// Its type.
        ty: Box<Type>,
        /// What is wrong with it.
        fault: ArgumentFault,
    },
    /// There is input after the last argument.
    #[error("{entry}: {found} bytes too many")]
    Trailing {
        /// The entry.
        entry: String,
        /// How many.
        found: usize,
    },
    /// The template leads nowhere: a line names what the argument does not have, or no account.
    #[error("{entry}: the access template names no account in argument `{argument}`")]
    Path {
        /// The entry.
        entry: String,
        /// The argument.
        argument: String,
    },
    /// The call touches more accounts than a transaction may declare.
    #[error("{entry}: more than {limit} accounts")]
    TooMany {
        /// The entry.
        entry: String,
        /// Most accounts of a list.
        limit: usize,
    },
}

/// What is wrong with an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ArgumentFault {
    /// There are fewer bytes than its next part takes.
    #[error("expected {expected} bytes, found {found}")]
    Short {
        /// Bytes the part takes.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// A part has a value its type does not have.
    #[error("no {0}")]
    Invalid(&'static str),
    /// It has more parts than anybody would pass: elements without bytes can be claimed for free.
    #[error("too many parts")]
    TooManyParts,
}
