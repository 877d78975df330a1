//! Rows H01 to H26 of the catalogue of bad inputs: what guests ask of the host, through
//! `contracts/hostile`.
//!
//! Every call here goes through both executors, which have to agree; at the end all attacks of the
//! hostile guest meet in one block on many engines.

mod calls;
mod context;
mod crypto;
mod everything;
mod money;
mod output;
mod pointers;
mod storage;

use tos_runtime::HaltReason;
use tos_runtime::HostFunction::{self, *};

use crate::support::place::*;
use crate::support::{Hostile, Order};

/// Arguments with which a host function does something sensible, by the names of its parameters.
fn sensible(function: HostFunction) -> Vec<u64> {
    let params = function.spec().params;
    params.iter().map(|(name, _)| sensible_argument(function, name)).collect()
}

fn sensible_argument(function: HostFunction, name: &str) -> u64 {
    match (function, name) {
        (_, "out") => OUT,
        (Input, "cap") => INPUT_LEN,
        (_, "cap") => 16,
        (_, "partition" | "account" | "to" | "contract") => OWN,
        (_, "asset") => NATIVE,
        (_, "key" | "value" | "data" | "topics" | "message" | "file") => BYTES,
        (_, "entry" | "input" | "deposits" | "public_key" | "signature" | "hash") => BYTES,
        (_, "key_len" | "value_len" | "data_len" | "len" | "message_len" | "file_len") => 4,
        (_, "entry_len" | "input_len") => 4,
        (_, "topic_count" | "deposit_count" | "line" | "amount") => 1,
        (_, "code") => 7,
        (_, "gas") => 1_000,
        _ => panic!("{function} has a new parameter {name}: say here what is sensible"),
    }
}

/// The input of every call through `raw.wat`, in bytes.
const INPUT_LEN: u64 = OUT_END - 8;

/// How many bytes a host function reads or writes through this parameter, if it is a pointer and
/// the others are sensible.
fn bytes_at(function: HostFunction, name: &str) -> Option<u64> {
    Some(match (function, name) {
        (_, "partition" | "account" | "to" | "contract") => 33,
        (_, "asset" | "topics" | "public_key" | "hash") => 32,
        (_, "key" | "value" | "data" | "message" | "file" | "entry" | "input") => 4,
        (_, "deposits") => 40,
        (Ed25519Verify, "signature") => 64,
        (Secp256k1Recover, "signature") => 65,
        (Blake3 | Sha256 | Keccak256, "out") => 32,
        (Random, "out") => 4,
        (Source | Caller | Contract, "out") => 33,
        (TransactionId, "out") => 32,
        (Input, "out") => INPUT_LEN,
        (StorageRead, "out") => 4,
        (CounterRead, "out") => 16,
        _ => return None,
    })
}

/// The same arguments with one of them replaced.
fn but(function: HostFunction, args: &[u64], name: &str, value: u64) -> Vec<u64> {
    let mut args = args.to_vec();
    let at = function.spec().params.iter().position(|(param, _)| *param == name);
    args[at.unwrap_or_else(|| panic!("{function} has no parameter {name}"))] = value;
    args
}

fn out_of_bounds(function: HostFunction) -> HaltReason {
    HaltReason::MemoryOutOfBounds(function)
}

/// An order for `raw.wat` in which the bytes at [`BYTES`] start with these.
fn with_bytes(hostile: &Hostile, function: HostFunction, args: &[u64], bytes: &[u8]) -> Order {
    let mut input = hostile.arguments(function, 8, args);
    let at = BYTES as usize - 8;
    input[at..at + bytes.len()].copy_from_slice(bytes);
    hostile.order(function.spec().name, &input)
}
