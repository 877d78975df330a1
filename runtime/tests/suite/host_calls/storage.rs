//! H05 to H09: slots and counters.

use tos_host_api::functions::HOST_FUNCTIONS;
use tos_host_api::{HostFunction as F, Status};
use tos_runtime::limits::{KEY_LEN_MAX, VALUE_LEN_MAX};
use tos_runtime::prepare::UNITS_PER_GAS;
use tos_runtime::{ExecutionStatus, HaltReason, SlotKey, StateKey, StateValue};

use super::{but, sensible};
use crate::support::place::*;
use crate::support::{Hostile, receipt, words};

const KEYED: [F; 7] = [
    F::StorageRead,
    F::StorageLen,
    F::StorageWrite,
    F::StorageRemove,
    F::CounterAdd,
    F::CounterSub,
    F::CounterRead,
];

#[test]
fn h05_keys_have_1_to_256_bytes_and_values_up_to_64_kib() {
    let mut hostile = Hostile::raw();
    let refused = i64::from(Status::KeyLength.code());
    for function in KEYED {
        let per_byte = function.spec().gas.per_byte;
        let at = |len: u64| but(function, &sensible(function), "key_len", len);
        let max = KEY_LEN_MAX as u64;
        for len in [0, max + 1, 60_000] {
            assert_eq!(hostile.result(function, &at(len)), refused, "{function}, {len} bytes");
        }
        for len in [1, max] {
            assert_ne!(hostile.result(function, &at(len)), refused, "{function}, {len} bytes");
        }
        // A refused key costs the base price, whatever length it claims; an accepted one each byte.
        let empty = hostile.raw_gas(function, &at(0));
        assert_eq!(hostile.raw_gas(function, &at(max + 1)), empty, "{function}");
        assert!(empty > function.spec().gas.base, "{function}");
        let (short, long) =
            (hostile.raw_gas(function, &at(100)), hostile.raw_gas(function, &at(200)));
        // Where the key may become part of the state, each byte of it pays for that too.
        let grows = [F::StorageWrite, F::CounterAdd].contains(&function);
        let kept = if grows { hostile.chain.engine.params().costs.state_byte } else { 0 };
        assert_eq!(long - short, 100 * (per_byte + kept), "{function}");
    }
    let value_len = |len| but(F::StorageWrite, &sensible(F::StorageWrite), "value_len", len);
    let write = |len: usize| value_len(len as u64);
    let too_long = i64::from(Status::ValueLength.code());
    assert_eq!(hostile.result(F::StorageWrite, &write(VALUE_LEN_MAX)), 0);
    let len = hostile.result(F::StorageLen, &sensible(F::StorageLen));
    assert_eq!(len, VALUE_LEN_MAX as i64);
    assert_eq!(hostile.result(F::StorageWrite, &write(VALUE_LEN_MAX + 1)), too_long);
    let len = hostile.result(F::StorageLen, &sensible(F::StorageLen));
    assert_eq!(len, VALUE_LEN_MAX as i64, "the refused write changed nothing");
    // The value is not paid for when it is not copied, the key is.
    let gas = |hostile: &mut Hostile, len| hostile.raw_gas(F::StorageWrite, &write(len));
    let (nothing, full) = (gas(&mut hostile, 0), gas(&mut hostile, VALUE_LEN_MAX));
    assert_eq!(full - nothing, VALUE_LEN_MAX as u64 * F::StorageWrite.spec().gas.per_byte);
    // Nor is the value that it does not replace.
    let kept = VALUE_LEN_MAX as u64 * F::StorageWrite.spec().gas.per_byte;
    assert_eq!(gas(&mut hostile, VALUE_LEN_MAX + 1), nothing - kept);
}

/// What one more pass of a loop costs, in units; every pass must cost the same.
#[track_caller]
fn units_of_a_pass(hostile: &mut Hostile, entry: &str, rest: &[u8]) -> u64 {
    // So many passes apart, the difference is whole gas.
    let often = UNITS_PER_GAS as u32;
    let mut gas = |passes: u32| hostile.gas(entry, &[&words(&[passes]), rest].concat());
    let (first, second, fifth) = (gas(1), gas(1 + often), gas(1 + 4 * often));
    let units = second - first;
    assert_eq!(fifth - second, 3 * units, "{entry}");
    units
}

#[test]
fn h06_reading_what_is_not_there_costs_what_reading_costs() {
    let mut hostile = Hostile::new();
    // A million reads, if somebody pays for them.
    let input = [&words(&[1_000_000]), &b"missing"[..]].concat();
    hostile.halts("h06_read", &input, HaltReason::OutOfGas);
    let missing = units_of_a_pass(&mut hostile, "h06_read", b"missing") / UNITS_PER_GAS;
    let price = F::StorageRead.spec().gas;
    assert!(missing >= price.base + 7 * price.per_byte, "{missing}");
    // The same key with five bytes behind it costs those five bytes more, and nothing else: whether
    // a slot is there is found out after the look-up was paid for.
    let mut other = Hostile::raw();
    let gas = |other: &mut Hostile| other.raw_gas(F::StorageRead, &sensible(F::StorageRead));
    let absent = gas(&mut other);
    let empty = but(F::StorageWrite, &sensible(F::StorageWrite), "value_len", 0);
    other.result(F::StorageWrite, &empty);
    assert_eq!(gas(&mut other), absent, "there, and empty");
    let five = but(F::StorageWrite, &sensible(F::StorageWrite), "value_len", 5);
    other.result(F::StorageWrite, &five);
    assert_eq!(gas(&mut other), absent + 5 * price.per_byte);
}

