//! H10, H21, H23, H26: what cannot be asked for, and asking without gas.

use tos_host_api::HostFunction as F;
use tos_runtime::{ExecutionStatus, HaltReason, ModuleFault};

use crate::bad_modules::{Case, assert_refused, case, with_imports};
use crate::support::{Hostile, assert_only_nonces_and_fees, receipt};

/// A module that asks for a host function that does not exist.
fn asks_for(name: &str, ty: &str) -> Case {
    let code = with_imports(&format!("(import \"tos_v1\" {name:?} (func {ty}))"));
    case(ModuleFault::Import, name, "does not exist", code)
}

#[test]
fn h10_slots_cannot_be_iterated() {
    // So nobody has to say what an iteration sees of the writes made during it. Contracts keep
    // their own lists.
    assert_refused(vec![
        asks_for("storage_iterate", "(param i32 i32 i32) (result i32)"),
        asks_for("storage_next", "(param i32 i32 i32 i32) (result i32)"),
        asks_for("storage_prefix", "(param i32 i32 i32) (result i32)"),
        asks_for("storage_range", "(param i32 i32 i32 i32 i32) (result i32)"),
        asks_for("storage_keys", "(param i32) (result i32)"),
        asks_for("storage_count", "(param i32) (result i32)"),
    ]);
}

#[test]
fn h21_no_block_but_the_own_one_can_be_asked_for() {
    assert_refused(vec![
        asks_for("block_hash", "(param i64 i32) (result i32)"),
        asks_for("block_at", "(param i64 i32) (result i32)"),
        asks_for("block_by_height", "(param i64 i32) (result i32)"),
        asks_for("timestamp_at", "(param i64) (result i64)"),
        asks_for("state_digest", "(param i32)"),
        // The getters that exist take no height.
        case(
            ModuleFault::Import,
            "timestamp of a height",
            "another type",
            with_imports(r#"(import "tos_v1" "timestamp" (func (param i64) (result i64)))"#),
        ),
    ]);
    let mut hostile = Hostile::raw();
    let height = hostile.chain.engine.tip().topoheight.0 + 1;
    assert_eq!(hostile.result(F::Topoheight, &[]), height as i64);
    let timestamp = 1_000 * (hostile.chain.engine.tip().topoheight.0 + 1);
    assert_eq!(hostile.result(F::Timestamp, &[]), timestamp as i64);
}

#[test]
fn h26_no_code_can_be_read_not_even_the_own() {
    assert_refused(vec![
        asks_for("code", "(param i32 i32) (result i32)"),
        asks_for("code_len", "(param i32) (result i32)"),
        asks_for("code_size", "(param i32) (result i32)"),
        asks_for("code_hash", "(param i32 i32) (result i32)"),
        asks_for("code_read", "(param i32 i32 i32) (result i32)"),
    ]);
}

#[test]
fn h23_without_gas_a_host_function_does_nothing_at_all() {
    let mut hostile = Hostile::new();
    hostile.fund(10);
    let order = hostile.order("h23_everything", &[]);
    let tx = hostile.chain.send(1, order.clone());
    let outcome = hostile.chain.execute(vec![tx]);
    let whole = receipt(&outcome, 0);
    assert!(whole.status.is_success(), "{}", whole.status);
    assert_eq!((whole.events.len(), &whole.return_data[..]), (1, &b"last"[..]));
    let used = whole.gas_used.0;
    let intrinsic = hostile.intrinsic(&order);
    // Out of gas at every host function, in the middle and at the last unit.
    let step = usize::try_from((used - intrinsic) / 60).expect("it fits").max(1);
    let limits: Vec<_> =
        (intrinsic..used).step_by(step).chain([used - 3, used - 2, used - 1]).collect();
    let txs =
        limits.iter().map(|limit| hostile.chain.send(1, order.clone().gas_limit(*limit))).collect();
    let outcome = hostile.chain.execute(txs);
    for (idx, limit) in limits.iter().enumerate() {
        let receipt = receipt(&outcome, idx);
        let expected = ExecutionStatus::Halted(HaltReason::OutOfGas);
        assert_eq!(receipt.status, expected, "{limit} of {used}");
        assert_eq!(receipt.gas_used.0, *limit);
        assert!(receipt.events.is_empty() && receipt.return_data.is_empty());
    }
    let payers: Vec<_> = limits.iter().map(|limit| (1, *limit)).collect();
    assert_only_nonces_and_fees(&outcome, &payers);
    // The last thing the guest does is to speak, and it cannot pay for its words.
    let nonce = hostile.chain.nonce(1);
    let spoken = |limit: u64| {
        let tx = order.clone().gas_limit(limit).unsigned(1, nonce);
        hostile.chain.engine.simulate(&tx).expect("it runs").messages.len()
    };
    assert_eq!((spoken(used - 1), spoken(used)), (0, 1));
}
