//! What contracts say about themselves, and access lists without a simulation.

use tos_host_api::description::Description;
use tos_host_api::limits::{CONSTRUCTOR_ENTRY, MIGRATE_ENTRY};
use tos_host_api::{Address, ContractId};

use super::ContractEngine;
use crate::access::AccessSet;
use crate::description::{CallAccessError, DescribedCall, template_access};
use crate::execute::callable;
use crate::sandbox::prepare::{self, ModuleInfo};
use crate::types::{AccessList, TransactionType, UnsignedTransaction};

impl ContractEngine {
    /// What a contract at the tip says about itself; `None` when it carries nothing.
    ///
    /// # Errors
    /// There is no such contract, what it carries is no description, or the engine failed.
    pub fn description(&self, id: &ContractId) -> Result<Option<Description>, CallAccessError> {
        let tip = self.usable_tip()?;
        let pipeline = &self.inner.pipeline;
        let preparation = &pipeline.rules.at(tip.next_height()).preparation;
        let callable = callable(&pipeline.chain, &pipeline.modules, preparation, id)?
            .ok_or(CallAccessError::NoSuchContract(*id))?;
        described(&callable.module.info)
    }

    /// What to put into [`UnsignedTransaction::access`], from the access template that the contract
    /// carries: the list that [`ContractEngine::simulate`] finds, without executing anything. The
    /// list the transaction carries is ignored.
    ///
    /// # Errors
    /// See [`CallAccessError`]. Without a description or template, simulate.
    pub fn call_access(&self, tx: &UnsignedTransaction) -> Result<AccessList, CallAccessError> {
        let tx = UnsignedTransaction { access: AccessList::new(), ..tx.clone() };
        let (contract, entry, input, description) = match &tx.data {
            TransactionType::Transfers(_) | TransactionType::Burn { .. } => return Ok(Vec::new()),
            TransactionType::InvokeContract { contract, entry, input, .. } => {
                (*contract, entry.as_str(), input, self.description(contract)?)
            }
            TransactionType::DeployContract { code, input, .. } => {
                let info = prepare::check(code)?;
                match (info.has_init, tx.deployed_contract()) {
                    (true, Some(id)) => (id, CONSTRUCTOR_ENTRY, input, described(&info)?),
                    _ => return Ok(Vec::new()),
                }
            }
            TransactionType::UpgradeContract { contract, code, input } => {
                let info = prepare::check(code)?;
                if !info.has_migrate {
                    return Ok(Vec::new());
                }
                (*contract, MIGRATE_ENTRY, input, described(&info)?)
            }
        };
        let description = description.ok_or(CallAccessError::NoDescription)?;
        let source = Address::Key(tx.source);
        let call = DescribedCall { source, caller: source, contract, entry, input };
        let mut set = AccessSet::of(&tx);
        for line in template_access(&description, &call)? {
            set.insert(line);
        }
        Ok(set.to_list(&tx))
    }
}

/// The description in a module.
fn described(info: &ModuleInfo) -> Result<Option<Description>, CallAccessError> {
    let bytes = info.description.as_deref();
    Ok(bytes.map(Description::decode).transpose()?)
}
