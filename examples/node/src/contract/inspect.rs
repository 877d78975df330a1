//! Finds out about the bytes of a module. Builds nothing and prints nothing.

use std::fmt;

use tos_runtime::description::{Description, DescriptionError};
use tos_runtime::prepare::{self, ModuleInfo, Place, Reason, Rejection};
use tos_runtime::{
    Amount, ChainId, CostTable, Gas, Nonce, PublicKey, TopoHeight, TransactionType,
    UnsignedTransaction,
};
use wasmparser::{Parser, Payload};

use super::names::FunctionName;

/// What there is to know about a module.
pub(crate) struct Inspection {
    /// Its length.
    pub bytes: usize,
    /// What it is made of.
    pub sizes: Sizes,
    /// Gas of a deployment at the default prices, before input, deposits and constructor.
    pub deploy_gas: Gas,
    /// What a deployment would say.
    pub verdict: Result<ModuleInfo, Refusal>,
    /// What it says about itself, if it says anything.
    pub description: Option<Result<Description, DescriptionError>>,
}

/// Why a module could not be deployed.
pub(crate) struct Refusal {
    /// What the gate says.
    pub rejection: Rejection,
    /// The function at fault, if it is one.
    pub function: Option<FunctionName>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.function {
            Some(function) => write!(f, "{}; {function}", self.rejection),
            None => write!(f, "{}", self.rejection),
        }
    }
}

/// Bytes of a module by what they are for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Function bodies.
    pub code: usize,
    /// Initial content of the memory.
    pub data: usize,
    /// The description.
    pub description: usize,
    /// Custom sections that the engine does not read, such as names.
    pub unread: usize,
    /// Everything else.
    pub other: usize,
}

impl Inspection {
    /// Looks at a module, or at bytes that are none.
    pub(crate) fn of(code: &[u8]) -> Self {
        let verdict = prepare::check(code).map_err(|rejection| {
            let function = offender(&rejection.reason);
            let function = function.map(|index| FunctionName::find(code, index));
            Refusal { rejection, function }
        });
        let description = match &verdict {
            Ok(info) => info.description.as_deref().map(Description::decode),
            Err(_) => None,
        };
        let sizes = Sizes::of(code);
        Self { bytes: code.len(), sizes, deploy_gas: deploy_gas(code), verdict, description }
    }
}

/// The function a rejection points at.
fn offender(reason: &Reason) -> Option<u32> {
    let place = match reason {
        Reason::Invalid { place, .. }
        | Reason::Feature { place, .. }
        | Reason::Limit { place, .. } => place,
        _ => return None,
    };
    match place {
        Place::Function { index, .. } => Some(*index),
        Place::Section { .. } => None,
    }
}

fn deploy_gas(code: &[u8]) -> Gas {
    let tx = UnsignedTransaction {
        chain_id: ChainId(0),
        source: PublicKey([0; 32]),
        nonce: Nonce(0),
        gas_limit: Gas::ZERO,
        gas_price: Amount::ZERO,
        expiry: TopoHeight(0),
        access: Vec::new(),
        data: TransactionType::DeployContract {
            code: code.to_vec(),
            input: Vec::new(),
            deposits: Vec::new(),
        },
    };
    // A file is far too short for its price to overflow.
    CostTable::default().intrinsic(&tx).unwrap_or(Gas(u64::MAX))
}

impl Sizes {
    fn of(code: &[u8]) -> Self {
        let mut sizes = Self::default();
        // What cannot be parsed is not counted: the verdict says what is wrong.
        for payload in Parser::new(0).parse_all(code).map_while(Result::ok) {
            match payload {
                Payload::CodeSectionStart { range, .. } => sizes.code = range.len(),
                Payload::DataSection(section) => sizes.data = section.range().len(),
                Payload::CustomSection(section)
                    if section.name() == prepare::DESCRIPTION_SECTION =>
                {
                    sizes.description += section.range().len();
                }
                Payload::CustomSection(section) => sizes.unread += section.range().len(),
                _ => {}
            }
        }
        let known = sizes.code + sizes.data + sizes.description + sizes.unread;
        sizes.other = code.len().saturating_sub(known);
        sizes
    }
}
