//! B01, B08, B15: where a block stands.

use tos_runtime::{
    AccessMode, Block, BlockContext, ChangeSet, Hash, InvalidBlock, TopoHeight, Transaction,
};

use crate::support::{Chain, Order, account, guest};

#[test]
fn bad_b01_an_empty_block_moves_the_tip_and_nothing_else() {
    let mut chain = Chain::new(1);
    let before = (chain.engine.tip(), chain.purse(0));
    let outcome = chain.execute(vec![]);
    assert!(outcome.results().is_empty());
    assert!(outcome.change_set().is_empty());
    assert_eq!(outcome.delta_hash(), ChangeSet::default().hash());
    assert_eq!((outcome.gas_fee().0, outcome.burned_supply().0), (0, 0));
    assert!(outcome.schedule().is_empty());
    assert_eq!(outcome.schedule().batch_count(), 0);
    let digest = outcome.state_digest();
    // The digest names the history, not only the state, so an empty block has one of its own.
    assert_ne!(digest, before.0.state_digest);
    chain.engine.commit(outcome).expect("it commits");
    assert_eq!(chain.engine.tip().topoheight, TopoHeight(1));
    assert_eq!(chain.engine.tip().state_digest, digest);
    assert_eq!(chain.purse(0), before.1);
}

#[test]
fn bad_b01_an_empty_block_pays_its_beneficiary_nothing() {
    let mut chain = Chain::new(0);
    let block = chain.block(vec![]).with_beneficiary(account(5));
    let outcome = chain.execute_block(&block);
    assert!(outcome.change_set().is_empty(), "no account comes from nothing");
}

/// A chain of two blocks, and a transfer that could stand in the third.
fn two_blocks() -> (Chain, Transaction) {
    let mut chain = Chain::new(2);
    for _ in 0..2 {
        chain.one(0, Order::transfer(account(1), 1));
    }
    let tx = chain.send(0, Order::transfer(account(1), 1));
    (chain, tx)
}

/// A block with the next context, changed.
#[track_caller]
fn misplaced(chain: &Chain, tx: Transaction, change: impl FnOnce(&mut BlockContext)) -> Block {
    let mut context = chain.engine.next_context(3_000);
    change(&mut context);
    Block::new(context, chain.verified(vec![tx]))
}

#[test]
fn bad_b08_a_block_above_the_next_height_leaves_a_gap() {
    let (chain, tx) = two_blocks();
    for height in [4, 5, u64::MAX] {
        let block = misplaced(&chain, tx.clone(), |context| context.topoheight.0 = height);
        let (expected, found) = (TopoHeight(3), TopoHeight(height));
        chain.assert_refused(&block, &InvalidBlock::Gap { expected, found });
    }
    assert_eq!(chain.nonce(0), 2);
}

#[test]
fn bad_b08_another_block_at_a_committed_height_is_a_conflict() {
    let (chain, tx) = two_blocks();
    // Height 0 is the genesis, which no block can be.
    for height in [0, 1, 2] {
        let block = misplaced(&chain, tx.clone(), |context| context.topoheight.0 = height);
        let topoheight = TopoHeight(height);
        chain.assert_refused(&block, &InvalidBlock::Conflict { topoheight });
    }
}

#[test]
fn bad_b08_a_block_on_another_parent_is_refused() {
    let (chain, tx) = two_blocks();
    let tip = chain.engine.tip().state_digest;
    let grandparent = {
        let mut shorter = Chain::new(2);
        shorter.one(0, Order::transfer(account(1), 1));
        shorter.engine.tip().state_digest
    };
    let mut near = tip;
    near.0[31] ^= 1;
    for parent in [Hash([0; 32]), grandparent, near] {
        let block = misplaced(&chain, tx.clone(), |context| context.parent = parent);
        let (expected, found) = (tip, parent);
        chain.assert_refused(&block, &InvalidBlock::WrongParent { expected, found });
    }
}

#[test]
fn bad_b08_a_stable_height_that_falls_or_runs_ahead_is_refused() {
    let (chain, tx) = two_blocks();
    let block = misplaced(&chain, tx.clone(), |context| context.stable_topoheight.0 = 2);
    chain.engine.commit(chain.execute_block(&block)).expect("it commits");
    let (lowest, topoheight) = (TopoHeight(2), TopoHeight(4));
    for height in [0, 1, 5, u64::MAX] {
        let block = misplaced(&chain, tx.clone(), |context| context.stable_topoheight.0 = height);
        let found = TopoHeight(height);
        let expected = InvalidBlock::StableTopoheight { lowest, topoheight, found };
        chain.assert_refused(&block, &expected);
    }
    // The lowest and the highest that are allowed: here the transfer is a replay, no more.
    for height in [2, 4] {
        let block = misplaced(&chain, tx.clone(), |context| context.stable_topoheight.0 = height);
        assert!(chain.execute_block(&block).results()[0].is_err());
    }
}

#[test]
fn bad_b15_timestamps_and_versions_are_numbers_nobody_calculates_with() {
    // What a timestamp or block version may be is the node's rule; the engine hands them on.
    let mut chain = Chain::new(1);
    let contract = chain.deploy(guest!("context"), &[]);
    let cases = [
        (u64::MAX, u32::MAX),
        (0, 0),
        (1, 1),
        // Smaller than the parent's.
        (0, u32::MAX),
        (u64::MAX - 1, 0),
    ];
    for (timestamp, block_version) in cases {
        let call = Order::invoke(contract, "context", &[]).access(account(0), AccessMode::Write);
        let tx = chain.send(0, call.clone());
        let block = chain.block(vec![tx]);
        let context = BlockContext { timestamp, block_version, ..block.context().clone() };
        let block = Block::new(context, block.transactions().to_vec());
        let outcome = chain.execute_block(&block);
        let receipt = outcome.results()[0].clone().expect("it is included");
        let seen = &receipt.return_data;
        assert_eq!(seen[139..147], timestamp.to_le_bytes(), "timestamp");
        assert_eq!(seen[147..151], block_version.to_le_bytes(), "block version");
        chain.engine.commit(outcome).expect("it commits");
        // Simulations and views imagine a block after this one.
        let next = call.unsigned(0, chain.nonce(0));
        let simulated = chain.engine.simulate(&next).expect("it runs").result;
        let simulated = simulated.expect("it could be included").return_data;
        assert_eq!(simulated[139..147], timestamp.to_le_bytes(), "timestamp of a simulation");
        assert_eq!(chain.view(contract, "context", &[])[139..147], timestamp.to_le_bytes());
    }
}
