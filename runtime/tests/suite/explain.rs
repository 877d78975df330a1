//! What the engine tells about an execution: recordings, and the accounts that transactions needed.

use tos_runtime::explain::{RecordingDetail, overdeclared};
use tos_runtime::{
    AccessEntry, AccessMode, AccessSet, Address, BlockOutcome, ContractEngine, EngineConfig,
    ExecutionStatus, HaltReason, Transaction,
};

use crate::support::{
    COUNTER, Call, Chain, Generator, Order, TOKEN, account, assert_same, genesis, receipt, wasm,
};
use AccessMode::{Credit, Read, Write};

fn chain(people: u64, threads: usize) -> Chain {
    chain_that_cuts(people, threads, EngineConfig::default().large_block_txs)
}

fn chain_that_cuts(people: u64, threads: usize, large_block_txs: usize) -> Chain {
    let default = EngineConfig::default();
    let config = EngineConfig { max_parallel_threads: threads, large_block_txs, ..default };
    Chain::build(ContractEngine::builder().genesis(genesis(people)).config(config))
}

/// Who executed what, as far as it does not depend on time: every transaction once.
fn recorded(outcome: &BlockOutcome) -> Vec<u32> {
    let recording = outcome.recording().expect("it was recorded");
    let mut txs: Vec<u32> = (0..recording.workers())
        .flat_map(|worker| recording.slices(worker))
        .flat_map(|slice| {
            assert!(slice.started <= slice.finished && !slice.transactions.is_empty());
            slice.transactions.to_vec()
        })
        .collect();
    txs.sort_unstable();
    txs
}

#[test]
fn a_recorded_execution_is_the_same_execution() {
    let people = 40;
    // With blocks cut, payments are settled before the others execute, and recorded all the same.
    for (threads, large_block_txs) in [1, 2, 4].into_iter().flat_map(|n| [(n, 1_000), (n, 1)]) {
        let mut chain = chain_that_cuts(people, 4, large_block_txs);
        let mut generator = Generator::new(people, 5);
        let mut txs = generator.first_block();
        for round in 0..5 {
            let block = chain.block(txs);
            let plain = chain.execute_block(&block);
            assert!(plain.recording().is_none(), "nobody asked for it");
            for detail in [RecordingDetail::Slices, RecordingDetail::Transactions] {
                let outcome = chain
                    .engine
                    .execute_block_recorded(&block, threads, detail)
                    .expect("it executes");
                assert_same(&plain, &outcome, "plain and recorded");
                assert!(outcome.metrics().threads <= threads);
                let expected: Vec<u32> = (0..plain.results().len() as u32).collect();
                assert_eq!(recorded(&outcome), expected, "round {round}, {threads} threads");
                let spans = outcome.recording().expect("recorded").spans(&[]);
                assert_eq!(spans.len(), expected.len());
                if detail == RecordingDetail::Transactions {
                    assert!(spans.iter().all(|span| span.measured_with == 0));
                }
            }
            chain.engine.commit(plain).expect("it commits");
            txs = generator.block(&chain.engine, 120);
        }
    }
}

#[test]
fn payments_are_recorded_several_at_a_time_and_none_is_left_out() {
    let mut chain = chain(10, 2);
    let pay = |idx: u64| chain.send(1 + idx % 9, Order::transfer(account(10), 1));
    let txs: Vec<Transaction> = (0..300).map(pay).collect();
    let block = chain.block(txs);
    let all: Vec<u32> = (0..300).collect();
    for (detail, together) in
        [(RecordingDetail::Slices, true), (RecordingDetail::Transactions, false)]
    {
        let outcome = chain.engine.execute_block_recorded(&block, 2, detail).expect("it executes");
        assert_eq!(recorded(&outcome), all);
        let slices = outcome.recording().expect("recorded").slices(0).count();
        assert_eq!(slices < 300, together, "{slices} slices");
    }
}

/// The sets that these transactions of the next block need.
fn needed(chain: &mut Chain, txs: Vec<Transaction>) -> (Vec<AccessSet>, BlockOutcome) {
    let block = chain.block(txs);
    let needed = chain.engine.needed_access(&block).expect("it executes");
    let declared: Vec<_> = block.transactions().iter().map(|tx| AccessSet::of(tx)).collect();
    assert_eq!(needed.len(), declared.len());
    for (needed, declared) in needed.iter().zip(&declared) {
        for entry in needed.entries() {
            let mode = declared.mode(&entry.account).expect("nothing but what was declared");
            assert!(mode == entry.mode || mode == Write, "nothing wider than declared");
        }
    }
    (needed, chain.execute_block(&block))
}

