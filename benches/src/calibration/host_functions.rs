//! What host functions do in a row: a line for each case that may differ in time. Holds the guest's
//! texts only; `scene.rs` runs them.
//!
//! A new host function needs a line here, or a test fails.

use std::fmt::Write;

use tos_host_api::functions::{HOST_FUNCTIONS, ValueType};
use tos_host_api::limits::IMPORT_MODULE;
use tos_runtime::HostFunction::{self, *};

/// A loop that calls a host function.
#[derive(Debug, Clone, Copy)]
pub struct HostWorkload {
    /// The function.
    pub function: HostFunction,
    /// Which case of it.
    pub case: &'static str,
    /// How often a call of the guest calls it.
    pub calls: u32,
    /// What every pass does. `KEY` becomes four arguments-to-be: a partition and a key that differs
    /// from pass to pass.
    text: &'static str,
}

/// Cheap calls in one invocation.
const MANY: u32 = 1_000;
/// Calls that move much.
const FEW: u32 = 50;
/// As many events and messages as a transaction can have.
const KEPT: u32 = 64;

/// Slots, large slots and counters that exist before the measuring begins.
pub(super) const SETUP_ENTRIES: [&str; 3] = ["fill_slots", "fill_large", "fill_counters"];

#[rustfmt::skip] // A table.
const WORKLOADS: &[(HostFunction, &str, u32, &str)] = &[
    (Source, "", MANY, "(call $source (i32.const 300))"),
    (Caller, "", MANY, "(call $caller (i32.const 300))"),
    (Contract, "", MANY, "(call $contract (i32.const 300))"),
    (Topoheight, "", MANY, "(drop (call $topoheight))"),
    (Timestamp, "", MANY, "(drop (call $timestamp))"),
    (BlockVersion, "", MANY, "(drop (call $block_version))"),
    (TransactionId, "", MANY, "(call $transaction_id (i32.const 300))"),
    (Input, "length", MANY, "(drop (call $input (i32.const 4096) (i32.const 0)))"),
    (Input, "60,000 bytes", FEW, "(drop (call $input (i32.const 4096) (i32.const 60000)))"),
    (Deposit, "the last of 16", MANY, "(drop (call $deposit (i32.const 128)))"),
    (Deposit, "none", MANY, "(drop (call $deposit (i32.const 160)))"),
    (GasLeft, "", MANY, "(drop (call $gas_left))"),
    (DepositCount, "", MANY, "(drop (call $deposit_count))"),

    (StorageRead, "32 bytes", MANY, "(call $is (call $storage_read (i32.const 0) SLOT
        (i32.const 4096) (i32.const 64)) (i32.const 32))"),
    (StorageRead, "32 bytes, again and again", MANY, "(call $is (call $storage_read
        (i32.const 0) SAME (i32.const 4096) (i32.const 64)) (i32.const 32))"),
    (StorageRead, "60,000 bytes", FEW, "(call $is (call $storage_read (i32.const 0) LARGE
        (i32.const 4096) (i32.const 60000)) (i32.const 60000))"),
    (StorageRead, "60,000 bytes, no room", FEW, "(call $is (call $storage_read (i32.const 0) LARGE
        (i32.const 4096) (i32.const 0)) (i32.const 60000))"),
    (StorageRead, "absent", MANY, "(call $is (call $storage_read (i32.const 0) NEW
        (i32.const 4096) (i32.const 64)) (i32.const -1))"),
    (StorageRead, "absent, key of 256 bytes", MANY, "(call $is (call $storage_read (i32.const 0)
        LONG (i32.const 4096) (i32.const 64)) (i32.const -1))"),
    (StorageRead, "key too long", MANY, "(drop (call $storage_read (i32.const 0)
        (i32.const 512) (i32.const 257) (i32.const 4096) (i32.const 64)))"),
    (StorageLen, "32 bytes", MANY, "(call $is (call $storage_len (i32.const 0) SLOT)
        (i32.const 32))"),
    (StorageLen, "absent", MANY, "(call $is (call $storage_len (i32.const 0) NEW)
        (i32.const -1))"),
    (StorageWrite, "32 bytes, new", MANY, "(call $is (call $storage_write (i32.const 0) NEW
        (i32.const 4096) (i32.const 32)) (i32.const 0))"),
    (StorageWrite, "32 bytes, new, key of 256 bytes", MANY, "(call $is (call $storage_write
        (i32.const 0) LONG (i32.const 4096) (i32.const 32)) (i32.const 0))"),
    (StorageWrite, "32 bytes, in the place of others", MANY, "(call $is (call $storage_write
        (i32.const 0) SLOT (i32.const 8192) (i32.const 32)) (i32.const 0))"),
    (StorageWrite, "32 bytes, again and again", MANY, "(call $is (call $storage_write
        (i32.const 0) SAME (i32.const 8192) (i32.const 32)) (i32.const 0))"),
    (StorageWrite, "60,000 bytes, new", FEW, "(call $is (call $storage_write (i32.const 0) NEW
        (i32.const 4096) (i32.const 60000)) (i32.const 0))"),
    (StorageWrite, "60,000 bytes, in the place of others", FEW, "(call $is (call $storage_write
        (i32.const 0) LARGE (i32.const 4097) (i32.const 60000)) (i32.const 0))"),
    (StorageWrite, "too long", MANY, "(drop (call $storage_write (i32.const 0) NEW
        (i32.const 4096) (i32.const 65537)))"),
    (StorageRemove, "present", MANY, "(call $is (call $storage_remove (i32.const 0) SLOT)
        (i32.const 0))"),
    (StorageRemove, "present, 60,000 bytes", FEW, "(call $is (call $storage_remove (i32.const 0)
        LARGE) (i32.const 0))"),
    (StorageRemove, "absent", MANY, "(call $is (call $storage_remove (i32.const 0) NEW)
        (i32.const -1))"),
    (CounterAdd, "new", MANY, "(call $is (call $counter_add (i32.const 0) NEW (i64.const 5))
        (i32.const 0))"),
    (CounterAdd, "present", MANY, "(call $is (call $counter_add (i32.const 0) COUNTER (i64.const 5))
        (i32.const 0))"),
    (CounterAdd, "again and again", MANY, "(call $is (call $counter_add (i32.const 0) SAME
        (i64.const 5)) (i32.const 0))"),
    (CounterSub, "present", MANY, "(call $is (call $counter_sub (i32.const 0) COUNTER (i64.const 5))
        (i32.const 0))"),
    (CounterSub, "not enough", MANY, "(drop (call $counter_sub (i32.const 0) NEW (i64.const 5)))"),
    (CounterRead, "present", MANY, "(call $is (call $counter_read (i32.const 0) COUNTER
        (i32.const 300)) (i32.const 0))"),
    (CounterRead, "absent", MANY, "(call $is (call $counter_read (i32.const 0) NEW
        (i32.const 300)) (i32.const 0))"),

    (Balance, "own", MANY, "(drop (call $balance (i32.const 0) (i32.const 192)))"),
    (Balance, "the caller's, the last of 16 assets", MANY,
        "(drop (call $balance (i32.const 64) (i32.const 128)))"),
    (Transfer, "to the caller", MANY, "(call $is (call $transfer (i32.const 64) (i32.const 192)
        (i64.const 1)) (i32.const 0))"),
    (Transfer, "not enough", MANY, "(drop (call $transfer (i32.const 64) (i32.const 192)
        (i64.const -1)))"),
    (Transfer, "unknown asset", MANY, "(drop (call $transfer (i32.const 64) (i32.const 160)
        (i64.const 1)))"),
    (Burn, "", MANY, "(call $is (call $burn (i32.const 192) (i64.const 1)) (i32.const 0))"),
    (Burn, "not enough", MANY, "(drop (call $burn (i32.const 192) (i64.const -1)))"),

    (SetReturn, "nothing", MANY, "(call $is (call $set_return (i32.const 0) (i32.const 0))
        (i32.const 0))"),
    (SetReturn, "4,096 bytes", MANY, "(call $is (call $set_return (i32.const 4096)
        (i32.const 4096)) (i32.const 0))"),
    (SetReturn, "too long", MANY, "(drop (call $set_return (i32.const 4096) (i32.const 4097)))"),
    (Emit, "empty", KEPT, "(call $is (call $emit (i32.const 4096) (i32.const 0) (i32.const 4096)
        (i32.const 0)) (i32.const 0))"),
    (Emit, "4 topics and 4,096 bytes", KEPT, "(call $is (call $emit (i32.const 4096) (i32.const 4)
        (i32.const 8192) (i32.const 4096)) (i32.const 0))"),
    (Emit, "too long", MANY, "(drop (call $emit (i32.const 4096) (i32.const 0) (i32.const 4096)
        (i32.const 4097)))"),
    (Abort, "without a message", 1, "(call $abort (i32.const 1) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.const 0))"),
    (Abort, "two messages of 1,024 zeros", 1, "(call $abort (i32.const 1) (i32.const 90000)
        (i32.const 1024) (i32.const 90000) (i32.const 1024) (i32.const 9))"),
    (DebugLog, "empty", KEPT, "(call $debug_log (i32.const 90000) (i32.const 0))"),
    (DebugLog, "1,024 letters", KEPT, "(call $debug_log (i32.const 100000) (i32.const 1024))"),
    (DebugLog, "1,024 zeros, each escaped", KEPT,
        "(call $debug_log (i32.const 90000) (i32.const 1024))"),
    (Blake3, "nothing", MANY, "(call $blake3 (i32.const 0) (i32.const 0) (i32.const 300))"),
    (Blake3, "60,000 bytes", FEW, "(call $blake3 (i32.const 0) (i32.const 60000)
        (i32.const 300))"),
    (Sha256, "nothing", MANY, "(call $sha256 (i32.const 0) (i32.const 0) (i32.const 300))"),
    (Sha256, "60,000 bytes", FEW, "(call $sha256 (i32.const 0) (i32.const 60000)
        (i32.const 300))"),
    (Keccak256, "nothing", MANY, "(call $keccak256 (i32.const 0) (i32.const 0) (i32.const 300))"),
    (Keccak256, "60,000 bytes", FEW, "(call $keccak256 (i32.const 0) (i32.const 60000)
        (i32.const 300))"),
    (Ed25519Verify, "32 bytes", FEW, "(call $is (call $ed25519_verify (i32.const 4160)
        (i32.const 4192) (i32.const 4256) (i32.const 32)) (i32.const 0))"),
    (Ed25519Verify, "60,000 bytes, wrong", FEW, "(drop (call $ed25519_verify (i32.const 4160)
        (i32.const 4192) (i32.const 4256) (i32.const 60000)))"),
    (Ed25519Verify, "no key", FEW, "(drop (call $ed25519_verify (i32.const 160)
        (i32.const 4192) (i32.const 4256) (i32.const 32)))"),
    (Secp256k1Recover, "", FEW, "(call $is (call $secp256k1_recover (i32.const 4288)
        (i32.const 4320) (i32.const 300)) (i32.const 0))"),
    (Secp256k1Recover, "no signature", FEW, "(drop (call $secp256k1_recover (i32.const 4288)
        (i32.const 4288) (i32.const 300)))"),
    (Random, "nothing", MANY, "(drop (call $random (i32.const 300) (i32.const 0)))"),
    (Random, "32 bytes", MANY, "(drop (call $random (i32.const 300) (i32.const 32)))"),
    (Random, "1,024 bytes", MANY, "(call $is (call $random (i32.const 8192) (i32.const 1024))
        (i32.const 0))"),
    (Call, "an empty entry", FEW, "(call $is (call $call (i32.const 4096) (i32.const 256)
        (i32.const 4) (i32.const 0) (i32.const 0) (i64.const 100000) (i32.const 0) (i32.const 0))
        (i32.const 0))"),
    (Call, "an empty entry, 60,000 bytes of input", FEW, "(call $is (call $call (i32.const 4096)
        (i32.const 256) (i32.const 4) (i32.const 0) (i32.const 60000) (i64.const 100000)
        (i32.const 0) (i32.const 0)) (i32.const 0))"),
    (Call, "an entry that aborts", FEW, "(drop (call $call (i32.const 4096) (i32.const 260)
        (i32.const 4) (i32.const 0) (i32.const 0) (i64.const 100000) (i32.const 0)
        (i32.const 0)))"),
    (Call, "no such entry", MANY, "(drop (call $call (i32.const 4096) (i32.const 0)
        (i32.const 4) (i32.const 0) (i32.const 0) (i64.const 100000) (i32.const 0)
        (i32.const 0)))"),
    (Call, "no such contract", MANY, "(drop (call $call (i32.const 0) (i32.const 256)
        (i32.const 4) (i32.const 0) (i32.const 0) (i64.const 100000) (i32.const 0)
        (i32.const 0)))"),
    (ReturnData, "none", MANY, "(drop (call $return_data (i32.const 300) (i32.const 4)))"),
    (RevertCode, "", MANY, "(drop (call $revert_code))"),
    (DebugLog, "beyond what is kept", MANY, "(call $debug_log (i32.const 90000) (i32.const 0))"),
];

