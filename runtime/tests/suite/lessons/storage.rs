//! Lessons about caches, artifacts and failing storages.

use tos_runtime::{ContractEngine, EngineConfig, EngineError, StateKey};

use crate::support::{
    COUNTER, Call, Chain, CommitFault, FailingStorage, GOLD, Order, account, codes, genesis, wasm,
};

#[test]
fn a_storage_error_on_a_worker_in_the_middle_of_prefetch_fails_the_block() {
    // Of the list: "storage error mid-prefetch". So many accounts are loaded by several workers;
    // one of them meets the error, wherever its share of the accounts is.
    let storage = FailingStorage::new();
    // A new engine has read nothing yet.
    let open = || {
        let config = EngineConfig { max_parallel_threads: 3, ..EngineConfig::default() };
        let builder = ContractEngine::builder().storage(storage.clone()).config(config);
        Chain::build(builder.genesis(genesis(20)))
    };
    let mut chain = open();
    let pay = |sender: u64| {
        let list = (0..256).map(|n| {
            let mut key = [7; 32];
            key[..8].copy_from_slice(&(sender * 256 + n).to_le_bytes());
            (tos_runtime::PublicKey(key).into(), GOLD, 1)
        });
        Order::transfers(list.collect())
    };
    let txs: Vec<_> = (0..18).map(|number| chain.send(number, pay(number))).collect();
    let tip = chain.engine.tip();
    for failing in [0, 9, 17] {
        let tos_runtime::TransactionType::Transfers(list) = &txs[failing].data else {
            panic!("transfers were made")
        };
        let mut chain = open();
        let block = chain.block(txs.clone());
        storage.fail_reads_of(StateKey::Account(list[255].destination));
        let error = chain.engine.execute_block(&block).expect_err("a read fails");
        assert!(matches!(error, EngineError::Storage(_)), "{error}");
        storage.heal();
        assert_eq!(chain.engine.tip(), tip);
    }
    assert_eq!(codes(&chain.execute(txs)), [0; 18]);
}

#[test]
fn b03_a_read_that_fails_is_not_a_zero() {
    // B3 and `unwrap_or(0)`: an account that could not be read became an empty one.
    let storage = FailingStorage::new();
    let mut chain = Chain::on(storage.clone(), 3);
    let counter = chain.deploy(wasm(COUNTER), &[]);
    chain.one(1, Call::counter_add(counter, 5));
    let chain = Chain::on(storage.clone(), 3);
    let key = tos_runtime::SlotKey {
        contract: counter,
        partition: counter.into(),
        key: b"total".as_slice().into(),
    };
    storage.fail_reads_of(StateKey::Counter(key.clone().into()));
    storage.fail_reads_of(StateKey::Account(account(2)));
    chain.engine.counter_value(&key).expect_err("it cannot be read");
    chain.engine.view(counter, "get", &[]).expect_err("it cannot be read");
    chain.engine.account(&account(2)).expect_err("it cannot be read");
    let unsigned = Call::counter_add(counter, 1).unsigned(2, 0);
    chain.engine.simulate(&unsigned).expect_err("the sender cannot be read");
    storage.heal();
    assert_eq!(chain.view_number(counter, "get", &[]), 5, "and the failure is not remembered");
    assert!(chain.balance(2) > 0);
}

#[test]
fn a_counter_that_cannot_be_read_fails_the_merge_of_its_block_and_not_its_sum() {
    // Additions under `Credit` are summed without reading; the old value is read at the very end.
    let storage = FailingStorage::new();
    let mut chain = Chain::on(storage.clone(), 3);
    let counter = chain.deploy(wasm(COUNTER), &[]);
    chain.one(1, Call::counter_add(counter, 5));
    let mut chain = Chain::on(storage.clone(), 3);
    let tx = chain.send(2, Call::counter_add(counter, 6));
    let block = chain.block(vec![tx]);
    let key = b"total".as_slice().into();
    let total = tos_runtime::SlotKey { contract: counter, partition: counter.into(), key };
    storage.fail_reads_of(StateKey::Counter(total.into()));
    let error = chain.engine.execute_block(&block).expect_err("the old value cannot be read");
    assert!(matches!(error, EngineError::Storage(_)), "{error}");
    storage.heal();
    let outcome = chain.execute_block(&block);
    chain.engine.commit(outcome).expect("it commits");
    assert_eq!(chain.view_number(counter, "get", &[]), 11);
}

#[test]
fn i14_a_damaged_artifact_is_compiled_anew_and_changes_nothing() {
    // I14, CosmWasm 2024-08: cached artifacts kept the gas of an old compiler. What is stored is
    // machine code, so it is only ever run if every byte is what this very engine wrote.
    let storage = FailingStorage::new();
    let mut chain = Chain::on(storage.clone(), 3);
    let counter = chain.deploy(wasm(COUNTER), &[]);
    let gas = chain.one(1, Call::counter_add(counter, 5)).gas_used;
    assert_eq!(storage.artifacts_stored(), 1);
    storage.damage_artifacts();
    let mut chain = Chain::on(storage.clone(), 3);
    assert_eq!(chain.one(1, Call::counter_add(counter, 5)).gas_used, gas);
    assert_eq!(storage.artifacts_stored(), 2, "it was compiled again");
    assert_eq!(chain.view_number(counter, "get", &[]), 10);
}

#[test]
fn i25_after_a_write_error_nothing_is_acknowledged() {
    // I25, fjall#308: a failed write left a torn tail, the next batch was acknowledged and lost on
    // reopening.
    let storage = FailingStorage::new();
    let mut chain = Chain::on(storage.clone(), 3);
    storage.fail_commit(1, CommitFault::BeforeWriting);
    let mut acknowledged = 0;
    for _ in 0..4 {
        // Signed and built as a node would that does not look at errors.
        let Ok(account_1) = chain.engine.account(&account(1)) else { continue };
        let tx = Order::transfer(account(9), 1).signed(1, account_1.nonce.0);
        let block = chain.block(vec![tx]);
        let Ok(outcome) = chain.engine.execute_block(&block) else { continue };
        acknowledged += u64::from(chain.engine.commit(outcome).is_ok());
    }
    assert_eq!(acknowledged, 1);
    let reopened = Chain::on(storage, 3);
    assert_eq!(reopened.engine.tip().topoheight.0, acknowledged);
    assert_eq!(reopened.balance(9), acknowledged);
}
