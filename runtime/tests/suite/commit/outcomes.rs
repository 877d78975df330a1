//! What may be committed, when, and what a failing storage means for it.

use tos_runtime::{
    Block, BlockOutcome, ContractEngine, EngineError, InvalidBlock, RedbStorage, StateKey,
    TopoHeight,
};

use crate::support::{
    COUNTER, Call, Chain, CommitFault, FailingStorage, Order, account, assert_same, receipt,
    values, wasm,
};

/// A block on the tip in which person 1 pays person 8.
fn payment(chain: &mut Chain, amount: u64) -> Block {
    let tx = chain.send(1, Order::transfer(account(8), amount));
    chain.block(vec![tx])
}

#[track_caller]
fn assert_conflict<T: std::fmt::Debug>(result: Result<T, EngineError>, height: u64) {
    match result {
        Err(EngineError::InvalidBlock(InvalidBlock::Conflict { topoheight })) => {
            assert_eq!(topoheight.0, height);
        }
        other => panic!("expected a conflict at height {height}, found {other:?}"),
    }
}

#[test]
fn committing_the_same_block_again_does_nothing() {
    let storage = FailingStorage::new();
    let mut chain = Chain::on(storage.clone(), 3);
    let block = payment(&mut chain, 10);
    let outcomes: Vec<BlockOutcome> = (0..3).map(|_| chain.execute_block(&block)).collect();
    let mut outcomes = outcomes.into_iter();
    let mut commit = |engine: &ContractEngine| {
        engine.commit(outcomes.next().expect("there are three")).expect("it commits");
    };
    commit(&chain.engine);
    let tip = chain.engine.tip();
    commit(&chain.engine);
    assert_eq!((chain.engine.tip(), storage.commits()), (tip, vec![0, 1]));
    drop(chain);
    let reopened = Chain::on(storage.clone(), 3);
    commit(&reopened.engine);
    assert_eq!((reopened.engine.tip(), storage.commits()), (tip, vec![0, 1]));
    assert_eq!((reopened.balance(8), reopened.nonce(1)), (10, 1));
}

#[test]
fn a_committed_block_is_not_executed_again_but_its_outcome_is_found() {
    let storage = FailingStorage::new();
    let mut chain = Chain::on(storage.clone(), 3);
    let burn = chain.send(1, Order::burn(tos_runtime::AssetId::NATIVE, 55));
    let pay = chain.send(2, Order::transfer(account(8), 10));
    for beneficiary in [false, true] {
        let txs = if beneficiary { vec![burn.clone()] } else { vec![pay.clone()] };
        let block = chain.block(txs);
        let block = if beneficiary { block.with_beneficiary(account(0)) } else { block };
        let first = chain.execute_block(&block);
        let expected = chain.execute_block(&block);
        chain.engine.commit(first).expect("it commits");
        assert_same(&expected, &chain.execute_block(&block), "from the hot engine");
        let reopened = Chain::on(storage.clone(), 3);
        let found = reopened.execute_block(&block);
        assert_same(&expected, &found, "from the storage");
        assert_eq!((found.context(), found.block_hash()), (block.context(), block.hash()));
        reopened.engine.commit(found).expect("committing it again does nothing");
        chain.engine.commit(expected).expect("committing it again does nothing");
    }
}

#[test]
fn another_block_at_a_committed_height_is_a_conflict() {
    let storage = FailingStorage::new();
    let mut chain = Chain::on(storage.clone(), 3);
    let (block, other) = (payment(&mut chain, 10), payment(&mut chain, 11));
    assert_ne!(block.hash(), other.hash());
    let (outcome, late) = (chain.execute_block(&block), chain.execute_block(&other));
    let third = chain.execute_block(&other);
    chain.engine.commit(outcome).expect("it commits");
    let tip = chain.engine.tip();
    assert_conflict(chain.engine.commit(late), 1);
    assert_conflict(chain.engine.execute_block(&other), 1);
    let reopened = Chain::on(storage, 3);
    assert_conflict(reopened.engine.commit(third), 1);
    assert_conflict(reopened.engine.execute_block(&other), 1);
    assert_eq!((reopened.engine.tip(), reopened.balance(8)), (tip, 10));
}

