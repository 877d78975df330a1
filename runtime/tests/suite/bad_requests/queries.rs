//! Questions: they end, they see one height, and nobody waits for them for long.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tos_runtime::{
    AccessMode, ContractEngine, EngineConfig, EngineError, ExecutionStatus, Gas, HaltReason,
    KeepRecords, RedbOptions, RedbStorage, TopoHeight,
};

use crate::support::{
    COUNTER, Call, Chain, FailingStorage, Order, account, genesis, guest, receipt, undeclared, wasm,
};

#[test]
fn bad_q02_a_view_without_end_is_ended_by_the_nodes_own_limit() {
    let config = EngineConfig { view_gas_limit: Gas(1_000_000), ..EngineConfig::default() };
    let mut chain = Chain::build(ContractEngine::builder().genesis(genesis(3)).config(config));
    let spin = chain.deploy(guest!("spin"), &[]);
    for entry in ["spin", "fill"] {
        let view = chain.engine.view(spin, entry, &[]).expect("it ends");
        assert_eq!(view.status, ExecutionStatus::Halted(HaltReason::OutOfGas), "{entry}");
        assert_eq!(view.gas_used, Gas(1_000_000), "{entry}");
    }
    // The limit is this node's and for questions only: a transaction may use more.
    let order = Order::invoke(spin, "spin", &[]).gas_limit(2_000_000);
    assert_eq!(chain.one(1, order).gas_used, Gas(2_000_000));
}

#[test]
fn bad_q02_a_view_may_not_use_more_than_a_transaction_either() {
    let mut genesis = genesis(3);
    genesis.params.transaction_gas_limit = Gas(50_000_000);
    let mut chain = Chain::build(ContractEngine::builder().genesis(genesis));
    let spin = chain.deploy(guest!("spin"), &[]);
    let view = chain.engine.view(spin, "spin", &[]).expect("it ends");
    assert_eq!(view.gas_used, Gas(50_000_000));
}

