use std::path::Path;
use std::sync::mpsc::{Sender, channel};

use ed25519_zebra::SigningKey;
use tos_host_api::{Amount, AssetId, ChainId, Gas, Nonce, PublicKey, TopoHeight};

use super::*;
use crate::bundle::ReplayBundle;
use crate::config::ProtocolParams;
use crate::genesis::Genesis;
use crate::outcome::TxResult;
use crate::state::Change;
use crate::types::{TransactionType, Transfer, UnsignedTransaction};

fn key(number: u8) -> SigningKey {
    SigningKey::from([number; 32])
}

fn person(number: u8) -> PublicKey {
    PublicKey(key(number).verification_key().into())
}

/// An engine that executes every block once more.
fn engine(folder: &Path) -> ContractEngine {
    let config = EngineConfig {
        max_parallel_threads: 2,
        large_block_txs: 1,
        shadow_sample: 1,
        shadow_folder: Some(folder.to_owned()),
        ..EngineConfig::default()
    };
    let genesis = (1..4).fold(Genesis::new(ProtocolParams::new(ChainId(1))), |genesis, number| {
        genesis.with_balance(person(number), AssetId::NATIVE, Amount(1_000_000_000))
    });
    ContractEngine::builder().config(config).genesis(genesis).build().expect("it opens")
}

/// Everybody pays everybody else, and somebody new.
fn block(engine: &ContractEngine) -> Block {
    let height = engine.tip().topoheight.0 + 1;
    let payment = |from: u8| {
        let nonce = engine.account(&person(from).into()).expect("it is read").nonce;
        let to =
            [from % 3 + 1, (from + 1) % 3 + 1, 100 + u8::try_from(height % 100).expect("small")];
        let transfers = to.map(|to| Transfer {
            destination: person(to).into(),
            asset: AssetId::NATIVE,
            amount: Amount(height),
        });
        let unsigned = UnsignedTransaction {
            chain_id: ChainId(1),
            source: person(from),
            nonce: Nonce(nonce.0),
            gas_limit: Gas(60_000),
            gas_price: Amount(1),
            expiry: TopoHeight(1_000),
            access: Vec::new(),
            data: TransactionType::Transfers(transfers.into()),
        };
        engine.verify(unsigned.sign(&key(from))).expect("it is well formed")
    };
    Block::new(engine.next_context(height), (1..4).map(payment).collect())
}

fn commit_next(engine: &ContractEngine) {
    let outcome = engine.execute_block(&block(engine)).expect("it executes");
    engine.commit(outcome).expect("it commits");
}

/// Keeps the shadow thread busy until the sender is dropped.
fn hold(engine: &ContractEngine) -> Sender<()> {
    let (release, held) = channel::<()>();
    let shadow = engine.inner.shadow.as_ref().expect("it is asked for");
    shadow.thread.run(move || {
        let _ = held.recv();
    });
    release
}

#[test]
fn blocks_are_compared_on_their_parents_state_however_far_the_chain_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let engine = engine(folder.path());
    let release = hold(&engine);
    (1..=6).for_each(|_| commit_next(&engine));
    engine.rollback_to(TopoHeight(1)).expect("nothing is stable");
    (2..=3).for_each(|_| commit_next(&engine));
    assert_eq!(engine.shadow_counts(), ShadowCounts { compared: 0, skipped: 6, pending: 2 });
    drop(release);
    let counts = engine.finish_shadow().expect("they come to the same");
    assert_eq!(counts, ShadowCounts { compared: 2, skipped: 6, pending: 0 });
    // Room for the next ones.
    commit_next(&engine);
    assert_eq!(engine.finish_shadow().expect("it comes to the same").compared, 3);
    assert_eq!(std::fs::read_dir(folder.path()).expect("it is there").count(), 0, "no bundle");
}

