//! T16, T18, T19, T22: calls of what is not there, not there yet or gone, and odd bytes.

use tos_runtime::{
    AccessMode, Address, AssetId, ContractId, ExecutionStatus, ModuleFault, RevertReason, SlotKey,
    StateKey, Transaction,
};

use crate::support::{COUNTER, Call, Chain, GOLD, Order, account, guest, wasm};

fn reverted(reason: RevertReason) -> ExecutionStatus {
    ExecutionStatus::Reverted(reason)
}

#[test]
fn bad_t16_a_call_of_a_contract_that_does_not_exist_pays_the_intrinsic_gas() {
    let mut chain = Chain::new(1);
    let nowhere = ContractId([7; 32]);
    let missing = reverted(RevertReason::NoSuchContract(nowhere));
    assert_eq!(missing.code(), 101);
    let order = || Order::invoke(nowhere, "add", &[1, 2]).access(account(5), AccessMode::Read);
    let receipt = chain.assert_fails(0, order(), &missing);
    assert_eq!(receipt.gas_used.0, 15_000 + 5_000 + 500 + 10 * (2 + 3));
    // What it brings along stays where it was.
    let receipt = chain.assert_fails(0, order().deposit(GOLD, 5), &missing);
    assert_eq!(receipt.gas_used.0, 15_000 + 5_000 + 500 + 10 * (2 + 3) + 11_000);
    // An account that holds money is no contract, nor is a person's key.
    chain.one(0, Order::transfer(nowhere, 5));
    chain.assert_fails(0, order(), &missing);
    let key = ContractId(*crate::support::person(0).as_bytes());
    let missing = reverted(RevertReason::NoSuchContract(key));
    chain.assert_fails(0, Order::invoke(key, "add", &[]), &missing);
    chain.assert_fails(0, Order::upgrade(key, wasm(COUNTER), &[]), &missing);
}

#[test]
fn bad_t16_a_call_of_an_entry_that_is_not_exported_pays_the_intrinsic_gas() {
    let mut chain = Chain::new(1);
    let supply = 100_u64.to_le_bytes();
    let token = chain.deploy(wasm(crate::support::TOKEN), &supply);
    let no_entry = reverted(RevertReason::NoSuchEntry);
    assert_eq!(no_entry.code(), 102);
    // Unknown, empty, in other letters, cut, an export that is no function, a function that is not
    // exported, and the constructor, which runs once and not on demand.
    for entry in ["nothing", "", "Transfer", "transfe", "memory", "take_input", "init", "migrate"] {
        let order = Order::invoke(token, entry, &supply).deposit(GOLD, 5);
        let receipt = chain.assert_fails(0, order, &no_entry);
        let intrinsic = 15_000 + 5_000 + 11_000 + 10 * (supply.len() + entry.len()) as u64;
        assert_eq!(receipt.gas_used.0, intrinsic, "{entry:?}");
    }
    assert_eq!(chain.view_number(token, "total_supply", &[]), 100);
}