#[test]
fn bad_q03_what_was_pruned_is_refused_and_questions_are_about_the_tip() {
    // There is no question about an older height. What asks for one is a rollback or a block of it.
    let dir = tempfile::tempdir().expect("a folder");
    let options = RedbOptions {
        keep_records: KeepRecords::FromStable,
        fold_bytes: 1,
        ..RedbOptions::default()
    };
    let path = dir.path().join("chain.redb");
    let storage = RedbStorage::with_options(path, options).expect("it opens");
    let mut chain = Chain::on(storage, 3);
    let mut blocks = Vec::new();
    for height in 1..=12_u64 {
        let tx = chain.send(1, Order::transfer(account(8), 1));
        let mut context = chain.engine.next_context(height);
        context.stable_topoheight = TopoHeight(height.saturating_sub(1));
        let block = tos_runtime::Block::new(context, chain.verified(vec![tx]));
        let outcome = chain.engine.execute_block(&block).expect("it executes");
        chain.engine.commit(outcome).expect("it commits");
        blocks.push(block);
    }
    assert_eq!(chain.balance(8), 12);
    match chain.engine.rollback_to(TopoHeight(3)) {
        Err(EngineError::RollbackOutOfRange { .. }) => {}
        other => panic!("expected a refusal, found {other:?}"),
    }
    // A block whose record may be gone has its stored outcome or is refused; it is never executed on
    // another state than its own.
    for block in &blocks[..11] {
        match chain.engine.execute_block(block) {
            Ok(outcome) => assert_eq!(outcome.context(), block.context()),
            Err(EngineError::InvalidBlock(tos_runtime::InvalidBlock::Conflict { .. })) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(chain.balance(8), 12);
}

#[test]
fn bad_q04_ten_thousand_questions_do_not_keep_commits_from_happening() {
    const ASKERS: u64 = 4;
    const QUESTIONS: u64 = 10_000;
    let mut chain = Chain::new(6);
    let counter = chain.deploy(wasm(COUNTER), &[]);
    let engine = chain.engine.clone();
    let answered = AtomicU64::new(0);
    let committed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for asker in 0..ASKERS {
            let (engine, answered, committed) = (&engine, &answered, &committed);
            scope.spawn(move || {
                let mut number = asker;
                // Until all are asked and all blocks are there: commits are never without askers.
                while number < QUESTIONS || !committed.load(Ordering::SeqCst) {
                    match number % 100 {
                        0 => drop(engine.view(counter, "get", &[]).expect("it runs")),
                        1 => {
                            let tx = Call::counter_add(counter, 1).unsigned(5, 0);
                            drop(engine.simulate(&tx).expect("it runs"));
                        }
                        _ => drop(engine.account(&account(number % 6)).expect("it is read")),
                    }
                    number += ASKERS;
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for _ in 0..20 {
            chain.one(1, Call::counter_add(counter, 1));
        }
        committed.store(true, Ordering::SeqCst);
    });
    assert!(answered.load(Ordering::SeqCst) >= QUESTIONS);
    assert_eq!(chain.view_number(counter, "get", &[]), 20);
}

#[test]
fn bad_q04_a_question_is_answered_while_the_storage_writes() {
    let storage = FailingStorage::new();
    let mut chain = Chain::on(storage.clone(), 3);
    storage.hold_commits();
    let tx = chain.send(1, Order::transfer(account(8), 7));
    let outcome = chain.execute(vec![tx]);
    let pending = chain.engine.commit_in_background(outcome).expect("it is staged");
    // The write hangs; this would hang too if questions waited for it.
    assert_eq!((chain.balance(8), storage.commits()), (7, vec![0]));
    storage.release_commits();
    pending.wait().expect("it is durable");
}

#[test]
fn bad_q05_a_simulation_that_is_out_of_date_ends_in_a_halt_and_in_nothing_else() {
    let mut chain = Chain::new(6);
    let pointer = chain.deploy(guest!("pointer"), &[]);
    let point = |to: u64| {
        Order::invoke(pointer, "point", &account(to).to_bytes()).access(pointer, AccessMode::Write)
    };
    assert!(chain.one(1, point(4)).status.is_success());
    let pay = || Order::invoke(pointer, "pay", &[]);
    let simulation = chain.engine.simulate(&pay().unsigned(2, 0)).expect("it runs");
    let accounts: Vec<_> = simulation.access_list.iter().map(|entry| entry.account).collect();
    let mut both = [account(4), pointer.into()];
    both.sort();
    assert_eq!(accounts, both);
    let found = simulation
        .access_list
        .iter()
        .fold(pay(), |order, entry| order.access(entry.account, entry.mode));
    // Used at once it is right; after the state has moved, the call touches somebody else.
    let (before, moved) = (found.clone(), chain.send(1, point(5)));
    let txs = vec![chain.send(2, before), moved, chain.send(3, found)];
    let outcome = chain.execute(txs);
    assert!(receipt(&outcome, 0).status.is_success() && receipt(&outcome, 1).status.is_success());
    let touched = undeclared(&receipt(&outcome, 2).status).map(|(account, ..)| account);
    assert_eq!(touched, Some(account(5)));
    assert_eq!(receipt(&outcome, 2).gas_used, Gas(400_000));
}

#[test]
fn bad_q09_an_engine_dropped_in_the_middle_of_a_block_leaves_nothing() {
    let storage = FailingStorage::new();
    let mut chain = Chain::on(storage.clone(), 3);
    let counter = chain.deploy(wasm(COUNTER), &[]);
    let before = chain.engine.tip();
    let txs = (0..200).map(|_| chain.send(1, Call::counter_add(counter, 1))).collect();
    let block = chain.block(txs);
    let engine = chain.engine.clone();
    let running = std::thread::spawn(move || engine.execute_block(&block).map(drop));
    drop(chain);
    running.join().expect("no panic").expect("its own handle keeps the engine");
    let reopened = Chain::on(storage, 3);
    assert_eq!(reopened.engine.tip(), before);
    assert_eq!(reopened.view_number(counter, "get", &[]), 0);
}

#[test]
fn bad_q10_many_threads_with_handles_of_one_engine_make_one_chain() {
    const HEIGHTS: u64 = 6;
    let chain = Chain::new(10);
    let won = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for sender in 1..=4_u64 {
            let (engine, won) = (chain.engine.clone(), &won);
            scope.spawn(move || {
                let mut wins = 0;
                while engine.tip().topoheight.0 < HEIGHTS {
                    let tx = Order::transfer(account(99), 1).signed(sender, wins);
                    let tx = engine.verify(tx).expect("it is well formed");
                    let context = engine.next_context(0);
                    if context.topoheight.0 > HEIGHTS {
                        break;
                    }
                    let block = tos_runtime::Block::new(context, vec![tx]);
                    // Somebody else may have been faster at any of the three steps.
                    let outcome = engine.execute_block(&block);
                    match outcome.and_then(|outcome| engine.commit(outcome)) {
                        Ok(()) => {
                            wins += 1;
                            won.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(EngineError::InvalidBlock(_) | EngineError::StaleOutcome { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    assert_eq!((won.load(Ordering::SeqCst), chain.balance(99)), (HEIGHTS, HEIGHTS));
    assert_eq!(chain.engine.tip().topoheight, TopoHeight(HEIGHTS));
}
