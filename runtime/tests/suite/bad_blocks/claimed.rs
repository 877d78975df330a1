//! B17: a block whose header claims another state than it leads to.

use std::path::Path;

use tos_runtime::{
    AsyncEngine, Block, ContractEngine, EngineConfig, EngineError, Hash, InvalidBlock,
    ReplayBundle, StateKey,
};

use crate::support::{COUNTER, Call, Chain, Order, account, assert_same, genesis, values, wasm};

const PEOPLE: u64 = 4;

/// A chain with a contract, on an engine that writes bundles into a folder or nowhere.
fn chain(folder: Option<&Path>) -> (Chain, Block) {
    let config =
        EngineConfig { shadow_folder: folder.map(Path::to_owned), ..EngineConfig::default() };
    let builder = ContractEngine::builder().config(config).genesis(genesis(PEOPLE));
    let mut chain = Chain::build(builder);
    let counter = chain.deploy(wasm(COUNTER), &[]);
    let txs = vec![
        chain.send(1, Call::counter_add(counter, 5)),
        chain.send(2, Order::transfer(account(77), 5)),
    ];
    let block = chain.block(txs).with_beneficiary(account(1));
    (chain, block)
}

/// Digests that a proposer might claim and that are not the right one.
fn wrong(chain: &Chain, right: Hash) -> Vec<Hash> {
    let mut off_by_one = right;
    off_by_one.0[31] ^= 1;
    vec![off_by_one, chain.engine.tip().state_digest, Hash([0; 32])]
}

/// Both digests and the advice of a refusal.
#[track_caller]
fn refusal<T: std::fmt::Debug>(result: Result<T, EngineError>) -> (Hash, Hash, String) {
    match result {
        Err(EngineError::InvalidBlock(error)) => {
            let text = error.to_string();
            let InvalidBlock::ClaimedState { topoheight, claimed, computed, advice } = error else {
                panic!("expected ClaimedState, found {text}");
            };
            assert_eq!(topoheight.0, 2);
            let shown = [claimed.to_string(), computed.to_string(), advice.clone()];
            assert!(shown.iter().all(|it| text.contains(it)), "{text}");
            (claimed, computed, advice)
        }
        other => panic!("expected ClaimedState, found {other:?}"),
    }
}

#[test]
fn bad_b17_a_block_that_leads_elsewhere_than_claimed_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (chain, block) = chain(Some(folder.path()));
    let outcome = chain.execute_block(&block);
    let right = outcome.state_digest();
    let changes = outcome.change_set().changes();
    let keys: Vec<StateKey> = changes.iter().map(|change| change.key.clone()).collect();
    let before = (chain.engine.tip(), values(&chain.engine, &keys));
    for claim in wrong(&chain, right) {
        let refused = chain.engine.execute_claimed_block(&block, claim);
        let (claimed, computed, advice) = refusal(refused);
        assert_eq!((claimed, computed), (claim, right));
        assert_eq!((chain.engine.tip(), values(&chain.engine, &keys)), before, "state unchanged");

        // What it takes to find out who is wrong, on any machine.
        let path = advice.strip_prefix("look into it with `tos-node replay ");
        let path = path.and_then(|path| path.strip_suffix('`')).expect("it tells the file");
        let bundle = ReplayBundle::read(path.as_ref()).expect("it is written");
        assert_eq!(bundle.expected().header.state_digest, right);
        assert_eq!(bundle.recorded_difference().expect("it is a record"), None);
        let replay = bundle.replay(&EngineConfig::default()).expect("it executes");
        assert_eq!(replay.outcome().state_digest(), right);
    }
    // A wrong claim is no reason to refuse work: the block itself is as good as before.
    let claimed = chain.engine.execute_claimed_block(&block, right).expect("the claim holds");
    assert_same(&outcome, &claimed, "with and without a claim");
    chain.engine.commit(claimed).expect("it commits");
    assert_eq!(chain.engine.tip().state_digest, right);

    // What is committed already is compared as well; its parent's state is gone.
    let stored = chain.engine.execute_claimed_block(&block, right).expect("the claim holds");
    assert_same(&outcome, &stored, "stored");
    let refused = chain.engine.execute_claimed_block(&block, Hash([0; 32]));
    let (_, computed, advice) = refusal(refused);
    assert_eq!(computed, right);
    assert!(advice.starts_with("no replay bundle could be made: "), "{advice}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("it is there").count(), 1, "one block");
}

#[test]
fn bad_b17_the_engine_for_tokio_compares_claims_too_and_writes_nothing_unasked() {
    let (chain, block) = chain(None);
    let right = chain.execute_block(&block).state_digest();
    let engine = AsyncEngine::new(chain.engine.clone()).expect("it starts");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        for claim in wrong(&chain, right) {
            let refused = engine.execute_claimed_block(block.clone(), claim).await;
            let (claimed, computed, advice) = refusal(refused);
            assert_eq!((claimed, computed), (claim, right));
            assert!(advice.contains("shadow_folder is not set"), "{advice}");
        }
        let outcome = engine.execute_claimed_block(block, right).await.expect("the claim holds");
        engine.commit(outcome).await.expect("it commits");
    });
    assert_eq!(chain.engine.tip().state_digest, right);
}
