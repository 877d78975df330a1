//! A second opinion: random chains of blocks, executed by both executors and followed by a model that
//! shares nothing with the engine but the types of what goes in and what comes out. After every
//! block the model must know every balance, nonce, slot, counter, contract and supply, and must
//! have foretold how every transaction ends; only where gas runs short is the engine asked.
//!
//! `TOS_MODEL_BLOCKS` and `TOS_MODEL_SEED` make the run longer and start it elsewhere.

mod facts;
mod guests;
mod rules;
mod workload;

use std::collections::BTreeMap;

use tos_runtime::{
    Block, BlockOutcome, ContractEngine, EngineConfig, ExecutionStatus, RevertReason,
};

use self::facts::{Fact, Facts};
use self::rules::{Model, assert_receipt};
use self::workload::{PEOPLE, Workload};
use crate::support::{Ends, SharedArtifacts, account, assert_same, genesis, setting, values};

/// Blocks per chain.
const BLOCKS_PER_CHAIN: u64 = 30;

/// How a local choice differs from chain to chain: none may change a result.
fn config(seed: u64) -> EngineConfig {
    EngineConfig {
        max_parallel_threads: 1 + (seed % 4) as usize,
        large_block_txs: if seed.is_multiple_of(3) { 1 } else { usize::MAX },
        reuse_instances: !seed.is_multiple_of(5),
        ..EngineConfig::default()
    }
}

/// How often everything occurred, so that a run can show what it tried.
#[derive(Default)]
struct Coverage {
    ends: Ends,
    statuses: BTreeMap<String, usize>,
    foreseen: usize,
    metered: usize,
    parallel: usize,
    /// Keys that were deleted.
    deleted: usize,
}

impl Coverage {
    fn count(&mut self, outcome: &BlockOutcome) {
        for result in outcome.results() {
            let name = match result {
                Ok(receipt) => status_name(&receipt.status),
                Err(invalid) => variant(invalid),
            };
            *self.statuses.entry(name).or_default() += 1;
        }
        self.ends.count(outcome.results());
        self.parallel += outcome.metrics().parallel_transactions;
        let changes = outcome.change_set().changes().iter();
        self.deleted += changes.filter(|change| change.new.is_none()).count();
    }
}

fn status_name(status: &ExecutionStatus) -> String {
    match status {
        // Codes that mean something; others are what a test told a guest to abort with.
        ExecutionStatus::Reverted(RevertReason::Contract(code @ (1 | 2 | 7 | 100))) => {
            format!("Abort {code}")
        }
        ExecutionStatus::Reverted(reason) => variant(reason),
        ExecutionStatus::Halted(reason) => variant(reason),
        ExecutionStatus::Success => variant(status),
    }
}

/// The name of a variant, without its fields.
fn variant(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    text.split([' ', '(']).next().unwrap_or_default().to_owned()
}

/// One chain, with the model beside it.
struct Followed {
    engine: ContractEngine,
    model: Model,
    /// What the engine's change sets come to.
    seen: Facts,
}

impl Followed {
    fn new(seed: u64) -> Self {
        let genesis = genesis(PEOPLE);
        let guests = workload::modules().into_iter().map(|(hash, (guest, _))| (hash, guest));
        let mut model = Model::new(guests.collect());
        for it in &genesis.allocations {
            model.allocate(it.account, it.asset, it.amount.0);
        }
        let builder = ContractEngine::builder().storage(SharedArtifacts::memory());
        let builder = builder.config(config(seed)).genesis(genesis);
        let engine = builder.build().expect("the engine opens");
        Self { engine, seen: model.facts.clone(), model }
    }