/// Every workload.
#[must_use]
pub fn host_workloads() -> Vec<HostWorkload> {
    WORKLOADS
        .iter()
        .map(|&(function, case, calls, text)| HostWorkload { function, case, calls, text })
        .collect()
}

impl HostWorkload {
    /// Name of the entry that repeats the call, in the guest of all workloads.
    #[must_use]
    pub fn entry(&self) -> String {
        let place = WORKLOADS.iter().position(|row| (row.0, row.1) == (self.function, self.case));
        format!("work{}", place.unwrap_or(WORKLOADS.len()))
    }

    /// Name of the entry that passes as often through a loop that calls nothing.
    #[must_use]
    pub fn empty_entry(&self) -> String {
        format!("empty{}", self.calls)
    }

    /// Whether the entry reverts.
    #[must_use]
    pub fn reverts(&self) -> bool {
        self.function == Abort
    }
}

/// The guest of all workloads. In its memory stand its own address at 0, the caller's at 64, assets
/// at 128 (the last deposited one), 160 (an unknown one) and 192 (the native one), names of entries
/// at 256 and 260, at 512 a key whose last bytes are the number of the pass, and from 4096 on the
/// input that `scene.rs` makes.
#[must_use]
pub(super) fn host_guest() -> String {
    let mut text = String::from("(module\n");
    for spec in HOST_FUNCTIONS {
        let name = spec.name;
        let params: Vec<_> = spec.params.iter().map(|(_, ty)| wasm(*ty)).collect();
        let result = spec.result.map_or(String::new(), |ty| format!("(result {})", wasm(ty)));
        let _ = writeln!(
            text,
            "(import \"{IMPORT_MODULE}\" \"{name}\" (func ${name} (param {}) {result}))",
            params.join(" ")
        );
    }
    let _ = writeln!(
        text,
        r#"(memory (export "memory") 2)
        (data (i32.const 128) "{}")
        (data (i32.const 160) "\77\77\77\77")
        (data (i32.const 256) "idlefail")
        (data (i32.const 100000) "{}")
        (func $is (param $found i32) (param $expected i32)
          (if (i32.ne (local.get $found) (local.get $expected)) (then unreachable)))"#,
        r"\10".repeat(32),
        "x".repeat(1024)
    );
    for workload in host_workloads() {
        entry(&mut text, &workload.entry(), workload.calls, workload.text);
    }
    let mut lengths: Vec<u32> = WORKLOADS.iter().map(|row| row.2).collect();
    lengths.sort_unstable();
    lengths.dedup();
    for calls in lengths {
        entry(&mut text, &format!("empty{calls}"), calls, "");
    }
    let write = |key, len| {
        format!(
            "(drop (call $storage_write (i32.const 0) {key} (i32.const 4096) (i32.const {len})))"
        )
    };
    let add = "(drop (call $counter_add (i32.const 0) COUNTER (i64.const 1000000)))".to_owned();
    let fills = [(MANY, write("SLOT", 32)), (FEW, write("LARGE", 60_000)), (MANY, add)];
    for (name, (calls, body)) in SETUP_ENTRIES.into_iter().zip(fills) {
        entry(&mut text, name, calls, &body);
    }
    text.push(')');
    text
}

