//! The test kit that authors of contracts use.

use tos_runtime::testing::{Figures, TestCall, TestChain};
use tos_runtime::{AccessEntry, AccessMode, AssetId, ContractId, HaltReason};

use crate::support::{COUNTER, TOKEN, guest, wasm};

/// A contract in Rust that tries what the SDK can do.
const PROBE: &[u8] = include_bytes!("../../../contracts/wasm/probe.wasm");

fn token() -> (TestChain, [tos_runtime::testing::TestAccount; 4], ContractId) {
    let mut chain = TestChain::new();
    let people = chain.accounts(["alice", "bob", "carol", "dave"]);
    let token = chain.deploy(&people[0], wasm(TOKEN), 1_000_u64);
    (chain, people, token)
}

#[test]
fn a_token_is_deployed_called_and_looked_at() {
    let (mut chain, [alice, bob, ..], token) = token();
    let paid = chain.call(&alice, token, "transfer", (bob.address(), 10_u64)).expect_ok();
    assert_eq!(paid.events().len(), 1);
    assert_eq!(paid.access, [AccessEntry::new(bob.address(), AccessMode::Credit)]);
    assert_eq!(chain.view::<u128>(token, "balance_of", alice.address()), 990);
    assert_eq!(chain.view::<u128>(token, "balance_of", bob.address()), 10);
    let _ = chain.call(&bob, token, "transfer", (alice.address(), 11_u64)).expect_reverted(1_u32);
}

#[test]
fn a_failure_tells_what_the_contract_said() {
    let (mut chain, [alice, bob, ..], token) = token();
    let failure = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        chain.call(&bob, token, "transfer", (alice.address(), 11_u64)).expect_ok();
    }));
    let text = failure.expect_err("it has nothing to pay with");
    let text = text.downcast_ref::<String>().expect("a text");
    for part in ["bob calls", "reverted: contract aborted with code 1", "balance too small"] {
        assert!(text.contains(part), "{text:?} does not say {part:?}");
    }
}

#[test]
fn batches_are_asserted_and_explained() {
    let (mut chain, [alice, bob, carol, dave], token) = token();
    for to in [&bob, &carol] {
        chain.call(&alice, token, "transfer", (to.address(), 100_u64)).expect_ok();
    }
    let mut block = chain.block();
    for from in [&alice, &bob, &carol] {
        block.call(from, token, "transfer", (dave.address(), 1_u64));
    }
    block.execute().expect_ok().assert_batches(1);
    let mut block = chain.block();
    block.call(&alice, token, "transfer", (bob.address(), 1_u64));
    block.call(&bob, token, "transfer", (carol.address(), 1_u64));
    let block = block.execute().expect_ok();
    block.assert_batches(2);
    let failure = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        block.assert_batches(1);
    }));
    let text = failure.expect_err("there are two");
    let text = text.downcast_ref::<String>().expect("a text");
    assert!(text.contains("waits for 0 (alice calls"), "{text}");
    assert!(text.contains("both touch bob, credit then write"), "{text}");
}

#[test]
fn a_list_of_ones_own_is_taken_as_it_is() {
    let (mut chain, [alice, bob, ..], token) = token();
    let call = TestCall::new(token, "transfer", (bob.address(), 1_u64)).access(Vec::new());
    let called = chain.send(&alice, call).expect_halted();
    let status = called.status();
    assert!(matches!(
        status,
        tos_runtime::ExecutionStatus::Halted(HaltReason::UndeclaredAccess { account, .. })
            if *account == bob.address()
    ));
}

#[test]
fn the_chain_moves_on_and_returns() {
    let mut chain = TestChain::new();
    let alice = chain.account("alice");
    let counter = chain.deploy(&alice, wasm(COUNTER), ());
    let before = chain.snapshot();
    chain.call(&alice, counter, "add", 5_u64).expect_ok();
    chain.give(counter, TestChain::GOLD, 7);
    chain.advance_to(chain.topoheight().0 + 20);
    assert_eq!(chain.view::<u128>(counter, "get", ()), 5);
    assert_eq!(chain.balance(counter, TestChain::GOLD), 7);
    chain.restore(before);
    assert_eq!(chain.view::<u128>(counter, "get", ()), 0);
    assert_eq!(chain.balance(counter, TestChain::GOLD), 0);
    let called = TestCall::new(counter, "add", 1_u64).deposit(AssetId::NATIVE, 9);
    chain.send(&alice, called).expect_ok();
    assert_eq!(chain.balance(counter, AssetId::NATIVE), 9);
}

#[test]
fn a_refused_module_says_why() {
    let mut chain = TestChain::new();
    let alice = chain.account("alice");
    let floats =
        wasm("(module (memory (export \"memory\") 1) (func (export \"f\") (drop (f32.const 1))))");
    let called = chain.try_deploy(&alice, floats, ());
    let failure = std::panic::catch_unwind(|| called.expect_ok());
    let text = failure.expect_err("floats are refused");
    let text = text.downcast_ref::<String>().expect("a text");
    assert!(text.contains("float"), "{text}");
}

#[test]
fn what_contracts_log_is_heard() {
    let mut chain = TestChain::new();
    let alice = chain.account("alice");
    let say = chain.deploy(&alice, guest!("say"), ());
    let called = chain.call(&alice, say, "say", *b"hello").expect_ok();
    assert!(called.messages.iter().any(|message| message.text.contains("hello")));
}

#[test]
fn figures_can_be_recorded_and_compared() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("figures.txt");
    std::fs::write(&file, "one: 1\ntwo: 2\n").expect("it is written");
    let mut figures = Figures::in_file(&file);
    figures.add("two", 2_u64);
    figures.add("one", 1_u64);
    figures.check();
}

#[test]
fn a_template_that_says_too_little_fails_and_names_the_account() {
    let mut chain = TestChain::new();
    let [alice, bob] = chain.accounts(["alice", "bob"]);
    let probe = chain.deploy(&alice, PROBE, ());
    let failure = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = chain.call(&alice, probe, "wrong_template", bob.address());
    }));
    let text = failure.expect_err("it credits, and declares a read");
    let text = text.downcast_ref::<String>().expect("a text");
    for part in [
        ".wrong_template: its access template",
        "above `fn wrong_template`",
        "missing: bob: credit",
        "bob: read",
    ] {
        assert!(text.contains(part), "{text:?} does not say {part:?}");
    }
    // A list of the test's own is not compared.
    let own = vec![AccessEntry::new(bob.address(), AccessMode::Credit)];
    let call = TestCall::new(probe, "wrong_template", bob.address()).access(own);
    chain.send(&alice, call).expect_ok();
}
