//! Lessons about executors, schedules, threads and locks.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use tos_runtime::{
    AccessMode, ContractEngine, EngineConfig, EngineError, ExecutionObserver, Gas, InvalidBlock,
    InvalidTransaction, RedbStorage, StateKey, TopoHeight, TxIndex, UnverifiedBlock,
};

use crate::support::{
    COUNTER, Call, Chain, FailingStorage, GOLD, Order, account, assert_same, codes, genesis, guest,
    receipt, wasm,
};

fn threads(threads: usize) -> EngineConfig {
    EngineConfig { max_parallel_threads: threads, ..EngineConfig::default() }
}

/// Remembers which workers there were.
#[derive(Clone, Default)]
struct Workers(Arc<Mutex<BTreeSet<usize>>>);

impl ExecutionObserver for Workers {
    fn transaction_started(&self, worker: usize, _tx: TxIndex) {
        self.0.lock().expect("nobody panics").insert(worker);
    }
}

#[test]
fn b04_a_large_block_is_shared_by_the_engines_few_threads() {
    // B4 and I13, f8e75ad8: a task was spawned for every transaction.
    let seen = Workers::default();
    let builder = ContractEngine::builder().genesis(genesis(300)).config(threads(3));
    let mut chain = Chain::build(builder.observer(seen.clone()));
    let pay = |to: u64| Order::transfer(account(to), 1).gas_limit(50_000);
    let txs = (0..300).map(|number| chain.send(number, pay(1_000 + number))).collect();
    let outcome = chain.execute(txs);
    assert_eq!(outcome.metrics().threads, 3);
    assert_eq!(outcome.metrics().parallel_transactions, 300);
    let seen = seen.0.lock().expect("nobody panics").clone();
    assert!(seen.iter().all(|worker| *worker < 3), "{seen:?}");
}

#[test]
fn b08_i09_a_transaction_is_judged_alike_in_a_large_block_and_alone() {
    // B8: validation was skipped on the parallel path. I9, Sei #3753: receipts of transactions that
    // failed validation carried other numbers there. Alone a transaction runs sequentially, among
    // many in parallel; its result is the same.
    let builder = ContractEngine::builder().genesis(genesis(60)).config(threads(4));
    let mut chain = Chain::build(builder);
    let counter = chain.deploy(wasm(COUNTER), &[]);
    let judged = |chain: &mut Chain| {
        vec![
            Order::transfer(account(1), 1).signed(1, 5),
            Order::transfer(account(1), u64::MAX / 2).signed(2, 0),
            Order::transfer(account(1), 1).expiry(1).signed(3, 0),
            Order::transfers(vec![(account(1), GOLD, u64::MAX)]).signed(4, 0),
            Order { access: vec![], ..Call::counter_add(counter, 1) }.signed(5, 0),
            Call::counter_bump(counter).gas_limit(10_600).signed(6, 0),
            chain.send(7, Order::deploy(b"nothing".to_vec(), &[])),
            Order::transfer(account(1), 1).signed(200, 0),
        ]
    };
    let txs = judged(&mut chain);
    let alone: Vec<_> =
        txs.iter().map(|tx| chain.execute(vec![tx.clone()]).results()[0].clone()).collect();
    assert!(alone[..3].iter().all(Result::is_err) && alone[3].is_ok());
    let mut many = txs;
    many.extend((10..50).map(|n| chain.send(n, Call::counter_add(counter, n))));
    let outcome = chain.execute(many);
    assert_eq!(outcome.metrics().parallel_transactions, 48);
    for (idx, alone) in alone.iter().enumerate() {
        assert_eq!(&outcome.results()[idx], alone, "transaction {idx}");
    }
}

