//! The token in Rust: what it does, and that its holders run in parallel.

use tos_host_api::Hash;
use tos_runtime::{Address, ContractId, SlotKey, TransactionType};

use super::{TOKEN, arguments, call};
use crate::support::{Chain, account, receipt};

const SUPPLY: u64 = 1_000_000;
/// Codes of the token's errors.
const INSUFFICIENT: u32 = 1;
const NOT_AUTHORITY: u32 = 2;
const NOT_ALLOWED: u32 = 3;

/// A chain with a token of which people 1 to `holders` have a thousand each.
#[track_caller]
fn token(holders: u64) -> (Chain, ContractId) {
    let mut chain = Chain::new(holders + 1);
    let token = chain.deploy(TOKEN.to_vec(), &arguments(&SUPPLY));
    for number in 1..=holders {
        let order = call(&chain, 0, token, "transfer", &(account(number), 1_000_u64));
        assert!(chain.one(0, order).status.is_success());
    }
    (chain, token)
}

#[track_caller]
fn balance(chain: &Chain, token: ContractId, number: u64) -> u128 {
    chain.view_number(token, "balance_of", &arguments(&account(number)))
}

/// Sends one call in a block of its own; its stable code, 0 for success.
#[track_caller]
fn code(
    chain: &mut Chain,
    number: u64,
    token: ContractId,
    entry: &str,
    input: &impl borsh::BorshSerialize,
) -> u32 {
    let order = call(chain, number, token, entry, input);
    match chain.one(number, order).status {
        tos_runtime::ExecutionStatus::Success => 0,
        tos_runtime::ExecutionStatus::Reverted(tos_runtime::RevertReason::Contract(code)) => code,
        other => panic!("{entry}: {other}"),
    }
}

#[test]
fn transfers_between_disjoint_pairs_are_one_batch() {
    let (mut chain, token) = token(20);
    let txs = (1..=10).map(|number| {
        let order = call(&chain, number, token, "transfer", &(account(number + 10), 5_u64));
        (number, order)
    });
    let txs: Vec<_> = txs.collect();
    let txs = txs.into_iter().map(|(number, order)| chain.send(number, order)).collect();
    let outcome = chain.execute(txs);
    assert!((0..10).all(|idx| receipt(&outcome, idx).status.is_success()));
    assert_eq!(outcome.schedule().batches().len(), 1);
    chain.engine.commit(outcome).expect("it commits");
    assert_eq!(balance(&chain, token, 1), 995);
    assert_eq!(balance(&chain, token, 11), 1_005);
}

#[test]
fn transfers_to_one_hot_receiver_are_one_batch() {
    let (mut chain, token) = token(10);
    let orders: Vec<_> = (1..=10)
        .map(|number| call(&chain, number, token, "transfer", &(account(0), number)))
        .collect();
    let txs = (1..).zip(orders).map(|(number, order)| chain.send(number, order)).collect();
    let before = balance(&chain, token, 0);
    let outcome = chain.execute(txs);
    assert!((0..10).all(|idx| receipt(&outcome, idx).status.is_success()));
    assert_eq!(outcome.schedule().batches().len(), 1);
    chain.engine.commit(outcome).expect("it commits");
    assert_eq!(balance(&chain, token, 0), before + 55);
}

#[test]
fn two_transfers_of_one_holder_wait_for_each_other() {
    // The counterpart: batches are not counted in a way that is always one.
    let (mut chain, token) = token(2);
    let pay = |chain: &Chain| call(chain, 1, token, "transfer", &(account(2), 1_u64));
    let back = call(&chain, 2, token, "transfer", &(account(1), 1_u64));
    let order = pay(&chain);
    let txs = vec![chain.send(1, order), chain.send(2, back)];
    assert_eq!(chain.execute(txs).schedule().batches().len(), 2);
}

