//! Contracts that can be called in a block: those that its parent state holds.

use std::sync::Arc;

use tos_host_api::ContractId;

use crate::error::EngineError;
use crate::sandbox::{CompiledModule, Modules, Preparation};
use crate::state::{ChainState, ContractRecord, StateKey, StateValue};

/// A contract that can be called in this block.
#[derive(Clone)]
pub(crate) struct Callable {
    pub(crate) module: Arc<CompiledModule>,
}

/// A contract as of the tip, if there is one, under the prices of the block that calls it.
///
/// # Errors
/// Its code is missing or does not pass the gate that it once passed.
pub(crate) fn callable(
    chain: &ChainState,
    modules: &Modules,
    preparation: &Preparation,
    contract: &ContractId,
) -> Result<Option<Callable>, EngineError> {
    let Some(ContractRecord { code_hash, .. }) = chain.contract(contract)? else {
        return Ok(None);
    };
    let code = || match chain.storage_value(&StateKey::Code(code_hash))? {
        Some(StateValue::Code(code)) => Ok(code),
        _ => Err(EngineError::Corrupt(format!("code {code_hash} of {contract} is missing"))),
    };
    match modules.get(preparation, &code_hash, code)? {
        Ok(module) => Ok(Some(Callable { module })),
        Err(rejection) => Err(EngineError::Corrupt(format!(
            "deployed code {code_hash} of {contract} is refused by the gate: {rejection}"
        ))),
    }
}
