//! Contract calls.

use std::sync::Arc;

use tos_host_api::{Address, ContractId, Gas};

use super::Interrupt;
use super::transaction::{Applied, Executor, TxRef};
use crate::error::EngineError;
use crate::sandbox::prepare::limits::STACK_WORDS_MAX;
use crate::sandbox::{self, CallRequest, CompiledModule};
use crate::types::{Deposit, RevertReason};

/// What a contract is called with.
pub(super) struct Call<'a> {
    pub(super) contract: ContractId,
    pub(super) module: &'a CompiledModule,
    pub(super) input: &'a [u8],
    pub(super) deposits: &'a [Deposit],
}

/// What a worker called last: one call is often like the one before, and then nothing has to be
/// looked up.
pub(super) struct LastCall {
    contract: ContractId,
    entry: Box<str>,
    /// Of the entry, in the module.
    number: i32,
    module: Arc<CompiledModule>,
}

impl LastCall {
    fn is(&self, contract: &ContractId, entry: &str) -> bool {
        self.contract == *contract && *self.entry == *entry
    }
}

impl Executor {
    pub(super) fn invoke(
        &mut self,
        tx: TxRef<'_>,
        contract: ContractId,
        entry: &str,
        input: &[u8],
        deposits: &[Deposit],
    ) -> Applied {
        let revert = |reason: RevertReason| Applied::native(Err(reason.into()), tx.intrinsic_gas);
        let last = match self.last_call.take_if(|last| last.is(&contract, entry)) {
            Some(last) => last,
            None => {
                let Some(callable) = self.env.contracts.get(&contract) else {
                    return revert(RevertReason::NoSuchContract(contract));
                };
                // Constructor and migration are no entries: they run once, when the engine says so.
                let Some(number) = callable.module.info.callable_entry(entry) else {
                    return revert(RevertReason::NoSuchEntry);
                };
                let module = Arc::clone(&callable.module);
                LastCall { contract, entry: entry.into(), number, module }
            }
        };
        let call = Call { contract, module: &last.module, input, deposits };
        let applied = self.call(tx, last.number, call);
        self.last_call = Some(last);
        applied
    }

    /// Moves the deposits, then runs the entry with the gas that is left after the intrinsic part.
    pub(super) fn call(&mut self, tx: TxRef<'_>, entry: i32, call: Call<'_>) -> Applied {
        let Call { contract, module, input, deposits } = call;
        let source = Address::Key(tx.tx.source);
        if let Err(why) = self.move_deposits(&source, &Address::Contract(contract), deposits) {
            return Applied::native(Err(why), tx.intrinsic_gas);
        }
        let Some(gas) = tx.tx.gas_limit.checked_sub(tx.intrinsic_gas) else {
            return Applied::native(Err(not_its_limit()), tx.intrinsic_gas);
        };
        let request = CallRequest {
            module,
            entry,
            gas,
            stack_words: STACK_WORDS_MAX,
            caller: source,
            contract,
            input,
            deposits,
            read_only: false,
        };
        let (end, scope) = sandbox::call(request, self.scope.lend());
        self.scope.give_back(scope);
        let (result, gas_used) = match tx.intrinsic_gas.checked_add(end.gas_used) {
            Some(gas_used) => (end.result, gas_used),
            None => (Err(not_its_limit()), Gas::ZERO),
        };
        Applied { result, gas_used, return_data: end.return_data, contract: None, code: None }
    }
}

#[cold]
fn not_its_limit() -> Interrupt {
    EngineError::Bug("a transaction's gas does not add up to its limit".into()).into()
}
