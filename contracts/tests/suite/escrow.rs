//! The escrow.

use tos_contracts_tests::{Record, event, exact, wasm};
use tos_runtime::testing::{TestAccount, TestCall, TestChain};
use tos_runtime::{Address, AssetId, ContractId};

const NOTHING_DEPOSITED: u32 = 1;
const EXPIRES_TOO_SOON: u32 = 2;
const DEAL_EXISTS: u32 = 3;
const NO_DEAL: u32 = 4;
const NOT_EXPIRED: u32 = 5;

/// Far away.
const LATER: u64 = 1_000;

fn escrow() -> (TestChain, [TestAccount; 4], ContractId) {
    let mut chain = TestChain::new();
    let people = chain.accounts(["alice", "bob", "carol", "dave"]);
    let escrow = chain.deploy(&people[0], &*wasm("escrow"), ());
    (chain, people, escrow)
}

/// Opens deal number 1 over native money.
fn open(escrow: ContractId, payee: &TestAccount, amount: u64, expires: u64) -> TestCall {
    let arguments = (payee.address(), 1_u64, AssetId::NATIVE, expires);
    TestCall::new(escrow, "open", arguments).deposit(AssetId::NATIVE, amount)
}

/// What the escrow holds of the native asset.
fn held(chain: &TestChain, escrow: ContractId) -> u64 {
    chain.balance(escrow, AssetId::NATIVE)
}

#[test]
fn deals_are_released_and_refunded_at_the_recorded_price() {
    let (mut chain, [alice, bob, carol, _], escrow) = escrow();
    let mut record = Record::of("escrow");
    let expires = chain.topoheight().0 + 4;
    let opened = record.gas("open", chain.send(&alice, open(escrow, &bob, 500, expires)));
    let [a, b] = [alice.address(), bob.address()];
    type Opened = (Address, Address, u64, AssetId, u64, u64);
    let facts: Opened = event(&opened.events()[0], "escrow.opened", &[a, b]);
    assert_eq!(facts, (a, b, 1, AssetId::NATIVE, 500, expires));
    exact(chain.send(&alice, open(escrow, &carol, 300, expires)));
    assert_eq!(held(&chain, escrow), 800);

    let before = chain.balance(&bob, AssetId::NATIVE);
    let released = record.gas("release", chain.call(&alice, escrow, "release", (b, 1_u64)));
    let facts: (Address, Address, u64, bool) =
        event(&released.events()[0], "escrow.closed", &[a, b]);
    assert_eq!(facts, (a, b, 1, true));
    assert_eq!(chain.balance(&bob, AssetId::NATIVE), before + 500);
    assert_eq!(held(&chain, escrow), 300);

    chain.advance_to(expires - 1);
    let before = chain.balance(&alice, AssetId::NATIVE);
    let refund = chain.call(&alice, escrow, "refund", (carol.address(), 1_u64));
    let refunded = record.gas("refund", refund);
    let fee = refunded.gas_used().0;
    assert_eq!(chain.balance(&alice, AssetId::NATIVE), before - fee + 300);
    assert_eq!(held(&chain, escrow), 0);
    record.check();
}

#[test]
fn a_deal_can_be_in_any_asset() {
    let (mut chain, [alice, bob, ..], escrow) = escrow();
    chain.give(&alice, TestChain::GOLD, 7);
    let call = TestCall::new(escrow, "open", (bob.address(), 9_u64, TestChain::GOLD, LATER));
    exact(chain.send(&alice, call.deposit(TestChain::GOLD, 7)));
    let deal: Option<(AssetId, u64, u64)> =
        chain.view(escrow, "deal", (alice.address(), bob.address(), 9_u64));
    assert_eq!(deal, Some((TestChain::GOLD, 7, LATER)));
    exact(chain.call(&alice, escrow, "release", (bob.address(), 9_u64)));
    assert_eq!(chain.balance(&bob, TestChain::GOLD), 7);
}

