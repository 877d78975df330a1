//! The greeter in C, from its built bytes: `host-api/ABI.md` is enough for other languages.

use tos_runtime::testing::{TestAccount, TestChain};
use tos_runtime::{AccessEntry, AccessMode, ContractId, Hash, prepare};

use super::line_of;

const GREETER: &[u8] = include_bytes!("../../../../contracts/wasm/greeter.wasm");
const SOURCE: &str = include_str!("../../../../contracts/c/greeter.c");
/// Codes of the contract.
const NOT_OWNER: u32 = 1;
const TEXT_LEN: u32 = 2;

fn greeter() -> (TestChain, ContractId, [TestAccount; 2]) {
    let mut chain = TestChain::new();
    let people = chain.accounts(["owner", "visitor"]);
    let greeter = chain.deploy(&people[0], GREETER, ());
    (chain, greeter, people)
}

#[test]
fn it_greets_counts_and_says_so() {
    let (mut chain, greeter, [owner, visitor]) = greeter();
    let called = chain.call(&visitor, greeter, "greet", *b"Ada").expect_ok();
    assert_eq!(called.receipt().return_data, b"Hello, Ada!");
    let [event] = called.events() else { panic!("one event: {:?}", called.events()) };
    let mut name = [0; 32];
    name[..15].copy_from_slice(b"greeter.greeted");
    assert_eq!((&event.topics[..], &event.data[..]), (&[Hash(name)][..], &b"Ada"[..]));
    assert_eq!(chain.view::<u128>(greeter, "count", ()), 1);

    chain.call(&owner, greeter, "set_word", *b"Good evening").expect_ok();
    let called = chain.call(&visitor, greeter, "greet", [b'x'; 32]).expect_ok();
    let expected = [b"Good evening, ".as_slice(), &[b'x'; 32], b"!"].concat();
    assert_eq!(called.receipt().return_data, expected);
    assert_eq!(chain.view::<u128>(greeter, "count", ()), 2);
}

#[test]
fn what_it_refuses_has_a_code_and_a_place() {
    let (mut chain, greeter, [owner, visitor]) = greeter();
    let called = chain.call(&visitor, greeter, "set_word", *b"Boo").expect_reverted(NOT_OWNER);
    let line = line_of(SOURCE, "FAIL(NOT_OWNER");
    let expected = format!("abort 1: only the owner may do this (c/greeter.c:{line})");
    assert_eq!(called.messages[0].text, expected);
    for entry in ["greet", "set_word"] {
        let _ = chain.call(&owner, greeter, entry, ()).expect_reverted(TEXT_LEN);
        let _ = chain.call(&owner, greeter, entry, [b'x'; 33]).expect_reverted(TEXT_LEN);
    }
    let called = chain.call(&visitor, greeter, "greet", *b"Ada").expect_ok();
    assert_eq!(called.receipt().return_data, b"Hello, Ada!", "nothing has changed");
}

#[test]
fn its_accounts_are_found_without_a_description() {
    let (mut chain, greeter, [_, visitor]) = greeter();
    let called = chain.call(&visitor, greeter, "greet", *b"Ada").expect_ok();
    assert_eq!(called.access, [AccessEntry::new(greeter, AccessMode::Write)]);
}

#[test]
fn it_is_as_small_as_it_looks() {
    let info = prepare::check(GREETER).expect("it is accepted");
    assert_eq!((info.memory_pages_min, info.description), (1, None));
    assert!(GREETER.len() < 2 * 1024, "{} bytes", GREETER.len());
}
