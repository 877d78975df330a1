//! H01 to H04, H24: memory that guest and host share.

use tos_host_api::functions::HOST_FUNCTIONS;
use tos_host_api::{HostFunction as F, Status};
use tos_runtime::{ExecutionStatus, HaltReason, RevertReason, SlotKey};

use super::{INPUT_LEN, but, bytes_at, out_of_bounds, sensible};
use crate::support::place::*;
use crate::support::{Hostile, receipt};

const MAX: u64 = u32::MAX as u64;

/// More than any of these calls takes, whatever things cost.
const GAS: u64 = 10_000_000;

/// A hostile guest whose slot and counter under the sensible key hold something, and which has
/// money.
fn prepared() -> Hostile {
    let mut hostile = Hostile::raw();
    hostile.fund(1_000);
    for function in [F::StorageWrite, F::CounterAdd] {
        assert_eq!(hostile.result(function, &sensible(function)), 0, "{function}");
    }
    hostile
}

/// Executes calls of one person in one block, without keeping what they do.
fn statuses(hostile: &mut Hostile, calls: &[(F, Vec<u64>)]) -> Vec<ExecutionStatus> {
    let txs = calls
        .iter()
        .map(|(function, args)| {
            let order = hostile.raw_order(*function, args).gas_limit(GAS);
            hostile.chain.send(1, order)
        })
        .collect();
    let outcome = hostile.chain.execute(txs);
    (0..calls.len())
        .map(|idx| {
            let receipt = receipt(&outcome, idx);
            if matches!(receipt.status, ExecutionStatus::Halted(_)) {
                assert_eq!(receipt.gas_used.0, GAS, "{}: all of it is paid", calls[idx].0);
                assert!(receipt.return_data.is_empty());
            }
            receipt.status.clone()
        })
        .collect()
}

#[test]
fn h01_every_host_function_can_be_called_with_something_sensible() {
    // The other tests of this file change one argument of these calls.
    let mut hostile = prepared();
    let calls: Vec<_> =
        HOST_FUNCTIONS.iter().map(|spec| (spec.function, sensible(spec.function))).collect();
    for ((function, _), status) in calls.iter().zip(statuses(&mut hostile, &calls)) {
        let expected = match function {
            F::Abort => ExecutionStatus::Reverted(RevertReason::Contract(7)),
            _ => ExecutionStatus::Success,
        };
        assert_eq!(status, expected, "{function}");
    }
}

#[test]
fn h01_every_pointer_of_every_host_function_is_checked() {
    let mut hostile = prepared();
    let (mut outside, mut inside) = (Vec::new(), Vec::new());
    for spec in HOST_FUNCTIONS {
        let (function, args) = (spec.function, sensible(spec.function));
        for (name, _) in spec.params {
            let Some(len) = bytes_at(function, name) else { continue };
            for pointer in [END - len + 1, END - 1, END, MAX - len + 1, MAX] {
                outside.push((function, but(function, &args, name, pointer)));
            }
            inside.push((function, but(function, &args, name, END - len)));
        }
    }
    assert!(outside.len() >= 50 * 5, "{} calls", outside.len());
    for ((function, args), status) in outside.iter().zip(statuses(&mut hostile, &outside)) {
        assert_eq!(status, ExecutionStatus::Halted(out_of_bounds(*function)), "{args:?}");
    }
    // The last bytes of memory are memory. What is there may be no account of anybody.
    for ((function, args), status) in inside.iter().zip(statuses(&mut hostile, &inside)) {
        let halt = ExecutionStatus::Halted(out_of_bounds(*function));
        assert_ne!(status, halt, "{function} {args:?}");
    }
}

