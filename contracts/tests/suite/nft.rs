//! Tokens of which each is one of a kind.

use tos_contracts_tests::{Record, event, exact, wasm};
use tos_runtime::testing::{TestAccount, TestChain};
use tos_runtime::{Address, ContractId};

const NOT_AUTHORITY: u32 = 1;
const TOKEN_EXISTS: u32 = 2;
const NO_TOKEN: u32 = 3;
const URI_TOO_LONG: u32 = 4;
const NOT_OWNER: u32 = 5;
const NOT_ALLOWED: u32 = 6;

/// A token's id.
fn id(number: u8) -> ContractId {
    ContractId([number; 32])
}

/// Alice is the authority; bob has token 1, carol 2, dave 3.
fn nft() -> (TestChain, [TestAccount; 4], ContractId) {
    let mut chain = TestChain::new();
    let people = chain.accounts(["alice", "bob", "carol", "dave"]);
    let nft = chain.deploy(&people[0], &*wasm("nft"), ());
    for (to, number) in people[1..].iter().zip(1..) {
        let minted = (id(number), to.address(), format!("ipfs://{number}"));
        exact(chain.call(&people[0], nft, "mint", minted));
    }
    (chain, people, nft)
}

#[track_caller]
fn owner(chain: &TestChain, nft: ContractId, number: u8) -> Address {
    chain.view(nft, "owner_of", id(number))
}

/// Demands that the numbers of tokens of all people add up to the supply.
#[track_caller]
fn assert_conserved(chain: &TestChain, nft: ContractId, people: &[TestAccount], supply: u128) {
    assert_eq!(chain.view::<u128>(nft, "total_supply", ()), supply);
    let balance = |who: &TestAccount| chain.view::<u128>(nft, "balance_of", who.address());
    assert_eq!(people.iter().map(balance).sum::<u128>(), supply);
}

#[test]
fn tokens_are_minted_moved_and_looked_up_at_the_recorded_price() {
    let (mut chain, people, nft) = nft();
    let [alice, bob, carol, dave] = &people;
    let [a, b, c, d] = [alice, bob, carol, dave].map(TestAccount::address);
    let mut record = Record::of("nft");

    let uri = "https://example.org/4.json";
    let minted = record.gas("mint", chain.call(alice, nft, "mint", (id(4), a, uri)));
    let facts: (ContractId, Address) = event(&minted.events()[0], "nft.mint", &[id(4).into(), a]);
    assert_eq!(facts, (id(4), a));
    assert_eq!(chain.view::<String>(nft, "uri", id(4)), uri);

    let moved = record.gas("transfer", chain.call(bob, nft, "transfer", (b, c, id(1))));
    let facts: (ContractId, Address, Address) =
        event(&moved.events()[0], "nft.transfer", &[id(1).into(), b, c]);
    assert_eq!(facts, (id(1), b, c));
    assert_eq!(owner(&chain, nft, 1), c);
    assert_eq!(chain.view::<u128>(nft, "balance_of", b), 0);
    assert_eq!(chain.view::<u128>(nft, "balance_of", c), 2);

    let approved = record.gas("approve", chain.call(carol, nft, "approve", (id(1), Some(d))));
    let facts: (ContractId, Option<Address>) =
        event(&approved.events()[0], "nft.approval", &[id(1).into()]);
    assert_eq!(facts, (id(1), Some(d)));
    assert_eq!(chain.view::<Option<Address>>(nft, "approved", id(1)), Some(d));
    let moved = chain.call(dave, nft, "transfer", (c, b, id(1)));
    record.gas("transfer of an approved one", moved);
    assert_eq!(owner(&chain, nft, 1), b);
    assert_eq!(chain.view::<Option<Address>>(nft, "approved", id(1)), None);
    assert_conserved(&chain, nft, &people, 4);
    record.check();
}

#[test]
fn only_the_authority_mints_and_each_token_once() {
    let (mut chain, people, nft) = nft();
    let [alice, bob, ..] = &people;
    let mint = |number: u8, uri: &str| (id(number), bob.address(), uri.to_owned());
    let _ = chain.call(bob, nft, "mint", mint(4, "")).expect_reverted(NOT_AUTHORITY);
    let _ = chain.call(alice, nft, "mint", mint(1, "")).expect_reverted(TOKEN_EXISTS);
    let long = mint(4, &"x".repeat(257));
    let _ = chain.call(alice, nft, "mint", long).expect_reverted(URI_TOO_LONG);
    exact(chain.call(alice, nft, "mint", mint(4, &"x".repeat(256))));
    assert_eq!(chain.view::<String>(nft, "uri", id(1)), "ipfs://1");
    assert_conserved(&chain, nft, &people, 4);
}

