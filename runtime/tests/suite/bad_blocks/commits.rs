//! B09, B10: the same block more than once, and two blocks for one height.

use std::sync::Barrier;
use std::thread;

use tos_runtime::{Amount, Block, BlockOutcome, EngineError, Hash, InvalidBlock, TopoHeight};

use crate::support::{Chain, Order, account, assert_invalid_block, assert_same};

/// A block of three transfers and one that is not included.
fn block(chain: &mut Chain, amount: u64) -> Block {
    let mut txs: Vec<_> =
        (0..3).map(|number| chain.send(number, Order::transfer(account(9), amount))).collect();
    txs.push(Order::transfer(account(9), amount).signed(3, 5));
    chain.block(txs).with_beneficiary(account(8))
}

#[test]
fn bad_b09_a_committed_block_executed_again_gives_the_stored_outcome() {
    let mut chain = Chain::new(4);
    let block = block(&mut chain, 5);
    let first = chain.execute_block(&block);
    let again = chain.engine.execute_block(&block).expect("it executes");
    assert_same(&first, &again, "before the commit");
    chain.engine.commit(again).expect("it commits");
    let stored = chain.engine.execute_block(&block).expect("it is remembered");
    assert_same(&first, &stored, "after the commit");
    assert_eq!(stored.gas_fee(), Amount(48_000));
    // Nothing was executed: had it been, everything would be a replay.
    assert_eq!(stored.metrics().transactions, 0);
    let tip = chain.engine.tip();
    chain.engine.commit(stored).expect("nothing is left to do");
    chain.engine.commit(first).expect("nothing is left to do");
    assert_eq!(chain.engine.tip(), tip);
    assert_eq!((chain.balance(9), chain.balance(8)), (15, 48_000), "paid once");
}

#[test]
fn bad_b09_an_older_block_is_remembered_too() {
    let mut chain = Chain::new(4);
    let old = block(&mut chain, 5);
    let first = chain.execute_block(&old);
    chain.engine.commit(chain.execute_block(&old)).expect("it commits");
    for _ in 0..3 {
        chain.one(0, Order::transfer(account(1), 1));
    }
    let tip = chain.engine.tip();
    let stored = chain.engine.execute_block(&old).expect("it is remembered");
    assert_same(&first, &stored, "three blocks later");
    chain.engine.commit(stored).expect("nothing is left to do");
    assert_eq!(chain.engine.tip(), tip);
}

#[test]
fn bad_b09_two_threads_with_the_same_block_commit_it_once() {
    for round in 0..20 {
        let mut chain = Chain::new(4);
        let block = block(&mut chain, 5);
        // In odd rounds both have executed before either commits; in even ones it is a race.
        let (start, executed) = (Barrier::new(2), Barrier::new(2));
        let work = || {
            start.wait();
            let outcome = chain.engine.execute_block(&block).expect("it executes");
            if round % 2 == 1 {
                executed.wait();
            }
            let seen = (outcome.results().to_vec(), outcome.state_digest());
            chain.engine.commit(outcome).expect("it commits, or was committed");
            seen
        };
        let (first, second) = thread::scope(|scope| {
            let (first, second) = (scope.spawn(work), scope.spawn(work));
            (first.join().expect("no panic"), second.join().expect("no panic"))
        });
        assert_eq!(first, second, "round {round}");
        let tip = chain.engine.tip();
        assert_eq!((tip.topoheight, tip.state_digest), (TopoHeight(1), first.1));
        assert_eq!((chain.balance(9), chain.balance(8)), (15, 48_000), "round {round}");
    }
}

#[test]
fn bad_b10_the_second_of_two_blocks_at_one_height_is_a_conflict() {
    let mut chain = Chain::new(4);
    let (first, second) = (block(&mut chain, 5), block(&mut chain, 6));
    assert_ne!(first.hash(), second.hash());
    // Both can be executed, since neither leaves a trace.
    let (won, lost) = (chain.execute_block(&first), chain.execute_block(&second));
    chain.engine.commit(won).expect("it commits");
    let conflict = InvalidBlock::Conflict { topoheight: TopoHeight(1) };
    assert_invalid_block(chain.engine.commit(lost), &conflict);
    chain.assert_refused(&second, &conflict);
    assert_eq!((chain.balance(9), chain.balance(8)), (15, 48_000), "the first stays");
    // A lost commit is no reason to refuse work.
    chain.one(3, Order::transfer(account(9), 1));
}

#[test]
fn bad_b10_a_block_that_differs_only_in_who_is_paid_is_another_block() {
    let mut chain = Chain::new(4);
    let first = block(&mut chain, 5);
    let second = first.clone().with_beneficiary(account(7));
    chain.engine.commit(chain.execute_block(&first)).expect("it commits");
    chain.assert_refused(&second, &InvalidBlock::Conflict { topoheight: TopoHeight(1) });
    assert_eq!(chain.balance(7), 0);
}

#[test]
fn bad_b10_an_outcome_on_a_state_that_is_no_longer_the_tip_is_stale() {
    // Two blocks of height 2 on two different blocks of height 1: the second kind of conflict, seen
    // when a chain was rolled back between execution and commit.
    let mut chain = Chain::new(4);
    let (first, second) = (block(&mut chain, 5), block(&mut chain, 6));
    chain.engine.commit(chain.execute_block(&first)).expect("it commits");
    let old_tip = chain.engine.tip().state_digest;
    let on_first: BlockOutcome = chain.execute(vec![]);
    chain.engine.rollback_to(TopoHeight::ZERO).expect("it rolls back");
    chain.engine.commit(chain.execute_block(&second)).expect("it commits");
    let tip = chain.engine.tip();
    match chain.engine.commit(on_first) {
        Err(EngineError::StaleOutcome { parent, topoheight, tip: found, tip_topoheight }) => {
            let digests: (Hash, Hash) = (parent, found);
            assert_eq!(digests, (old_tip, tip.state_digest));
            assert_eq!((topoheight, tip_topoheight), (TopoHeight(2), TopoHeight(1)));
        }
        other => panic!("expected a stale outcome, found {other:?}"),
    }
    assert_eq!(chain.engine.tip(), tip);
    assert_eq!(chain.balance(9), 18);
}