#[test]
fn i13_a_forged_signature_is_found_wherever_it_stands() {
    // I13, 635ace5d: signatures were not checked on the parallel path. Verification shares the
    // block's signatures among workers in batches; a forged one is found at every edge of those.
    let chain = Chain::build(ContractEngine::builder().genesis(genesis(1)).config(threads(3)));
    let context = chain.engine.next_context(0);
    let txs: Vec<_> = (0..150).map(|nonce| Order::burn(GOLD, 1).signed(0, nonce)).collect();
    for forged in [0, 1, 63, 64, 85, 86, 127, 128, 149] {
        let mut transactions = txs.clone();
        transactions[forged].signature.0[5] ^= 1;
        let block = UnverifiedBlock { context: context.clone(), beneficiary: None, transactions };
        match chain.engine.verify_block(block) {
            Err(EngineError::InvalidBlock(InvalidBlock::Transaction { index, reason })) => {
                assert_eq!((index as usize, reason), (forged, InvalidTransaction::BadSignature));
            }
            other => panic!("transaction {forged}: expected BadSignature, found {other:?}"),
        }
    }
}

#[test]
fn i08_a_block_is_admitted_by_the_gas_it_declares() {
    // I8, Sei #3583: one executor summed the gas used, the other the gas declared; a block between
    // the two split the network.
    let mut genesis = genesis(10);
    genesis.params.block_gas_limit = Gas(200_000);
    let builder = ContractEngine::builder().genesis(genesis).config(threads(4));
    let mut chain = Chain::build(builder);
    let pay = |gas: u64| Order::transfer(account(0), 1).gas_limit(gas);
    for (last, admitted) in [(20_000, true), (20_001, false)] {
        let mut txs: Vec<_> = (1..10).map(|number| chain.send(number, pay(20_000))).collect();
        txs.push(chain.send(0, pay(last)));
        let block = chain.block(txs);
        for result in
            [chain.engine.execute_block(&block), chain.engine.execute_block_sequentially(&block)]
        {
            match result {
                Ok(outcome) => assert!(admitted && codes(&outcome) == [0; 10]),
                Err(EngineError::InvalidBlock(InvalidBlock::TooMuchGas { limit, found })) => {
                    assert_eq!((limit, found, admitted), (Gas(200_000), 200_001, false));
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn b15_the_change_set_is_sorted_whatever_was_written_first() {
    // B15: the iteration order of a map reached the storage. Each engine hashes with a seed of its
    // own, so equal orders on several engines are no accident.
    let mut encodings = BTreeSet::new();
    for _ in 0..4 {
        let mut chain = Chain::new(40);
        let contract = chain.deploy(guest!("store"), &[]);
        let shared = contract.into();
        let txs = (0..40_u8)
            .rev()
            .map(|key| {
                let input = [&tos_runtime::Address::to_bytes(&shared)[..], &[1, 0, 0, 0, key, 7]];
                let order = Order::invoke(contract, "write", &input.concat());
                chain.send(u64::from(key), order.access(shared, AccessMode::Write))
            })
            .collect();
        let outcome = chain.execute(txs);
        let changes = outcome.change_set().changes();
        assert!(changes.windows(2).all(|pair| pair[0].key < pair[1].key));
        let slots = changes.iter().filter(|change| matches!(change.key, StateKey::Slot(_)));
        assert_eq!(slots.count(), 40);
        encodings.insert(outcome.change_set().encode());
    }
    assert_eq!(encodings.len(), 1);
}

#[test]
fn i10_every_host_function_does_the_same_on_every_storage() {
    // I10, Sei #3561: a host function panicked only under the store of the parallel executor.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("chain.redb");
    let mut chains = [
        Chain::new(30),
        Chain::on(FailingStorage::new(), 30),
        Chain::on(RedbStorage::open(&path).expect("redb opens"), 30),
    ];
    let mut outcomes = Vec::new();
    for chain in &mut chains {
        let touch = chain.deploy(guest!("undeclared"), &[]);
        chain.one(0, Order::transfer(touch, 1_000));
        let mut of_this_chain = Vec::new();
        for _ in 0..2 {
            let order = |number: u8| {
                let input = [&account(60).to_bytes()[..], &[number]].concat();
                let order = Order::invoke(touch, "touch", &input);
                order.access(touch, AccessMode::Write).access(account(60), AccessMode::Write)
            };
            let txs = (0..9).map(|number| chain.send(u64::from(number) + 1, order(number)));
            let txs = txs.collect();
            let block = chain.block(txs);
            let outcome = chain.execute_block(&block);
            assert_eq!(codes(&outcome), [0; 9]);
            of_this_chain.push(chain.execute_block(&block));
            chain.engine.commit(outcome).expect("it commits");
        }
        assert_eq!(chain.balance(60), 2, "each block paid one unit");
        outcomes.push(of_this_chain);
    }
    for other in &outcomes[1..] {
        for (expected, found) in outcomes[0].iter().zip(other) {
            assert_same(expected, found, "the first storage and another");
        }
    }
}

#[test]
fn b19_i06_questions_and_candidates_do_not_deadlock_with_commits() {
    // B19: the write guard of the block path and the read guard of the executor were taken in two
    // orders. I6, Solana #5895: releasing and acquiring account locks raced. A deadlock here hangs.
    let mut chain = Chain::build(
        ContractEngine::builder()
            .genesis(genesis(12))
            .config(EngineConfig { state_cache_entries: 4, ..threads(3) }),
    );
    let counter = chain.deploy(wasm(COUNTER), &[]);
    let engine = chain.engine.clone();
    let simulated = Call::counter_add(counter, 1).unsigned(11, 0);
    std::thread::scope(|scope| {
        for asker in 0..3 {
            let (engine, simulated) = (&engine, &simulated);
            scope.spawn(move || {
                let mut last = 0;
                for round in 0..60 {
                    let view = engine.view(counter, "get", &[]).expect("it runs");
                    let value = view.return_data[..8].try_into().map(u64::from_le_bytes);
                    let value = value.expect("16 bytes");
                    assert!(value >= last, "asker {asker}, round {round}: time went back");
                    last = value;
                    let simulation = engine.simulate(simulated).expect("it runs");
                    assert!(simulation.result.is_ok());
                    engine.account(&account(round % 12)).expect("it is read");
                    engine.rollback_to(TopoHeight(u64::MAX)).expect_err("above the tip");
                }
            });
        }
        for _ in 0..15 {
            let txs = (1..10).map(|n| chain.send(n, Call::counter_add(counter, n))).collect();
            let block = chain.block(txs);
            let candidates: Vec<_> = std::thread::scope(|scope| {
                let run = || engine.execute_block(&block).expect("it executes");
                let threads = [scope.spawn(run), scope.spawn(run)];
                threads.map(|thread| thread.join().expect("no panic")).into()
            });
            assert_same(&candidates[0], &candidates[1], "two executions at once");
            for outcome in candidates {
                engine.commit(outcome).expect("it commits");
            }
        }
    });
    assert_eq!(chain.view_number(counter, "get", &[]), 15 * 45);
}

#[test]
fn i13_of_two_blocks_committed_at_once_one_wins() {
    // I13, 79b0391e: the order of blocks was checked before the lock was taken.
    for round in 0..20 {
        let mut chain = Chain::new(3);
        let outcomes = [1, 2].map(|number| {
            let tx = chain.send(number, Order::transfer(account(9), 10 * number));
            chain.execute(vec![tx])
        });
        let results = std::thread::scope(|scope| {
            let engine = &chain.engine;
            let commit = |outcome| scope.spawn(move || engine.commit(outcome));
            outcomes.map(commit).map(|thread| thread.join().expect("no panic"))
        });
        let won = results.iter().position(Result::is_ok).expect("one of them wins");
        let lost = results[1 - won].as_ref().expect_err("the other loses");
        assert!(
            matches!(lost, EngineError::InvalidBlock(InvalidBlock::Conflict { .. })),
            "round {round}: {lost}"
        );
        assert_eq!(chain.balance(9), 10 * (won as u64 + 1), "round {round}");
    }
}

#[test]
fn a_hot_account_between_honest_ones_does_not_cut_the_batch() {
    // "Cut the batch at the first conflict": one hot account made every batch one or two long.
    let mut chain = Chain::new(60);
    let mut txs = Vec::new();
    for number in 1..50 {
        txs.push(chain.send(0, Order::transfer(account(200), 1)));
        txs.push(chain.send(number, Order::transfer(account(number + 300), 1)));
    }
    let outcome = chain.execute(txs);
    let batches = outcome.schedule().batches();
    assert_eq!(batches[0].transactions.len(), 50, "all honest ones and the first of the hot one");
    assert!(batches[1..].iter().all(|batch| batch.transactions.len() == 1));
    assert_eq!(outcome.metrics().conflicting_transactions, 48);
    assert!(receipt(&outcome, 97).status.is_success());
}