#[test]
fn two_candidate_blocks_on_one_parent_do_not_see_each_other() {
    let mut chain = Chain::new(3);
    let (a, b) = (payment(&mut chain, 10), payment(&mut chain, 700));
    let (outcome_a, outcome_b) = (chain.execute_block(&a), chain.execute_block(&b));
    assert_same(&outcome_a, &chain.execute_block(&a), "the first, executed again after the second");
    assert_ne!(outcome_a.state_digest(), outcome_b.state_digest());
    assert_eq!(chain.balance(8), 0, "neither is committed");
    chain.engine.commit(outcome_b).expect("either can be chosen");
    assert_eq!(chain.balance(8), 700);
}

#[test]
fn a_dropped_outcome_leaves_no_trace() {
    let (mut chain, mut pristine) = (Chain::new(3), Chain::new(3));
    for chain in [&mut chain, &mut pristine] {
        chain.deploy(wasm(COUNTER), &[]);
    }
    let tx = chain.send(0, Order::deploy(wasm(COUNTER), &[]));
    let id = tx.deployed_contract().expect("it is a deployment");
    let counter = Order::deploy(wasm(COUNTER), &[]).signed(0, 0).deployed_contract();
    let counter = counter.expect("it is a deployment");
    let txs = vec![
        tx,
        chain.send(1, Call::counter_bump(counter)),
        chain.send(2, Call::counter_add(counter, 3).deposit(crate::support::GOLD, 4)),
        chain.send(1, Order::burn(crate::support::SILVER, 5)),
    ];
    let outcome = chain.execute(txs);
    let keys: Vec<StateKey> =
        outcome.change_set().changes().iter().map(|c| c.key.clone()).collect();
    assert!(keys.len() > 8, "{keys:?}");
    drop(outcome);
    assert_eq!(values(&chain.engine, &keys), values(&pristine.engine, &keys));
    assert_eq!(chain.engine.tip(), pristine.engine.tip());
    assert!(chain.engine.contract(&id).expect("it is read").is_none());
    let (a, b) = (payment(&mut chain, 5), payment(&mut pristine, 5));
    assert_same(&pristine.execute_block(&b), &chain.execute_block(&a), "the next block");
}

#[test]
fn an_outcome_of_another_parent_is_stale() {
    let mut chain = Chain::new(3);
    let first = payment(&mut chain, 10);
    let outcome = chain.execute_block(&first);
    chain.engine.commit(outcome).expect("it commits");
    let second = payment(&mut chain, 20);
    let on_the_old_branch = chain.execute_block(&second);
    let tip_of_the_old_branch = chain.engine.tip().state_digest;
    chain.engine.rollback_to(TopoHeight(0)).expect("it rolls back");
    let undone = chain.execute_block(&first);
    let other = payment(&mut chain, 11);
    let outcome = chain.execute_block(&other);
    chain.engine.commit(outcome).expect("it commits");
    let tip = chain.engine.tip();
    match chain.engine.commit(on_the_old_branch) {
        Err(EngineError::StaleOutcome { parent, topoheight, tip: found, tip_topoheight }) => {
            assert_eq!((parent, topoheight), (tip_of_the_old_branch, TopoHeight(2)));
            assert_eq!((found, tip_topoheight), (tip.state_digest, tip.topoheight));
        }
        other => panic!("expected StaleOutcome, found {other:?}"),
    }
    assert_conflict(chain.engine.commit(undone), 1);
    assert_eq!((chain.engine.tip(), chain.balance(8)), (tip, 11), "nothing changed");
}

/// Demands that every method that works on the chain refuses to.
#[track_caller]
fn assert_poisoned(chain: &Chain, block: &Block, outcome: BlockOutcome) {
    let engine = &chain.engine;
    let unsigned = Order::transfer(account(1), 1).unsigned(0, 0);
    let tx = Order::transfer(account(1), 1).signed(0, 0);
    let slot = tos_runtime::SlotKey {
        contract: tos_runtime::ContractId([1; 32]),
        partition: account(1),
        key: [1].into(),
    };
    let errors = [
        ("execute_block", engine.execute_block(block).map(drop)),
        ("execute_block_sequentially", engine.execute_block_sequentially(block).map(drop)),
        ("commit", engine.commit(outcome)),
        ("rollback_to", engine.rollback_to(TopoHeight(0))),
        ("simulate", engine.simulate(&unsigned).map(drop)),
        ("view", engine.view(slot.contract, "x", &[]).map(drop)),
        ("warm", engine.warm(&tx)),
        ("account", engine.account(&account(1)).map(drop)),
        ("balance", engine.balance(&account(1), tos_runtime::AssetId::NATIVE).map(drop)),
        ("contract", engine.contract(&slot.contract).map(drop)),
        ("asset", engine.asset(&tos_runtime::AssetId::NATIVE).map(drop)),
        ("storage_value", engine.storage_value(&slot).map(drop)),
        ("counter_value", engine.counter_value(&slot).map(drop)),
    ];
    for (what, result) in errors {
        match result {
            Err(EngineError::Poisoned(reason)) => assert!(reason.contains("injected"), "{reason}"),
            other => panic!("{what}: expected Poisoned, found {other:?}"),
        }
    }
}

