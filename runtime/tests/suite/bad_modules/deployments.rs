//! M23, M25, M26, M29: deployments as such, and what happens to modules afterwards.

use tos_runtime::{
    AccessMode, ContractEngine, EngineConfig, EngineError, ExecutionStatus, Hash, OpenError,
    RevertReason, StateKey,
};

use super::deployment;
use crate::support::{
    COUNTER, Call, Chain, FailingStorage, Order, assert_only_nonces_and_fees, genesis, receipt,
    wasm,
};

/// Writes a slot in its constructor, then gives up if the input says so.
const MOODY: &str = r#"(module
    (import "tos_v1" "contract" (func $contract (param i32)))
    (import "tos_v1" "input" (func $input (param i32 i32) (result i32)))
    (import "tos_v1" "storage_write"
      (func $storage_write (param i32 i32 i32 i32 i32) (result i32)))
    (import "tos_v1" "abort" (func $abort (param i32 i32 i32 i32 i32 i32)))
    (memory (export "memory") 1)
    (func (export "init")
      (drop (call $input (i32.const 64) (i32.const 4)))
      (call $contract (i32.const 0))
      (drop (call $storage_write
        (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 64) (i32.const 4)))
      (if (i32.load (i32.const 64))
        (then (call $abort (i32.load (i32.const 64)) (i32.const 0) (i32.const 0)
          (i32.const 0) (i32.const 0) (i32.const 0)))))
    (func (export "run")))"#;

fn moody(mood: u32) -> Order {
    Order::deploy(wasm(MOODY), &mood.to_le_bytes())
}

fn code_key(code: &[u8]) -> StateKey {
    StateKey::Code(Hash(*blake3::hash(code).as_bytes()))
}

#[test]
fn m23_the_same_bytes_are_stored_once_however_often_they_are_deployed() {
    let mut chain = Chain::new(3);
    let code = code_key(&wasm(MOODY));
    // Two people in one batch, and one of them twice.
    let txs = vec![chain.send(1, moody(0)), chain.send(2, moody(0)), chain.send(2, moody(0))];
    let outcome = chain.execute(txs);
    assert_eq!(outcome.schedule().batch_count(), 2, "two people do not wait for each other");
    let paid: Vec<_> = (0..3).map(|idx| receipt(&outcome, idx).gas_used).collect();
    assert_eq!(paid[0], paid[1], "each pays for the code, stored or not");
    assert_eq!(paid[1], paid[2]);
    let stored = outcome.change_set().changes().iter().filter(|change| change.key == code);
    assert_eq!(stored.count(), 1);
    let contracts: std::collections::BTreeSet<_> =
        (0..3).map(|idx| receipt(&outcome, idx).contract.expect("it is deployed")).collect();
    assert_eq!(contracts.len(), 3, "each is a contract of its own");
    chain.engine.commit(outcome).expect("it commits");
    // Later: nothing to store any more, and the same price.
    let tx = chain.send(1, moody(0));
    let outcome = chain.execute(vec![tx]);
    assert_eq!(receipt(&outcome, 0).gas_used, paid[0]);
    assert!(outcome.change_set().get(&code).is_none(), "the code is there already");
}

#[test]
fn m23_a_deployment_that_fails_leaves_neither_code_nor_data() {
    let mut chain = Chain::new(4);
    let code = code_key(&wasm(MOODY));
    let tx = chain.send(1, moody(7));
    let outcome = chain.execute(vec![tx]);
    let failed = receipt(&outcome, 0).clone();
    assert_eq!(failed.status, ExecutionStatus::Reverted(RevertReason::Contract(7)));
    assert_only_nonces_and_fees(&outcome, &[(1, failed.fee.0)]);
    // Beside one that succeeds, in either order, the loser's slot stays out and the winner's code
    // in.
    for moods in [[7, 0], [0, 7]] {
        let txs: Vec<_> =
            (1..).zip(moods).map(|(number, mood)| chain.send(number, moody(mood))).collect();
        let ids: Vec<_> = txs.iter().map(|tx| tx.deployed_contract().expect("it is")).collect();
        let outcome = chain.execute(txs);
        assert!(outcome.change_set().get(&code).is_some(), "{moods:?}");
        for change in outcome.change_set().changes() {
            let (StateKey::Slot(_) | StateKey::Contract(_)) = change.key else { continue };
            let winner = ids[moods.iter().position(|&mood| mood == 0).expect("one wins")];
            let found = match &change.key {
                StateKey::Slot(slot) => slot.contract,
                StateKey::Contract(id) => *id,
                _ => continue,
            };
            assert_eq!(found, winner, "{moods:?}: {:?}", change.key);
        }
    }
}

