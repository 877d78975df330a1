//! The auction.

use tos_contracts_tests::{Record, event, exact, wasm};
use tos_runtime::testing::{Called, TestAccount, TestCall, TestChain};
use tos_runtime::{Address, AssetId, ContractId};

const NOT_SELLER: u32 = 1;
const ALREADY_OPEN: u32 = 2;
const NOTHING_OFFERED: u32 = 3;
const ENDS_TOO_SOON: u32 = 4;
const NOT_OPEN: u32 = 5;
const ENDED: u32 = 6;
const TOO_LOW: u32 = 7;
const NOT_ENDED: u32 = 8;
const ALREADY_CLOSED: u32 = 9;
const NOTHING_DUE: u32 = 10;

const RESERVE: u64 = 100;
const NATIVE: AssetId = AssetId::NATIVE;
const GOLD: AssetId = TestChain::GOLD;

/// Alice is the seller and has gold.
fn auction() -> (TestChain, [TestAccount; 4], ContractId) {
    let mut chain = TestChain::new();
    let people = chain.accounts(["alice", "bob", "carol", "dave"]);
    chain.give(&people[0], GOLD, 50);
    let auction = chain.deploy(&people[0], &*wasm("auction"), ());
    (chain, people, auction)
}

/// Puts ten gold on offer until a block.
fn offer(auction: ContractId, ends: u64) -> TestCall {
    TestCall::new(auction, "open", (GOLD, RESERVE, ends)).deposit(GOLD, 10)
}

/// An open auction, and the first block in which no bid counts.
fn opened() -> (TestChain, [TestAccount; 4], ContractId, u64) {
    let (mut chain, people, auction) = auction();
    let ends = chain.topoheight().0 + 10;
    exact(chain.send(&people[0], offer(auction, ends)));
    (chain, people, auction, ends)
}

#[track_caller]
fn bid(chain: &mut TestChain, who: &TestAccount, auction: ContractId, amount: u64) -> Called {
    chain.send(who, TestCall::new(auction, "bid", ()).deposit(NATIVE, amount))
}

/// Demands that the auction's account holds what is due, and the highest bid and the lot while they
/// are not.
#[track_caller]
fn assert_conserved(
    chain: &TestChain,
    people: &[TestAccount; 4],
    auction: ContractId,
    open: (u64, u64),
) {
    for (asset, pending) in [(NATIVE, open.0), (GOLD, open.1)] {
        let due = |who: &TestAccount| chain.view::<u64>(auction, "due", (who.address(), asset));
        let due: u64 = people.iter().map(due).sum();
        assert_eq!(chain.balance(auction, asset), due + pending, "{asset}");
    }
}

#[test]
fn the_highest_bidder_gets_the_lot_and_the_seller_the_price_at_the_recorded_price() {
    let (mut chain, people, auction) = auction();
    let [alice, bob, carol, _] = &people;
    let [a, b, c] = [alice, bob, carol].map(TestAccount::address);
    let mut record = Record::of("auction");
    let ends = chain.topoheight().0 + 6;
    record.gas("open", chain.send(alice, offer(auction, ends)));
    let lot: Option<(AssetId, u64, u64, u64)> = chain.view(auction, "lot", ());
    assert_eq!(lot, Some((GOLD, 10, RESERVE, ends)));

    record.gas("first bid", bid(&mut chain, bob, auction, 100));
    let higher = record.gas("higher bid", bid(&mut chain, carol, auction, 150));
    assert_eq!(event::<(Address, u64)>(&higher.events()[0], "auction.bid", &[c]), (c, 150));
    assert_eq!(chain.view::<Option<(Address, u64)>>(auction, "highest", ()), Some((c, 150)));
    assert_conserved(&chain, &people, auction, (150, 10));
    let back = record.gas("collect", chain.call(bob, auction, "collect", NATIVE));
    assert_eq!(back.returned::<u64>(), 100);
    assert_conserved(&chain, &people, auction, (150, 10));

    chain.advance_to(ends - 1);
    let closed = record.gas("close", chain.call(bob, auction, "close", ()));
    let facts: (Option<Address>, u64) = event(&closed.events()[0], "auction.closed", &[]);
    assert_eq!(facts, (Some(c), 150));
    assert_conserved(&chain, &people, auction, (0, 0));
    assert_eq!(chain.view::<u64>(auction, "due", (a, NATIVE)), 150);
    let before = chain.balance(a, NATIVE);
    let paid = exact(chain.call(alice, auction, "collect", NATIVE));
    assert_eq!(chain.balance(a, NATIVE), before - paid.gas_used().0 + 150);
    exact(chain.call(carol, auction, "collect", GOLD));
    assert_eq!(chain.balance(c, GOLD), 10);
    assert_eq!((chain.balance(auction, NATIVE), chain.balance(auction, GOLD)), (0, 0));
    let _ = chain.call(bob, auction, "collect", GOLD).expect_reverted(NOTHING_DUE);
    assert_eq!(chain.balance(b, GOLD), 0);
    record.check();
}

#[test]
fn without_a_bid_the_lot_returns() {
    let (mut chain, people, auction, ends) = opened();
    chain.advance_to(ends);
    exact(chain.call(&people[3], auction, "close", ()));
    assert_conserved(&chain, &people, auction, (0, 0));
    exact(chain.call(&people[0], auction, "collect", GOLD));
    assert_eq!(chain.balance(&people[0], GOLD), 50);
    let _ = chain.call(&people[0], auction, "collect", NATIVE).expect_reverted(NOTHING_DUE);
}