    fn run(&mut self, txs: Vec<tos_runtime::Transaction>, coverage: &mut Coverage, what: &str) {
        let height = self.engine.tip().topoheight.0 + 1;
        // Fees are burned, or go to somebody who often sends something in the same block.
        let beneficiary = (!height.is_multiple_of(3)).then(|| account(height % 4));
        let verified = tos_runtime::verify_batch(txs.clone(), self.engine.params());
        let block = Block::new(self.engine.next_context(1_000 * height), verified.expect("valid"));
        let block = match beneficiary {
            Some(account) => block.with_beneficiary(account),
            None => block,
        };
        let sequential = self.engine.execute_block_sequentially(&block).expect("it executes");
        let parallel = self.engine.execute_block(&block).expect("it executes");
        coverage.count(&parallel);

        let expected = self.model.block(height, beneficiary, &txs, sequential.results());
        for (idx, (expected, told)) in expected.iter().zip(sequential.results()).enumerate() {
            assert_receipt(expected, told, &format!("{what}, transaction {idx}: {:?}", txs[idx]));
        }
        let fees: u64 = expected.iter().map(|expected| expected.fee).sum();
        assert_eq!(sequential.gas_fee().0, fees, "{what}: fees");
        self.seen.follow(sequential.change_set().changes(), what);
        self.model.facts.assert_same(&self.seen, what);
        assert_same(&sequential, &parallel, what);
        let keys: Vec<_> =
            parallel.change_set().changes().iter().map(|change| change.key.clone()).collect();
        self.engine.commit(parallel).expect("it commits");

        // What the engine answers when it is asked, not only what it says it changed.
        for (key, value) in values(&self.engine, &keys) {
            let answer = value.as_ref().map(|it| Facts::of(&key, it)).unwrap_or_default();
            for (fact, value) in answer.0 {
                assert_eq!(self.model.facts.0.get(&fact), Some(&value), "{what}: {fact:?}");
            }
        }
    }

    /// Every unit there ever was is somewhere or burned.
    fn assert_conserved(&self, what: &str) {
        let facts = &self.model.facts.0;
        for fact in facts.keys() {
            let Fact::Supply(asset) = fact else { continue };
            let held: u128 = facts
                .keys()
                .filter(|other| matches!(other, Fact::Balance(_, of) if of == asset))
                .map(|other| self.model.facts.number(other))
                .sum();
            let burned = self.model.facts.number(&Fact::Burned(*asset));
            assert_eq!(held + burned, self.model.facts.number(fact), "{what}: {asset}");
        }
    }
}

#[test]
fn random_chains_do_what_an_independent_model_does() {
    let blocks = setting("TOS_MODEL_BLOCKS", 300);
    let first_seed = setting("TOS_MODEL_SEED", 1);
    let mut coverage = Coverage::default();
    for chain in 0..blocks.div_ceil(BLOCKS_PER_CHAIN) {
        let seed = first_seed + chain;
        let mut followed = Followed::new(seed);
        let mut workload = Workload::new(seed);
        let first = workload.first_block();
        followed.run(first, &mut coverage, &format!("seed {seed}, first block"));
        for height in 2..=BLOCKS_PER_CHAIN {
            let txs = workload.block(&followed.model.facts, height);
            followed.run(txs, &mut coverage, &format!("seed {seed}, block {height}"));
        }
        followed.assert_conserved(&format!("seed {seed}"));
        coverage.foreseen += followed.model.foreseen;
        coverage.metered += followed.model.metered;
    }
    let Coverage { ends, statuses, foreseen, metered, parallel, deleted } = coverage;
    let (included, by_code) = (ends.included(), ends.by_code);
    println!("{included} transactions included, each executed twice and its money added up");
    println!("ends by status code: {by_code:?}");
    println!("by name: {statuses:?}");
    println!("foreseen: {foreseen}, gas had a say: {metered}; in parallel: {parallel}");
    println!("keys deleted: {deleted}");
    for code in [0, 100, 101, 102, 103, 104, 105, 106, 200, 201, 202, 999] {
        assert!(by_code.contains_key(&code), "no transaction ended with {code}: {by_code:?}");
    }
    for name in ["Expired", "NonceTooLow", "NonceTooHigh", "Unaffordable", "Abort 7", "Abort 100"] {
        assert!(statuses.contains_key(name), "no transaction ended with {name}: {statuses:?}");
    }
    assert!(metered * 20 < foreseen, "gas decides too often: {metered} of {foreseen}");
    assert!(parallel > 0, "nothing was executed in parallel");
    assert!(deleted > 10, "only {deleted} keys were deleted");
}
