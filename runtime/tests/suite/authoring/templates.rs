//! Access lists from templates: those a simulation finds, without executing anything.

use tos_runtime::description::{
    AccessRoot, AccessStep, DescribedCall, Description, EntryKind, SlotKind, Type, template_access,
};
use tos_runtime::{
    AccessEntry, AccessMode, Address, CallAccessError, ContractId, PublicKey, limits,
};

use super::{COUNTER, PROBE, TOKEN, arguments, call, with_template};
use crate::support::{Chain, GOLD, Order, TOKEN as TOKEN_WAT, account, person, wasm};
use AccessMode::{Credit, Write};

#[track_caller]
fn deployed(code: &[u8], input: &[u8]) -> (Chain, ContractId, Description) {
    let mut chain = Chain::new(6);
    let contract = chain.deploy(code.to_vec(), input);
    let description = chain.engine.description(&contract).expect("it decodes");
    (chain, contract, description.expect("it has one"))
}

/// Asserts that a call's template says what a simulation of it as person 1 finds.
#[track_caller]
fn assert_as_simulated(chain: &Chain, order: Order) {
    let list = with_template(chain, 1, order.clone()).expect("the template is filled in").access;
    let simulation = super::simulate(chain, order);
    let status = simulation.result.expect("it is included").status;
    assert!(status.is_success(), "{status}: {:?}", simulation.messages);
    assert_eq!(list, simulation.access_list);
}

#[test]
fn templates_of_the_token_are_exact() {
    let (mut chain, token, _) = deployed(TOKEN, &arguments(&1_000_u64));
    // The authority has to be who simulates.
    let token = {
        let order = Order::deploy(TOKEN.to_vec(), &arguments(&1_000_u64));
        let _ = token;
        chain.one(1, order).contract.expect("it is deployed")
    };
    let approve = call(&chain, 1, token, "approve", &(account(1), 9_u64));
    assert!(chain.one(1, approve).status.is_success());
    let order = |entry: &str, input: Vec<u8>| Order::invoke(token, entry, &input);
    let two = account(2);
    assert_as_simulated(&chain, order("transfer", arguments(&(two, 5_u64))));
    assert_as_simulated(&chain, order("transfer", arguments(&(account(1), 5_u64))));
    assert_as_simulated(&chain, order("approve", arguments(&(two, 5_u64))));
    assert_as_simulated(&chain, order("mint", arguments(&(two, 5_u64))));
    assert_as_simulated(&chain, order("burn", arguments(&(account(1), 5_u64))));
    let lent = (account(1), two, 5_u64);
    assert_as_simulated(&chain, order("transfer_from", arguments(&lent)));
}

#[test]
fn a_deployment_follows_from_the_constructors_template() {
    let (chain, ..) = deployed(COUNTER, &[]);
    assert_as_simulated(&chain, Order::deploy(TOKEN.to_vec(), &arguments(&1_000_u64)));
    assert_as_simulated(&chain, Order::deploy(COUNTER.to_vec(), &[]));
}

#[test]
fn a_credit_of_the_contract_stays_a_credit() {
    let (chain, counter, _) = deployed(COUNTER, &[]);
    let add = call(&chain, 1, counter, "add", &5_u64);
    assert_eq!(add.access, [AccessEntry::new(counter, Credit)]);
    let bump = call(&chain, 1, counter, "bump", &());
    assert_eq!(bump.access, [AccessEntry::new(counter, Write)]);
    // What deposits imply is not repeated.
    let paid = Order::invoke(counter, "add", &5_u64.to_le_bytes()).deposit(GOLD, 1);
    assert_eq!(with_template(&chain, 1, paid).expect("it is filled in").access, []);
}

#[test]
fn elements_fields_and_options_are_followed() {
    let (chain, probe, _) = deployed(PROBE, &[]);
    let wages = vec![(account(3), 5_u64), (account(2), 6), (account(3), 7)];
    let pay = |thanks: Option<PublicKey>| {
        Order::invoke(probe, "pay", &arguments(&(wages.clone(), thanks)))
    };
    assert_as_simulated(&chain, pay(None));
    assert_as_simulated(&chain, pay(Some(person(4))));
    let order = with_template(&chain, 1, pay(Some(person(4)))).expect("it is filled in");
    let mut expected = [2, 3, 4].map(|number| AccessEntry::new(account(number), Credit));
    expected.sort_by_key(|entry| entry.account);
    assert_eq!(order.access, expected);
}

#[test]
fn what_is_wrong_is_said() {
    let (mut chain, probe, _) = deployed(PROBE, &[]);
    let error = |chain: &Chain, contract, entry: &str, input: &[u8]| {
        let order = Order::invoke(contract, entry, input);
        with_template(chain, 1, order).expect_err("it is refused").to_string()
    };
    let vote = error(&chain, probe, "vote", &[1]);
    assert_eq!(vote, "vote: no access template");
    let long = error(&chain, probe, "wrong_template", &[0; 34]);
    assert_eq!(long, "wrong_template: 1 bytes too many");
    let short = error(&chain, probe, "wrong_template", &[0; 3]);
    let expected = "wrong_template: argument `to` (Address): expected 33 bytes, found 3";
    assert_eq!(short, expected);
    let tag = error(&chain, probe, "wrong_template", &[2; 33]);
    assert_eq!(tag, "wrong_template: argument `to` (Address): no address");
    let claimed = error(&chain, probe, "pay", &u32::MAX.to_le_bytes());
    assert_eq!(claimed, "pay: argument `wages` (Vec<Wage>): expected 33 bytes, found 0");
    let many: Vec<_> = (0..=limits::ACCESS_ENTRIES_MAX as u64).map(|n| (account(n), n)).collect();
    let many = error(&chain, probe, "pay", &arguments(&(many, 0_u8)));
    assert_eq!(many, "pay: more than 128 accounts");
    let absent = ContractId([9; 32]);
    assert_eq!(error(&chain, absent, "pay", &[]), format!("no contract {absent}"));
    let wat = chain.deploy(wasm(TOKEN_WAT), &5_u64.to_le_bytes());
    assert_eq!(error(&chain, wat, "transfer", &[]), "the contract does not describe itself");
    let payment = Order::transfer(account(2), 1);
    assert_eq!(with_template(&chain, 1, payment).expect("it derives its set").access, []);
}

