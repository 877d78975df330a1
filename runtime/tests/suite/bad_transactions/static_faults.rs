//! T01, T05, T10, T11, T17: faults that show without looking at any state.
//!
//! The catalogue files them under invalid blocks. Here such a transaction never becomes a
//! `VerifiedTransaction`, so no block that contains it can be made at all.

use tos_runtime::{
    AccessEntry, AccessFault, AccessMode, Amount, AssetId, ChainId, Gas, InvalidTransaction,
    ModuleFault, RevertReason, Signature, SigningKey, Transaction, TransactionPart,
    TransactionType, limits,
};

use crate::support::{CHAIN, Call, Chain, GOLD, Order, TOKEN, account, guest, key, wasm};

#[test]
fn bad_t01_a_transaction_for_another_chain_is_no_transaction() {
    let chain = Chain::new(2);
    for found in [ChainId(0), ChainId(2), ChainId(u64::MAX)] {
        let mut tx = Order::transfer(account(1), 1).unsigned(0, 0);
        tx.chain_id = found;
        // Everything else is wrong too: the chain is reported first.
        tx.gas_limit = Gas(0);
        tx.access = vec![AccessEntry::new(account(1), AccessMode::Read)];
        let expected = InvalidTransaction::WrongChain { expected: CHAIN, found };
        chain.assert_not_verified(&tx.sign(&key(3)), &expected);
    }
    assert_eq!(chain.nonce(0), 0);
}

#[test]
fn bad_t01_an_unknown_kind_of_transaction_is_refused_when_it_is_decoded() {
    let tx = Order::transfers(vec![]).signed(0, 0);
    let mut bytes = tx.encode();
    // Chain id, source, nonce, gas limit, gas price, expiry, and an empty access list.
    let kind = 8 + 32 + 4 * 8 + 4;
    assert_eq!(bytes[kind..kind + 5], [0; 5], "no transfers");
    for unknown in 5..=u8::MAX {
        bytes[kind] = unknown;
        assert!(Transaction::decode(&bytes).is_err(), "kind {unknown}");
    }
}

#[test]
fn bad_t01_a_signature_under_another_version_does_not_verify() {
    // A transaction carries no version: there is one, and its name is part of what is signed.
    let chain = Chain::new(2);
    let tx = Order::transfer(account(1), 1).unsigned(0, 0);
    let signed = tx.signed_bytes();
    let old: &[u8] = b"tos-runtime transaction v1\0";
    assert_eq!(signed[..old.len()], *old);
    for domain in [&b"tos-runtime transaction v2\0"[..], b""] {
        let message = [domain, &signed[old.len()..]].concat();
        let key: SigningKey = key(0);
        let signature = Signature(key.sign(&message).to_bytes());
        let tx = Transaction { unsigned: tx.clone(), signature };
        chain.assert_not_verified(&tx, &InvalidTransaction::BadSignature);
    }
}

#[test]
fn bad_t05_gas_below_the_intrinsic_gas_or_above_the_maximum_is_refused() {
    let mut chain = Chain::new(2);
    let order = |gas_limit| Order::transfer(account(1), 1).gas_limit(gas_limit).gas_price(0);
    let intrinsic = 16_000;
    for found in [0, 1, intrinsic - 1] {
        let (intrinsic, found) = (Gas(intrinsic), Gas(found));
        let expected = InvalidTransaction::GasLimitTooLow { intrinsic, found };
        chain.assert_not_verified(&order(found.0).signed(0, 0), &expected);
    }
    let limit = chain.engine.params().transaction_gas_limit;
    for found in [limit.0 + 1, u64::MAX] {
        let expected = InvalidTransaction::GasLimitTooHigh { limit, found: Gas(found) };
        chain.assert_not_verified(&order(found).signed(0, 0), &expected);
    }
    for gas_limit in [intrinsic, limit.0] {
        let receipt = chain.one(0, order(gas_limit));
        assert!(receipt.status.is_success());
        assert_eq!(receipt.gas_used, Gas(intrinsic), "unused gas costs nothing");
    }
}