#[test]
fn h01_an_absurd_length_is_refused_by_its_limit_before_memory_is_looked_at() {
    let mut hostile = prepared();
    let mut result = |function, name, value| {
        let args = but(function, &sensible(function), name, value);
        hostile.result(function, &args)
    };
    for len in [MAX, 1 << 31, 1 << 30] {
        for function in [
            F::StorageRead,
            F::StorageLen,
            F::StorageWrite,
            F::StorageRemove,
            F::CounterAdd,
            F::CounterSub,
            F::CounterRead,
        ] {
            let expected = i64::from(Status::KeyLength.code());
            assert_eq!(result(function, "key_len", len), expected, "{function} {len}");
        }
        let status = |status: Status| i64::from(status.code());
        let value = result(F::StorageWrite, "value_len", len);
        assert_eq!(value, status(Status::ValueLength), "{len}");
        assert_eq!(result(F::SetReturn, "len", len), status(Status::TooLong), "{len}");
        assert_eq!(result(F::Emit, "data_len", len), status(Status::TooLong), "{len}");
        assert_eq!(result(F::Emit, "topic_count", len), status(Status::EventLimit), "{len}");
        for name in ["entry_len", "input_len", "deposit_count"] {
            assert_eq!(result(F::Call, name, len), status(Status::TooLong), "{name} {len}");
        }
        assert_eq!(result(F::Random, "len", len), status(Status::TooLong), "{len}");
        assert_eq!(result(F::ReturnData, "cap", len), 0, "{len}");
        // Room that is not there is no crime as long as nothing is written into it.
        assert_eq!(result(F::StorageRead, "cap", len), 4, "{len}");
        assert_eq!(result(F::Input, "cap", len), INPUT_LEN as i64, "{len}");
    }
    // What has no limit is paid for first, and nobody can pay for this.
    for function in [F::Blake3, F::Sha256, F::Keccak256] {
        hostile.raw_halts(function, &[BYTES, MAX, OUT], HaltReason::OutOfGas);
        hostile.raw_halts(function, &[BYTES, END, OUT], out_of_bounds(function));
    }
    // With a pointer as absurd, so that their sum wraps in 32 bits.
    let slot = [OWN, MAX, MAX, OUT, 4];
    assert_eq!(hostile.result(F::StorageRead, &slot), i64::from(Status::KeyLength.code()));
    for key_len in [2, 256] {
        let slot = [OWN, MAX, key_len, OUT, 4];
        hostile.raw_halts(F::StorageRead, &slot, out_of_bounds(F::StorageRead));
    }
    let outside = [OWN, BYTES, 4, MAX, 100];
    hostile.raw_halts(F::StorageWrite, &outside, out_of_bounds(F::StorageWrite));
    hostile.raw_halts(F::DebugLog, &[MAX, MAX], out_of_bounds(F::DebugLog));
}

#[test]
fn h02_an_empty_range_is_fine_anywhere() {
    let mut hostile = prepared();
    for pointer in [END, MAX] {
        assert_eq!(hostile.result(F::SetReturn, &[pointer, 0]), 0);
        assert_eq!(hostile.result(F::Emit, &[pointer, 0, pointer, 0]), 0);
        assert_eq!(hostile.result(F::Random, &[pointer, 0]), 0);
        assert_eq!(hostile.result(F::ReturnData, &[pointer, 0]), 0);
        let reentry = i64::from(Status::Reentry.code());
        let nothing = [OWN, pointer, 0, pointer, 0, 0, pointer, 0];
        assert_eq!(hostile.result(F::Call, &nothing), reentry);
        hostile.result(F::DebugLog, &[pointer, 0]);
        // An empty value is a value, and reading it needs no room.
        assert_eq!(hostile.result(F::StorageWrite, &[OWN, BYTES, 5, pointer, 0]), 0);
        assert_eq!(hostile.result(F::StorageRead, &[OWN, BYTES, 5, pointer, 0]), 0);
        assert_eq!(hostile.result(F::StorageLen, &[OWN, BYTES, 5]), 0);
        let order = hostile.raw_order(F::Abort, &[3, pointer, 0, pointer, 0, 0]);
        let aborted = ExecutionStatus::Reverted(RevertReason::Contract(3));
        hostile.chain.assert_fails(1, order, &aborted);
        // Where an empty range means nothing, its length says so, not its place.
        let no_key = i64::from(Status::KeyLength.code());
        assert_eq!(hostile.result(F::StorageLen, &[OWN, pointer, 0]), no_key);
    }
}

