//! Brings what a block needs into memory before it runs: its accounts, and its modules compiled.

use std::collections::HashSet;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use tos_host_api::{Address, ContractId, TxIndex};

use crate::error::EngineError;
use crate::execute::{Contracts, Deployed, callable};
use crate::sandbox::{Modules, Preparation};
use crate::state::{AccountCell, ChainState, Row};
use crate::types::{TransactionType, code_hash};

/// Loads the accounts of a small block or a single call.
pub(crate) fn load_accounts(
    chain: &ChainState,
    accounts: &[Address],
) -> Result<Vec<AccountCell>, EngineError> {
    let cell = |address: &Address| Ok(AccountCell::new(chain.account(address)?, Row::NONE));
    accounts.iter().map(cell).collect()
}

/// Contracts that are told from each other while a block is resolved.
const CONTRACTS_KNOWN_MAX: usize = 8;

/// The transactions that name the modules a block needs. Of those that call a common contract only
/// one is kept, so that nobody has to look at all of them once more.
#[derive(Default)]
pub(crate) struct ModuleTxs {
    pub(crate) txs: Vec<TxIndex>,
    known: Vec<ContractId>,
}

impl ModuleTxs {
    /// Looks at the next transaction.
    pub(crate) fn add(&mut self, index: TxIndex, data: &TransactionType) {
        if let TransactionType::InvokeContract { contract, .. } = data {
            if self.known.contains(contract) {
                return;
            }
            if self.known.len() < CONTRACTS_KNOWN_MAX {
                self.known.push(*contract);
            }
        }
        if data.is_call() {
            self.txs.push(index);
        }
    }
}

/// The contracts a block calls and the verdicts on what it deploys. Shared: every worker has them.
pub(crate) type LoadedModules = (Arc<Contracts>, Arc<Deployed>);

/// Loads or compiles the modules that these transactions call or deploy, each once.
pub(crate) fn load_modules<'a>(
    chain: &ChainState,
    modules: &Modules,
    preparation: &Preparation,
    transactions: impl Iterator<Item = &'a TransactionType>,
) -> Result<LoadedModules, EngineError> {
    let mut contracts = Contracts::default();
    let mut deployed = Deployed::default();
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
