//! Brings what a block needs into memory before it runs: its accounts, and its modules compiled.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tos_host_api::{Address, ContractId, Hash};

use crate::error::EngineError;
use crate::execute::{Callable, WorkerPool, callable};
use crate::sandbox::{Modules, Verdict};
use crate::state::{AccountCell, ChainState};
use crate::types::{TransactionType, code_hash};

/// Accounts one worker loads at a time.
const ACCOUNTS_PER_PART: usize = 2_048;

/// Loads the accounts of a block, several workers sharing the look-ups.
pub(crate) fn load_accounts(
    chain: &Arc<ChainState>,
    pool: &WorkerPool,
    accounts: &[Address],
) -> Result<Vec<AccountCell>, EngineError> {
    let load = |chain: &ChainState, accounts: &[Address]| {
        let cell = |address: &Address| Ok(AccountCell::new(chain.account(address)?));
        accounts.iter().map(cell).collect::<Result<Vec<_>, EngineError>>()
    };
    if accounts.len() <= ACCOUNTS_PER_PART || pool.len() == 1 {
        return load(chain, accounts);
    }
    let parts: Vec<Vec<Address>> =
        accounts.chunks(ACCOUNTS_PER_PART).map(<[Address]>::to_vec).collect();
    let chain = Arc::clone(chain);
    let loaded = pool.map(parts.len(), move |part| load(&chain, &parts[part]))?;
    let mut cells = Vec::with_capacity(accounts.len());
    for part in loaded {
        cells.append(&mut part?);
    }
    Ok(cells)
}

/// The contracts a block calls and the verdicts on what it deploys. Shared: every worker has them.
pub(crate) type LoadedModules = (Arc<HashMap<ContractId, Callable>>, Arc<HashMap<Hash, Verdict>>);

/// Loads or compiles the modules that these transactions call or deploy, each once.
pub(crate) fn load_modules<'a>(
    chain: &ChainState,
    modules: &Modules,
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
            match callable(chain, modules, contract)? {
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
                entry.insert(modules.get(&hash, || Ok(Arc::from(code.as_slice())))?);
            }
        }
    }
    Ok((Arc::new(contracts), Arc::new(deployed)))
}
