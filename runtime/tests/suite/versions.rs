//! Parameters that change at a height: what came before is executed as it was, what comes after
//! under the new ones, and whoever opens a chain with other rules is told so. Rows B16, C02, C03,
//! M29 and S08 of the list of bad inputs.

use tos_runtime::{
    ChainId, ChainMeta, ChangeSet, CommitBatch, ContractEngine, ContractEngineBuilder, ContractId,
    EngineConfig, EngineError, EngineId, Gas, Hash, InvalidBlock, OpenError, ProtocolParams,
    STORAGE_FORMAT, Storage, TopoHeight,
};

use crate::support::{CHAIN, COUNTER, Call, Chain, FailingStorage, Order, account, genesis, wasm};

/// Height at which the change of these tests takes effect.
const CHANGE: TopoHeight = TopoHeight(5);

/// Prices at which everything costs more: inside of modules, outside, and what calls start with.
fn dearer() -> ProtocolParams {
    let mut params = ProtocolParams::new(CHAIN);
    params.costs.call += 7;
    params.costs.transaction += 1_000;
    params.costs.operators.simple *= 30;
    params.costs.operators.store *= 30;
    params
}

fn builder(storage: &FailingStorage) -> ContractEngineBuilder {
    ContractEngine::builder().storage(storage.clone()).genesis(genesis(4))
}