#[test]
fn a_token_is_moved_lent_minted_and_burned() {
    let (mut chain, token) = token(3);
    let (one, two, three) = (account(1), account(2), account(3));
    assert_eq!(code(&mut chain, 1, token, "transfer", &(two, 1_001_u64)), INSUFFICIENT);
    assert_eq!(code(&mut chain, 1, token, "transfer", &(one, 10_u64)), 0);
    assert_eq!(code(&mut chain, 3, token, "transfer_from", &(one, two, 1_u64)), NOT_ALLOWED);
    assert_eq!(code(&mut chain, 1, token, "approve", &(three, 100_u64)), 0);
    assert_eq!(code(&mut chain, 3, token, "transfer_from", &(one, two, 60_u64)), 0);
    assert_eq!(code(&mut chain, 3, token, "transfer_from", &(one, two, 60_u64)), NOT_ALLOWED);
    let allowance = chain.view(token, "allowance", &arguments(&(one, three)));
    assert_eq!(allowance, 40_u64.to_le_bytes());
    assert_eq!(code(&mut chain, 1, token, "mint", &(one, 1_u64)), NOT_AUTHORITY);
    assert_eq!(code(&mut chain, 0, token, "mint", &(one, 7_u64)), 0);
    assert_eq!(code(&mut chain, 0, token, "burn", &(two, 2_000_u64)), INSUFFICIENT);
    assert_eq!(code(&mut chain, 0, token, "burn", &(two, 1_060_u64)), 0);
    assert_eq!([1, 2, 3].map(|who| balance(&chain, token, who)), [947, 0, 1_000]);
    let supply = chain.view_number(token, "total_supply", &[]);
    assert_eq!(supply, u128::from(SUPPLY) + 7 - 1_060);
    assert_eq!(chain.view(token, "authority", &[]), account(0).to_bytes());
}

#[test]
fn a_balance_is_a_counter_in_the_holders_partition() {
    // Other tools read slots without calling anything; the layout is documented.
    let (chain, token) = token(1);
    let slot = |partition, key: &[u8]| SlotKey { contract: token, partition, key: key.into() };
    let counter = |partition, key: &[u8]| {
        chain.engine.counter_value(&slot(partition, key)).expect("it is read")
    };
    let shared = Address::Contract(token);
    assert_eq!(counter(account(1), b"balances"), 1_000);
    assert_eq!(counter(shared, b"supply"), u128::from(SUPPLY));
    let authority = chain.engine.storage_value(&slot(shared, b"authority")).expect("it is read");
    assert_eq!(authority.as_deref(), Some(&account(0).to_bytes()[..]));
}

#[test]
fn an_allowance_is_found_under_name_and_key() {
    let (mut chain, token) = token(2);
    assert_eq!(code(&mut chain, 1, token, "approve", &(account(2), 9_u64)), 0);
    let key = [b"allowances/".as_slice(), &account(2).to_bytes()].concat();
    let key = SlotKey { contract: token, partition: account(1), key: key.as_slice().into() };
    let value = chain.engine.storage_value(&key).expect("it is read");
    assert_eq!(value.as_deref(), Some(&9_u64.to_le_bytes()[..]));
    assert_eq!(code(&mut chain, 1, token, "approve", &(account(2), 0_u64)), 0);
    assert_eq!(chain.engine.storage_value(&key).expect("it is read"), None);
}

#[test]
fn an_event_has_its_name_and_marked_fields_for_topics() {
    let (mut chain, token) = token(1);
    let order = call(&chain, 1, token, "transfer", &(account(0), 5_u64));
    let receipt = chain.one(1, order);
    let [event] = receipt.events.as_slice() else { panic!("one event: {:?}", receipt.events) };
    let topic = |name: &str| {
        let mut topic = [0; 32];
        topic[..name.len()].copy_from_slice(name.as_bytes());
        Hash(topic)
    };
    let identity = |number| Hash(crate::support::person(number).0);
    assert_eq!(event.topics, [topic("token.transfer"), identity(1), identity(0)]);
    assert_eq!(event.data, arguments(&(account(1), account(0), 5_u64)));
}

#[test]
fn arguments_are_those_of_the_token_in_wat() {
    // Whoever speaks to one can speak to the other.
    let (mut chain, rust) = token(1);
    let wat = chain.deploy(crate::support::wasm(crate::support::TOKEN), &SUPPLY.to_le_bytes());
    let access = |token| crate::support::Call::token_transfer(token, account(1), 5);
    let TransactionType::InvokeContract { input, .. } = access(wat).data else { unreachable!() };
    assert_eq!(input, arguments(&(account(1), 5_u64)));
    for (token, before) in [(rust, 1_000), (wat, 0)] {
        assert!(chain.one(0, access(token)).status.is_success());
        assert_eq!(balance(&chain, token, 1), before + 5);
    }
}
