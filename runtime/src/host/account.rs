//! Balances, and the contract's own money.

use tos_host_api::{AccessMode, Amount, AssetId, Status};
use wasmtime::Linker;

use super::{HostCall, code, host_function};
use crate::execute::Interrupt;
use crate::gas::CostTable;
use crate::sandbox::HostState;
use crate::state::Taken;

pub(super) fn link(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    host_function!(linker, Balance, |call, account: u32, asset: u32| -> u64 {
        let function = call.function;
        let (memory, state) = call.memory();
        let (account, asset) = (memory.address(account)?, memory.asset(asset)?);
        state.scope.journal.balance(&account, &asset, function)
    });
    host_function!(linker, Transfer, |call, to: u32, asset: u32, amount: u64| -> i32 {
        let (memory, _) = call.memory();
        let (to, asset) = (memory.address(to)?, memory.asset(asset)?);
        // Before anything else, so that which accounts a call touches does not depend on balances.
        let (own, function) = (call.own_address(), call.function);
        let journal = &mut call.state().scope.journal;
        journal.check_access(&own, AccessMode::Write, function)?;
        journal.check_access(&to, AccessMode::Credit, function)?;
        call.charge_growth(CostTable::credit)?;
        if let Some(status) = take(call, &asset, amount)? {
            return Ok(code(status));
        }
        call.state().scope.journal.credit(&to, &asset, amount, function)?;
        Ok(code(Status::Ok))
    });
    host_function!(linker, Burn, |call, asset: u32, amount: u64| -> i32 {
        let asset = call.memory().0.asset(asset)?;
        if let Some(status) = take(call, &asset, amount)? {
            return Ok(code(status));
        }
        call.state().scope.journal.burn(asset, Amount(amount));
        Ok(code(Status::Ok))
    });
    Ok(())
}

/// Debits the contract's own account, or says why not.
pub(super) fn take(
    call: &mut HostCall<'_, '_>,
    asset: &AssetId,
    amount: u64,
) -> Result<Option<Status>, Interrupt> {
    let (own, function) = (call.own_address(), call.function);
    let journal = &mut call.state().scope.journal;
    if journal.overlay().chain().asset(asset)?.is_none() {
        return Ok(Some(Status::UnknownAsset));
    }
    match journal.debit(&own, asset, amount, function)? {
        Taken::Yes => Ok(None),
        Taken::Insufficient { .. } => Ok(Some(Status::Insufficient)),
    }
}
