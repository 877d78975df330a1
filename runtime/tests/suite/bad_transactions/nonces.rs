//! T02 to T04, T25: which transactions are not included, and what an empty account remembers.

use tos_runtime::{Account, Amount, InvalidTransaction, Nonce};

use crate::support::{Chain, Doctored, FUNDS, Order, Purse, account};

fn low(expected: u64, found: u64) -> InvalidTransaction {
    InvalidTransaction::NonceTooLow { expected: Nonce(expected), found: Nonce(found) }
}

fn high(expected: u64, found: u64) -> InvalidTransaction {
    InvalidTransaction::NonceTooHigh { expected: Nonce(expected), found: Nonce(found) }
}

#[test]
fn bad_t02_a_replayed_or_early_transaction_is_not_included() {
    let mut chain = Chain::new(2);
    let first = chain.send(0, Order::transfer(account(9), 1));
    chain.run(vec![first.clone()]);
    chain.one(0, Order::transfer(account(9), 1));
    chain.assert_not_included(first, &low(2, 0));
    let order = || Order::transfer(account(9), 1);
    for nonce in [0, 1] {
        chain.assert_not_included(order().signed(0, nonce), &low(2, nonce));
    }
    for nonce in [3, 4, u64::MAX - 1, u64::MAX] {
        chain.assert_not_included(order().signed(0, nonce), &high(2, nonce));
    }
    chain.one(0, order());
    assert_eq!((chain.nonce(0), chain.balance(9)), (3, 3));
}

#[test]
fn bad_t02_an_account_with_the_last_nonce_never_sends_again() {
    let at = |nonce| Account { nonce: Nonce(nonce), native: Amount(FUNDS), ..Account::default() };
    let storage = Doctored::new().with_account(0, at(u64::MAX)).with_account(1, at(u64::MAX - 1));
    let mut chain = Chain::on(storage, 2);
    let order = || Order::transfer(account(9), 1);
    let exhausted = InvalidTransaction::NonceExhausted;
    chain.assert_not_included(order().signed(0, u64::MAX), &exhausted);
    chain.assert_not_included(order().signed(0, 0), &low(u64::MAX, 0));
    // One before the last is included, and is the last one to be.
    assert!(chain.one(1, order()).status.is_success());
    assert_eq!(chain.nonce(1), u64::MAX);
    chain.assert_not_included(order().signed(1, u64::MAX), &exhausted);
    // Receiving is not sending.
    let before = chain.purse(0);
    let tx = order().signed(2, 0);
    assert!(chain.run(vec![tx])[0].is_err(), "person 2 has nothing");
    assert_eq!(chain.purse(0), before);
}

#[test]
fn bad_t03_of_two_transactions_with_one_nonce_the_first_is_included() {
    let mut chain = Chain::new(2);
    let before = chain.purse(0);
    let order = |amount| Order::transfer(account(9), amount);
    let results = chain.run(vec![order(1).signed(0, 0), order(2).signed(0, 0)]);
    assert!(results[0].as_ref().is_ok_and(|receipt| receipt.status.is_success()));
    assert_eq!(results[1], Err(low(1, 0)));
    assert_eq!(chain.balance(9), 1, "the first only");
    assert_eq!(chain.purse(0), before.sent(1).paid(16_000), "the first pays");
}

#[test]
fn bad_t03_a_first_that_fails_uses_the_nonce_up() {
    let mut chain = Chain::new(2);
    let before = chain.purse(0);
    let fails = Order::transfers(vec![(account(9), crate::support::GOLD, u64::MAX)]);
    let results = chain.run(vec![fails.signed(0, 0), Order::transfer(account(9), 2).signed(0, 0)]);
    assert_eq!(results[0].as_ref().expect("it is included").status.code(), 103);
    assert_eq!(results[1], Err(low(1, 0)));
    assert_eq!(chain.purse(0), before.paid(16_000));
    assert_eq!(chain.balance(9), 0);
}

