//! B11 to B14: blocks that are one long chain, one wide row, or one long list of failures.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use tos_runtime::{
    AccessMode, Address, AssetId, BlockOutcome, ContractEngine, EngineConfig, ExecutionObserver,
    ExecutionStatus, HaltReason, HostFunction, InvalidTransaction, Nonce, RevertReason, StateKey,
    Transaction, TxIndex,
};

use crate::support::{Chain, GOLD, Order, account, genesis, guest};

/// Transactions of a chain.
const LONG: u64 = 10_000;
/// Gas of a transfer.
const TRANSFER_GAS: u64 = 26_000;
/// Room for the frames of a test, none for a recursion per transaction.
const SMALL_STACK_BYTES: usize = 512 << 10;

/// Executes on a thread with a small stack: with both executors, the parallel one really in
/// parallel, compared.
#[track_caller]
fn execute_on_a_small_stack(chain: &mut Chain, txs: Vec<Transaction>) -> BlockOutcome {
    let outcome = thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(SMALL_STACK_BYTES);
        let handle = builder.spawn_scoped(scope, || chain.execute(txs)).expect("a thread");
        handle.join().expect("no panic")
    });
    let metrics = outcome.metrics();
    assert!(metrics.threads > 1, "nothing was executed in parallel");
    assert!(metrics.parallel_transactions as u64 >= LONG, "the chain was not");
    outcome
}

#[track_caller]
fn assert_all_succeed(outcome: &BlockOutcome) {
    for (idx, result) in outcome.results().iter().enumerate() {
        let receipt = result.as_ref().unwrap_or_else(|error| panic!("transaction {idx}: {error}"));
        assert!(receipt.status.is_success(), "transaction {idx}: {}", receipt.status);
    }
}

/// Transfers of strangers that wait for nobody: without them a serial block is worth one worker.
fn strangers(chain: &mut Chain, people: std::ops::Range<u64>) -> Vec<Transaction> {
    people.map(|number| chain.send(number, Order::transfer(account(1_000_000), 1))).collect()
}

#[test]
fn bad_b11_ten_thousand_transactions_of_one_account_run_one_by_one() {
    let mut chain = Chain::with_threads(5, 4);
    let before = chain.purse(0);
    let mut txs: Vec<_> =
        (0..LONG).map(|_| chain.send(0, Order::transfer(account(9), 3))).collect();
    txs.extend(strangers(&mut chain, 1..5));
    let outcome = execute_on_a_small_stack(&mut chain, txs);
    assert_all_succeed(&outcome);
    let schedule = outcome.schedule();
    assert_eq!(schedule.batch_count() as u64, LONG);
    assert_eq!(schedule.critical_path(), (0..LONG as TxIndex).collect::<Vec<_>>());
    chain.engine.commit(outcome).expect("it commits");
    assert_eq!(chain.balance(9), 3 * LONG);
    let paid = before.sent(3 * LONG).paid(LONG * TRANSFER_GAS);
    assert_eq!(chain.purse(0), crate::support::Purse { nonce: LONG, ..paid });
}

#[test]
fn bad_b12_ten_thousand_people_each_spend_what_the_one_before_paid() {
    // Person n pays all but the fee to person n + 1, and only the first has anything: one
    // transaction out of order and the chain breaks off.
    let mut chain = Chain::with_threads(1, 4);
    let mut money = chain.balance(0);
    let mut txs = Vec::new();
    for number in 0..LONG {
        money -= TRANSFER_GAS;
        let order = Order::transfer(account(number + 1), money).gas_limit(TRANSFER_GAS);
        txs.push(order.signed(number, 0));
    }
    // Strangers without money: not included, but executed beside the chain.
    let stranger = |number| Order::transfer(account(number), 1).signed(number + 1, 0);
    txs.extend((LONG + 10..LONG + 14).map(stranger));
    let outcome = execute_on_a_small_stack(&mut chain, txs);
    let (chained, others) = outcome.results().split_at(LONG as usize);
    assert!(chained.iter().flatten().all(|receipt| receipt.status.is_success()));
    assert_eq!(chained.iter().flatten().count() as u64, LONG);
    assert!(others.iter().all(Result::is_err));
    assert_eq!(outcome.schedule().critical_path().len() as u64, LONG);
    chain.engine.commit(outcome).expect("it commits");
    assert_eq!(chain.balance(LONG), money, "all of it arrived");
    for number in [0, 1, LONG / 2, LONG - 1] {
        assert_eq!((chain.balance(number), chain.nonce(number)), (0, 1), "person {number}");
    }
}

/// Notes who executes what.
#[derive(Clone, Default)]
struct Witness(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    workers: BTreeSet<usize>,
    threads: Vec<ThreadId>,
    started: BTreeMap<TxIndex, u32>,
    finished: usize,
}

impl ExecutionObserver for Witness {
    fn transaction_started(&self, worker: usize, tx: TxIndex) {
        let mut seen = self.0.lock().expect("no panic");
        seen.workers.insert(worker);
        let thread = thread::current().id();
        if !seen.threads.contains(&thread) {
            seen.threads.push(thread);
        }
        *seen.started.entry(tx).or_default() += 1;
    }

    fn transaction_finished(&self, _worker: usize, _tx: TxIndex) {
        self.0.lock().expect("no panic").finished += 1;
    }
}