#[test]
fn h07_rewriting_one_slot_is_one_change_however_often_and_paid_for_each_time() {
    let mut hostile = Hostile::new();
    let pass = units_of_a_pass(&mut hostile, "h07_rewrite", &[]) / UNITS_PER_GAS;
    let (write, remove) = (F::StorageWrite.spec().gas, F::StorageRemove.spec().gas);
    let bytes = (4 + 5 + 4 + 4) * write.per_byte + 4 * remove.per_byte;
    assert!(pass >= 2 * write.base + remove.base + bytes, "{pass}");
    let order = hostile.order("h07_rewrite", &words(&[10_000])).gas_limit(900_000_000);
    let tx = hostile.chain.send(1, order);
    let outcome = hostile.chain.execute(vec![tx]);
    assert!(receipt(&outcome, 0).status.is_success(), "{}", receipt(&outcome, 0).status);
    let slots: Vec<_> = outcome
        .change_set()
        .changes()
        .iter()
        .filter(|change| matches!(change.key, StateKey::Slot(_)))
        .collect();
    assert_eq!(slots.len(), 1);
    assert_eq!(slots[0].old, None);
    assert_eq!(slots[0].new, Some(StateValue::Slot(b"last".as_slice().into())));
    let input = words(&[100_000_000]);
    hostile.halts("h07_rewrite", &input, HaltReason::OutOfGas);
}

#[test]
fn h08_writing_what_is_there_already_is_paid_for_and_changes_nothing() {
    let mut hostile = Hostile::raw();
    let write = sensible(F::StorageWrite);
    assert_eq!(hostile.result(F::StorageWrite, &write), 0);
    let contract = hostile.contract;
    let key = b"abcd".as_slice().into();
    let slot = StateKey::Slot(SlotKey { contract, partition: contract.into(), key }.into());
    let mut run = |args: &[u64]| {
        let order = hostile.raw_order(F::StorageWrite, args);
        let tx = hostile.chain.send(1, order);
        let outcome = hostile.chain.execute(vec![tx]);
        assert!(receipt(&outcome, 0).status.is_success());
        (receipt(&outcome, 0).gas_used, outcome.change_set().get(&slot).is_some())
    };
    let (same, changed) = run(&write);
    assert!(!changed, "nothing to tell the database");
    // Another value of the same length.
    let (other, changed) = run(&but(F::StorageWrite, &write, "value", BYTES + 1));
    assert!(changed);
    assert_eq!(same, other, "the length decides the price, not what is there");
}

#[test]
fn h09_a_view_cannot_change_anything() {
    let hostile = Hostile::raw();
    let mut refused = 0;
    for spec in HOST_FUNCTIONS {
        let function = spec.function;
        let mut args = sensible(function);
        if function == F::Call {
            // The one function that reads or writes depending on what it is given.
            args = but(function, &args, "deposit_count", 0);
        }
        let input = hostile.arguments(function, 8, &args);
        let view = hostile.chain.engine.view(hostile.contract, spec.name, &input);
        let status = view.expect("it runs").status;
        let read_only = ExecutionStatus::Halted(HaltReason::ReadOnly(function));
        if spec.in_view {
            assert_ne!(status, read_only, "{function}");
        } else {
            assert_eq!(status, read_only, "{function}");
            refused += 1;
        }
    }
    assert!(refused >= 7, "storage, counters, money and events: {refused}");
    let deposit = hostile.arguments(F::Call, 8, &sensible(F::Call));
    let view = hostile.chain.engine.view(hostile.contract, "call", &deposit).expect("it runs");
    assert_eq!(view.status, ExecutionStatus::Halted(HaltReason::ReadOnly(F::Call)));
    // Refused before anything is looked at, arguments included.
    let input = hostile.arguments(F::StorageWrite, 8, &[END, END, 0, END, END]);
    let view = hostile.chain.engine.view(hostile.contract, "storage_write", &input);
    let expected = HaltReason::ReadOnly(F::StorageWrite);
    assert_eq!(view.expect("it runs").status, ExecutionStatus::Halted(expected));
    let tip = hostile.chain.engine.tip();
    let guest = Hostile::new();
    let view = guest.chain.engine.view(guest.contract, "h07_rewrite", &words(&[1]));
    assert!(!view.expect("it runs").status.is_success());
    assert_eq!(hostile.chain.engine.tip(), tip, "a view is no block");
}
