//! Replay bundles: a block with everything it reads comes out the same wherever it is executed, and
//! a file that is not what somebody wrote is refused.

use std::sync::OnceLock;

use tos_runtime::{
    BUNDLE_FORMAT, Block, BundleError, ContractEngine, Difference, EngineConfig, EngineError,
    MemoryStorage, ProtocolParams, ReplayBundle, StateKey, TopoHeight,
};

use crate::support::{CHAIN, COUNTER, Call, Chain, Generator, Order, Rng, account, genesis, wasm};

/// Bytes in front of what is encoded: magic, format, length, checksum.
const HEAD_LEN: usize = 8 + 4 + 8 + 32;

/// Configurations that take different ways through a block.
fn configurations() -> impl Iterator<Item = EngineConfig> {
    let ways =
        [(1, false, 1), (1, true, usize::MAX), (2, true, 1), (4, true, usize::MAX), (3, true, 1)];
    ways.into_iter().map(|(threads, parallel, cut)| EngineConfig {
        max_parallel_threads: threads,
        enable_parallel_execution: parallel,
        large_block_txs: cut,
        reuse_instances: threads != 4,
        ..EngineConfig::default()
    })
}

/// Demands that a bundle comes out as it says, everywhere, also after it was bytes.
#[track_caller]
fn assert_replays(bundle: &ReplayBundle, what: &str) {
    let bytes = bundle.encode();
    let decoded = ReplayBundle::decode(&bytes).expect("it is what was written");
    assert_eq!(decoded.encode(), bytes, "{what}");
    for config in configurations() {
        let replay = decoded.replay(&config).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(replay.difference(), None, "{what}: {config:?}");
        let digest = decoded.expected().header.state_digest;
        assert_eq!(replay.outcome().state_digest(), digest, "{what}");
    }
}

#[test]
fn every_kind_of_block_replays_from_its_bundle_alone() {
    let people = 8;
    let mut generator = Generator::new(people, 41);
    let mut chain = Chain::new(people);
    for height in 1..=4 {
        let txs = match height {
            1 => generator.first_block(),
            2 => generator.second_block(),
            _ => generator.block(&chain.engine, 40),
        };
        let block = chain.block(txs);
        let block = if height % 2 == 0 { block.with_beneficiary(account(90)) } else { block };
        let bundle = ReplayBundle::capture(&chain.engine, &block).expect("it executes");
        let outcome = chain.execute_block(&block);
        assert_eq!(bundle.expected().change_set, *outcome.change_set(), "block {height}");
        chain.engine.commit(outcome).expect("it commits");
        assert_replays(&bundle, &format!("block {height}"));
    }
}

#[test]
fn a_block_under_new_parameters_replays_under_them() {
    let mut dearer = ProtocolParams::new(CHAIN);
    dearer.costs.operators.store += 1_000;
    let builder = ContractEngine::builder().storage(MemoryStorage::new()).genesis(genesis(3));
    let mut chain = Chain::build(builder.params_at(TopoHeight(3), dearer.clone()));
    let counter = chain.deploy(wasm(COUNTER), &[]);
    for height in 2..=4 {
        let tx = chain.send(1, Call::counter_add(counter, height));
        let block = chain.block(vec![tx]);
        let bundle = ReplayBundle::capture(&chain.engine, &block).expect("it executes");
        assert_eq!(*bundle.params() == dearer, height >= 3);
        assert_replays(&bundle, &format!("block {height}"));
        let outcome = chain.execute_block(&block);
        assert_eq!(outcome.state_digest(), bundle.expected().header.state_digest);
        chain.engine.commit(outcome).expect("it commits");
    }
}

fn chain_block(chain: &mut Chain, person: u64) -> Block {
    let tx = chain.send(person, Order::transfer(account(1), 3));
    chain.block(vec![tx])
}

/// The bundle of a block with a call, a transfer to somebody new and a refused deployment.
fn small() -> &'static ReplayBundle {
    static BUNDLE: OnceLock<ReplayBundle> = OnceLock::new();
    BUNDLE.get_or_init(|| {
        let mut chain = Chain::new(4);
        let counter = chain.deploy(wasm(COUNTER), &[]);
        let txs = vec![
            chain.send(1, Call::counter_add(counter, 5)),
            chain.send(2, Order::transfer(account(77), 5)),
            chain.send(3, Order::deploy(b"no module".to_vec(), &[])),
        ];
        let block = chain.block(txs);
        ReplayBundle::capture(&chain.engine, &block).expect("it executes")
    })
}

