//! Law 9: a committed block survives, an unacknowledged one is there whole or not at all.
//!
//! That no crash at any single write leaves a mixture, and that a commit that returned survives
//! power loss, is tested in `runtime/src/storage/redb/crash_tests.rs` on a device that loses what
//! was not synchronised. Here the engine around the storage is tried.

use std::path::Path;

use tos_runtime::{ContractEngine, EngineError, RedbStorage, StateKey};

use crate::support::{
    Chain, CommitFault, FailingStorage, Generator, Order, account, genesis, values,
};

fn on_file(path: &Path) -> Chain {
    Chain::on(RedbStorage::open(path).expect("redb opens"), 6)
}

#[test]
fn law_09_a_copy_of_the_file_taken_when_commit_returns_has_the_block() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("chain.redb");
    let mut chain = on_file(&path);
    let mut generator = Generator::new(6, 31);
    let mut keys = std::collections::BTreeSet::<StateKey>::new();
    for height in 1..=5 {
        let txs = match height {
            1 => generator.first_block(),
            _ => generator.block(&chain.engine, 25),
        };
        let outcome = chain.execute(txs);
        keys.extend(outcome.change_set().changes().iter().map(|change| change.key.clone()));
        chain.engine.commit(outcome).expect("it commits");
        // The engine is still open: this is what a killed process leaves behind.
        let copy = folder.path().join(format!("copy-{height}.redb"));
        std::fs::copy(&path, &copy).expect("the file is copied");
        let survivor = on_file(&copy);
        assert_eq!(survivor.engine.tip(), chain.engine.tip(), "block {height}");
        assert_eq!(values(&survivor.engine, &keys), values(&chain.engine, &keys), "{height}");
    }
    assert!(keys.len() > 20, "too little changed to prove anything");
}

#[test]
fn law_09_a_commit_that_failed_is_found_whole_or_not_at_all() {
    let faults = [(CommitFault::BeforeWriting, 1), (CommitFault::AfterWriting, 2)];
    for (fault, height) in faults {
        let storage = FailingStorage::new();
        let mut chain = Chain::on(storage.clone(), 3);
        chain.one(1, Order::transfer(account(8), 10));
        let tx = chain.send(1, Order::transfer(account(8), 32));
        let outcome = chain.execute(vec![tx]);
        let digests = [chain.engine.tip().state_digest, outcome.state_digest()];
        storage.fail_commit(0, fault);
        let error = chain.engine.commit(outcome).expect_err("the storage fails");
        assert!(matches!(error, EngineError::Storage(_)), "{fault:?}: {error}");
        drop(chain);
        let chain = Chain::on(storage, 3);
        assert_eq!(chain.engine.tip().topoheight.0, height, "{fault:?}");
        assert_eq!(chain.engine.tip().state_digest, digests[height as usize - 1], "{fault:?}");
        let expected = if height == 1 { (10, 1) } else { (42, 2) };
        assert_eq!((chain.balance(8), chain.nonce(1)), expected, "{fault:?}");
    }
}

#[test]
fn law_09_what_was_executed_and_not_committed_is_gone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("chain.redb");
    let mut chain = on_file(&path);
    chain.one(1, Order::transfer(account(8), 10));
    let tip = chain.engine.tip();
    let tx = chain.send(1, Order::transfer(account(8), 32));
    let outcome = chain.execute(vec![tx]);
    drop(chain);
    let reopened = on_file(&path);
    assert_eq!(reopened.engine.tip(), tip);
    assert_eq!(reopened.balance(8), 10);
    // The outcome is a value: an engine opened later on the same tip can still commit it.
    reopened.engine.commit(outcome).expect("its parent is the tip");
    assert_eq!(reopened.balance(8), 42);
    drop(reopened);
    assert_eq!(on_file(&path).balance(8), 42);
}

#[test]
fn law_09_every_block_is_one_commit_of_the_storage() {
    let storage = FailingStorage::new();
    let builder = ContractEngine::builder().storage(storage.clone()).genesis(genesis(6));
    let mut chain = Chain::build(builder);
    let mut generator = Generator::new(6, 8);
    let first = generator.first_block();
    chain.run(first);
    for _ in 0..3 {
        let txs = generator.block(&chain.engine, 30);
        chain.run(txs);
    }
    assert_eq!(storage.commits(), [0, 1, 2, 3, 4]);
}