#[test]
fn a_deal_needs_money_time_and_a_reference_of_its_own() {
    let (mut chain, [alice, bob, ..], escrow) = escrow();
    let none = TestCall::new(escrow, "open", (bob.address(), 1_u64, AssetId::NATIVE, LATER));
    let _ = chain.send(&alice, none).expect_reverted(NOTHING_DEPOSITED);
    // Gold came along, but the deal is over native money.
    chain.give(&alice, TestChain::GOLD, 7);
    let other = TestCall::new(escrow, "open", (bob.address(), 1_u64, AssetId::NATIVE, LATER));
    let other = other.deposit(TestChain::GOLD, 7);
    let _ = chain.send(&alice, other).expect_reverted(NOTHING_DEPOSITED);
    // The block that the call is in.
    let now = chain.topoheight().0 + 1;
    let _ = chain.send(&alice, open(escrow, &bob, 5, now)).expect_reverted(EXPIRES_TOO_SOON);
    exact(chain.send(&alice, open(escrow, &bob, 5, LATER)));
    let _ = chain.send(&alice, open(escrow, &bob, 5, LATER)).expect_reverted(DEAL_EXISTS);
    assert_eq!(held(&chain, escrow), 5, "what failed left nothing behind");
}

#[test]
fn only_the_payer_ends_a_deal_and_only_once() {
    let (mut chain, [alice, bob, carol, _], escrow) = escrow();
    exact(chain.send(&alice, open(escrow, &bob, 5, LATER)));
    let deal = (bob.address(), 1_u64);
    for thief in [&bob, &carol] {
        let _ = chain.call(thief, escrow, "release", deal).expect_reverted(NO_DEAL);
        let _ = chain.call(thief, escrow, "refund", deal).expect_reverted(NO_DEAL);
    }
    let _ =
        chain.call(&alice, escrow, "release", (carol.address(), 1_u64)).expect_reverted(NO_DEAL);
    exact(chain.call(&alice, escrow, "release", deal));
    let _ = chain.call(&alice, escrow, "release", deal).expect_reverted(NO_DEAL);
    let _ = chain.call(&alice, escrow, "refund", deal).expect_reverted(NO_DEAL);
}

#[test]
fn money_comes_back_in_the_block_in_which_the_deal_expires_and_not_before() {
    let (mut chain, [alice, bob, ..], escrow) = escrow();
    let expires = chain.topoheight().0 + 5;
    exact(chain.send(&alice, open(escrow, &bob, 5, expires)));
    chain.advance_to(expires - 2);
    let deal = (bob.address(), 1_u64);
    let _ = chain.call(&alice, escrow, "refund", deal).expect_reverted(NOT_EXPIRED);
    assert_eq!(chain.topoheight().0, expires - 1);
    exact(chain.call(&alice, escrow, "refund", deal));
}

#[test]
fn an_expired_deal_can_still_be_released() {
    let (mut chain, [alice, bob, ..], escrow) = escrow();
    let expires = chain.topoheight().0 + 2;
    exact(chain.send(&alice, open(escrow, &bob, 5, expires)));
    chain.advance_to(expires + 3);
    exact(chain.call(&alice, escrow, "release", (bob.address(), 1_u64)));
    assert_eq!(held(&chain, escrow), 0);
}

#[test]
fn deals_open_at_once_and_end_one_after_the_other() {
    let (mut chain, [alice, bob, carol, dave], escrow) = escrow();
    let mut block = chain.block();
    for payer in [&alice, &bob, &carol] {
        block.send(payer, open(escrow, &dave, 5, LATER));
    }
    block.execute().expect_ok().assert_batches(1);
    let mut block = chain.block();
    for payer in [&alice, &bob, &carol] {
        block.call(payer, escrow, "release", (dave.address(), 1_u64));
    }
    block.execute().expect_ok().assert_batches(3);
    assert_eq!(held(&chain, escrow), 0);
}

#[test]
fn different_escrows_pay_at_once() {
    let (mut chain, [alice, bob, carol, dave], escrow) = escrow();
    let other = chain.deploy(&alice, &*wasm("escrow"), ());
    exact(chain.send(&alice, open(escrow, &dave, 5, LATER)));
    exact(chain.send(&bob, open(other, &carol, 5, LATER)));
    let mut block = chain.block();
    block.call(&alice, escrow, "release", (dave.address(), 1_u64));
    block.call(&bob, other, "release", (carol.address(), 1_u64));
    block.execute().expect_ok().assert_batches(1);
}
