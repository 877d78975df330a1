//! Deployments and upgrades. The module was checked and compiled before execution began; here its
//! record is written and its constructor or migration runs.

use std::sync::Arc;

use tos_host_api::limits::{CONSTRUCTOR_ENTRY, MIGRATE_ENTRY};
use tos_host_api::{Address, ContractId, HostFunction};

use super::Interrupt;
use super::invoke::Call;
use super::transaction::{Applied, Executor, NATIVE, TxRef};
use crate::error::EngineError;
use crate::planted::{Bug, planted};
use crate::sandbox::CompiledModule;
use crate::state::ContractRecord;
use crate::types::{Deposit, RevertReason, code_hash, contract_id};

impl Executor {
    pub(super) fn deploy(
        &mut self,
        tx: TxRef<'_>,
        code: &[u8],
        input: &[u8],
        deposits: &[Deposit],
    ) -> Applied {
        let hash = code_hash(code);
        let contract = contract_id(tx.tx.chain_id, &tx.tx.source, tx.tx.nonce, &hash);
        let record =
            ContractRecord { code_hash: hash, authority: Address::Key(tx.tx.source), version: 1 };
        let module = match self.install(contract, record, Install::New) {
            Ok(module) => module,
            Err(why) => return Applied::native(Err(why), tx.intrinsic_gas),
        };
        let call = Call { contract, module: &module, input, deposits };
        let applied = self.run_if(module.info.entry_number(CONSTRUCTOR_ENTRY), tx, call);
        Applied { contract: Some(contract), code: Some(hash), ..applied }
    }

    pub(super) fn upgrade(
        &mut self,
        tx: TxRef<'_>,
        contract: ContractId,
        code: &[u8],
        input: &[u8],
    ) -> Applied {
        let hash = code_hash(code);
        let module = match self.next_record(tx, contract, hash) {
            Ok(record) => self.install(contract, record, Install::Replacement),
            Err(why) => Err(why),
        };
        let module = match module {
            Ok(module) => module,
            Err(why) => return Applied::native(Err(why), tx.intrinsic_gas),
        };
        let call = Call { contract, module: &module, input, deposits: &[] };
        let applied = self.run_if(module.info.entry_number(MIGRATE_ENTRY), tx, call);
        Applied { code: Some(hash), ..applied }
    }

    /// The record an upgrade would write, if the source may upgrade.
    fn next_record(
        &mut self,
        tx: TxRef<'_>,
        contract: ContractId,
        code_hash: tos_host_api::Hash,
    ) -> Result<ContractRecord, Interrupt> {
        let record = self.scope.journal.contract(&contract, NATIVE)?;
        // A contract deployed in this very block exists from the next block on.
        let at_once = planted(Bug::UpgradableAtOnce);
        let callable = at_once || self.env.contracts.contains_key(&contract);
        let (Some(record), true) = (record, callable) else {
            return Err(RevertReason::NoSuchContract(contract).into());
        };
        if record.authority != Address::Key(tx.tx.source) && !planted(Bug::AnybodyUpgrades) {
            return Err(RevertReason::NotAuthority.into());
        }
        let version = record.version.checked_add(1);
        let version =
            version.ok_or_else(|| EngineError::Bug("a contract was upgraded 2^32 times".into()))?;
        Ok(ContractRecord { code_hash, version, ..record })
    }

    /// Writes a contract's record if its module passed the gate.
    fn install(
        &mut self,
        contract: ContractId,
        record: ContractRecord,
        install: Install,
    ) -> Result<Arc<CompiledModule>, Interrupt> {
        let verdict =
            self.env.deployed.get(&record.code_hash).ok_or_else(|| {
                EngineError::Bug("a module was not prepared before execution".into())
            })?;
        let module = match verdict {
            Ok(module) => Arc::clone(module),
            Err(rejection) => return Err(RevertReason::ModuleRefused(rejection.fault).into()),
        };
        const BY: HostFunction = NATIVE;
        if install == Install::New && self.scope.journal.contract(&contract, BY)?.is_some() {
            return Err(RevertReason::ContractExists(contract).into());
        }
        self.scope.journal.set_contract(&contract, record, BY)?;
        Ok(module)
    }

    /// Runs a constructor or migration if the module exports it. One that does not takes neither
    /// input nor deposits: they would be lost without a word.
    fn run_if(&mut self, entry: Option<i32>, tx: TxRef<'_>, call: Call<'_>) -> Applied {
        if let Some(entry) = entry {
            return self.call(tx, entry, call);
        }
        let takes_nothing = call.input.is_empty() && call.deposits.is_empty();
        let result = if takes_nothing { Ok(()) } else { Err(RevertReason::NoSuchEntry.into()) };
        Applied::native(result, tx.intrinsic_gas)
    }
}

/// Whether the contract may exist already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Install {
    New,
    Replacement,
}
