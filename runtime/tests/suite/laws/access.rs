//! Law 2: declared or refused. Every host function that touches an account is tried under every
//! declaration, sequentially and in parallel.

use tos_host_api::functions::HOST_FUNCTIONS;
use tos_runtime::{
    AccessMode, Address, AssetId, ContractEngine, ContractId, EngineConfig, HostFunction, Receipt,
    StateKey,
};

use crate::support::{
    COUNTER, Call, Chain, Forward, Order, Reported, TOKEN, account, genesis, guest, receipt,
    undeclared, wasm,
};
use AccessMode::{Credit, Read, Write};

/// What `undeclared.wat` does to the account for each number, and the mode it takes.
const TOUCHES: [(HostFunction, AccessMode); 9] = [
    (HostFunction::StorageRead, Read),
    (HostFunction::StorageLen, Read),
    (HostFunction::StorageWrite, Write),
    (HostFunction::StorageRemove, Write),
    (HostFunction::CounterAdd, Credit),
    (HostFunction::CounterSub, Write),
    (HostFunction::CounterRead, Read),
    (HostFunction::Balance, Read),
    (HostFunction::Transfer, Credit),
];

/// What the contract does to its own account in `pay.wat`.
const OWN: [(&str, HostFunction); 2] =
    [("pay", HostFunction::Transfer), ("burn", HostFunction::Burn)];

const DECLARATIONS: [Option<AccessMode>; 4] = [None, Some(Read), Some(Credit), Some(Write)];

/// Written out once more, so that a mistake in `AccessMode::permits` does not excuse itself.
fn allowed(declared: Option<AccessMode>, needed: AccessMode) -> bool {
    match declared {
        None => false,
        Some(Write) => true,
        Some(Read) => needed == Read,
        Some(Credit) => needed == Credit,
    }
}

/// A chain on four threads, with a contract that holds native units.
fn chain_with(code: Vec<u8>) -> (Chain, ContractId) {
    let config = EngineConfig { max_parallel_threads: 4, ..EngineConfig::default() };
    let mut chain = Chain::build(ContractEngine::builder().genesis(genesis(60)).config(config));
    let contract = chain.deploy(code, &[]);
    chain.one(0, Order::transfer(contract, 1_000_000));
    (chain, contract)
}

fn touch(contract: ContractId, target: Address, touch: usize) -> Order {
    let input = [&target.to_bytes()[..], &[touch as u8]].concat();
    let order = Order::invoke(contract, "touch", &input);
    match TOUCHES[touch].0 {
        // The contract pays from its own account.
        HostFunction::Transfer => order.access(contract, Write),
        _ => order,
    }
}

#[track_caller]
fn assert_refused(found: &Receipt, expected: (Address, AccessMode, HostFunction), what: &str) {
    assert_eq!(undeclared(&found.status), Some(expected), "{what}: {}", found.status);
    assert_eq!(found.gas_used.0, 400_000, "{what}: it pays its whole limit");
    assert!(found.return_data.is_empty() && found.events.is_empty(), "{what}");
}

#[test]
fn law_02_every_touch_under_every_declaration_is_allowed_or_named() {
    let (mut chain, contract) = chain_with(guest!("undeclared"));
    let mut cases = Vec::new();
    for (number, (function, needed)) in TOUCHES.iter().enumerate() {
        for declared in DECLARATIONS {
            cases.push((number, *function, *needed, declared));
        }
    }
    let target = |sender: u64| account(1_000 + sender);
    let txs = (1..)
        .zip(&cases)
        .map(|(sender, (number, _, _, declared))| {
            let order = touch(contract, target(sender), *number);
            let order = match declared {
                Some(mode) => order.access(target(sender), *mode),
                None => order,
            };
            chain.send(sender, order)
        })
        .collect();
    let outcome = chain.execute(txs);
    assert_eq!(outcome.metrics().parallel_transactions, cases.len(), "it ran in parallel");
    for (idx, (_, function, needed, declared)) in cases.into_iter().enumerate() {
        let target = target(idx as u64 + 1);
        let what = format!("{function} on an account declared {declared:?}");
        let found = receipt(&outcome, idx);
        if allowed(declared, needed) {
            assert!(found.status.is_success(), "{what}: {}", found.status);
            assert_eq!(found.return_data, target.to_bytes(), "{what}");
        } else {
            assert_refused(found, (target, needed, function), &what);
        }
    }
}

#[test]
fn law_02_the_contracts_own_money_needs_write_on_the_contract() {
    let (mut chain, contract) = chain_with(guest!("pay"));
    let receiver = account(2_000);
    let input = [&receiver.to_bytes()[..], &AssetId::NATIVE.0, &7_u64.to_le_bytes()].concat();
    for declared in DECLARATIONS {
        for (sender, (entry, function)) in (1..).zip(OWN) {
            let order = Order::invoke(contract, entry, &input).access(receiver, Credit);
            let order = match declared {
                Some(mode) => order.access(contract, mode),
                None => order,
            };
            let tx = chain.send(sender, order);
            let outcome = chain.execute(vec![tx]);
            let what = format!("{entry} by a contract declared {declared:?}");
            if allowed(declared, Write) {
                assert_eq!(receipt(&outcome, 0).return_data, 0_i32.to_le_bytes(), "{what}");
            } else {
                let expected = (Address::Contract(contract), Write, function);
                assert_refused(receipt(&outcome, 0), expected, &what);
            }
        }
    }
}