#[test]
fn a_call_from_another_contract_has_that_for_its_caller() {
    let (_, token, description) = deployed(TOKEN, &arguments(&1_u64));
    let caller = Address::Contract(ContractId([7; 32]));
    let input = arguments(&(account(2), 5_u64));
    let source = account(1);
    let call = DescribedCall { source, caller, contract: token, entry: "transfer", input: &input };
    let mut expected = vec![AccessEntry::new(caller, Write), AccessEntry::new(account(2), Credit)];
    expected.sort_by_key(|entry| entry.account);
    assert_eq!(template_access(&description, &call), Ok(expected));
}

#[test]
fn a_description_lists_everything() {
    let (_, _, token) = deployed(TOKEN, &arguments(&1_u64));
    assert_eq!((token.name.as_str(), token.docs.as_str()), ("Token", "A token with one issuer."));
    assert!(token.toolchain.starts_with("rustc 1."), "{}", token.toolchain);
    assert_eq!(token.sdk, "tos-sdk 0.1.0");
    let entries: Vec<_> = token.entries.iter().map(|entry| (&*entry.name, entry.kind)).collect();
    let expected = [
        ("init", EntryKind::Init),
        ("transfer", EntryKind::Call),
        ("approve", EntryKind::Call),
        ("transfer_from", EntryKind::Call),
        ("mint", EntryKind::Call),
        ("burn", EntryKind::Call),
        ("balance_of", EntryKind::View),
        ("allowance", EntryKind::View),
        ("total_supply", EntryKind::View),
        ("authority", EntryKind::View),
    ];
    assert_eq!(entries, expected);
    let transfer = token.entry("transfer").expect("it is listed");
    assert_eq!(transfer.docs, "Moves the caller's tokens.");
    let arguments = transfer.arguments.iter().map(|field| (&*field.name, &field.ty));
    assert!(arguments.eq([("to", &Type::Address), ("amount", &Type::U64)]));
    assert_eq!(transfer.output, Type::Unit);
    let template = transfer.access.as_deref().expect("it has one");
    let roots = template.iter().map(|line| (line.root, line.mode));
    assert!(roots.eq([(AccessRoot::Caller, Write), (AccessRoot::Argument(0), Credit)]));
    let error = token.error("transfer", 1).expect("it is listed");
    assert_eq!((&*error.name, &*error.docs), ("Insufficient", "The balance is too small."));
    assert_eq!(token.errors.len(), 1, "each enum once");
    let events: Vec<_> = token.events.iter().map(|event| event.name.as_str()).collect();
    for name in ["token.approval", "token.burn", "token.mint", "token.transfer"] {
        assert!(events.contains(&name), "{name} in {events:?}");
    }
    let slots: Vec<_> = token.state.iter().map(|slot| (&*slot.name, slot.per_account)).collect();
    let expected =
        [("balances", true), ("allowances", true), ("supply", false), ("authority", false)];
    assert_eq!(slots, expected);
    assert_eq!(token.state[1].kind, SlotKind::Map(Type::Address, Type::U64));
}

#[test]
fn types_of_the_author_are_described() {
    let (_, _, probe) = deployed(PROBE, &[]);
    let pay = probe.entry("pay").expect("it is listed");
    let Type::List(wage) = &pay.arguments[0].ty else { panic!("{:?}", pay.arguments) };
    let Type::Struct(name, fields) = &**wage else { panic!("{wage:?}") };
    assert_eq!((name.as_str(), fields.len()), ("Wage", 2));
    let steps = &pay.access.as_ref().expect("it has one")[0].steps;
    assert_eq!(steps, &[AccessStep::Each, AccessStep::Field("to".into())]);
    let note = probe.entry("note").expect("it is listed");
    assert_eq!(note.output.to_string(), "Option<Note>");
    let Type::Enum(_, variants) = &note.arguments[1].ty else { panic!("{:?}", note.arguments) };
    let variants: Vec<_> =
        variants.iter().map(|one| (&*one.name, one.tag, one.fields.len())).collect();
    assert_eq!(variants, [("Empty", 0, 0), ("Words", 1, 2), ("Pair", 2, 2)]);
}

#[test]
fn an_error_that_is_no_template_is_the_engines() {
    // The family of errors keeps what the node must stop for apart.
    let (chain, probe, _) = deployed(PROBE, &[]);
    let order = Order::invoke(probe, "vote", &[1]);
    assert!(matches!(with_template(&chain, 1, order), Err(CallAccessError::Template(_))));
}