#[test]
fn after_a_failed_commit_the_engine_refuses_work_until_it_is_opened_anew() {
    for fault in [CommitFault::BeforeWriting, CommitFault::AfterWriting] {
        let storage = FailingStorage::new();
        let mut chain = Chain::on(storage.clone(), 3);
        let block = payment(&mut chain, 10);
        let (outcome, again) = (chain.execute_block(&block), chain.execute_block(&block));
        let digest = outcome.state_digest();
        storage.fail_commit(0, fault);
        let error = chain.engine.commit(outcome).expect_err("the storage fails");
        assert!(matches!(error, EngineError::Storage(_)), "{error}");
        assert_poisoned(&chain, &block, again);
        let reopened = Chain::on(storage, 3);
        // Whatever the database had: executing and committing the block ends at the same state.
        let outcome = reopened.execute_block(&block);
        reopened.engine.commit(outcome).expect("it commits");
        assert_eq!((reopened.engine.tip().state_digest, reopened.balance(8)), (digest, 10));
    }
}

#[test]
fn after_a_failed_rollback_the_engine_refuses_work_until_it_is_opened_anew() {
    for (fault, height) in [(CommitFault::BeforeWriting, 2), (CommitFault::AfterWriting, 0)] {
        let storage = FailingStorage::new();
        let mut chain = Chain::on(storage.clone(), 3);
        for amount in [10, 20] {
            let block = payment(&mut chain, amount);
            let outcome = chain.execute_block(&block);
            chain.engine.commit(outcome).expect("it commits");
        }
        let block = payment(&mut chain, 5);
        let outcome = chain.execute_block(&block);
        storage.fail_commit(0, fault);
        chain.engine.rollback_to(TopoHeight(0)).expect_err("the storage fails");
        assert_poisoned(&chain, &block, outcome);
        let reopened = Chain::on(storage, 3);
        assert_eq!(reopened.engine.tip().topoheight.0, height, "{fault:?}");
        assert_eq!(reopened.balance(8), if height == 2 { 30 } else { 0 }, "{fault:?}");
    }
}

#[test]
fn a_failed_execution_does_not_poison() {
    let storage = FailingStorage::new();
    let mut chain = Chain::on(storage.clone(), 3);
    let block = payment(&mut chain, 10);
    storage.fail_reads_of(StateKey::Account(account(8)));
    chain.engine.execute_block(&block).expect_err("the receiver cannot be read");
    storage.heal();
    let outcome = chain.execute_block(&block);
    assert!(receipt(&outcome, 0).status.is_success());
    chain.engine.commit(outcome).expect("it commits");
}

#[test]
fn commits_of_several_handles_happen_one_after_the_other() {
    // Two threads commit the same blocks: each block counts once, in order.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("chain.redb");
    let mut chain = Chain::on(RedbStorage::open(&path).expect("redb opens"), 3);
    for height in 1..=10 {
        let block = payment(&mut chain, height);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let (engine, block) = (chain.engine.clone(), &block);
                scope.spawn(move || {
                    let outcome = engine.execute_block(block).expect("it executes");
                    engine.commit(outcome).expect("it commits");
                });
            }
        });
    }
    let tip = chain.engine.tip();
    assert_eq!((tip.topoheight.0, chain.balance(8)), (10, 55));
    drop(chain);
    let reopened = Chain::on(RedbStorage::open(&path).expect("redb opens"), 3);
    assert_eq!((reopened.engine.tip(), reopened.balance(8)), (tip, 55));
}
