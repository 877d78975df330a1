//! Calls from contract to contract.

use std::sync::Arc;

use tos_host_api::limits::{
    CALL_DEPTH_MAX, DEPOSIT_LEN, DEPOSITS_MAX, ENTRY_LEN_MAX, INPUT_LEN_MAX,
};
use tos_host_api::{AccessMode, Address, Amount, AssetId, ContractId, Gas, Status};
use wasmtime::Linker;

use super::{HostCall, account, code, host_function};
use crate::execute::{Callable, GuestMessage, Interrupt};
use crate::planted::{Bug, planted};
use crate::sandbox::prepare::limits::CALL_STACK_WORDS;
use crate::sandbox::{self, CallEnd, CallRequest, CalleeEnd, HostState, Meter};
use crate::types::{Deposit, HaltReason, RevertReason};

/// A caller keeps one part in so many of the gas it has left, so that it can deal with a callee
/// that used up all it was given. As in Ethereum (EIP-150).
const GAS_KEPT_PART: u64 = 64;

pub(super) fn link(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    host_function!(linker, Call, |call,
                                  contract: u32,
                                  entry: u32,
                                  entry_len: u32,
                                  input: u32,
                                  input_len: u32,
                                  gas: u64,
                                  deposits: u32,
                                  deposit_count: u32|
     -> i32 {
        let pointers = Pointers {
            contract,
            entry: (entry, entry_len),
            input: (input, input_len),
            deposits: (deposits, deposit_count),
        };
        call.state().last_callee = CalleeEnd::default();
        let called = match CallArguments::read(call, pointers)? {
            Ok(arguments) => arguments.call(call, Gas(gas))?,
            Err(status) => Err(status),
        };
        Ok(code(called.err().unwrap_or(Status::Ok)))
    });
    host_function!(linker, ReturnData, |call, out: u32, cap: u32| -> i32 {
        let len = call.state().last_callee.return_data.len() as u64;
        if len <= u64::from(cap) {
            call.charge_bytes(len)?;
        }
        let (mut memory, state) = call.memory();
        memory.write_if_fits(out, cap, &state.last_callee.return_data)
    });
    host_function!(linker, RevertCode, |call| -> u32 { Ok(call.state().last_callee.revert_code) });
    Ok(())
}

/// Where the guest says its arguments are.
struct Pointers {
    contract: u32,
    entry: (u32, u32),
    input: (u32, u32),
    deposits: (u32, u32),
}

/// The arguments of a call, copied out of the caller's memory.
struct CallArguments {
    contract: Address,
    entry: Vec<u8>,
    input: Vec<u8>,
    deposits: Vec<Deposit>,
}

/// What a host function does next: `Err` is a status for the guest.
type OrStatus<T> = Result<T, Status>;

impl CallArguments {
    fn read(
        call: &mut HostCall<'_, '_>,
        Pointers { contract, entry, input, deposits }: Pointers,
    ) -> Result<OrStatus<Self>, Interrupt> {
        let (entry_len, input_len, count) =
            (entry.1 as usize, input.1 as usize, deposits.1 as usize);
        if entry_len > ENTRY_LEN_MAX || input_len > INPUT_LEN_MAX || count > DEPOSITS_MAX {
            return Ok(Err(Status::TooLong));
        }
        let deposits_len = count * DEPOSIT_LEN;
        call.charge_bytes((entry_len + input_len + deposits_len) as u64)?;
        let (memory, _) = call.memory();
        let arguments = Self {
            contract: memory.address(contract)?,
            entry: memory.read(entry.0, entry.1)?.to_vec(),
            input: memory.read(input.0, input.1)?.to_vec(),
            deposits: decode_deposits(memory.read(deposits.0, deposits_len as u32)?),
        };
        let assets = arguments.deposits.iter().map(|deposit| deposit.asset);
        let repeated = |(index, asset)| {
            arguments.deposits[..index].iter().any(|earlier| earlier.asset == asset)
        };
        if assets.enumerate().any(repeated) {
            return Ok(Err(Status::DuplicateDeposit));
        }
        Ok(Ok(arguments))
    }

    /// Calls, or says why not. Everything that a failing callee did, and the deposits it was given,
    /// are undone.
    fn call(self, call: &mut HostCall<'_, '_>, gas_asked: Gas) -> Result<OrStatus<()>, Interrupt> {
        self.check_deposits(call)?;
        let (contract, callable, entry) = match self.find(call)? {
            Ok(found) => found,
            Err(status) => return Ok(Err(status)),
        };
        let checkpoint = call.state().scope.journal.checkpoint();
        if let Some(status) = self.move_deposits(call)? {
            call.state().scope.journal.rollback(checkpoint);
            return Ok(Err(status));
        }
        let gas = gas_for(call, gas_asked)?;
        let request = CallRequest {
            module: &callable.module,
            entry,
            gas,
            stack_words: stack_for(call)?,
            caller: caller(call),
            contract,
            input: &self.input,
            deposits: &self.deposits,
            read_only: call.state().frame.read_only && !planted(Bug::ViewsCalleeMayWrite),
        };
        let end = run(call, request);
        // A callee that was stopped has used all it was given.
        let halted = matches!(end.result, Err(Interrupt::Halt(_)));
        let all = halted && !planted(Bug::HaltedCalleePaysOnlyWhatItUsed);
        let gas_used = if all { gas } else { end.gas_used };
        call.charge(gas_used.0)?;
        let state = call.state();
        match end.result {
            Ok(()) => {
                state.last_callee.return_data = end.return_data;
                Ok(Ok(()))
            }
            Err(Interrupt::Revert(reason)) => {
                if !planted(Bug::RevertedCalleeKeepsItsWrites) {
                    state.scope.journal.rollback(checkpoint);
                }
                let revert_code = match reason {
                    RevertReason::Contract(code) => code,
                    // Guests revert by `abort` alone.
                    _ => 0,
                };
                state.last_callee = CalleeEnd { return_data: end.return_data, revert_code };
                Ok(Err(Status::Reverted))
            }
            // Nobody may catch this one: what a transaction touches would depend on it.
            Err(undeclared @ Interrupt::Halt(HaltReason::UndeclaredAccess { .. }))
                if !planted(Bug::UndeclaredAccessCaught) =>
            {
                Err(undeclared)
            }
            Err(Interrupt::Halt(reason)) => {
                state.scope.journal.rollback(checkpoint);
                let entry = String::from_utf8_lossy(&self.entry);
                let text = format!("halted in {entry}: {reason}");
                state.scope.keep_message(GuestMessage { contract, text });
                Ok(Err(Status::Halted))
            }
            Err(fault @ Interrupt::Fault(_)) => Err(fault),
        }
    }