#[test]
fn only_the_owner_and_whom_they_approve_move_a_token() {
    let (mut chain, people, nft) = nft();
    let [_, bob, carol, dave] = &people;
    let [b, c, d] = [bob, carol, dave].map(TestAccount::address);
    let _ = chain.call(dave, nft, "transfer", (b, d, id(1))).expect_reverted(NOT_ALLOWED);
    // Dave has a token, but not this one.
    let _ = chain.call(dave, nft, "transfer", (d, c, id(1))).expect_reverted(NOT_OWNER);
    let _ = chain.call(dave, nft, "approve", (id(1), Some(d))).expect_reverted(NOT_OWNER);
    exact(chain.call(bob, nft, "approve", (id(1), Some(d))));
    // Approved for one token, not for others, and until it is taken back.
    let _ = chain.call(dave, nft, "transfer", (c, d, id(2))).expect_reverted(NOT_ALLOWED);
    exact(chain.call(bob, nft, "approve", (id(1), None::<Address>)));
    let _ = chain.call(dave, nft, "transfer", (b, d, id(1))).expect_reverted(NOT_ALLOWED);
    assert_conserved(&chain, nft, &people, 3);
}

#[test]
fn an_approval_ends_with_the_transfer() {
    let (mut chain, [_, bob, carol, dave], nft) = nft();
    let [b, c, d] = [&bob, &carol, &dave].map(TestAccount::address);
    exact(chain.call(&bob, nft, "approve", (id(1), Some(d))));
    exact(chain.call(&bob, nft, "transfer", (b, c, id(1))));
    let _ = chain.call(&dave, nft, "transfer", (c, d, id(1))).expect_reverted(NOT_ALLOWED);
}

#[test]
fn what_does_not_exist_is_said_so() {
    let (mut chain, [alice, bob, ..], nft) = nft();
    let [a, b] = [&alice, &bob].map(TestAccount::address);
    let _ = chain.call(&alice, nft, "transfer", (a, b, id(9))).expect_reverted(NO_TOKEN);
    let _ = chain.call(&alice, nft, "approve", (id(9), Some(b))).expect_reverted(NO_TOKEN);
    for view in ["owner_of", "approved", "uri"] {
        let view = chain.engine().view(nft, view, &id(9).0).expect("the engine is fine");
        let status = view.status.to_string();
        assert_eq!(status, format!("reverted: contract aborted with code {NO_TOKEN}"));
    }
}

#[test]
fn a_token_given_to_its_owner_stays() {
    let (mut chain, people, nft) = nft();
    let b = people[1].address();
    let _ = chain.call(&people[1], nft, "transfer", (b, b, id(1))).expect_ok();
    assert_eq!(owner(&chain, nft, 1), b);
    assert_conserved(&chain, nft, &people, 3);
}

#[test]
fn different_people_move_different_tokens_at_once_also_to_one_collector() {
    let (mut chain, people, nft) = nft();
    let mut block = chain.block();
    for (from, number) in people[1..].iter().zip(1..) {
        block.call(from, nft, "transfer", (from.address(), people[0].address(), id(number)));
    }
    block.execute().expect_ok().assert_batches(1);
    assert_eq!(chain.view::<u128>(nft, "balance_of", people[0].address()), 3);
    assert_conserved(&chain, nft, &people, 3);
}

#[test]
fn calls_about_one_token_wait() {
    let (mut chain, [_, bob, carol, dave], nft) = nft();
    let [b, c, d] = [&bob, &carol, &dave].map(TestAccount::address);
    exact(chain.call(&bob, nft, "approve", (id(1), Some(d))));
    let mut block = chain.block();
    block.call(&dave, nft, "transfer", (b, c, id(1)));
    block.call(&bob, nft, "approve", (id(1), None::<Address>));
    let block = block.execute();
    block.assert_batches(2);
    // The transfer came first, so the token is no longer bob's.
    let _ = block.called()[1].clone().expect_reverted(NOT_OWNER);
    assert_eq!(owner(&chain, nft, 1), c);
}