#[test]
fn a_bundle_holds_what_is_read_and_modules_whether_they_were_compiled_before_or_not() {
    let bundle = small();
    let keys: Vec<&StateKey> = bundle.state().keys().collect();
    assert!(keys.iter().any(|key| matches!(key, StateKey::Code(_))), "{keys:?}");
    assert!(keys.iter().any(|key| matches!(key, StateKey::Contract(_))), "{keys:?}");
    assert!(keys.iter().any(|key| matches!(key, StateKey::Counter(_))), "{keys:?}");
    assert!(bundle.state().values().any(Option::is_none), "that nothing is there is read too");
    assert_replays(bundle, "small");
}

#[test]
fn a_bundle_that_lacks_something_names_it_instead_of_guessing() {
    // The receiver's account under another name: the bytes of a public key occur nowhere else.
    let bundle = small();
    let mut bytes = bundle.encode();
    let name = account(77).to_bytes();
    let places: Vec<usize> = bytes
        .windows(name.len())
        .enumerate()
        .filter_map(|(at, window)| (window == name).then_some(at))
        .collect();
    // It is in the transaction, in the state and in the change set.
    assert_eq!(places.len(), 3);
    let state = places[1];
    bytes[state + name.len() - 1] ^= 1;
    seal(&mut bytes);
    let bundle = ReplayBundle::decode(&bytes).expect("its order is what it was");
    for config in configurations() {
        match bundle.replay(&config) {
            Err(EngineError::Storage(error)) => {
                let text = error.to_string();
                assert!(text.contains("reads what the recorded one did not"), "{text}");
                assert!(text.contains("Account"), "{text}");
            }
            other => panic!("expected an error that names the key, found {other:?}"),
        }
    }
}

/// Makes the checksum right.
fn seal(bytes: &mut [u8]) {
    let digest = blake3::hash(&bytes[HEAD_LEN..]);
    bytes[HEAD_LEN - 32..HEAD_LEN].copy_from_slice(digest.as_bytes());
}

#[test]
fn an_expectation_that_is_not_met_is_named_with_both_values() {
    let bundle = small();
    let bytes = bundle.encode();
    // The gas of the second receipt: a plain transfer's, found as what its encoding ends with.
    let expected = &bundle.expected().results;
    let at = bytes.windows(expected.len()).position(|window| window == expected).expect("there");
    let config = EngineConfig::default();
    let gas = match &bundle.replay(&config).expect("it executes").outcome().results()[1] {
        Ok(receipt) => receipt.gas_used,
        Err(invalid) => panic!("{invalid}"),
    };
    let gas_at = bytes[at..].windows(8).position(|window| window == gas.0.to_le_bytes());
    let mut other = bytes.clone();
    other[at + gas_at.expect("the receipt says it")] ^= 1;
    seal(&mut other);
    let other = ReplayBundle::decode(&other).expect("it is a bundle");
    let replay = other.replay(&config).expect("it executes");
    let Difference { transaction, what, expected, found } = replay.difference().expect("one");
    assert_eq!((*transaction, what.as_str()), (Some(1), "gas used"));
    assert_eq!((expected, found), (&format!("Gas({})", gas.0 ^ 1), &format!("{gas:?}")));
}

#[test]
fn executions_that_do_not_agree_leave_a_bundle_and_say_where() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut chain = Chain::new(3);
    let block = chain_block(&mut chain, 1);
    let other = chain_block(&mut chain, 2);
    let found = chain.engine.execute_block(&other).expect("it executes");
    let advice = ReplayBundle::report(&chain.engine, &block, &found, folder.path());
    let path = advice.strip_prefix("look into it with `tos-node replay ");
    let path = path.and_then(|rest| rest.strip_suffix('`')).expect("it names the file");
    let bundle = ReplayBundle::read(path.as_ref()).expect("it is there");
    assert_replays(&bundle, "reported");
    assert!(bundle.recorded_difference().expect("it decodes").is_some());

    let nowhere = folder.path().join("file");
    std::fs::write(&nowhere, []).expect("it is written");
    let advice = ReplayBundle::report(&chain.engine, &block, &found, &nowhere);
    assert!(advice.starts_with("no replay bundle could be written: "), "{advice}");
    chain.engine.commit(found).expect("it commits");
    let advice = ReplayBundle::report(
        &chain.engine,
        &block,
        &{ chain.engine.execute_block(&other).expect("it is committed") },
        folder.path(),
    );
    assert!(advice.starts_with("no replay bundle could be made: "), "{advice}");
}