#[test]
fn a_block_the_chain_has_left_far_behind_is_given_up() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let engine = engine(folder.path());
    let release = hold(&engine);
    (0..APPLIED_MAX).for_each(|_| commit_next(&engine));
    drop(release);
    let counts = engine.finish_shadow().expect("they come to the same");
    assert_eq!(counts.compared, 2, "the first two, with as many change sets as may be kept");
    let release = hold(&engine);
    (0..=APPLIED_MAX).for_each(|_| commit_next(&engine));
    drop(release);
    let counts = engine.finish_shadow().expect("nothing was found");
    assert_eq!(counts.compared, 3, "the first was given up, the second compared");
    assert_eq!(counts.compared + counts.skipped, 2 * APPLIED_MAX as u64 + 1);
}

/// What a broken engine might commit.
fn tampered(
    record: &BlockRecord,
    change: impl FnOnce(&mut Vec<TxResult>, &mut Vec<Change>),
) -> BlockRecord {
    let mut results: Vec<TxResult> = borsh::from_slice(&record.results).expect("it decodes");
    let mut changes = record.change_set.changes().to_vec();
    change(&mut results, &mut changes);
    BlockRecord {
        header: record.header.clone(),
        results: borsh::to_vec(&results).expect("it encodes"),
        change_set: ChangeSet::new(changes).expect("it is in order"),
    }
}

#[track_caller]
fn assert_stopped(change: impl FnOnce(&mut Vec<TxResult>, &mut Vec<Change>), expected: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bundles = folder.path().join("made when needed");
    let engine = engine(&bundles);
    commit_next(&engine);
    engine.finish_shadow().expect("nothing is wrong yet");
    let next = block(&engine);
    let outcome = engine.execute_block(&next).expect("it executes");
    let record = Arc::new(tampered(&outcome.record, change));
    // Nobody looks at it here, but the shadow may be faster than the write.
    match engine.commit(BlockOutcome { record, ..outcome }) {
        Ok(()) | Err(EngineError::Diverged { .. }) => {}
        Err(error) => panic!("{error}"),
    }
    let text = engine.finish_shadow().expect_err("it is found").to_string();
    assert!(text.starts_with("block 2 comes out otherwise"), "{text}");
    assert!(text.contains(expected), "{text}");

    // From now on nothing works, whatever is asked.
    let refused = [
        engine.execute_block(&next).map(drop),
        engine.account(&person(1).into()).map(drop),
        engine.rollback_to(TopoHeight(1)),
    ];
    for refused in refused {
        assert!(matches!(refused, Err(EngineError::Diverged { .. })), "{refused:?}");
    }
    let entries = std::fs::read_dir(&bundles).expect("the folder was made");
    let paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    let [path] = paths.as_slice() else { panic!("one bundle, found {paths:?}") };
    assert!(text.contains(&format!("tos-node replay {}", path.display())), "{text}");
    let bundle = ReplayBundle::read(path).expect("it is whole");
    let recorded = bundle.recorded_difference().expect("it decodes").expect("there is one");
    assert!(text.contains(&recorded.to_string()), "{recorded}");
    for enable_parallel_execution in [false, true] {
        let config = EngineConfig { enable_parallel_execution, ..EngineConfig::default() };
        let replay = bundle.replay(&config).expect("it executes");
        assert_eq!(replay.difference(), None, "the sequential execution was right");
    }
}

#[test]
fn a_receipt_that_differs_stops_the_engine_and_leaves_a_bundle() {
    let change = |results: &mut Vec<TxResult>, _: &mut Vec<Change>| {
        results[1].as_mut().expect("it is included").gas_used.0 += 1;
    };
    assert_stopped(change, "transaction 1, gas used: expected Gas(");
}

#[test]
fn a_change_that_differs_stops_the_engine_and_leaves_a_bundle() {
    let change = |_: &mut Vec<TxResult>, changes: &mut Vec<Change>| {
        let Some(StateValue::Account(account)) = &mut changes[0].new else {
            panic!("accounts come first")
        };
        account.native.0 += 1;
    };
    assert_stopped(change, "value after the block of Account(");
}