fn of(entries: &[(Address, AccessMode)]) -> AccessSet {
    AccessSet::new(entries.iter().map(|(who, mode)| AccessEntry::new(*who, *mode)).collect())
}

#[test]
fn declared_accounts_are_told_from_needed_ones() {
    let mut chain = chain(10, 2);
    let token = chain.deploy(wasm(TOKEN), &1_000_u64.to_le_bytes());
    let counter = chain.deploy(wasm(COUNTER), &[]);
    // Person 0 deployed and has all tokens; the payment to 1 makes the one from 1 succeed.
    let txs = vec![
        chain.send(0, Call::token_transfer(token, account(1), 5)),
        chain.send(
            1,
            Order::invoke(
                token,
                "transfer",
                &[&account(2).to_bytes()[..], &5_u64.to_le_bytes()].concat(),
            )
            .access(account(2), Write)
            .access(account(3), Write),
        ),
        chain.send(2, Order::invoke(counter, "get", &[]).access(counter, Write)),
        chain.send(3, Order::invoke(counter, "add", &1_u64.to_le_bytes()).access(counter, Write)),
        chain.send(4, Call::counter_bump(counter)),
        chain.send(5, Order::transfer(account(6), 1)),
    ];
    let (needed, outcome) = needed(&mut chain, txs);
    assert!((0..6).all(|idx| receipt(&outcome, idx).status.is_success()));
    let expected = [
        of(&[(account(0), Write), (account(1), Credit)]),
        of(&[(account(1), Write), (account(2), Credit)]),
        of(&[(account(2), Write), (counter.into(), Read)]),
        of(&[(account(3), Write), (counter.into(), Credit)]),
        of(&[(account(4), Write), (counter.into(), Write)]),
        of(&[(account(5), Write), (account(6), Credit)]),
    ];
    assert_eq!(needed, expected);
}

#[test]
fn what_is_halted_for_want_of_an_account_stays_halted() {
    let mut chain = chain(10, 2);
    let counter = chain.deploy(wasm(COUNTER), &[]);
    let txs = vec![
        // `bump` reads and writes; only reading was declared.
        chain.send(1, Order::invoke(counter, "bump", &[]).access(counter, Read)),
        chain.send(2, Order::invoke(counter, "bump", &[]).access(account(7), Write)),
    ];
    let (needed, outcome) = needed(&mut chain, txs);
    for idx in 0..2 {
        let status = &receipt(&outcome, idx).status;
        assert!(
            matches!(status, ExecutionStatus::Halted(HaltReason::UndeclaredAccess { .. })),
            "{status}"
        );
    }
    assert_eq!(needed[0], of(&[(account(1), Write), (counter.into(), Read)]));
    assert_eq!(needed[1], of(&[(account(2), Write)]));
}

#[test]
fn rejected_transactions_need_what_their_kind_implies() {
    let mut chain = chain(10, 1);
    let txs = vec![Order::transfer(account(2), 1).signed(1, 99)];
    let (needed, outcome) = needed(&mut chain, txs);
    assert!(outcome.results()[0].is_err());
    assert_eq!(needed, [of(&[(account(1), Write), (account(2), Credit)])]);
}

#[test]
fn what_a_simulation_finds_is_needed_exactly() {
    let people = 20;
    let mut chain = chain(people, 2);
    let mut generator = Generator::new(people, 11);
    let mut txs = generator.first_block();
    let (mut calls, mut wide) = (0, 0);
    for _ in 0..12 {
        for tx in &txs {
            let simulation = chain.engine.simulate(tx).expect("it simulates");
            let block = chain.block(vec![tx.clone()]);
            let needed = chain.engine.needed_access(&block).expect("it executes");
            let declared = AccessSet::of(tx);
            let within = simulation.access.entries().iter().all(|entry| {
                declared.mode(&entry.account).is_some_and(|mode| mode.permits(entry.mode))
            });
            // A simulation pays for its own list, so a scarce gas limit ends elsewhere; and what was
            // declared too narrowly ends earlier.
            let success = simulation.result.is_ok_and(|receipt| receipt.status.is_success());
            if within && success {
                let status = chain.execute_block(&block).results()[0].clone();
                if status.is_ok_and(|receipt| receipt.status.is_success()) {
                    assert_eq!(needed[0], simulation.access);
                    calls += usize::from(!tx.access.is_empty());
                    wide += overdeclared([&declared], &needed).len();
                }
            }
        }
        chain.run(txs);
        txs = generator.block(&chain.engine, 40);
    }
    assert!(calls > 10 && wide > 0, "{calls} calls, {wide} entries wider than needed");
}
