//! H11, H12: a contract's own money.

use tos_host_api::{HostFunction as F, Status};
use tos_runtime::{AccessMode, ExecutionStatus, HaltReason};

use crate::support::place::*;
use crate::support::{GOLD as GOLD_ID, Hostile, Order, account};

const INSUFFICIENT: i64 = Status::Insufficient.code() as i64;
const UNKNOWN: i64 = Status::UnknownAsset.code() as i64;

#[test]
fn h11_a_contract_cannot_pay_what_it_does_not_have() {
    let mut hostile = Hostile::raw();
    hostile.fund(10);
    // To itself, so that only what it has decides.
    for (amount, expected) in [(11, INSUFFICIENT), (u64::MAX, INSUFFICIENT), (10, 0), (0, 0)] {
        let result = hostile.result(F::Transfer, &[OWN, NATIVE, amount]);
        assert_eq!(result, expected, "{amount} of 10");
    }
    assert_eq!(hostile.result(F::Transfer, &[OWN, GOLD, 1]), INSUFFICIENT);
    assert_eq!(hostile.result(F::Transfer, &[OWN, UNKNOWN_ASSET, 0]), UNKNOWN);
    assert_eq!(hostile.result(F::Burn, &[UNKNOWN_ASSET, 0]), UNKNOWN);
    assert_eq!(hostile.result(F::Burn, &[NATIVE, 11]), INSUFFICIENT);
    assert_eq!(hostile.funds(), 10, "refusals and self-payments move nothing");
    // What a call brings along is the contract's from its first instruction on.
    let order = hostile.raw_order(F::Burn, &[GOLD, 4]).deposit(GOLD_ID, 4);
    let receipt = hostile.chain.one(1, order);
    assert_eq!(receipt.return_data, 0_i64.to_le_bytes());
    let held = hostile.chain.engine.balance(&hostile.contract.into(), GOLD_ID);
    assert_eq!(held.expect("it is read").0, 0);
}

/// Input of `h11_pay_twice`.
fn twice(to: u64, amount: u64) -> Vec<u8> {
    [account(to).to_bytes().as_slice(), &amount.to_le_bytes()].concat()
}

#[test]
fn h11_the_same_balance_is_not_spent_twice() {
    let answers = |first: i32, second: i32| [first.to_le_bytes(), second.to_le_bytes()].concat();
    let insufficient = Status::Insufficient.code();
    for (funds, amount, second) in [(10, 10, insufficient), (10, 6, insufficient), (10, 5, 0)] {
        let mut hostile = Hostile::new();
        hostile.fund(funds);
        let before = hostile.chain.balance(2);
        let order = hostile.order("h11_pay_twice", &twice(2, amount));
        let receipt = hostile.chain.one(1, order.access(account(2), AccessMode::Credit));
        assert_eq!(receipt.return_data, answers(0, second), "twice {amount} of {funds}");
        let moved = if second == 0 { 2 * amount } else { amount };
        assert_eq!(hostile.chain.balance(2) - before, moved);
        assert_eq!(hostile.funds(), funds - moved);
    }
}

#[test]
fn h12_paying_oneself_changes_nothing() {
    let mut hostile = Hostile::raw();
    hostile.fund(10);
    assert_eq!(hostile.result(F::Transfer, &[OWN, NATIVE, 10]), 0);
    assert_eq!(hostile.result(F::Transfer, &[OWN, NATIVE, 11]), INSUFFICIENT);
    assert_eq!(hostile.funds(), 10);
}

#[test]
fn h12_paying_somebody_who_was_not_declared_halts_even_if_it_would_fail_anyway() {
    let mut hostile = Hostile::raw();
    hostile.fund(10);
    let undeclared = |account, needed| HaltReason::UndeclaredAccess {
        account,
        needed,
        host_function: F::Transfer,
    };
    let stranger = account(2);
    // Which accounts a call touches does not depend on what it has.
    for args in [[STRANGER, NATIVE, 1], [STRANGER, NATIVE, 11], [STRANGER, UNKNOWN_ASSET, 1]] {
        hostile.raw_halts(F::Transfer, &args, undeclared(stranger, AccessMode::Credit));
    }
    // Reading somebody is not enough to pay them, and a contract that may only be paid cannot pay.
    let own = tos_runtime::Address::Contract(hostile.contract);
    let input = hostile.arguments(F::Transfer, 8, &[STRANGER, NATIVE, 1]);
    let order = Order::invoke(hostile.contract, "transfer", &input).gas_limit(10_000_000);
    let cases = [
        (order.clone().access(own, AccessMode::Credit), undeclared(own, AccessMode::Write)),
        (
            order.clone().access(own, AccessMode::Write).access(stranger, AccessMode::Read),
            undeclared(stranger, AccessMode::Credit),
        ),
    ];
    for (order, reason) in cases {
        hostile.chain.assert_fails(1, order, &ExecutionStatus::Halted(reason));
    }
    assert_eq!(hostile.funds(), 10);
    // Bytes that are no address.
    let halt = HaltReason::InvalidAddress(F::Transfer);
    hostile.raw_halts(F::Transfer, &[BYTES, NATIVE, 1], halt);
}
