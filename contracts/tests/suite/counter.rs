//! The shared counter.

use tos_contracts_tests::{Record, wasm};
use tos_runtime::ContractId;
use tos_runtime::testing::{TestAccount, TestChain};

fn counter() -> (TestChain, [TestAccount; 3], ContractId) {
    let mut chain = TestChain::new();
    let people = chain.accounts(["alice", "bob", "carol"]);
    let counter = chain.deploy(&people[0], &*wasm("counter"), ());
    (chain, people, counter)
}

#[test]
fn it_counts_at_the_recorded_price() {
    let (mut chain, [alice, ..], counter) = counter();
    let mut record = Record::of("counter");
    record.gas("add", chain.call(&alice, counter, "add", 5_u64));
    let bumped = record.gas("bump", chain.call(&alice, counter, "bump", ()));
    assert_eq!(bumped.returned::<u64>(), 1);
    assert_eq!(chain.view::<u128>(counter, "get", ()), 5);
    record.check();
}

#[test]
fn additions_are_one_batch_and_bumps_are_a_chain() {
    let (mut chain, people, counter) = counter();
    let mut block = chain.block();
    for who in &people {
        block.call(who, counter, "add", 2_u64);
    }
    block.execute().expect_ok().assert_batches(1);
    let mut block = chain.block();
    for who in &people {
        block.call(who, counter, "bump", ());
    }
    block.execute().expect_ok().assert_batches(3);
    assert_eq!(chain.view::<u128>(counter, "get", ()), 6);
}
