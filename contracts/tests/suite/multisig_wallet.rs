//! The wallet of several owners.

use tos_contracts_tests::{Record, event, exact, wasm};
use tos_runtime::testing::{TestAccount, TestChain};
use tos_runtime::{Address, AssetId, ContractId, Hash};

const BAD_THRESHOLD: u32 = 1;
const DUPLICATE_OWNER: u32 = 2;
const NOT_OWNER: u32 = 3;
const ALREADY_PROPOSED: u32 = 4;
const ALREADY_APPROVED: u32 = 5;
const NOT_PROPOSED: u32 = 6;
const WRONG_RECEIVER: u32 = 7;
const ALREADY_PAID: u32 = 8;
const TOO_FEW_APPROVALS: u32 = 9;
const INSUFFICIENT: u32 = 10;

const FUNDS: u64 = 1_000;

/// Alice, bob and carol own the wallet, two of them decide; dave is a stranger.
fn wallet() -> (TestChain, [TestAccount; 4], ContractId) {
    let mut chain = TestChain::new();
    let people = chain.accounts(["alice", "bob", "carol", "dave"]);
    let owners: Vec<_> = people[..3].iter().map(TestAccount::address).collect();
    let wallet = chain.deploy(&people[3], &*wasm("multisig_wallet"), (owners, 2_u32));
    chain.transfer(&people[0], wallet, AssetId::NATIVE, FUNDS).expect_ok();
    (chain, people, wallet)
}

/// Receiver, amount, reference.
type Payout = (Address, u64, u64);

#[track_caller]
fn propose(chain: &mut TestChain, who: &TestAccount, wallet: ContractId, payout: &Payout) -> Hash {
    exact(chain.call(who, wallet, "propose", payout)).returned()
}

#[test]
fn enough_approvals_pay_at_the_recorded_price() {
    let (mut chain, [alice, bob, carol, dave], wallet) = wallet();
    let [a, b, d] = [&alice, &bob, &dave].map(TestAccount::address);
    let mut record = Record::of("multisig_wallet");
    let payout = (d, 400_u64, 1_u64);
    let proposed = record.gas("propose", chain.call(&alice, wallet, "propose", payout));
    let id = proposed.returned::<Hash>();
    let facts: (Hash, Address, Payout) =
        event(&proposed.events()[0], "wallet.proposed", &[ContractId(id.0).into(), a]);
    assert_eq!(facts, (id, a, payout));
    assert_eq!(chain.view::<u128>(wallet, "approvals", id), 1);
    assert_eq!(chain.view::<Option<(Payout, bool)>>(wallet, "proposal", id), Some((payout, false)));

    let approved = record.gas("approve", chain.call(&bob, wallet, "approve", id));
    let facts: (Hash, Address) =
        event(&approved.events()[0], "wallet.approved", &[ContractId(id.0).into(), b]);
    assert_eq!(facts, (id, b));
    let before = chain.balance(d, AssetId::NATIVE);
    let paid = record.gas("execute", chain.call(&carol, wallet, "execute", (id, d)));
    let facts: (Hash, Address, u64) =
        event(&paid.events()[0], "wallet.paid", &[ContractId(id.0).into(), d]);
    assert_eq!(facts, (id, d, 400));
    assert_eq!(chain.balance(d, AssetId::NATIVE), before + 400);
    assert_eq!(chain.balance(wallet, AssetId::NATIVE), FUNDS - 400);
    assert_eq!(chain.view::<Option<(Payout, bool)>>(wallet, "proposal", id), Some((payout, true)));
    record.check();
}

#[test]
fn owners_and_threshold_have_to_make_sense() {
    let mut chain = TestChain::new();
    let [alice, bob] = chain.accounts(["alice", "bob"]);
    let [a, b] = [&alice, &bob].map(TestAccount::address);
    for (owners, threshold, code) in [
        (vec![], 0_u32, BAD_THRESHOLD),
        (vec![a, b], 0, BAD_THRESHOLD),
        (vec![a, b], 3, BAD_THRESHOLD),
        (vec![a, b, a], 2, DUPLICATE_OWNER),
    ] {
        let deployed = chain.try_deploy(&alice, &*wasm("multisig_wallet"), (owners, threshold));
        let _ = deployed.expect_reverted(code);
    }
    let wallet = chain.deploy(&alice, &*wasm("multisig_wallet"), (vec![a, b], 2_u32));
    assert_eq!(chain.view::<u32>(wallet, "threshold", ()), 2);
    assert!(chain.view::<bool>(wallet, "is_owner", b));
    assert!(!chain.view::<bool>(wallet, "is_owner", Address::from(wallet)));
}