/// Gas of a transfer; with it as the limit nothing is refunded.
const EXACT: u64 = 16_000;

#[test]
fn bad_t04_a_balance_one_below_reserve_and_value_is_not_enough() {
    for value in [0, 1, 700] {
        // The reserve counts whole, whatever will be used of it.
        for gas_limit in [EXACT, 2 * EXACT] {
            let mut chain = Chain::new(1);
            let needed = gas_limit * 3 + value;
            let order = || Order::transfer(account(9), value).gas_limit(gas_limit).gas_price(3);
            chain.one(0, Order::transfer(account(5), needed - 1));
            let (found, needed) = (Amount(needed - 1), u128::from(needed));
            let expected = InvalidTransaction::Unaffordable { needed, found };
            chain.assert_not_included(order().signed(5, 0), &expected);
            chain.one(0, Order::transfer(account(5), 1));
            let receipt = chain.one(5, order());
            assert!(receipt.status.is_success());
            assert_eq!(receipt.fee.0, EXACT * 3);
            let native = (gas_limit - EXACT) * 3;
            assert_eq!(chain.purse(5), Purse { native, gold: 0, nonce: 1 });
            assert_eq!(chain.balance(9), value);
        }
    }
}

#[test]
fn bad_t04_money_credited_earlier_in_the_block_can_be_reserved() {
    let mut chain = Chain::new(1);
    let spend = Order::transfer(account(9), 5).gas_limit(EXACT).signed(5, 0);
    let fund = |chain: &mut Chain| chain.send(0, Order::transfer(account(5), EXACT + 5));
    let txs = vec![spend.clone(), fund(&mut chain)];
    let results = chain.execute(txs).results().to_vec();
    let (needed, found) = (u128::from(EXACT) + 5, Amount::ZERO);
    assert_eq!(results[0], Err(InvalidTransaction::Unaffordable { needed, found }), "too early");
    let txs = vec![fund(&mut chain), spend];
    assert!(chain.run(txs).iter().all(Result::is_ok));
    assert_eq!((chain.balance(5), chain.balance(9)), (0, 5));
}

#[test]
fn bad_t25_an_account_emptied_by_its_own_fee_keeps_its_nonce() {
    let mut chain = Chain::new(1);
    chain.one(0, Order::transfer(account(5), EXACT));
    let tx = Order::transfer(account(5), 0).gas_limit(EXACT).signed(5, 0);
    let receipt = chain.run(vec![tx.clone()]).remove(0).expect("it is included");
    assert!(receipt.status.is_success());
    assert_eq!(chain.purse(5), Purse { native: 0, gold: 0, nonce: 1 });
    let stored = chain.engine.account(&account(5)).expect("it is read");
    assert!(stored.exists(), "an account that has sent something never disappears");
    // Funded anew it goes on where it was: the old bytes stay worthless.
    chain.one(0, Order::transfer(account(5), 10 * EXACT));
    chain.assert_not_included(tx, &low(1, 0));
    chain.one(5, Order::transfer(account(9), 1));
    assert_eq!(chain.nonce(5), 2);
}

#[test]
fn bad_t25_a_reverted_or_halted_transaction_may_empty_an_account_too() {
    let mut chain = Chain::new(1);
    let trap = chain.deploy(crate::support::guest!("trap"), &[]);
    for (number, order, code) in [
        (5, Order::transfers(vec![(account(9), crate::support::GOLD, 1)]).gas_limit(EXACT), 103),
        (6, Order::invoke(trap, "unreachable", &[]).gas_limit(50_000), 202),
    ] {
        chain.one(0, Order::transfer(account(number), order.gas_limit));
        let receipt = chain.one(number, order);
        assert_eq!(receipt.status.code(), code);
        assert_eq!(chain.purse(number), Purse { native: 0, gold: 0, nonce: 1 });
    }
}
