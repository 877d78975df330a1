//! Commits that become durable in the background, without tokio: the tip moves at once, waiting
//! ends when the storage has the block, and an error reaches whoever waits.

use tos_runtime::{EngineError, PendingCommit, TopoHeight};

use crate::support::{Chain, CommitFault, FailingStorage, Order, account};

/// A chain whose storage the test holds.
fn chain() -> (Chain, FailingStorage) {
    let storage = FailingStorage::new();
    (Chain::on(storage.clone(), 3), storage)
}

/// Person 1 pays person 8 the height of the block.
fn pay(chain: &mut Chain, height: u64) -> PendingCommit {
    let outcome = chain.execute(vec![Order::transfer(account(8), height).signed(1, height - 1)]);
    chain.engine.commit_in_background(outcome).expect("it is staged")
}

#[test]
fn the_next_block_executes_before_the_last_one_is_durable() {
    let (mut chain, storage) = chain();
    storage.hold_commits();
    let first = pay(&mut chain, 1);
    let second = pay(&mut chain, 2);
    assert_eq!((first.topoheight(), second.topoheight()), (TopoHeight(1), TopoHeight(2)));
    assert_eq!((storage.commits(), chain.balance(8)), (vec![0], 3));
    storage.release_one_commit();
    first.wait().expect("it is durable");
    assert_eq!(storage.commits(), [0, 1]);
    storage.release_commits();
    second.wait().expect("it is durable");
    assert_eq!(storage.commits(), [0, 1, 2]);
}

#[test]
fn bad_q11_a_commit_nobody_waits_for_is_written_all_the_same() {
    let (mut chain, storage) = chain();
    drop(pay(&mut chain, 1));
    pay(&mut chain, 2).wait().expect("it is durable");
    assert_eq!(storage.commits(), [0, 1, 2]);
}

#[test]
fn bad_q11_the_engine_can_be_dropped_and_opened_again_after_the_last_wait() {
    let (mut chain, storage) = chain();
    let commit = pay(&mut chain, 1);
    drop(chain);
    commit.wait().expect("it is durable");
    assert_eq!(Chain::on(storage, 3).engine.tip().topoheight, TopoHeight(1));
}

#[test]
fn a_failed_write_reaches_whoever_waits_and_ends_the_engine() {
    let (mut chain, storage) = chain();
    storage.hold_commits();
    storage.fail_commit(0, CommitFault::BeforeWriting);
    let failing = pay(&mut chain, 1);
    let staged = pay(&mut chain, 2);
    storage.release_commits();
    let error = failing.wait().expect_err("the storage fails");
    assert!(matches!(error, EngineError::Storage(_)), "{error}");
    let error = staged.wait().expect_err("the block before it is lost");
    assert!(matches!(error, EngineError::Poisoned(_)), "{error}");
    assert_eq!(Chain::on(storage, 3).engine.tip().topoheight, TopoHeight(0));
}
