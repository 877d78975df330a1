//! T12 to T15: touching what is not declared, declaring what is not touched.

use tos_runtime::{
    AccessEntry, AccessMode, AccessSet, Address, AssetId, ContractId, ExecutionStatus, HaltReason,
    HostFunction, limits,
};

use crate::support::{Chain, Order, account, guest};

use AccessMode::{Credit, Read, Write};

/// Touches of the guest `undeclared`, what they are and what they need.
const TOUCHES: [(u8, HostFunction, AccessMode); 8] = [
    (0, HostFunction::StorageRead, Read),
    (1, HostFunction::StorageLen, Read),
    (2, HostFunction::StorageWrite, Write),
    (3, HostFunction::StorageRemove, Write),
    (4, HostFunction::CounterAdd, Credit),
    (5, HostFunction::CounterSub, Write),
    (6, HostFunction::CounterRead, Read),
    (7, HostFunction::Balance, Read),
];
/// Pays one native unit out of the contract's account.
const PAY: u8 = 8;
/// Touches nothing.
const NOTHING: u8 = 99;

fn touch(contract: ContractId, target: Address, touch: u8) -> Order {
    let mut input = target.to_bytes().to_vec();
    input.push(touch);
    Order::invoke(contract, "touch", &input).gas_limit(100_000).gas_price(3)
}

fn undeclared(
    account: Address,
    needed: AccessMode,
    host_function: HostFunction,
) -> ExecutionStatus {
    ExecutionStatus::Halted(HaltReason::UndeclaredAccess { account, needed, host_function })
}

#[test]
fn bad_t12_receivers_of_a_transfer_cannot_be_left_out() {
    // There is no list to leave them out of: a transfer's set is derived from what it does.
    let list = vec![
        (account(2), AssetId::NATIVE, 1),
        (account(1), AssetId::NATIVE, 1),
        (account(2), AssetId::NATIVE, 0),
        (account(0), AssetId::NATIVE, 1),
    ];
    let set = AccessSet::of(&Order::transfers(list).unsigned(0, 0));
    let expected = [(0, Write), (1, Credit), (2, Credit)];
    let entries = expected.map(|(number, mode)| AccessEntry::new(account(number), mode));
    assert_eq!(set, AccessSet::new(entries.to_vec()));
    assert_eq!(set.mode(&account(0)), Some(Write), "paying oneself is one write, not two entries");
    assert_eq!(set.mode(&account(3)), None);
    let burn = AccessSet::of(&Order::burn(AssetId::NATIVE, 1).unsigned(0, 0));
    assert_eq!(burn.entries(), [AccessEntry::new(account(0), Write)]);
}

#[test]
fn bad_t13_any_undeclared_touch_of_any_account_halts_and_pays_the_limit() {
    let mut chain = Chain::new(3);
    let contract = chain.deploy(guest!("undeclared"), &[]);
    let other = chain.deploy(guest!("spin"), &[]);
    // Another person, another contract, somebody who does not exist, and the contract itself.
    for target in [account(2), other.into(), account(77), contract.into()] {
        for (number, host_function, needed) in TOUCHES {
            let expected = undeclared(target, needed, host_function);
            let order = touch(contract, target, number).access(account(1), Write);
            let receipt = chain.assert_fails(0, order, &expected);
            assert_eq!(receipt.gas_used.0, 100_000);
            assert_eq!(receipt.fee.0, 300_000);
            assert!(receipt.return_data.is_empty(), "the guest went on: it cannot catch this");
            assert_eq!(receipt.status.code(), 201);
        }
    }
}

#[test]
fn bad_t13_paying_needs_both_ends_declared() {
    let mut chain = Chain::new(3);
    let contract = chain.deploy(guest!("undeclared"), &[]);
    chain.one(0, Order::transfer(contract, 5));
    let pay = || touch(contract, account(2), PAY);
    let own = undeclared(contract.into(), Write, HostFunction::Transfer);
    for order in [pay(), pay().access(account(2), Write), pay().access(contract, Credit)] {
        chain.assert_fails(0, order, &own);
    }
    let receiver = undeclared(account(2), Credit, HostFunction::Transfer);
    let half = || pay().access(contract, Write);
    for order in [half(), half().access(account(2), Read), half().access(account(1), Credit)] {
        // What left the contract's account before is undone with everything else.
        chain.assert_fails(0, order, &receiver);
    }
    let before = chain.balance(2);
    assert!(chain.one(0, half().access(account(2), Credit)).status.is_success());
    assert_eq!(chain.balance(2), before + 1);
    let own = chain.engine.balance(&contract.into(), AssetId::NATIVE).expect("it is read");
    assert_eq!(own.0, 4);
}

#[test]
fn bad_t14_a_mode_permits_itself_and_write_permits_everything() {
    let mut chain = Chain::new(3);
    let contract = chain.deploy(guest!("undeclared"), &[]);
    let target = account(2);
    for declared in [Read, Credit, Write] {
        for (number, host_function, needed) in TOUCHES {
            let order = touch(contract, target, number).access(target, declared);
            if declared == needed || declared == Write {
                let receipt = chain.one(0, order);
                assert!(receipt.status.is_success(), "{host_function} under {declared}");
                assert_eq!(receipt.return_data, target.to_bytes(), "the guest got that far");
            } else {
                chain.assert_fails(0, order, &undeclared(target, needed, host_function));
            }
        }
    }
}

#[test]
fn bad_t14_the_source_is_write_whatever_it_declares() {
    let mut chain = Chain::new(1);
    let contract = chain.deploy(guest!("undeclared"), &[]);
    for declared in [Read, Credit, Write] {
        for (number, host_function, _) in TOUCHES {
            let order = touch(contract, account(0), number).access(account(0), declared);
            let receipt = chain.one(0, order);
            assert!(receipt.status.is_success(), "{host_function} under {declared}");
        }
    }
}

#[test]
fn bad_t15_accounts_that_are_declared_and_not_touched_are_paid_for() {
    let mut chain = Chain::new(3);
    let contract = chain.deploy(guest!("undeclared"), &[]);
    let order = |entries: u64| {
        (0..entries).fold(touch(contract, account(2), NOTHING), |order, number| {
            order.access(account(100 + number), Write)
        })
    };
    let bare = chain.one(0, order(0));
    assert!(bare.status.is_success());
    for entries in [1, 127, limits::ACCESS_ENTRIES_MAX as u64] {
        let before = chain.purse(0);
        let receipt = chain.one(0, order(entries).gas_limit(200_000));
        assert!(receipt.status.is_success());
        assert_eq!(receipt.gas_used.0, bare.gas_used.0 + 500 * entries, "{entries} entries");
        assert_eq!(chain.purse(0), before.paid(3 * receipt.gas_used.0));
    }
    // What the attack costs everybody else: callers that declare the same accounts wait for each
    // other, those that do not are not held up.
    let txs = vec![
        chain.send(0, order(100).gas_limit(200_000)),
        chain.send(1, order(100).gas_limit(200_000)),
        chain.send(2, order(0)),
    ];
    let outcome = chain.execute(txs);
    let batches: Vec<_> = (0..3).map(|tx| outcome.schedule().batch_of(tx)).collect();
    assert_eq!(batches, [0, 1, 0]);
    for number in 100..228 {
        let key = tos_runtime::StateKey::Account(account(number));
        assert_eq!(outcome.change_set().get(&key), None, "nobody touched {number}");
    }
}
