//! What every [`Storage`] must do, as one function that each implementation's tests call.

use tos_host_api::{Hash, TopoHeight};

use super::test_chain::{Step, TestChain, account, holding, seeded_writes};
use super::{CommitBatch, Storage};

/// Runs the whole suite on a new, empty storage.
///
/// # Panics
/// When the storage does not conform.
#[track_caller]
pub(super) fn check(storage: &dyn Storage) {
    new_storage_is_empty(storage);
    batches_before_genesis_are_refused(storage);
    let mut chain = TestChain::default();
    blocks_are_read_back(storage, &mut chain);
    batches_that_do_not_follow_are_refused(storage, &chain);
    rollback_restores_the_state_and_removes_records(storage, &mut chain);
    stable_blocks_are_not_rolled_back(storage, &mut chain);
    artifacts_are_kept_and_replaced(storage);
    chain.check(storage);
}

fn new_storage_is_empty(storage: &dyn Storage) {
    assert_eq!(storage.meta().unwrap(), None);
    assert_eq!(storage.read(&account(0)).unwrap(), None);
    assert_eq!(storage.record(TopoHeight::ZERO).unwrap(), None);
    assert_eq!(storage.artifact(&Hash([1; 32])).unwrap(), None);
}

fn batches_before_genesis_are_refused(storage: &dyn Storage) {
    let mut chain = TestChain::default();
    chain.block(seeded_writes(0, 5));
    assert!(chain.rollback(0).commit(storage).is_err(), "rollback of nothing");
    assert!(chain.block(seeded_writes(1, 5)).commit(storage).is_err(), "a block before genesis");
    new_storage_is_empty(storage);
}

fn blocks_are_read_back(storage: &dyn Storage, chain: &mut TestChain) {
    for seed in 0..30 {
        chain.block(seeded_writes(seed, 12)).commit(storage).unwrap();
        chain.check(storage);
    }
    chain.block(Vec::new()).commit(storage).unwrap();
    chain.check(storage);
}

fn batches_that_do_not_follow_are_refused(storage: &dyn Storage, chain: &TestChain) {
    let refused = |what: &str, step: Step| {
        let error = step.commit(storage).expect_err(what);
        chain.check(storage);
        error.to_string()
    };
    let next = chain.clone().block(vec![(account(1), holding(1))]);

    let again = chain.records.last().cloned().unwrap();
    let repeated = Step { meta: chain.meta().unwrap(), record: Some(again), ..next.clone() };
    assert!(refused("a height twice", repeated).contains("expected 31"));

    let mut gap = chain.clone();
    gap.block(seeded_writes(1, 3));
    refused("a gap", gap.block(seeded_writes(2, 3)));

    let mut unstable = next.clone();
    unstable.meta.stable_topoheight = TopoHeight(99);
    refused("a stable height above the block", unstable);

    let mut foreign = next.clone();
    foreign.meta.state_digest = Hash([0xEE; 32]);
    refused("a record of another state", foreign);

    let mut higher = next.clone();
    higher.record = None;
    refused("a rollback upwards", higher);

    let other = chain.clone().block(vec![(account(1), holding(2))]).changes;
    let batch = CommitBatch { meta: &next.meta, record: next.record.as_ref(), changes: &other };
    assert!(storage.commit(&batch).is_err(), "changes that are not the record's");
    chain.check(storage);
}

fn rollback_restores_the_state_and_removes_records(storage: &dyn Storage, chain: &mut TestChain) {
    chain.rollback(20).commit(storage).unwrap();
    chain.check(storage);
    assert_eq!(storage.record(TopoHeight(25)).unwrap(), None);
    chain.rollback(20).commit(storage).unwrap();
    chain.check(storage);
    for seed in 100..105 {
        chain.block(seeded_writes(seed, 12)).commit(storage).unwrap();
        chain.check(storage);
    }
    chain.rollback(24).commit(storage).unwrap();
    chain.check(storage);
}

fn stable_blocks_are_not_rolled_back(storage: &dyn Storage, chain: &mut TestChain) {
    chain.stable = TopoHeight(24);
    chain.block(seeded_writes(200, 12)).commit(storage).unwrap();
    assert!(chain.clone().rollback(23).commit(storage).is_err());
    chain.rollback(24).commit(storage).unwrap();
    chain.check(storage);
}

fn artifacts_are_kept_and_replaced(storage: &dyn Storage) {
    let key = Hash([1; 32]);
    for artifact in [&b"first"[..], b"", &[7; 100_000]] {
        storage.store_artifact(&key, artifact).unwrap();
        assert_eq!(storage.artifact(&key).unwrap().as_deref(), Some(artifact));
    }
    assert_eq!(storage.artifact(&Hash([2; 32])).unwrap(), None);
}