#[test]
fn bad_t05_the_largest_price_and_reserve_are_unaffordable_not_small() {
    let mut chain = Chain::with_params(2, |params| {
        params.transaction_gas_limit = Gas(u64::MAX);
        params.block_gas_limit = Gas(u64::MAX);
    });
    let found = Amount(chain.balance(0));
    let max = u128::from(u64::MAX);
    let mut check = |order: Order, needed| {
        let expected = InvalidTransaction::Unaffordable { needed, found };
        chain.assert_not_included(order.signed(0, 0), &expected);
    };
    let order = Order::transfer(account(1), 5);
    check(order.clone().gas_price(u64::MAX), 22_000 * max + 5);
    check(order.clone().gas_price(u64::MAX).gas_limit(u64::MAX), max * max + 5);
    // Modulo 2^64 this reserve would be zero.
    check(order.gas_limit(1 << 32).gas_price(1 << 32), (1 << 64) + 5);
    // Reserve plus value leaves even 128 bits.
    let everything = (account(1), AssetId::NATIVE, u64::MAX);
    let order = Order::transfers(vec![everything; limits::TRANSFERS_MAX]);
    check(order.gas_price(u64::MAX).gas_limit(u64::MAX), u128::MAX);
}

#[test]
fn bad_t05_a_halt_with_the_largest_gas_limit_pays_nothing_at_price_zero() {
    let mut chain = Chain::with_params(2, |params| {
        params.transaction_gas_limit = Gas(u64::MAX);
        params.block_gas_limit = Gas(u64::MAX);
    });
    let trap = chain.deploy(guest!("trap"), &[]);
    let before = chain.purse(1);
    let order = Order::invoke(trap, "unreachable", &[]).gas_limit(u64::MAX).gas_price(0);
    let receipt = chain.one(1, order);
    assert_eq!((receipt.status.code(), receipt.gas_used.0, receipt.fee.0), (202, u64::MAX, 0));
    assert_eq!(chain.purse(1), before.paid(0));
}

#[track_caller]
fn too_long(chain: &Chain, order: Order, what: TransactionPart, limit: usize) {
    let (limit, found) = (limit as u64, limit as u64 + 1);
    let expected = InvalidTransaction::TooLong { what, limit, found };
    chain.assert_not_verified(&order.signed(0, 0), &expected);
}

#[test]
fn bad_t10_more_transfers_or_deposits_than_a_limit_are_refused() {
    let mut chain = Chain::new(2);
    let transfers = |count| Order::transfers(vec![(account(1), GOLD, 1); count]);
    too_long(
        &chain,
        transfers(limits::TRANSFERS_MAX + 1),
        TransactionPart::Transfers,
        limits::TRANSFERS_MAX,
    );
    assert!(chain.one(0, transfers(limits::TRANSFERS_MAX)).status.is_success());
    let contract = chain.deploy(guest!("deposit"), &[]);
    let deposits = |count: usize| {
        let asset = |number: usize| AssetId([number as u8 + 1; 32]);
        let order = Order::invoke(contract, "keep", &[0; 32]);
        (0..count).fold(order, |order, number| order.deposit(asset(number), 1))
    };
    let limit = limits::DEPOSITS_MAX;
    too_long(&chain, deposits(limit + 1), TransactionPart::Deposits, limit);
    assert!(chain.engine.verify(deposits(limit).signed(0, 0)).is_ok());
    // Zero, repeated, and out of order.
    for (deposits, index) in
        [(vec![(2, 0)], 0), (vec![(2, 1), (2, 1)], 1), (vec![(1, 1), (3, 1), (2, 1)], 2)]
    {
        let mut order = Order::invoke(contract, "keep", &[0; 32]);
        if let TransactionType::InvokeContract { deposits: list, .. } = &mut order.data {
            let deposit = |(asset, amount)| tos_runtime::Deposit {
                asset: AssetId([asset; 32]),
                amount: Amount(amount),
            };
            *list = deposits.into_iter().map(deposit).collect();
        }
        let expected = InvalidTransaction::Deposits { index };
        chain.assert_not_verified(&order.signed(0, 0), &expected);
    }
}

