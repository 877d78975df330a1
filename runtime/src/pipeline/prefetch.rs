//! Brings what a block needs into memory before it runs: its accounts, and its modules compiled.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tos_host_api::{Address, ContractId, Hash};

use crate::error::EngineError;
use crate::execute::{Callable, callable};
use crate::sandbox::{Modules, Preparation, Verdict};
use crate::state::{AccountCell, ChainState};
use crate::types::{TransactionType, code_hash};

/// Loads the accounts of a small block or a single call.
pub(crate) fn load_accounts(
    chain: &ChainState,
    accounts: &[Address],
) -> Result<Vec<AccountCell>, EngineError> {
    let cell = |address: &Address| Ok(AccountCell::new(chain.account(address)?));
    accounts.iter().map(cell).collect()
}

/// The contracts a block calls and the verdicts on what it deploys. Shared: every worker has them.
pub(crate) type LoadedModules = (Arc<HashMap<ContractId, Callable>>, Arc<HashMap<Hash, Verdict>>);

/// Loads or compiles the modules that these transactions call or deploy, each once.
pub(crate) fn load_modules<'a>(
    chain: &ChainState,
    modules: &Modules,
    preparation: &Preparation,
    transactions: impl Iterator<Item = &'a TransactionType>,
) -> Result<LoadedModules, EngineError> {
    let mut contracts = HashMap::new();
    let mut deployed = HashMap::new();
    let mut absent = HashSet::new();
    for data in transactions {
        if let TransactionType::InvokeContract { contract, .. }
        | TransactionType::UpgradeContract { contract, .. } = data
            && !contracts.contains_key(contract)
            && !absent.contains(contract)
        {
            match callable(chain, modules, preparation, contract)? {
                Some(callable) => {
                    contracts.insert(*contract, callable);
                }
                None => {
                    absent.insert(*contract);
                }
            }
        }
        if let TransactionType::DeployContract { code, .. }
        | TransactionType::UpgradeContract { code, .. } = data
        {
            let hash = code_hash(code);
            if let Entry::Vacant(entry) = deployed.entry(hash) {
                let code = || Ok(Arc::from(code.as_slice()));
                entry.insert(modules.get(preparation, &hash, code)?);
            }
        }
    }
    Ok((Arc::new(contracts), Arc::new(deployed)))
}