#[test]
fn m25_a_module_that_is_evicted_all_the_time_is_compiled_once_and_costs_the_same() {
    // Room for no module at all: every block asks the database for what the last one evicted.
    let storage = FailingStorage::new();
    let tiny = EngineConfig { module_cache_bytes: 1, ..EngineConfig::default() };
    let builder = ContractEngine::builder().storage(storage.clone()).config(tiny);
    let mut chain = Chain::build(builder.genesis(genesis(3)));
    let mut roomy = Chain::new(3);
    let deploy = |chain: &mut Chain| {
        [chain.deploy(wasm(COUNTER), &[]), chain.deploy(wasm(MOODY), &0_u32.to_le_bytes())]
    };
    let [counter, moody] = deploy(&mut chain);
    assert_eq!(deploy(&mut roomy), [counter, moody]);
    assert_eq!(storage.artifacts_stored(), 2);
    for _ in 0..5 {
        for order in [Call::counter_add(counter, 1), Order::invoke(moody, "run", &[])] {
            assert_eq!(chain.one(1, order.clone()), roomy.one(1, order));
        }
    }
    assert_eq!(storage.artifacts_stored(), 2, "compiled again");
    assert_eq!(chain.engine.tip(), roomy.engine.tip());
}

#[test]
fn m26_many_tiny_modules_are_each_paid_for_and_bounded_in_memory_not_in_number() {
    // The catalogue has ten thousand and a deposit; here the price of a byte of code covers keeping
    // its compiled form, and memory is bounded by a cache that is far too small for all of them.
    const MODULES: u64 = 120;
    let storage = FailingStorage::new();
    let small = EngineConfig { module_cache_bytes: 4_096, ..EngineConfig::default() };
    let builder = ContractEngine::builder().storage(storage.clone()).config(small);
    let mut chain = Chain::build(builder.genesis(genesis(MODULES)));
    let codes: Vec<_> = (0..MODULES)
        .map(|n| super::with(&format!("(global i64 (i64.const {}))", n + 1_000_000)))
        .collect();
    let mut txs = Vec::new();
    for (number, code) in (0..).zip(&codes) {
        let order = deployment(&chain, code.clone());
        txs.push(chain.send(number, order));
    }
    let byte = chain.engine.params().costs.code_byte;
    let receipts: Vec<_> =
        chain.run(txs).into_iter().map(|result| result.expect("it is included")).collect();
    for (receipt, code) in receipts.iter().zip(&codes) {
        assert!(receipt.status.is_success());
        assert!(receipt.gas_used.0 > code.len() as u64 * byte, "every byte is paid for");
    }
    assert_eq!(storage.artifacts_stored() as u64, MODULES, "each is compiled once");
    // All of them still run, the first as well as the last.
    let mut calls = Vec::new();
    for (number, receipt) in (0..).zip(&receipts) {
        let contract = receipt.contract.expect("it is deployed");
        calls.push(chain.send(number, Order::invoke(contract, "run", &[])));
    }
    for result in chain.run(calls) {
        assert!(result.expect("it is included").status.is_success());
    }
    assert_eq!(storage.artifacts_stored() as u64, MODULES, "none is compiled again");
}

#[test]
fn m29_an_engine_of_other_rules_refuses_the_chain_instead_of_breaking_its_contracts() {
    // What a contract may be and how it is prepared is compiled into a library and part of the
    // engine id stored with the chain, so a library that judges modules otherwise does not open it
    // (`versions.rs`); prices can change at a height, and the gate does not depend on them, so no
    // change can turn a deployed module into a refused one. Running a contract under the rules it
    // was deployed with is the business of the first library that knows two versions of them.
    let storage = FailingStorage::new();
    let mut chain = Chain::on(storage.clone(), 2);
    let counter = chain.deploy(wasm(COUNTER), &[]);
    let expected = chain.one(1, Call::counter_add(counter, 3));
    let tip = chain.engine.tip();
    drop(chain);
    type Change = fn(&mut tos_runtime::ProtocolParams);
    let changes: [(&str, Change); 4] = [
        ("engine_version", |params| params.engine_version += 1),
        ("costs.operators.simple", |params| params.costs.operators.simple += 1),
        ("costs.operators.memory_grow_page", |params| params.costs.operators.memory_grow_page += 1),
        ("costs.code_byte", |params| params.costs.code_byte += 1),
    ];
    for (field, change) in changes {
        let mut genesis = genesis(2);
        let ours = genesis.params.id();
        change(&mut genesis.params);
        assert_ne!(genesis.params.id(), ours, "{field}");
        let builder = ContractEngine::builder().storage(storage.clone()).genesis(genesis);
        match builder.build().map(|engine| engine.tip()) {
            Err(EngineError::Open(OpenError::Incompatible { what, stored, given })) => {
                assert_eq!(what, "protocol parameters", "{field}");
                let value = |shown: &str| {
                    let value = shown.strip_prefix(field).and_then(|it| it.strip_prefix(" = "));
                    value.and_then(|it| it.parse::<u64>().ok()).expect("the field and its value")
                };
                assert_eq!(value(&stored) + 1, value(&given), "{stored}, {given}");
            }
            other => panic!("{field}: expected Incompatible, found {other:?}"),
        }
    }
    // Stricter limits of modules are no field: they are in the stored engine id, see `b16_*`, which
    // finds each part of it missing with both values shown.
    // The refusals wrote nothing: under its own rules the contract goes on as before.
    let mut chain = Chain::on(storage, 2);
    assert_eq!(chain.engine.tip(), tip);
    assert_eq!(chain.one(1, Call::counter_add(counter, 3)).gas_used, expected.gas_used);
    let read = Order::invoke(counter, "get", &[]).access(counter, AccessMode::Read);
    assert_eq!(chain.one(1, read).return_data, 6_u128.to_le_bytes());
}