#[test]
fn bad_t11_an_access_list_out_of_canonical_form_is_refused() {
    let chain = Chain::new(2);
    let mut sorted: Vec<_> = (10..10 + limits::ACCESS_ENTRIES_MAX as u64 + 1)
        .map(|number| AccessEntry::new(account(number), AccessMode::Read))
        .collect();
    sorted.sort_by_key(|entry| entry.account);
    let call = Call::counter_bump(tos_runtime::ContractId([7; 32]));
    let with = |access: Vec<AccessEntry>| Order { access, ..call.clone() };
    let refuse = |access, index, fault| {
        let expected = InvalidTransaction::AccessList { index, fault };
        chain.assert_not_verified(&with(access).signed(0, 0), &expected);
    };
    let mut swapped = sorted[..5].to_vec();
    swapped.swap(2, 3);
    refuse(swapped, 3, AccessFault::NotSorted);
    let mut twice = sorted[..5].to_vec();
    twice.insert(1, twice[0]);
    refuse(twice.clone(), 1, AccessFault::Duplicate);
    // The same account to read and to write is a duplicate like any other, in either order.
    for modes in [[AccessMode::Read, AccessMode::Write], [AccessMode::Write, AccessMode::Read]] {
        (twice[0].mode, twice[1].mode) = (modes[0], modes[1]);
        refuse(twice.clone(), 1, AccessFault::Duplicate);
    }
    let limit = limits::ACCESS_ENTRIES_MAX;
    too_long(&chain, with(sorted.clone()), TransactionPart::AccessList, limit);
    sorted.pop();
    let entries = |order: Order| chain.engine.verify(order.gas_limit(1_000_000).signed(0, 0));
    assert!(entries(with(sorted)).is_ok(), "the limit itself is fine");
    // A sender that is missing is no fault: every source has `Write`, listed or not.
    assert!(entries(with(vec![])).is_ok());
}

#[test]
fn bad_t11_a_list_for_a_set_that_is_derived_is_refused() {
    let chain = Chain::new(2);
    for order in [Order::transfer(account(1), 1), Order::burn(GOLD, 1)] {
        let order = order.gas_limit(100_000).access(account(1), AccessMode::Credit);
        let fault = AccessFault::NotDeclarable;
        let expected = InvalidTransaction::AccessList { index: 0, fault };
        chain.assert_not_verified(&order.signed(0, 0), &expected);
    }
}

#[test]
fn bad_t17_input_entry_and_code_end_at_their_limits() {
    let mut chain = Chain::new(1);
    let echo = chain.deploy(guest!("echo"), &[]);
    let input = |len| Order::invoke(echo, "echo", &vec![7; len]).gas_limit(10_000_000);
    let limit = limits::INPUT_LEN_MAX;
    too_long(&chain, input(limit + 1), TransactionPart::Input, limit);
    assert!(chain.one(0, input(limit)).status.is_success());
    let entry = |len| Order::invoke(echo, &"e".repeat(len), &[]);
    let limit = limits::ENTRY_LEN_MAX;
    too_long(&chain, entry(limit + 1), TransactionPart::Entry, limit);
    chain.assert_fails(0, entry(limit), &reverted(RevertReason::NoSuchEntry));
    let limit = limits::CODE_LEN_MAX;
    let code = |len: usize| Order::deploy(vec![7; len], &[]);
    too_long(&chain, code(limit + 1), TransactionPart::Code, limit);
    too_long(&chain, Order::upgrade(echo, vec![7; limit + 1], &[]), TransactionPart::Code, limit);
    let malformed = RevertReason::ModuleRefused(ModuleFault::Malformed);
    let receipt = chain.assert_fails(0, code(limit), &reverted(malformed));
    assert_eq!(
        receipt.gas_used.0,
        5_000 + 5_000 + 10_000 + 500 * limit as u64,
        "every byte is paid for"
    );
}

#[test]
fn bad_t17_input_that_means_nothing_is_the_contracts_business() {
    let mut chain = Chain::new(2);
    let token = chain.deploy(wasm(TOKEN), &1_000_u64.to_le_bytes());
    for input in [&[][..], &[0; 40], &[0; 42], &[0xff; 65_536]] {
        let order = Order::invoke(token, "transfer", input).gas_limit(2_000_000);
        chain.assert_fails(0, order, &reverted(RevertReason::Contract(2)));
    }
    assert_eq!(chain.view_number(token, "balance_of", &account(0).to_bytes()), 1_000);
}

fn reverted(reason: RevertReason) -> tos_runtime::ExecutionStatus {
    tos_runtime::ExecutionStatus::Reverted(reason)
}