#[test]
fn strangers_do_nothing() {
    let (mut chain, [alice, bob, _, dave], wallet) = wallet();
    let payout = (dave.address(), 400_u64, 1_u64);
    let _ = chain.call(&dave, wallet, "propose", payout).expect_reverted(NOT_OWNER);
    let id = propose(&mut chain, &alice, wallet, &payout);
    let _ = chain.call(&dave, wallet, "approve", id).expect_reverted(NOT_OWNER);
    exact(chain.call(&bob, wallet, "approve", id));
    let _ = chain.call(&dave, wallet, "execute", (id, dave.address())).expect_reverted(NOT_OWNER);
    assert_eq!(chain.balance(wallet, AssetId::NATIVE), FUNDS);
}

#[test]
fn one_owner_is_one_approval() {
    let (mut chain, [alice, bob, _, dave], wallet) = wallet();
    let payout = (dave.address(), 400_u64, 1_u64);
    let id = propose(&mut chain, &alice, wallet, &payout);
    let _ = chain.call(&alice, wallet, "approve", id).expect_reverted(ALREADY_APPROVED);
    let _ = chain.call(&bob, wallet, "propose", payout).expect_reverted(ALREADY_PROPOSED);
    let few = chain.call(&alice, wallet, "execute", (id, dave.address()));
    let _ = few.expect_reverted(TOO_FEW_APPROVALS);
    assert_eq!(chain.balance(wallet, AssetId::NATIVE), FUNDS);
}

#[test]
fn approving_before_proposing_counts_once() {
    let (mut chain, [alice, bob, _, dave], wallet) = wallet();
    let payout = (dave.address(), 400_u64, 1_u64);
    // The id follows from the payout: nobody has to propose it first to know it.
    let before = chain.snapshot();
    let id = propose(&mut chain, &alice, wallet, &payout);
    chain.restore(before);
    exact(chain.call(&alice, wallet, "approve", id));
    let early = chain.call(&alice, wallet, "execute", (id, dave.address()));
    let _ = early.expect_reverted(NOT_PROPOSED);
    assert_eq!(propose(&mut chain, &alice, wallet, &payout), id);
    assert_eq!(chain.view::<u128>(wallet, "approvals", id), 1);
    exact(chain.call(&bob, wallet, "approve", id));
    exact(chain.call(&bob, wallet, "execute", (id, dave.address())));
}

#[test]
fn a_payout_is_paid_once_and_to_its_receiver() {
    let (mut chain, [alice, bob, carol, dave], wallet) = wallet();
    let payout = (dave.address(), 400_u64, 1_u64);
    let id = propose(&mut chain, &alice, wallet, &payout);
    exact(chain.call(&bob, wallet, "approve", id));
    let other = chain.call(&carol, wallet, "execute", (id, carol.address()));
    let _ = other.expect_reverted(WRONG_RECEIVER);
    exact(chain.call(&carol, wallet, "execute", (id, dave.address())));
    let again = chain.call(&carol, wallet, "execute", (id, dave.address()));
    let _ = again.expect_reverted(ALREADY_PAID);
    let _ = chain.call(&alice, wallet, "propose", payout).expect_reverted(ALREADY_PROPOSED);
    assert_eq!(chain.balance(wallet, AssetId::NATIVE), FUNDS - 400);
    // The same again is another payout.
    let second = propose(&mut chain, &alice, wallet, &(dave.address(), 400, 2));
    assert_ne!(second, id);
    let few = chain.call(&carol, wallet, "execute", (second, dave.address()));
    let _ = few.expect_reverted(TOO_FEW_APPROVALS);
}

#[test]
fn a_payout_waits_for_the_money() {
    let (mut chain, [alice, bob, _, dave], wallet) = wallet();
    let id = propose(&mut chain, &alice, wallet, &(dave.address(), FUNDS + 1, 1));
    exact(chain.call(&bob, wallet, "approve", id));
    let short = chain.call(&bob, wallet, "execute", (id, dave.address()));
    let _ = short.expect_reverted(INSUFFICIENT);
    chain.transfer(&dave, wallet, AssetId::NATIVE, 1).expect_ok();
    exact(chain.call(&bob, wallet, "execute", (id, dave.address())));
    assert_eq!(chain.balance(wallet, AssetId::NATIVE), 0);
}

#[test]
fn approvals_are_one_batch_and_payouts_are_a_chain() {
    let (mut chain, [alice, bob, carol, dave], wallet) = wallet();
    let ids = [1, 2]
        .map(|reference| propose(&mut chain, &alice, wallet, &(dave.address(), 10, reference)));
    let mut block = chain.block();
    block.call(&bob, wallet, "approve", ids[0]);
    block.call(&carol, wallet, "approve", ids[0]);
    block.execute().expect_ok().assert_batches(1);
    exact(chain.call(&bob, wallet, "approve", ids[1]));
    let mut block = chain.block();
    block.call(&bob, wallet, "execute", (ids[0], dave.address()));
    block.call(&carol, wallet, "execute", (ids[1], dave.address()));
    block.execute().expect_ok().assert_batches(2);
    assert_eq!(chain.balance(wallet, AssetId::NATIVE), FUNDS - 20);
}