#[test]
fn law_02_deposits_of_a_call_need_write_on_the_caller_and_credit_on_the_callee() {
    let (mut chain, proxy) = chain_with(guest!("proxy"));
    let callee = chain.deploy(guest!("proxy"), &[]);
    let order = Forward::new(callee, "take", &[]).deposit(AssetId::NATIVE, 7).order(proxy);
    let order = order.gas_limit(400_000);
    for own in DECLARATIONS {
        for other in DECLARATIONS {
            let declare = |order: Order, account: ContractId, mode: Option<AccessMode>| match mode {
                Some(mode) => order.access(account, mode),
                None => order,
            };
            let order = declare(declare(order.clone(), proxy, own), callee, other);
            let tx = chain.send(1, order);
            let outcome = chain.execute(vec![tx]);
            let what = format!("caller declared {own:?}, callee {other:?}");
            let missing = match (allowed(own, Write), allowed(other, Credit)) {
                (false, _) => Some((proxy.into(), Write, HostFunction::Call)),
                (true, false) => Some((callee.into(), Credit, HostFunction::Call)),
                (true, true) => None,
            };
            match missing {
                Some(expected) => assert_refused(receipt(&outcome, 0), expected, &what),
                None => assert_eq!(Reported::of(receipt(&outcome, 0)).status, 0, "{what}"),
            }
        }
    }
}

#[test]
fn law_02_no_host_function_that_touches_an_account_is_left_out_of_these_tests() {
    let own = OWN.map(|(_, function)| function);
    let tried: Vec<_> = TOUCHES
        .map(|(function, _)| function)
        .into_iter()
        .chain(own)
        .chain([HostFunction::Call])
        .collect();
    for spec in HOST_FUNCTIONS {
        assert_eq!(
            !spec.access.is_empty(),
            tried.contains(&spec.function),
            "{} touches {:?}",
            spec.name,
            spec.access
        );
    }
    for (function, needed) in TOUCHES {
        let row = function.spec().access;
        assert!(row.iter().any(|(_, mode)| *mode == needed), "{function}: {row:?}");
    }
}

#[test]
fn law_02_credit_lets_nothing_be_read() {
    let mut chain = Chain::new(8);
    let counter = chain.deploy(wasm(COUNTER), &[]);
    let own = Address::Contract(counter);
    let get = || Order::invoke(counter, "get", &[]);
    let txs = vec![
        chain.send(1, Call::counter_add(counter, 3)),
        chain.send(2, get().access(counter, Credit)),
        // A deposit makes the contract `Credit`, which is no permission to look at it either.
        chain.send(3, get().deposit(AssetId::NATIVE, 1)),
        chain.send(4, get().access(counter, Read)),
    ];
    let outcome = chain.execute(txs);
    assert!(receipt(&outcome, 0).status.is_success());
    for idx in [1, 2] {
        let expected = (own, Read, HostFunction::CounterRead);
        assert_refused(receipt(&outcome, idx), expected, &format!("transaction {idx}"));
    }
    assert_eq!(receipt(&outcome, 3).return_data, 3_u128.to_le_bytes());
}

#[test]
fn law_02_an_undeclared_touch_takes_back_what_the_contract_did_before() {
    let mut chain = Chain::new(4);
    let token = chain.deploy(wasm(TOKEN), &1_000_u64.to_le_bytes());
    let undeclared = Order { access: Vec::new(), ..Call::token_transfer(token, account(1), 400) };
    let tx = chain.send(0, undeclared);
    let outcome = chain.execute(vec![tx]);
    let expected = (account(1), Credit, HostFunction::CounterAdd);
    assert_refused(receipt(&outcome, 0), expected, "the receiver is not declared");
    let slots = outcome.change_set().changes().iter();
    let slots = slots.filter(|change| matches!(change.key, StateKey::Counter(_)));
    assert_eq!(slots.count(), 0, "the sender's tokens were taken before the touch");
}

#[test]
fn law_02_a_declaration_covers_one_account_only() {
    let (mut chain, contract) = chain_with(guest!("undeclared"));
    let declared = account(2_001);
    for (number, (function, needed)) in TOUCHES.iter().enumerate() {
        let tx = chain.send(5, touch(contract, account(2_000), number).access(declared, Write));
        let outcome = chain.execute(vec![tx]);
        let expected = (account(2_000), *needed, *function);
        assert_refused(receipt(&outcome, 0), expected, "its neighbour is declared");
    }
}