#[test]
fn bad_t16_an_export_with_parameters_or_results_is_refused_at_deployment() {
    // The catalogue lets the call fail. Entries take no parameters and return nothing, and a module
    // that exports anything else never becomes a contract.
    let mut chain = Chain::new(1);
    for function in ["(param i32)", "(result i32) (i32.const 1)", "(param i64 i64)"] {
        let text =
            format!(r#"(module (memory (export "memory") 1) (func (export "f") {function}))"#);
        let code = wasm(&text);
        let receipt = chain.assert_fails(
            0,
            Order::deploy(code.clone(), &[]),
            &reverted(RevertReason::ModuleRefused(ModuleFault::Export)),
        );
        assert_eq!(
            receipt.gas_used.0,
            30_000 + 1_500 * (8_192 + code.len() as u64),
            "checking is paid for"
        );
    }
}

#[test]
fn bad_t18_a_contract_is_callable_in_the_block_after_its_deployment() {
    // The catalogue orders the call behind the deployment. Here code becomes callable in the next
    // block, so that code is never part of a conflict: in its own block there is no contract yet.
    let mut chain = Chain::new(3);
    let deploy = chain.send(0, Order::deploy(wasm(COUNTER), &[]));
    let contract = deploy.deployed_contract().expect("it is a deployment");
    let call = |chain: &mut Chain, number| chain.send(number, Call::counter_add(contract, 5));
    let txs = vec![
        call(&mut chain, 1),
        deploy,
        call(&mut chain, 1),
        chain.send(2, Order::invoke(contract, "add", &[0; 8]).deposit(GOLD, 5)),
        chain.send(0, Order::upgrade(contract, guest!("echo"), &[])),
        chain.send(2, Order::transfer(contract, 7)),
    ];
    let gold = chain.asset_balance(2, GOLD);
    let results = chain.run(txs);
    let missing = reverted(RevertReason::NoSuchContract(contract));
    let statuses: Vec<_> = results
        .iter()
        .map(|result| result.as_ref().expect("it is included").status.clone())
        .collect();
    let ok = ExecutionStatus::Success;
    let expected = [missing.clone(), ok.clone(), missing.clone(), missing.clone(), missing, ok];
    assert_eq!(statuses, expected);
    assert_eq!(chain.asset_balance(2, GOLD), gold, "the deposit came back");
    let held = chain.engine.balance(&contract.into(), AssetId::NATIVE).expect("it is read");
    assert_eq!(held.0, 7, "its account receives in its own block already");
    // One block later.
    assert!(chain.one(1, Call::counter_add(contract, 5)).status.is_success());
    assert_eq!(chain.view_number(contract, "get", &[]), 5);
}

#[test]
fn bad_t18_calls_in_the_block_of_an_upgrade_run_the_old_code() {
    let mut chain = Chain::new(2);
    let contract = chain.deploy(wasm(COUNTER), &[]);
    let echo = |chain: &mut Chain| chain.send(1, Order::invoke(contract, "echo", b"hi"));
    let add = |chain: &mut Chain| chain.send(1, Call::counter_add(contract, 5));
    let block = |chain: &mut Chain| {
        let upgrade = Order::upgrade(contract, guest!("echo"), &[]);
        let txs = vec![add(chain), chain.send(0, upgrade), add(chain), echo(chain)];
        chain
            .run(txs)
            .iter()
            .map(|r| r.as_ref().expect("included").status.code())
            .collect::<Vec<_>>()
    };
    assert_eq!(block(&mut chain), [0, 0, 0, 102]);
    assert_eq!(chain.engine.contract(&contract).expect("read").map(|c| c.version), Some(2));
    // From the next block on it is the new code.
    assert_eq!(block(&mut chain), [102, 0, 102, 0]);
    let total = SlotKey { contract, partition: contract.into(), key: b"total".as_slice().into() };
    assert_eq!(chain.engine.counter_value(&total).expect("it is read"), 10, "storage stays");
}

/// An order for the guest `store` on its shared partition.
fn store(contract: ContractId, entry: &str, value: &[u8]) -> Order {
    let mut input = Address::Contract(contract).to_bytes().to_vec();
    input.extend_from_slice(&4_u32.to_le_bytes());
    input.extend_from_slice(b"slot");
    input.extend_from_slice(value);
    Order::invoke(contract, entry, &input).access(contract, AccessMode::Write)
}

fn shared_slot(contract: ContractId) -> SlotKey {
    SlotKey { contract, partition: contract.into(), key: b"slot".as_slice().into() }
}

#[test]
fn bad_t19_a_slot_removed_and_written_anew_in_one_block_ends_as_in_sequence() {
    // Contracts cannot be destroyed in v1. What can disappear and come back within a block are
    // slots, counters and code versions; each of the following ends as block order says.
    let mut chain = Chain::new(4);
    let contract = chain.deploy(guest!("store"), &[]);
    let mut block = |steps: &[(&str, &[u8])]| {
        let send = |(number, (entry, value)): (u64, &(&str, &[u8]))| {
            chain.send(number, store(contract, entry, value))
        };
        let txs: Vec<_> = (0..).zip(steps).map(send).collect();
        let outcome = chain.execute(txs);
        assert_eq!(outcome.schedule().batch_count(), steps.len(), "one waits for the other");
        let change =
            outcome.change_set().get(&StateKey::Slot(shared_slot(contract).into())).is_some();
        chain.engine.commit(outcome).expect("it commits");
        let value = chain.engine.storage_value(&shared_slot(contract)).expect("it is read");
        (change, value.as_deref().map(<[u8]>::to_vec))
    };
    assert_eq!(block(&[("write", b"1"), ("remove", b"")]), (false, None));
    let steps: [(&str, &[u8]); 3] = [("write", b"1"), ("remove", b""), ("write", b"2")];
    assert_eq!(block(&steps), (true, Some(b"2".to_vec())));
    assert_eq!(block(&[("remove", b""), ("write", b"2")]), (false, Some(b"2".to_vec())));
    assert_eq!(block(&[("remove", b""), ("write", b"")]), (true, Some(vec![])), "empty is there");
    assert_eq!(block(&[("write", b"3"), ("remove", b"")]), (true, None));
}

#[test]
fn bad_t19_a_counter_emptied_and_filled_again_in_one_block_ends_as_in_sequence() {
    let mut chain = Chain::new(4);
    let contract = chain.deploy(guest!("undeclared"), &[]);
    let step = |add: bool| {
        let mut input = Address::Contract(contract).to_bytes().to_vec();
        input.push(if add { 4 } else { 5 });
        let mode = if add { AccessMode::Credit } else { AccessMode::Write };
        Order::invoke(contract, "touch", &input).access(contract, mode)
    };
    let mut block = |steps: &[bool]| {
        let send = |(number, add): (u64, &bool)| chain.send(number, step(*add));
        let txs: Vec<_> = (0..).zip(steps).map(send).collect();
        let outcome = chain.execute(txs);
        let key = StateKey::Counter(shared_slot(contract).into());
        let change = outcome.change_set().get(&key).map(|change| change.new.is_some());
        chain.engine.commit(outcome).expect("it commits");
        (change, chain.engine.counter_value(&shared_slot(contract)).expect("it is read"))
    };
    // A subtraction below zero does nothing, so order shows.
    assert_eq!(block(&[true, false]), (None, 0));
    assert_eq!(block(&[false, true]), (Some(true), 1));
    assert_eq!(block(&[false, true]), (None, 1));
    assert_eq!(block(&[false, true, true, false]), (None, 1));
    assert_eq!(block(&[false, false]), (Some(false), 0));
    assert_eq!(block(&[true, false, false, true]), (Some(true), 1));
}

#[test]
fn bad_t19_code_replaced_and_restored_in_one_block_counts_both_upgrades() {
    let mut chain = Chain::new(2);
    let contract = chain.deploy(wasm(COUNTER), &[]);
    let before = chain.engine.contract(&contract).expect("it is read").expect("it exists");
    let txs = vec![
        chain.send(0, Order::upgrade(contract, guest!("echo"), &[])),
        chain.send(1, Order::upgrade(contract, guest!("spin"), &[])),
        chain.send(0, Order::upgrade(contract, wasm(COUNTER), &[])),
    ];
    let codes: Vec<_> = chain
        .run(txs)
        .iter()
        .map(|result| result.as_ref().expect("it is included").status.code())
        .collect();
    assert_eq!(codes, [0, 106, 0], "only the authority may");
    let after = chain.engine.contract(&contract).expect("it is read").expect("it exists");
    assert_eq!((after.version, after.code_hash), (3, before.code_hash));
    assert!(chain.one(1, Call::counter_add(contract, 1)).status.is_success());
}

/// Bytes that terminals, databases and parsers trip over.
const ODD: &[u8] = b"\0\x1b[2J\r\n\x7f\xff\xfe\xc0\x80'\";--\xe2\x80\xae";

#[test]
fn bad_t22_input_and_return_data_are_bytes_whatever_they_mean() {
    // There is no memo: the bytes a transaction carries for nobody but the contract are its input.
    let mut chain = Chain::new(1);
    let echo = chain.deploy(guest!("echo"), &[]);
    let all: Vec<u8> = (0..=u8::MAX).collect();
    for bytes in [&[][..], &[0], &[0; 300], ODD, &all] {
        let tx = Order::invoke(echo, "echo", bytes).signed(0, chain.nonce(0));
        assert_eq!(Transaction::decode(&tx.encode()).expect("it is whole"), tx);
        let receipt = chain.run(vec![tx]).remove(0).expect("it is included");
        assert_eq!(receipt.return_data, bytes);
    }
}

#[test]
fn bad_t22_an_entry_is_text_and_an_odd_one_is_not_found() {
    let mut chain = Chain::new(1);
    let echo = chain.deploy(guest!("echo"), &[]);
    for entry in ["\0", "echo\0", "\u{1b}[2J", "echo ", "\u{202e}ohce", "'; --"] {
        let order = Order::invoke(echo, entry, &[]);
        chain.assert_fails(0, order, &reverted(RevertReason::NoSuchEntry));
    }
    // What is not UTF-8 is not even a transaction.
    let mut bytes = Order::invoke(echo, "echo", &[]).signed(0, 0).encode();
    let at = bytes.windows(4).position(|four| four == b"echo").expect("the entry's name");
    bytes[at] = 0xff;
    assert!(Transaction::decode(&bytes).is_err());
}

#[test]
fn bad_t22_what_a_guest_says_reaches_the_operator_escaped() {
    let mut chain = Chain::new(1);
    let say = chain.deploy(guest!("say"), &[]);
    let said = |bytes: &[u8]| {
        let tx = Order::invoke(say, "say", bytes).gas_limit(2_000_000).unsigned(0, 1);
        let simulation = chain.engine.simulate(&tx).expect("it runs");
        let receipt = simulation.result.expect("it could be included");
        assert!(receipt.status.is_success());
        assert!(receipt.return_data.is_empty() && receipt.events.is_empty());
        simulation.messages.into_iter().map(|message| message.text).collect::<Vec<_>>()
    };
    assert_eq!(said(b"plain \xc3\xa9"), ["plain \u{e9}"]);
    assert_eq!(said(b"a\0\x1b[2J\r\n\x7f"), [r"a\0\u{1b}[2J\r\n\u{7f}"]);
    assert_eq!(said(b"\xff\xc2"), ["\u{fffd}\u{fffd}"]);
    // Text that would be read backwards.
    assert_eq!(said("\u{202e}ohce".as_bytes()), [r"\u{202e}ohce"]);
    assert!(said(ODD).iter().all(|text| !text.chars().any(char::is_control)));
    let limit = tos_runtime::limits::MESSAGE_LEN_MAX;
    for (len, kept) in [(limit, limit), (limit + 1, limit), (60_000, limit)] {
        assert_eq!(said(&vec![b'x'; len])[0].len(), kept, "{len} bytes");
    }
}