#[test]
fn bad_b13_ten_thousand_disjoint_transfers_are_shared_by_the_workers_there_are() {
    const THREADS: usize = 4;
    let witness = Witness::default();
    let config = EngineConfig { max_parallel_threads: THREADS, ..EngineConfig::default() };
    let builder =
        ContractEngine::builder().config(config).genesis(genesis(LONG)).observer(witness.clone());
    let mut chain = Chain::build(builder);
    let send = |number| Order::transfer(account(LONG + number), 1).signed(number, 0);
    let txs: Vec<_> = (0..LONG).map(send).collect();
    // Not compared with sequential execution here: the witness would see every transaction twice.
    let block = chain.block(txs);
    let outcome = chain.engine.execute_block(&block).expect("it executes");
    assert_all_succeed(&outcome);
    assert_eq!(outcome.schedule().batch_count(), 1);
    assert_eq!(outcome.schedule().conflicting_transactions(), 0);
    assert_eq!(outcome.metrics().threads, THREADS);
    let seen = witness.0.lock().expect("no panic");
    assert!(seen.workers.iter().all(|worker| *worker < THREADS), "{:?}", seen.workers);
    assert!((1..=THREADS).contains(&seen.threads.len()), "{} threads", seen.threads.len());
    assert_eq!(seen.started.len() as u64, LONG, "every transaction is executed");
    assert!(seen.started.values().all(|count| *count == 1), "and none of them twice");
    assert_eq!(seen.finished as u64, LONG);
}

#[test]
fn bad_b14_a_block_of_nothing_but_failures_takes_fees_and_nonces_only() {
    let mut chain = Chain::new(6);
    let (abort, trap) = (chain.deploy(guest!("abort"), &[]), chain.deploy(guest!("trap"), &[]));
    let undeclared = chain.deploy(guest!("undeclared"), &[]);
    let mut touch = account(9).to_bytes().to_vec();
    touch.push(2);
    let poor =
        Order::transfers(vec![(account(9), AssetId::NATIVE, 1), (account(9), GOLD, 9 << 40)]);
    let orders = [
        // Not included.
        (0, Order::transfer(account(9), 1).gas_price(1 << 40)),
        // Reverted.
        (1, Order::invoke(abort, "abort", &7_u32.to_le_bytes()).gas_price(2)),
        (2, poor),
        // Halted.
        (3, Order::invoke(trap, "unreachable", &[])),
        (4, Order::invoke(undeclared, "touch", &touch)),
    ];
    let before: Vec<_> = (0..6).map(|number| chain.purse(number)).collect();
    let mut txs: Vec<_> =
        orders.into_iter().map(|(number, order)| chain.send(number, order)).collect();
    // Not included either.
    txs.push(Order::transfer(account(9), 1).signed(5, 1));
    let block = chain.block(txs).with_beneficiary(account(8));
    let outcome = chain.execute_block(&block);

    let results = outcome.results();
    assert!(matches!(results[0], Err(InvalidTransaction::Unaffordable { .. })));
    let receipt = |idx: usize| results[idx].as_ref().expect("it is included");
    let status = |idx| &receipt(idx).status;
    assert_eq!(*status(1), ExecutionStatus::Reverted(RevertReason::Contract(7)));
    assert_eq!(receipt(1).return_data, b"kept");
    let (needed, found) = (9 << 40, tos_runtime::Amount(before[2].gold));
    let insufficient = RevertReason::InsufficientBalance { asset: GOLD, needed, found };
    assert_eq!(*status(2), ExecutionStatus::Reverted(insufficient));
    assert_eq!(*status(3), ExecutionStatus::Halted(HaltReason::Trap));
    let undeclared = HaltReason::UndeclaredAccess {
        account: account(9),
        needed: AccessMode::Write,
        host_function: HostFunction::StorageWrite,
    };
    assert_eq!(*status(4), ExecutionStatus::Halted(undeclared));
    let (expected, found) = (Nonce(0), Nonce(1));
    assert_eq!(results[5], Err(InvalidTransaction::NonceTooHigh { expected, found }));

    let fee = |idx: usize| results[idx].as_ref().map_or(0, |receipt| receipt.fee.0);
    assert_eq!(fee(1), 2 * receipt(1).gas_used.0, "gas used times the price");
    assert_eq!((fee(2), fee(3), fee(4)), (37_000, 400_000, 400_000));
    let keys: BTreeSet<_> = outcome.change_set().changes().iter().map(|c| c.key.clone()).collect();
    let touched = [1, 2, 3, 4, 8].map(|number| StateKey::Account(account(number)));
    assert_eq!(keys, BTreeSet::from(touched), "fees and nonces, and who is paid");
    let fees: Vec<_> = (0..6).map(fee).collect();
    chain.engine.commit(outcome).expect("it commits");
    for number in 0..6_u64 {
        let (before, fee) = (before[number as usize], fees[number as usize]);
        let after = if fee == 0 { before } else { before.paid(fee) };
        assert_eq!(chain.purse(number), after, "person {number}");
    }
    assert_eq!(chain.balance(8), fees.iter().sum::<u64>());
    let mark = tos_runtime::SlotKey {
        contract: abort,
        partition: account(1),
        key: b"mark".as_slice().into(),
    };
    assert_eq!(chain.engine.storage_value(&mark).expect("it is read"), None);
    assert_eq!(chain.balance(9), 0);
    let contract = chain.engine.balance(&Address::Contract(trap), AssetId::NATIVE);
    assert_eq!(contract.expect("it is read").0, 0);
}
