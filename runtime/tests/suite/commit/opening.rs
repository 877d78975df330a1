//! Opening: a chain is continued as it was left, or refused with a reason.

use tos_runtime::prepare::OperatorCosts;
use tos_runtime::{
    Amount, AssetId, ChainId, ContractEngine, EngineError, Gas, Genesis, OpenError, ProtocolParams,
    RedbStorage, Storage,
};

use crate::support::{
    CHAIN, COUNTER, Call, Chain, FUNDS, FailingStorage, GOLD, Generator, Order, account, fund,
    genesis, values, wasm,
};

#[track_caller]
fn open_error(storage: FailingStorage, genesis: Option<Genesis>) -> OpenError {
    let builder = ContractEngine::builder().storage(storage);
    let builder = match genesis {
        Some(genesis) => builder.genesis(genesis),
        None => builder,
    };
    match builder.build().map(|engine| engine.tip()) {
        Err(EngineError::Open(error)) => error,
        other => panic!("expected an error of opening, found {other:?}"),
    }
}

#[test]
fn reopening_finds_the_same_digest_and_the_same_values() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("chain.redb");
    let open = || Chain::on(RedbStorage::open(&path).expect("redb opens"), 6);
    let mut generator = Generator::new(6, 77);
    let mut keys = std::collections::BTreeSet::new();
    let mut chain = open();
    for height in 1..=4 {
        let txs = match height {
            1 => generator.first_block(),
            _ => generator.block(&chain.engine, 30),
        };
        let outcome = chain.execute(txs);
        keys.extend(outcome.change_set().changes().iter().map(|change| change.key.clone()));
        chain.engine.commit(outcome).expect("it commits");
        let before = (chain.engine.tip(), values(&chain.engine, &keys));
        drop(chain);
        chain = open();
        assert_eq!((chain.engine.tip(), values(&chain.engine, &keys)), before, "{height}");
    }
}

#[test]
fn a_chain_can_be_opened_without_naming_its_genesis_again() {
    let storage = FailingStorage::new();
    let mut chain = Chain::on(storage.clone(), 3);
    let counter = chain.deploy(wasm(COUNTER), &[]);
    let tip = chain.engine.tip();
    drop(chain);
    let builder = ContractEngine::builder().storage(storage);
    let mut chain = Chain::build(builder);
    assert_eq!(chain.engine.tip(), tip);
    assert_eq!(chain.engine.params(), &ProtocolParams::new(CHAIN));
    assert!(chain.one(1, Call::counter_add(counter, 2)).status.is_success());
}

#[test]
fn an_empty_storage_needs_a_genesis() {
    let storage = FailingStorage::new();
    let error = open_error(storage.clone(), None);
    assert!(matches!(error, OpenError::NoGenesis), "{error}");
    assert_eq!(storage.meta().expect("it is read"), None, "nothing was written");
}

#[test]
fn a_genesis_with_a_price_the_counter_cannot_take_is_refused() {
    let genesis = |price| {
        let mut params = ProtocolParams::new(CHAIN);
        params.costs.operators.memory_bulk_word = price;
        Genesis::new(params)
    };
    let max = OperatorCosts::PRICE_MAX;
    let storage = FailingStorage::new();
    match open_error(storage.clone(), Some(genesis(max + 1))) {
        OpenError::PriceTooHigh { price, limit, found } => {
            assert_eq!((price, limit, found), ("memory_bulk_word", max, max + 1));
        }
        error => panic!("{error}"),
    }
    assert_eq!(storage.meta().expect("it is read"), None, "nothing was written");
    let builder = ContractEngine::builder().storage(storage).genesis(genesis(max));
    assert!(builder.build().is_ok(), "the highest price is allowed");
}

#[test]
fn a_genesis_that_contradicts_itself_is_refused_before_anything_is_written() {
    let base = || Genesis::new(ProtocolParams::new(CHAIN));
    let half = Amount(u64::MAX / 2 + 1);
    let cases = [
        (
            "the same account and asset twice",
            base().with_balance(account(1), GOLD, Amount(1)).with_balance(
                account(1),
                GOLD,
                Amount(2),
            ),
            "twice",
        ),
        (
            "more than the supply can count",
            base().with_balance(account(1), GOLD, half).with_balance(account(2), GOLD, half),
            "2^64 - 1",
        ),
    ];
    for (what, genesis, text) in cases {
        let storage = FailingStorage::new();
        let error = open_error(storage.clone(), Some(genesis));
        assert!(matches!(error, OpenError::Genesis(_)), "{what}: {error}");
        assert!(error.to_string().contains(text), "{what}: {error}");
        assert_eq!(storage.meta().expect("it is read"), None, "{what}: nothing was written");
    }
}