/// Keys of 16 bytes whose first one tells families apart; the last four are the pass.
fn entry(text: &mut String, name: &str, calls: u32, body: &str) {
    let family = |letter: u8, key: &str| (letter, key.to_owned());
    let families = [
        family(1, "SLOT"),
        family(2, "LARGE"),
        family(3, "COUNTER"),
        family(4, "NEW"),
        family(1, "SAME"),
        family(5, "LONG"),
    ];
    let (mut body, mut kind) = (body.to_owned(), 4);
    for (letter, word) in families {
        if body.contains(&word) {
            kind = letter;
            let len = if word == "LONG" { 256 } else { 16 };
            body = body.replace(&word, &format!("(i32.const 512) (i32.const {len})"));
            if word == "SAME" {
                body = format!("(i32.store (i32.const 524) (i32.const 0)) {body}");
            }
        }
    }
    let _ = writeln!(
        text,
        r#"(func (export "{name}") (local $i i32)
          (call $contract (i32.const 0))
          (call $caller (i32.const 64))
          (drop (call $input (i32.const 4096) (i32.const 60000)))
          (i32.store8 (i32.const 512) (i32.const {kind}))
          (loop $again
            (i32.store (i32.const 524) (local.get $i))
            {body}
            (br_if $again (i32.lt_u
              (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {calls})))))"#
    );
}

fn wasm(ty: ValueType) -> &'static str {
    match ty {
        ValueType::I32 => "i32",
        ValueType::I64 => "i64",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_function_has_a_workload() {
        for spec in HOST_FUNCTIONS {
            let found = WORKLOADS.iter().any(|row| row.0 == spec.function);
            assert!(found, "{} has no workload: nobody knows what it takes", spec.name);
        }
    }
}