#[test]
fn files_that_are_no_bundles_are_refused_with_a_reason() {
    let sound = small().encode();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = sound.clone();
        change(&mut bytes);
        ReplayBundle::decode(&bytes).map(|_| ()).expect_err("it is refused")
    };
    assert!(matches!(with(&|bytes| bytes.clear()), BundleError::NoBundle));
    assert!(matches!(with(&|bytes| bytes[0] ^= 1), BundleError::NoBundle));
    match with(&|bytes| bytes[8] += 1) {
        BundleError::Format { found, known } => {
            assert_eq!((found, known), (known + 1, BUNDLE_FORMAT))
        }
        other => panic!("{other}"),
    }
    assert!(matches!(with(&|bytes| bytes.push(0)), BundleError::Length { .. }));
    assert!(matches!(with(&|bytes| bytes[12] ^= 1), BundleError::Length { .. }));
    assert!(matches!(with(&|bytes| bytes[20] ^= 1), BundleError::Checksum));
    let engine = with(&|bytes| {
        bytes[HEAD_LEN] ^= 8;
        seal(bytes);
    });
    let text = engine.to_string();
    assert!(matches!(engine, BundleError::Params(_)) && text.contains("engine version"), "{text}");
    // A count that the bytes cannot hold: of everything there is a count of.
    let huge = with(&|bytes| {
        for at in (HEAD_LEN..bytes.len() - 4).step_by(97) {
            bytes[at..at + 4].fill(0xff);
        }
        seal(bytes);
    });
    assert!(matches!(huge, BundleError::Encoding(_) | BundleError::Params(_)), "{huge}");
    let missing = ReplayBundle::read("there/is/no/such/file".as_ref()).expect_err("it is missing");
    assert!(missing.to_string().contains("there/is/no/such/file: "), "{missing}");
}

#[test]
fn every_truncation_and_every_flipped_bit_is_noticed() {
    let sound = small().encode();
    let mut rng = Rng::new(5);
    for len in (0..sound.len()).filter(|len| *len < 300 || len % 13 == 0) {
        assert!(ReplayBundle::decode(&sound[..len]).is_err(), "{len} bytes");
    }
    for at in (0..sound.len()).filter(|at| *at < 300 || at % 7 == 0) {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << rng.below(8);
        assert!(ReplayBundle::decode(&bytes).is_err(), "byte {at}");
    }
}

#[test]
fn bytes_somebody_forged_are_refused_or_replayed_but_never_a_panic() {
    let sound = small().encode();
    let mut rng = Rng::new(6);
    // One thread: most of the time is spent on making room for instances.
    let config = EngineConfig { max_parallel_threads: 1, ..EngineConfig::default() };
    let (mut refused, mut failed, mut differing, mut same) = (0, 0, 0, 0);
    for _ in 0..120 {
        let mut bytes = sound.clone();
        for _ in 0..=rng.below(2) {
            let at = HEAD_LEN + rng.below((sound.len() - HEAD_LEN) as u64) as usize;
            bytes[at] = rng.below(256) as u8;
        }
        seal(&mut bytes);
        match ReplayBundle::decode(&bytes) {
            Err(_) => refused += 1,
            Ok(bundle) => match bundle.replay(&config) {
                Err(_) => failed += 1,
                Ok(replay) if replay.difference().is_some() => differing += 1,
                Ok(_) => same += 1,
            },
        }
    }
    println!("refused {refused}, failed {failed}, differing {differing}, same {same}");
    assert!(refused > 10 && failed > 10 && differing > 10, "{refused} {failed} {differing} {same}");
}
