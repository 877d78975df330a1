//! The token.

use tos_contracts_tests::{Record, event, exact, wasm};
use tos_runtime::testing::{TestAccount, TestCall, TestChain};
use tos_runtime::{Address, AssetId, ContractId};

const INSUFFICIENT: u32 = 1;
const NOT_AUTHORITY: u32 = 2;
const NOT_ALLOWED: u32 = 3;

const SUPPLY: u64 = 1_000;

/// Everybody has a quarter.
fn token() -> (TestChain, [TestAccount; 4], ContractId) {
    let mut chain = TestChain::new();
    let people = chain.accounts(["alice", "bob", "carol", "dave"]);
    let token = chain.deploy(&people[0], &*wasm("token"), SUPPLY);
    for to in &people[1..] {
        exact(chain.call(&people[0], token, "transfer", (to.address(), SUPPLY / 4)));
    }
    (chain, people, token)
}

#[track_caller]
fn balance(chain: &TestChain, token: ContractId, who: &TestAccount) -> u128 {
    chain.view(token, "balance_of", who.address())
}

/// Demands that the balances add up to the supply.
#[track_caller]
fn assert_conserved(chain: &TestChain, token: ContractId, people: &[TestAccount; 4], supply: u128) {
    assert_eq!(chain.view::<u128>(token, "total_supply", ()), supply);
    assert_eq!(people.iter().map(|who| balance(chain, token, who)).sum::<u128>(), supply);
}

#[test]
fn it_moves_and_keeps_its_supply_at_the_recorded_price() {
    let (mut chain, people, token) = token();
    let [alice, bob, carol, _] = &people;
    let [a, b, c] = [alice.address(), bob.address(), carol.address()];
    let mut record = Record::of("token");

    let paid = record.gas("transfer", chain.call(alice, token, "transfer", (b, 50_u64)));
    type Moved = (Address, Address, u64);
    assert_eq!(event::<Moved>(&paid.events()[0], "token.transfer", &[a, b]), (a, b, 50));
    let allowed = record.gas("approve", chain.call(bob, token, "approve", (c, 70_u64)));
    assert_eq!(event::<Moved>(&allowed.events()[0], "token.approval", &[b, c]), (b, c, 70));
    record.gas("transfer_from", chain.call(carol, token, "transfer_from", (b, a, 60_u64)));
    assert_eq!(chain.view::<u64>(token, "allowance", (b, c)), 10);
    assert_eq!(balance(&chain, token, bob), 240);
    assert_conserved(&chain, token, &people, 1_000);

    let minted = record.gas("mint", chain.call(alice, token, "mint", (c, 5_u64)));
    assert_eq!(event::<(Address, u64)>(&minted.events()[0], "token.mint", &[c]), (c, 5));
    assert_conserved(&chain, token, &people, 1_005);
    let burned = record.gas("burn", chain.call(alice, token, "burn", (b, 240_u64)));
    assert_eq!(event::<(Address, u64)>(&burned.events()[0], "token.burn", &[b]), (b, 240));
    assert_eq!(balance(&chain, token, bob), 0);
    assert_conserved(&chain, token, &people, 765);

    assert_eq!(chain.view::<Address>(token, "authority", ()), a);
    exact(chain.call(bob, token, "approve", (c, 0_u64)));
    assert_eq!(chain.view::<u64>(token, "allowance", (b, c)), 0);
    record.check();
}

#[test]
fn nobody_spends_what_they_lack() {
    let (mut chain, people, token) = token();
    let [alice, bob, carol, _] = &people;
    let [a, b] = [alice.address(), bob.address()];
    let _ = chain.call(bob, token, "transfer", (a, 251_u64)).expect_reverted(INSUFFICIENT);
    let _ = chain.call(alice, token, "burn", (b, 251_u64)).expect_reverted(INSUFFICIENT);
    let _ = chain.call(carol, token, "transfer_from", (b, a, 1_u64)).expect_reverted(NOT_ALLOWED);
    exact(chain.call(bob, token, "approve", (carol.address(), 500_u64)));
    let beyond = (b, a, 251_u64);
    let _ = chain.call(carol, token, "transfer_from", beyond).expect_reverted(INSUFFICIENT);
    // The failure took nothing from the allowance.
    assert_eq!(chain.view::<u64>(token, "allowance", (b, carol.address())), 500);
    assert_conserved(&chain, token, &people, 1_000);
}

#[test]
fn only_the_authority_mints_and_burns() {
    let (mut chain, people, token) = token();
    let [alice, bob, ..] = &people;
    let _ = chain.call(bob, token, "mint", (bob.address(), 1_u64)).expect_reverted(NOT_AUTHORITY);
    let _ = chain.call(bob, token, "burn", (alice.address(), 1_u64)).expect_reverted(NOT_AUTHORITY);
    assert_conserved(&chain, token, &people, 1_000);
}

#[test]
fn paying_oneself_changes_nothing() {
    let (mut chain, people, token) = token();
    let to_self = (people[1].address(), 250_u64);
    let _ = chain.call(&people[1], token, "transfer", to_self).expect_ok();
    assert_conserved(&chain, token, &people, 1_000);
    assert_eq!(balance(&chain, token, &people[1]), 250);
}

#[test]
fn disjoint_pairs_are_one_batch() {
    let (mut chain, [alice, bob, carol, dave], token) = token();
    let mut block = chain.block();
    block.call(&alice, token, "transfer", (bob.address(), 1_u64));
    block.call(&carol, token, "transfer", (dave.address(), 1_u64));
    block.execute().expect_ok().assert_batches(1);
}

#[test]
fn a_hot_receiver_is_one_batch_and_may_be_a_stranger() {
    let (mut chain, [alice, bob, carol, dave], token) = token();
    let shop = chain.account("shop");
    let mut block = chain.block();
    for from in [&alice, &bob, &carol, &dave] {
        block.call(from, token, "transfer", (shop.address(), 10_u64));
    }
    block.execute().expect_ok().assert_batches(1);
    assert_eq!(balance(&chain, token, &shop), 40);
}

#[test]
fn money_that_nobody_could_get_back_is_refused() {
    let mut chain = TestChain::new();
    let [alice, bob] = chain.accounts(["alice", "bob"]);
    let token = chain.deploy(&alice, &*wasm("token"), 100_u64);
    let call = TestCall::new(token, "transfer", (bob.address(), 1_u64));
    let called =
        chain.send(&alice, call.deposit(AssetId::NATIVE, 5)).expect_reverted(0xffff_fffa_u32);
    let said: Vec<_> = called.messages.iter().map(|message| &*message.text).collect();
    assert!(said.iter().any(|text| text.contains("takes no deposits")), "{said:?}");
    assert_eq!(chain.balance(token, AssetId::NATIVE), 0);
}
