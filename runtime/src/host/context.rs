//! Where the contract is called from and with what.

use tos_host_api::Amount;
use wasmtime::Linker;

use super::host_function;
use crate::sandbox::HostState;

pub(super) fn link(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    host_function!(linker, Source, |call, out: u32| -> () {
        let (mut memory, state) = call.memory();
        memory.write(out, &state.scope.source.to_bytes())
    });
    host_function!(linker, Caller, |call, out: u32| -> () {
        let (mut memory, state) = call.memory();
        memory.write(out, &state.frame.caller.to_bytes())
    });
    host_function!(linker, Contract, |call, out: u32| -> () {
        let own = call.own_address();
        let (mut memory, _) = call.memory();
        memory.write(out, &own.to_bytes())
    });
    host_function!(linker, Topoheight, |call| -> u64 {
        Ok(call.state().scope.env.context.topoheight.0)
    });
    host_function!(linker, Timestamp, |call| -> u64 {
        Ok(call.state().scope.env.context.timestamp)
    });
    host_function!(linker, BlockVersion, |call| -> u32 {
        Ok(call.state().scope.env.context.block_version)
    });
    host_function!(linker, TransactionId, |call, out: u32| -> () {
        let (mut memory, state) = call.memory();
        memory.write(out, &state.scope.transaction_id.0)
    });
    host_function!(linker, Input, |call, out: u32, cap: u32| -> i32 {
        let len = call.state().frame.input.len() as u64;
        if len <= u64::from(cap) {
            call.charge_bytes(len)?;
        }
        let (mut memory, state) = call.memory();
        memory.write_if_fits(out, cap, &state.frame.input)
    });
    host_function!(linker, Deposit, |call, asset: u32| -> u64 {
        let (memory, state) = call.memory();
        let asset = memory.asset(asset)?;
        let deposit = state.frame.deposits.iter().find(|deposit| deposit.asset == asset);
        Ok(deposit.map_or(Amount::ZERO, |deposit| deposit.amount).0)
    });
    host_function!(linker, DepositCount, |call| -> u32 {
        // At most `DEPOSITS_MAX`.
        Ok(u32::try_from(call.state().frame.deposits.len()).unwrap_or(u32::MAX))
    });
    host_function!(linker, GasLeft, |call| -> u64 { Ok(call.gas_left()?.0) });
    Ok(())
}