#[test]
fn the_whole_supply_can_be_one_allocation() {
    let genesis = Genesis::new(ProtocolParams::new(CHAIN))
        .with_balance(account(1), AssetId::NATIVE, Amount(u64::MAX - 1))
        .with_balance(account(2), AssetId::NATIVE, Amount(1));
    let mut chain = Chain::build(ContractEngine::builder().genesis(genesis));
    let receipt = chain.one(1, Order::transfer(account(2), u64::MAX - 40_000));
    assert!(receipt.status.is_success());
    assert_eq!(chain.balance(2), u64::MAX - 39_999);
}

#[test]
fn another_genesis_than_the_stored_one_is_refused() {
    let storage = FailingStorage::new();
    let chain = Chain::on(storage.clone(), 3);
    let tip = chain.engine.tip();
    drop(chain);
    let others = [
        ("another holder", fund(genesis(3), 3..4)),
        ("another amount", genesis(2).with_balance(account(2), GOLD, Amount(1))),
        ("nobody", Genesis::new(ProtocolParams::new(CHAIN))),
    ];
    for (what, other) in others {
        match open_error(storage.clone(), Some(other)) {
            OpenError::GenesisMismatch { stored, given } => {
                assert_eq!(stored, tip.state_digest, "{what}");
                assert_ne!(given, stored, "{what}");
            }
            error => panic!("{what}: expected GenesisMismatch, found {error}"),
        }
    }
    let mut reversed = genesis(3);
    reversed.allocations.reverse();
    let builder = ContractEngine::builder().storage(storage).genesis(reversed);
    assert_eq!(Chain::build(builder).engine.tip(), tip, "the order of allocations says nothing");
}

#[test]
fn a_chain_of_another_network_version_or_with_other_rules_is_refused() {
    let storage = FailingStorage::new();
    drop(Chain::on(storage.clone(), 3));
    let with = |change: fn(&mut ProtocolParams)| {
        let mut genesis = genesis(3);
        change(&mut genesis.params);
        genesis
    };
    let cases = [
        ("chain id", with(|params| params.chain_id = ChainId(2))),
        ("protocol parameters", with(|params| params.costs.transfer += 1)),
        ("protocol parameters", with(|params| params.block_gas_limit = Gas(1))),
        ("protocol parameters", with(|params| params.engine_version += 1)),
    ];
    for (expected, genesis) in cases {
        match open_error(storage.clone(), Some(genesis)) {
            OpenError::Incompatible { what, .. } => assert_eq!(what, expected),
            error => panic!("{expected}: expected Incompatible, found {error}"),
        }
    }
    let fresh = FailingStorage::new();
    let future = with(|params| params.engine_version += 1);
    match open_error(fresh.clone(), Some(future)) {
        OpenError::Incompatible { what: "engine version", .. } => {}
        error => panic!("expected another engine version, found {error}"),
    }
    assert_eq!(fresh.meta().expect("it is read"), None, "nothing was written");
}

#[test]
fn rules_are_part_of_the_chains_name() {
    let digest = |genesis: Genesis| {
        let engine = ContractEngine::builder().genesis(genesis).build().expect("it opens");
        engine.tip().state_digest
    };
    let mut other = genesis(2);
    other.params.costs.transfer += 1;
    assert_ne!(digest(genesis(2)), digest(other));
}

#[test]
fn zero_allocations_create_an_asset_but_no_account() {
    let genesis = genesis(1).with_balance(account(5), AssetId([6; 32]), Amount(0));
    let chain = Chain::build(ContractEngine::builder().genesis(genesis));
    let asset = chain.engine.asset(&AssetId([6; 32])).expect("it is read").expect("it exists");
    assert_eq!((asset.supply, asset.burned), (Amount(0), Amount(0)));
    assert_eq!((chain.balance(5), chain.balance(0)), (0, FUNDS));
}