#[test]
fn h03_output_that_does_not_fit_is_not_written_and_its_length_returned() {
    let mut hostile = prepared();
    let value: Vec<u8> = (b'a'..=b'd').collect();
    let read = |cap| [OWN, BYTES, 4, OUT, cap];
    for cap in 0..4 {
        let (len, memory) = hostile.result_and_memory(F::StorageRead, &read(cap));
        assert_eq!(len, 4, "room for {cap}");
        assert!(memory.iter().all(|&byte| byte == UNTOUCHED), "room for {cap}");
    }
    // Asked again with the room it named, it writes that and not a byte more.
    for cap in [4, 5, 512] {
        let (len, memory) = hostile.result_and_memory(F::StorageRead, &read(cap));
        assert_eq!((len, &memory[..4]), (4, &value[..]), "room for {cap}");
        assert!(memory[4..].iter().all(|&byte| byte == UNTOUCHED), "room for {cap}");
    }
    let len = hostile.result(F::Input, &[OUT, INPUT_LEN - 1]);
    assert_eq!(len, INPUT_LEN as i64);
    let (len, memory) = hostile.result_and_memory(F::Input, &[OUT, 0]);
    assert_eq!(len, INPUT_LEN as i64);
    assert!(memory.iter().all(|&byte| byte == UNTOUCHED));
    // Bytes that were not copied are not paid for: the retry costs what asking right would have.
    let (short, fits) = (hostile.raw_gas(F::StorageRead, &read(3)), read(4));
    let per_byte = F::StorageRead.spec().gas.per_byte;
    assert_eq!(hostile.raw_gas(F::StorageRead, &fits) - short, 4 * per_byte);
}

#[test]
fn h04_arguments_are_read_whole_before_results_are_written() {
    let mut hostile = Hostile::new();
    let (key, value) = (b"thekey42", [0xab_u8; 32]);
    let input = [&key[..], &value].concat();
    let memory = hostile.call("h04_value_over_key", &input).return_data;
    // Four bytes of the key, the value, four bytes of the value it was written from.
    assert_eq!(memory, [&b"thek"[..], &value, &value[..4]].concat());
    let own = tos_runtime::Address::Contract(hostile.contract);
    let slot = SlotKey { contract: hostile.contract, partition: own, key: key.as_slice().into() };
    let stored = hostile.chain.engine.storage_value(&slot).expect("it is read");
    assert_eq!(stored.as_deref(), Some(&value[..]), "under the key as it was");

    let memory = hostile.call("h04_counter_over_address", &[]).return_data;
    assert_eq!(memory[..16], 7_u128.to_le_bytes());
    assert_eq!(memory[16..], own.to_bytes()[16..], "the rest of the address");
}

#[test]
fn h24_what_the_host_was_given_is_a_copy() {
    let mut hostile = Hostile::new();
    let bytes: Vec<u8> = (100..132).collect();
    let receipt = hostile.call("h24_overwritten", &bytes);
    assert_eq!(receipt.return_data, bytes);
    assert_eq!(receipt.events.len(), 1);
    assert_eq!(receipt.events[0].data, bytes);
    assert_eq!(receipt.events[0].topics[0].0, bytes[..]);
    let own = tos_runtime::Address::Contract(hostile.contract);
    let key = bytes.as_slice().into();
    let slot = SlotKey { contract: hostile.contract, partition: own, key };
    let stored = hostile.chain.engine.storage_value(&slot).expect("it is read");
    assert_eq!(stored.as_deref(), Some(&bytes[..]));
}
