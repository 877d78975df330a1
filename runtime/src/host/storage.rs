//! Slots of the running contract: byte slots and counters, each in the partition of an account.

use std::sync::Arc;

use tos_host_api::{AccessMode, Status, limits};
use wasmtime::Linker;

use super::{HostCall, code, host_function};
use crate::execute::Interrupt;
use crate::gas::CostTable;
use crate::sandbox::{GuestMemory, HostState};
use crate::state::{KeyBytes, SlotRef, Taken};

/// The partition and key a guest names, copied out of its memory.
struct SlotArguments {
    partition: tos_host_api::Address,
    key: KeyBytes,
}

impl SlotArguments {
    /// Charges for the key and reads both; `Err(status)` when the key's length is not allowed.
    fn read(
        call: &mut HostCall<'_, '_>,
        partition: u32,
        key: u32,
        key_len: u32,
    ) -> Result<Result<Self, Status>, Interrupt> {
        if key_len == 0 || key_len as usize > limits::KEY_LEN_MAX {
            return Ok(Err(Status::KeyLength));
        }
        call.charge_bytes(u64::from(key_len))?;
        let (memory, _) = call.memory();
        let partition = memory.address(partition)?;
        Ok(Ok(Self { partition, key: memory.read(key, key_len)?.into() }))
    }

    fn slot(&self, state: &HostState) -> SlotRef<'_> {
        SlotRef { contract: state.frame.contract, partition: &self.partition, key: &self.key }
    }
}

/// Reads the slot arguments or returns the status from the host function.
macro_rules! slot_arguments {
    ($call:ident, $partition:ident, $key:ident, $key_len:ident) => {
        match SlotArguments::read($call, $partition, $key, $key_len)? {
            Ok(arguments) => arguments,
            Err(status) => return Ok(code(status)),
        }
    };
}

pub(super) fn link(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    link_slots(linker)?;
    link_counters(linker)
}

fn link_slots(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    host_function!(linker, StorageRead, |call,
                                         partition: u32,
                                         key: u32,
                                         key_len: u32,
                                         out: u32,
                                         cap: u32|
     -> i32 {
        let arguments = slot_arguments!(call, partition, key, key_len);
        let Some(value) = read_slot(call, &arguments)? else { return Ok(code(Status::NotFound)) };
        if value.len() as u64 <= u64::from(cap) {
            call.charge_bytes(value.len() as u64)?;
        }
        call.memory().0.write_if_fits(out, cap, &value)
    });
    host_function!(linker, StorageLen, |call, partition: u32, key: u32, key_len: u32| -> i32 {
        let arguments = slot_arguments!(call, partition, key, key_len);
        let value = read_slot(call, &arguments)?;
        // A value is at most `VALUE_LEN_MAX` bytes long.
        Ok(value.map_or(code(Status::NotFound), |v| i32::try_from(v.len()).unwrap_or(i32::MAX)))
    });
    host_function!(linker, StorageWrite, |call,
                                          partition: u32,
                                          key: u32,
                                          key_len: u32,
                                          value: u32,
                                          value_len: u32|
     -> i32 {
        let arguments = slot_arguments!(call, partition, key, key_len);
        if value_len as usize > limits::VALUE_LEN_MAX {
            return Ok(code(Status::ValueLength));
        }
        call.charge_bytes(u64::from(value_len))?;
        charge_growth_of_slot(call, &arguments, u64::from(value_len))?;
        let function = call.function;
        let (memory, state) = call.memory();
        let value: Arc<[u8]> = read(&memory, value, value_len)?;
        let slot = arguments.slot(state);
        state.scope.journal.set_slot(slot, Some(value), function)?;
        Ok(code(Status::Ok))
    });
    host_function!(linker, StorageRemove, |call, partition: u32, key: u32, key_len: u32| -> i32 {
        let arguments = slot_arguments!(call, partition, key, key_len);
        charge_replaced(call, &arguments)?;
        let function = call.function;
        let state = call.state();
        let slot = arguments.slot(state);
        let existed = state.scope.journal.set_slot(slot, None, function)?;
        Ok(code(if existed { Status::Ok } else { Status::NotFound }))
    });
    Ok(())
}

fn link_counters(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    host_function!(linker, CounterAdd, |call,
                                        partition: u32,
                                        key: u32,
                                        key_len: u32,
                                        amount: u64|
     -> i32 {
        let arguments = slot_arguments!(call, partition, key, key_len);
        let function = call.function;
        // As if the counter had to be made: whether it exists may not be looked up under `Credit`.
        call.charge_growth(|costs| costs.new_slot(key_len.into(), CostTable::COUNTER_BYTES))?;
        let state = call.state();
        let slot = arguments.slot(state);
        state.scope.journal.counter_add(slot, amount, function)?;
        Ok(code(Status::Ok))
    });
    host_function!(linker, CounterSub, |call,
                                        partition: u32,
                                        key: u32,
                                        key_len: u32,
                                        amount: u64|
     -> i32 {
        let arguments = slot_arguments!(call, partition, key, key_len);
        let function = call.function;
        let state = call.state();
        let slot = arguments.slot(state);
        match state.scope.journal.counter_sub(slot, amount, function)? {
            Taken::Yes => Ok(code(Status::Ok)),
            Taken::Insufficient { .. } => Ok(code(Status::Insufficient)),
        }
    });
    host_function!(linker, CounterRead, |call,
                                         partition: u32,
                                         key: u32,
                                         key_len: u32,
                                         out: u32|
     -> i32 {
        let arguments = slot_arguments!(call, partition, key, key_len);
        let function = call.function;
        let (mut memory, state) = call.memory();
        let slot = arguments.slot(state);
        let value = state.scope.journal.counter(slot, function)?;
        memory.write(out, &value.to_le_bytes())?;
        Ok(code(Status::Ok))
    });
    Ok(())
}

fn read_slot(
    call: &mut HostCall<'_, '_>,
    arguments: &SlotArguments,
) -> Result<Option<Arc<[u8]>>, Interrupt> {
    let function = call.function;
    let state = call.state();
    let slot = arguments.slot(state);
    state.scope.journal.slot(slot, function)
}

/// Length of the value that a write replaces or removes, `None` if there is none. Charges for its
/// bytes: the block's digest covers them and its record keeps them.
fn charge_replaced(
    call: &mut HostCall<'_, '_>,
    arguments: &SlotArguments,
) -> Result<Option<u64>, Interrupt> {
    let function = call.function;
    let state = call.state();
    let slot = arguments.slot(state);
    // Looking takes the same access as writing: `Write` permits `Read`.
    state.scope.journal.check_access(slot.partition, AccessMode::Write, function)?;
    let old = state.scope.journal.slot(slot, function)?.map(|old| old.len() as u64);
    call.charge_bytes(old.unwrap_or(0))?;
    Ok(old)
}

/// Charges for the bytes by which a write makes a slot grow. Nothing is given back for shrinking.
fn charge_growth_of_slot(
    call: &mut HostCall<'_, '_>,
    arguments: &SlotArguments,
    value_len: u64,
) -> Result<(), Interrupt> {
    let (old, key_len) = (charge_replaced(call, arguments)?, arguments.key.len() as u64);
    call.charge_growth(|costs| match old {
        Some(old) => costs.state_byte.checked_mul(value_len.saturating_sub(old)),
        None => costs.new_slot(key_len, value_len),
    })
}

fn read(memory: &GuestMemory<'_>, pointer: u32, len: u32) -> Result<Arc<[u8]>, Interrupt> {
    memory.read(pointer, len).map(Arc::from)
}