    /// Before anything else, so that which accounts a call touches does not depend on balances.
    /// Charges for the credits.
    fn check_deposits(&self, call: &mut HostCall<'_, '_>) -> Result<(), Interrupt> {
        if self.deposits.is_empty() {
            return Ok(());
        }
        let (own, function) = (call.own_address(), call.function);
        let state = call.state();
        if state.frame.read_only {
            return Err(HaltReason::ReadOnly(function).into());
        }
        state.scope.journal.check_access(&own, AccessMode::Write, function)?;
        state.scope.journal.check_access(&self.contract, AccessMode::Credit, function)?;
        let count = self.deposits.len() as u64;
        call.charge_growth(|costs| costs.credit()?.checked_mul(count))
    }

    /// The contract and the entry's number, if they may be called here and now.
    fn find(
        &self,
        call: &mut HostCall<'_, '_>,
    ) -> Result<OrStatus<(ContractId, Arc<Callable>, i32)>, Interrupt> {
        let scope = &mut call.state().scope;
        let Address::Contract(contract) = self.contract else {
            return Ok(Err(Status::NoSuchContract));
        };
        if scope.frames.len() >= CALL_DEPTH_MAX + usize::from(planted(Bug::OneFrameTooMany)) {
            return Ok(Err(Status::DepthLimit));
        }
        if scope.frames.contains(&contract) && !planted(Bug::ReentryAllowed) {
            return Ok(Err(Status::Reentry));
        }
        let Some(callable) = scope.callable(&contract)? else {
            return Ok(Err(Status::NoSuchContract));
        };
        let name = std::str::from_utf8(&self.entry).ok();
        let entry = name.and_then(|name| callable.module.info.callable_entry(name));
        Ok(entry.map(|entry| (contract, callable, entry)).ok_or(Status::NoSuchEntry))
    }

    fn move_deposits(&self, call: &mut HostCall<'_, '_>) -> Result<Option<Status>, Interrupt> {
        for Deposit { asset, amount } in &self.deposits {
            if let Some(status) = account::take(call, asset, amount.0)? {
                return Ok(Some(status));
            }
            let function = call.function;
            call.state().scope.journal.credit(&self.contract, asset, amount.0, function)?;
        }
        Ok(None)
    }
}

/// Each deposit: 32 bytes of asset id, the amount in 8 little-endian bytes.
fn decode_deposits(bytes: &[u8]) -> Vec<Deposit> {
    let deposit = |bytes: &[u8; DEPOSIT_LEN]| {
        let (mut asset, mut amount) = ([0; 32], [0; 8]);
        asset.copy_from_slice(&bytes[..32]);
        amount.copy_from_slice(&bytes[32..]);
        Deposit { asset: AssetId(asset), amount: Amount(u64::from_le_bytes(amount)) }
    };
    bytes.as_chunks::<DEPOSIT_LEN>().0.iter().map(deposit).collect()
}

/// The gas a callee gets: what was asked for, at most what is left but for the part that is kept.
fn gas_for(call: &mut HostCall<'_, '_>, asked: Gas) -> Result<Gas, Interrupt> {
    let left = call.gas_left()?.0;
    let kept = if planted(Bug::CallerKeepsNoGas) { 0 } else { left / GAS_KEPT_PART };
    Ok(asked.min(Gas(left - kept)))
}

/// Who a callee is called by.
fn caller(call: &mut HostCall<'_, '_>) -> Address {
    if planted(Bug::CalleeIsCalledByTheSource) {
        return call.state().scope.source;
    }
    call.own_address()
}

/// The stack a callee gets: the caller's rest, less what the frame between them takes.
fn stack_for(call: &mut HostCall<'_, '_>) -> Result<u64, Interrupt> {
    let left = Meter::stack_words_left(&mut *call.caller)?;
    left.checked_sub(CALL_STACK_WORDS).ok_or_else(|| HaltReason::StackLimit.into())
}

/// Runs the callee with everything the transaction's frames share.
fn run(call: &mut HostCall<'_, '_>, request: CallRequest<'_>) -> CallEnd {
    let scope = call.state().scope.lend();
    let (end, scope) = sandbox::call(request, scope);
    call.state().scope.give_back(scope);
    end
}