#[track_caller]
fn refusal(builder: ContractEngineBuilder) -> OpenError {
    match builder.build().map(|engine| engine.tip()) {
        Err(EngineError::Open(error)) => error,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

/// A call, two of it in a block, so that workers have a choice; the gas of each, and the digest.
#[track_caller]
fn calls(chain: &mut Chain, counter: ContractId) -> (u64, Hash) {
    let txs = (1..4).map(|person| chain.send(person, Call::counter_add(counter, person))).collect();
    let simulated = simulated_gas(chain, counter);
    let outcome = chain.execute(txs);
    let gas = |idx| crate::support::receipt(&outcome, idx).gas_used.0;
    assert_eq!((gas(0), gas(1), gas(2)), (simulated, simulated, simulated), "as simulated");
    let digest = outcome.state_digest();
    chain.engine.commit(outcome).expect("it commits");
    (simulated, digest)
}

#[track_caller]
fn simulated_gas(chain: &Chain, counter: ContractId) -> u64 {
    let mut tx = Call::counter_add(counter, 1).unsigned(1, chain.nonce(1));
    tx.gas_limit = Gas(1_000_000);
    let simulation = chain.engine.simulate(&tx).expect("it runs");
    assert!(simulation.result.expect("it is included").status.is_success());
    simulation.gas_used.0
}

/// Gas of the same call in every block from 2 to 8, and the digests after them.
#[track_caller]
fn history(chain: &mut Chain) -> Vec<(u64, Hash)> {
    let counter = chain.deploy(wasm(COUNTER), &[]);
    (2..=8).map(|_| calls(chain, counter)).collect()
}

#[test]
fn m29_the_same_call_costs_what_the_table_of_its_height_says() {
    let always = |params: ProtocolParams| {
        let mut genesis = genesis(4);
        genesis.params = params;
        history(&mut Chain::build(ContractEngine::builder().genesis(genesis)))
    };
    let (cheap, dear) = (always(ProtocolParams::new(CHAIN))[0].0, always(dearer())[0].0);
    assert!(dear > cheap + 1_007, "{dear} and {cheap}: instructions cost more too");
    let expected = [cheap, cheap, cheap, dear, dear, dear, dear];
    let mut histories = Vec::new();
    for threads in [1, 3] {
        // One engine keeps every module, the other none.
        let module_cache_bytes = if threads == 1 { 1 } else { 64 << 20 };
        let config = EngineConfig {
            max_parallel_threads: threads,
            module_cache_bytes,
            large_block_txs: threads,
            ..EngineConfig::default()
        };
        let storage = FailingStorage::new();
        let builder = builder(&storage).config(config.clone()).params_at(CHANGE, dearer());
        let mut chain = Chain::build(builder);
        let found = history(&mut chain);
        let gas: Vec<u64> = found.iter().map(|(gas, _)| *gas).collect();
        assert_eq!(gas, expected, "{threads} threads");

        // Back below the change and forth again, with caches that know both.
        let counter = Order::deploy(wasm(COUNTER), &[]).signed(0, 0).deployed_contract();
        let counter = counter.expect("it is a deployment");
        chain.engine.rollback_to(TopoHeight(2)).expect("nothing is stable");
        let again: Vec<_> = (3..=8).map(|_| calls(&mut chain, counter)).collect();
        assert_eq!(again, found[1..], "{threads} threads: executed again");

        // And from what the storage knows alone.
        drop(chain);
        let reopened = ContractEngine::builder().storage(storage.clone()).config(config);
        let mut chain = Chain::build(reopened);
        assert_eq!(chain.engine.protocol().at(TopoHeight(4)), &ProtocolParams::new(CHAIN));
        assert_eq!(chain.engine.params(), &dearer());
        chain.engine.rollback_to(TopoHeight(3)).expect("nothing is stable");
        let again: Vec<_> = (4..=8).map(|_| calls(&mut chain, counter)).collect();
        assert_eq!(again, found[2..], "{threads} threads: reopened");
        histories.push(found);
    }
    assert_eq!(histories[0], histories[1], "another engine, from genesis");
}

#[test]
fn nodes_that_disagree_about_a_change_notice_at_its_height() {
    let storage = FailingStorage::new();
    let mut with = Chain::build(builder(&storage).params_at(TopoHeight(3), dearer()));
    let mut without = Chain::new(4);
    for height in 1..=3 {
        let digests = [&mut with, &mut without].map(|chain| {
            let outcome = chain.execute(Vec::new());
            let digest = outcome.state_digest();
            chain.engine.commit(outcome).expect("it commits");
            digest
        });
        assert_eq!(digests[0] == digests[1], height < 3, "empty block {height}");
    }
}

#[test]
fn a_change_is_for_heights_to_come() {
    let storage = FailingStorage::new();
    let mut chain = Chain::build(builder(&storage).params_at(TopoHeight(2), dearer()));
    for _ in 0..3 {
        chain.run(Vec::new());
    }
    drop(chain);
    let before = storage.meta().expect("it is read");
    let cheap = ProtocolParams::new(CHAIN);
    for (since, params, stored, given) in [
        (0, dearer(), "costs.transaction = 15000", "costs.transaction = 16000"),
        (1, dearer(), "costs.transaction = 15000", "costs.transaction = 16000"),
        (2, cheap.clone(), "costs.transaction = 16000", "costs.transaction = 15000"),
        (3, cheap.clone(), "costs.transaction = 16000", "costs.transaction = 15000"),
    ] {
        let error = refusal(builder(&storage).params_at(TopoHeight(since), params));
        let text = error.to_string();
        assert!(matches!(error, OpenError::PastParameters { .. }), "{text}");
        assert!(
            text.contains(stored) && text.contains(given) && text.contains("tip is 3"),
            "{text}"
        );
    }
    assert_eq!(storage.meta().expect("it is read"), before, "the refusals wrote nothing");

    // What holds anyway may be given again, and what is to come can be changed until it is there.
    let mut third = dearer();
    third.block_gas_limit = Gas(1 << 30);
    let again = || builder(&storage).params_at(TopoHeight(2), dearer());
    let periods = |builder: ContractEngineBuilder| -> Vec<u64> {
        let engine = builder.build().expect("it opens");
        engine.protocol().periods().iter().map(|period| period.since.0).collect()
    };
    assert_eq!(periods(again()), [0, 2]);
    assert_eq!(periods(again().params_at(TopoHeight(9), cheap.clone())), [0, 2, 9]);
    assert_eq!(periods(again().params_at(TopoHeight(4), third.clone())), [0, 2, 4, 9]);
    assert_eq!(periods(again().params_at(TopoHeight(9), third)), [0, 2, 4], "it changes nothing");
    assert_eq!(periods(again().params_at(TopoHeight(4), dearer())), [0, 2], "taken back");
    assert_eq!(periods(builder(&storage)), [0, 2], "stored");

    let mut foreign = dearer();
    foreign.chain_id = ChainId(77);
    let error = refusal(builder(&storage).params_at(TopoHeight(9), foreign));
    assert!(matches!(error, OpenError::Incompatible { what: "chain id", .. }), "{error}");
    let mut newer = dearer();
    newer.engine_version += 1;
    let error = refusal(builder(&storage).params_at(TopoHeight(9), newer));
    assert!(matches!(error, OpenError::Incompatible { what: "engine version", .. }), "{error}");
}

#[test]
fn a_transaction_verified_before_a_change_is_passed_through_it() {
    let storage = FailingStorage::new();
    let mut chain = Chain::build(builder(&storage).params_at(TopoHeight(2), dearer()));
    let tx = chain.send(1, Order::transfer(account(2), 5).gas_limit(40_000));
    let verified = chain.engine.verify(tx).expect("it is well formed");
    chain.run(Vec::new());
    let block = |tx| tos_runtime::Block::new(chain.engine.next_context(9_000), vec![tx]);
    match chain.engine.execute_block(&block(verified.clone())) {
        Err(EngineError::InvalidBlock(InvalidBlock::ForeignVerification { index: 0 })) => {}
        other => panic!("expected ForeignVerification, found {other:?}"),
    }
    let params = chain.engine.params();
    let passed = verified.clone().under(params).expect("its gas limit is enough");
    let again = chain.engine.verify(verified.transaction().clone()).expect("it is well formed");
    assert_eq!(passed.intrinsic_gas(), again.intrinsic_gas());
    let outcome = chain.execute_block(&block(passed));
    assert!(crate::support::receipt(&outcome, 0).status.is_success());
    let mut strict = params.clone();
    strict.transaction_gas_limit = Gas(39_999);
    assert!(verified.under(&strict).is_err(), "what the new parameters refuse is refused");
}

/// Where the parts of the engine id of the first period are in the stored parameters.
const ENGINE_VERSION_AT: usize = 4 + 8;
const PREPARE_VERSION_AT: usize = ENGINE_VERSION_AT + 4;
const LIMITS_AT: usize = PREPARE_VERSION_AT + 4;
const COSTS_AT: usize = LIMITS_AT + 32;
const PARAMS_AT: usize = COSTS_AT + 32 + 4;

/// Puts other words into what a database says about itself.
fn doctor(storage: &FailingStorage, change: impl FnOnce(&mut ChainMeta)) {
    let mut meta = storage.meta().expect("it is read").expect("it is there");
    change(&mut meta);
    let changes = &ChangeSet::default();
    let batch = CommitBatch { meta: &meta, record: None, changes };
    storage.commit(&batch).expect("it is written");
}

#[test]
fn b16_a_chain_that_needs_another_engine_is_refused_with_both_values() {
    let ours = EngineId::of(&ProtocolParams::new(CHAIN));
    let version = |number: u32| number.to_string();
    for (what, at, known) in [
        ("engine version", ENGINE_VERSION_AT, version(ours.engine_version)),
        ("prepare version", PREPARE_VERSION_AT, version(ours.prepare_version)),
        ("limits", LIMITS_AT, ours.limits.to_string()),
        ("prices", COSTS_AT, ours.costs.to_string()),
    ] {
        for in_change in [false, true] {
            let storage = FailingStorage::new();
            let mut chain = Chain::build(builder(&storage).params_at(CHANGE, dearer()));
            let counter = chain.deploy(wasm(COUNTER), &[]);
            calls(&mut chain, counter);
            drop(chain);
            let sound = storage.meta().expect("it is read").expect("it is there");
            // The second of two entries of one length.
            let start = if in_change { (sound.params.len() - 4) / 2 } else { 0 };
            doctor(&storage, |meta| meta.params[start + at] ^= 8);
            let error = refusal(builder(&storage));
            let text = error.to_string();
            let OpenError::UnknownEngine { since, what: found, stored, known: shown } = error
            else {
                panic!("{what}: expected UnknownEngine, found {text}");
            };
            assert_eq!(since.0, if in_change { CHANGE.0 } else { 0 }, "{text}");
            assert_eq!(found, what, "{text}");
            // Where prices differ by height, so do their hashes.
            assert_eq!(shown == known, what != "prices" || !in_change, "{text}");
            assert_ne!(stored, shown, "{text}");
            assert!(text.contains(&stored) && text.contains(&shown), "{text}");
            assert!(text.contains("version of the node that wrote it"), "{text}");

            // Nothing was written: the chain goes on once it is itself again.
            doctor(&storage, |meta| *meta = sound.clone());
            let mut chain = Chain::build(builder(&storage));
            calls(&mut chain, counter);
        }
    }
}

#[test]
fn s08_a_database_of_another_format_is_refused() {
    for other in [STORAGE_FORMAT - 1, STORAGE_FORMAT + 1] {
        let storage = FailingStorage::new();
        drop(Chain::build(builder(&storage)));
        doctor(&storage, |meta| meta.format = other);
        let error = refusal(builder(&storage));
        let text = error.to_string();
        assert!(matches!(error, OpenError::Incompatible { what: "format", .. }), "{text}");
        assert!(
            text.contains(&format!("format {other}, this engine has {STORAGE_FORMAT}")),
            "{text}"
        );
    }
}

#[test]
fn c03_stored_parameters_that_are_cut_or_too_long_are_corrupt() {
    let storage = FailingStorage::new();
    drop(Chain::build(builder(&storage)));
    let sound = storage.meta().expect("it is read").expect("it is there").params;
    let with = |params: &[u8]| {
        doctor(&storage, |meta| meta.params = params.to_vec());
        builder(&storage).build().map(|engine| engine.tip())
    };
    for len in 0..sound.len() {
        assert!(matches!(with(&sound[..len]), Err(EngineError::Corrupt(_))), "{len} bytes");
    }
    let longer = [&sound[..], &[0]].concat();
    assert!(matches!(with(&longer), Err(EngineError::Corrupt(_))), "a byte too many");
    let none = [0; 4];
    assert!(matches!(with(&none), Err(EngineError::Corrupt(_))), "no period at all");
    // One operator fewer: the length in front of the parameters says so too.
    let mut fewer = sound.clone();
    let len = u32::try_from(sound.len() - PARAMS_AT).expect("it is short") - 4;
    fewer[PARAMS_AT - 4..PARAMS_AT].copy_from_slice(&len.to_le_bytes());
    fewer.truncate(sound.len() - 4);
    assert!(matches!(with(&fewer), Err(EngineError::Corrupt(_))), "an operator is missing");
    // The first period has to be that of genesis.
    let mut late = sound.clone();
    late[4] = 1;
    assert!(matches!(with(&late), Err(EngineError::Corrupt(_))), "nothing holds at 0");
    assert!(with(&sound).is_ok());
}

type Edit = fn(&mut ProtocolParams);

#[test]
fn c03_what_makes_work_cannot_be_free() {
    let changes: [(&str, Edit); 8] = [
        ("transaction", |params| params.costs.transaction = 0),
        ("call", |params| params.costs.call = 0),
        ("code_byte", |params| params.costs.code_byte = 0),
        ("entry", |params| params.costs.operators.entry = 0),
        ("loop_head", |params| params.costs.operators.loop_head = 0),
        ("branch", |params| params.costs.operators.branch = 0),
        ("memory_grow", |params| params.costs.operators.memory_grow = 0),
        ("memory_bulk_word", |params| params.costs.operators.memory_bulk_word = 0),
    ];
    for (expected, change) in changes {
        let mut params = ProtocolParams::new(CHAIN);
        change(&mut params);
        let mut genesis = genesis(1);
        genesis.params = params.clone();
        let storage = FailingStorage::new();
        let begin = ContractEngine::builder().storage(storage.clone()).genesis(genesis);
        for builder in [begin, builder(&FailingStorage::new()).params_at(CHANGE, params)] {
            match refusal(builder) {
                OpenError::PriceZero { price } => assert_eq!(price, expected),
                error => panic!("{expected}: {error}"),
            }
        }
        assert_eq!(storage.meta().expect("it is read"), None, "nothing was written");
    }
}

#[test]
fn c02_every_parameter_that_differs_is_named_with_both_values() {
    let storage = FailingStorage::new();
    drop(Chain::build(builder(&storage)));
    let changes: [(&str, Edit); 10] = [
        ("block_transactions_max = 200000", |params| params.block_transactions_max += 1),
        ("block_bytes_max = 134217728", |params| params.block_bytes_max += 1),
        ("block_gas_limit = 20000000000", |params| params.block_gas_limit.0 += 1),
        ("transaction_gas_limit = 1000000000", |params| params.transaction_gas_limit.0 += 1),
        ("costs.transaction = 15000", |params| params.costs.transaction += 1),
        ("costs.access_entry = 500", |params| params.costs.access_entry += 1),
        ("costs.state_byte = 100", |params| params.costs.state_byte += 1),
        ("costs.operators.entry = 100", |params| params.costs.operators.entry += 1),
        ("costs.operators.load = 800", |params| params.costs.operators.load += 1),
        ("costs.operators.memory_bulk_word = 12", |params| {
            params.costs.operators.memory_bulk_word += 1;
        }),
    ];
    for (field, change) in changes {
        let mut genesis = genesis(4);
        change(&mut genesis.params);
        let text = refusal(builder(&storage).genesis(genesis)).to_string();
        let (name, value) = field.split_once(" = ").expect("it has a value");
        let given: u64 = value.parse::<u64>().expect("a number") + 1;
        let expected = format!(
            "the storage holds protocol parameters {field}, this engine has {name} = {given}:"
        );
        assert!(text.starts_with(&expected), "{text}");
    }
}