#[test]
fn only_the_seller_opens_once_with_a_lot_and_some_time() {
    let (mut chain, [alice, bob, ..], auction) = auction();
    let _ = bid(&mut chain, &bob, auction, 500).expect_reverted(NOT_OPEN);
    let _ = chain.call(&bob, auction, "close", ()).expect_reverted(NOT_OPEN);
    chain.give(&bob, GOLD, 10);
    let _ = chain.send(&bob, offer(auction, 1_000)).expect_reverted(NOT_SELLER);
    let nothing = TestCall::new(auction, "open", (GOLD, RESERVE, 1_000_u64));
    let _ = chain.send(&alice, nothing).expect_reverted(NOTHING_OFFERED);
    // The block that the call is in.
    let now = chain.topoheight().0 + 1;
    let _ = chain.send(&alice, offer(auction, now)).expect_reverted(ENDS_TOO_SOON);
    exact(chain.send(&alice, offer(auction, 1_000)));
    let _ = chain.send(&alice, offer(auction, 1_000)).expect_reverted(ALREADY_OPEN);
    assert_eq!(chain.balance(auction, GOLD), 10);
}

#[test]
fn a_bid_beats_the_reserve_and_the_last() {
    let (mut chain, people, auction, _) = opened();
    let [_, bob, carol, dave] = &people;
    let none = chain.call(bob, auction, "bid", ());
    let _ = none.expect_reverted(TOO_LOW);
    let _ = bid(&mut chain, bob, auction, 99).expect_reverted(TOO_LOW);
    exact(bid(&mut chain, bob, auction, 100));
    let _ = bid(&mut chain, carol, auction, 100).expect_reverted(TOO_LOW);
    exact(bid(&mut chain, carol, auction, 101));
    exact(bid(&mut chain, dave, auction, 102));
    // Those who were outbid twice get both.
    exact(bid(&mut chain, bob, auction, 103));
    exact(bid(&mut chain, carol, auction, 104));
    let due = |chain: &TestChain, who: &TestAccount| {
        chain.view::<u64>(auction, "due", (who.address(), NATIVE))
    };
    let all = [bob, carol, dave].map(|who| due(&chain, who));
    assert_eq!(all, [203, 101, 102]);
    assert_conserved(&chain, &people, auction, (104, 10));
    assert_eq!(exact(chain.call(bob, auction, "collect", NATIVE)).returned::<u64>(), 203);
    let _ = chain.call(bob, auction, "collect", NATIVE).expect_reverted(NOTHING_DUE);
    assert_conserved(&chain, &people, auction, (104, 10));
}

#[test]
fn the_end_is_a_block() {
    let (mut chain, [_, bob, carol, _], auction, ends) = opened();
    chain.advance_to(ends - 3);
    let _ = chain.call(&bob, auction, "close", ()).expect_reverted(NOT_ENDED);
    exact(bid(&mut chain, &bob, auction, 100));
    assert_eq!(chain.topoheight().0, ends - 1, "the last block in which a bid counts");
    let mut block = chain.block();
    block.send(&carol, TestCall::new(auction, "bid", ()).deposit(NATIVE, 200));
    block.call(&bob, auction, "close", ());
    let block = block.execute();
    let _ = block.called()[0].clone().expect_reverted(ENDED);
    exact(block.called()[1].clone());
    let _ = chain.call(&bob, auction, "close", ()).expect_reverted(ALREADY_CLOSED);
    let _ = bid(&mut chain, &carol, auction, 200).expect_reverted(ENDED);
}

#[test]
fn native_money_can_be_the_lot() {
    let (mut chain, people, auction) = auction();
    let [alice, bob, ..] = &people;
    let ends = chain.topoheight().0 + 3;
    let lot = TestCall::new(auction, "open", (NATIVE, 0_u64, ends)).deposit(NATIVE, 70);
    exact(chain.send(alice, lot));
    exact(bid(&mut chain, bob, auction, 30));
    exact(chain.call(alice, auction, "close", ()));
    assert_eq!(exact(chain.call(bob, auction, "collect", NATIVE)).returned::<u64>(), 70);
    assert_eq!(exact(chain.call(alice, auction, "collect", NATIVE)).returned::<u64>(), 30);
    assert_eq!(chain.balance(auction, NATIVE), 0);
}

#[test]
fn bids_of_one_auction_are_a_chain_and_of_two_are_not() {
    let (mut chain, [alice, bob, carol, dave], auction, ends) = opened();
    let other = chain.deploy(&alice, &*wasm("auction"), ());
    exact(chain.send(&alice, offer(other, ends)));
    let place = |auction, amount| TestCall::new(auction, "bid", ()).deposit(NATIVE, amount);
    let mut block = chain.block();
    block.send(&bob, place(auction, 100));
    block.send(&carol, place(auction, 110));
    block.send(&dave, place(auction, 120));
    block.execute().expect_ok().assert_batches(3);
    let mut block = chain.block();
    block.send(&bob, place(auction, 130));
    block.send(&carol, place(other, 130));
    block.execute().expect_ok().assert_batches(1);
}
