//! Rolling back restores everything, and going forward again ends where it ended before.

use std::collections::{BTreeMap, BTreeSet};

use tos_runtime::{
    Block, BlockContext, ContractEngine, EngineError, RedbStorage, StateKey, StateValue, Storage,
    Tip, TopoHeight,
};

use crate::support::{COUNTER, Call, Chain, GOLD, Generator, Order, account, values, wasm};

const PEOPLE: u64 = 8;
const HEIGHT: u64 = 6;

type State = BTreeMap<StateKey, Option<StateValue>>;

/// A chain of random blocks: the blocks, and tip and values at every height.
struct History {
    blocks: Vec<Block>,
    keys: BTreeSet<StateKey>,
    tips: Vec<Tip>,
    states: Vec<State>,
}

impl History {
    /// Builds the chain on one engine and looks at every height of it, on the way back.
    #[track_caller]
    fn new(seed: u64) -> Self {
        let chain = Chain::new(PEOPLE);
        let mut generator = Generator::new(PEOPLE, seed);
        let mut blocks = Vec::new();
        let mut keys = BTreeSet::new();
        for height in 1..=HEIGHT {
            let txs = match height {
                1 => generator.first_block(),
                _ => generator.block(&chain.engine, 40),
            };
            let context = chain.engine.next_context(1_000 * height);
            let block = Block::new(context, chain.verified(txs));
            let block = if height % 2 == 0 { block.with_beneficiary(account(3)) } else { block };
            let outcome = chain.execute_block(&block);
            keys.extend(outcome.change_set().changes().iter().map(|change| change.key.clone()));
            chain.engine.commit(outcome).expect("it commits");
            blocks.push(block);
        }
        // Forward once more on a fresh engine, now that all keys are known.
        let chain = Chain::new(PEOPLE);
        let (mut tips, mut states) = (Vec::new(), Vec::new());
        for block in std::iter::once(None).chain(blocks.iter().map(Some)) {
            block.into_iter().for_each(|block| commit(&chain.engine, block));
            tips.push(chain.engine.tip());
            states.push(values(&chain.engine, &keys));
        }
        Self { blocks, keys, tips, states }
    }

    #[track_caller]
    fn check(&self, engine: &ContractEngine, height: u64, what: &str) {
        assert_eq!(engine.tip(), self.tips[height as usize], "{what}: tip at height {height}");
        let found = values(engine, &self.keys);
        for (key, value) in &self.states[height as usize] {
            assert_eq!(&found[key], value, "{what}: {key:?} at height {height}");
        }
    }
}

#[track_caller]
fn commit(engine: &ContractEngine, block: &Block) {
    let outcome = engine.execute_block(block).expect("it executes");
    engine.commit(outcome).expect("it commits");
}

/// Goes up and down between the heights; after every step everything is as it was.
#[track_caller]
fn wander(history: &History, open: impl Fn() -> Chain) {
    let mut chain = open();
    let mut height = 0;
    for (step, target) in [6, 5, 6, 2, 6, 0, 6, 1, 3, 0, 4].into_iter().enumerate() {
        if target < height {
            chain.engine.rollback_to(TopoHeight(target)).expect("it rolls back");
        }
        for block in &history.blocks[height.min(target) as usize..target as usize] {
            commit(&chain.engine, block);
        }
        height = target;
        history.check(&chain.engine, height, &format!("step {step}"));
        drop(chain);
        chain = open();
        history.check(&chain.engine, height, &format!("step {step}, reopened"));
    }
}

#[test]
fn rollback_restores_every_value_and_the_same_blocks_lead_to_the_same_digests() {
    let history = History::new(12);
    let kinds = |key: &StateKey| match key {
        StateKey::Account(_) => "account",
        StateKey::Asset(_) => "asset",
        StateKey::Contract(_) => "contract",
        StateKey::Code(_) => "code",
        StateKey::Slot(_) => "slot",
        StateKey::Counter(_) => "counter",
    };
    let kinds: BTreeSet<_> = history.keys.iter().map(kinds).collect();
    assert_eq!(kinds.len(), 6, "the chain changes {kinds:?} only: too weak a test");
    let storage = crate::support::FailingStorage::new();
    wander(&history, || Chain::on(storage.clone(), PEOPLE));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("chain.redb");
    wander(&history, || Chain::on(RedbStorage::open(&path).expect("redb opens"), PEOPLE));
}

#[test]
fn rollback_takes_deployments_and_upgrades_back() {
    let mut chain = Chain::new(3);
    let counter = chain.deploy(wasm(COUNTER), &[]);
    chain.one(1, Call::counter_add(counter, 5));
    let before = chain.engine.contract(&counter).expect("it is read");
    let upgrade = Order::upgrade(counter, wasm(crate::support::TOKEN), &[]);
    assert!(chain.one(0, upgrade).status.is_success());
    assert_ne!(chain.engine.contract(&counter).expect("it is read"), before);
    chain.engine.rollback_to(TopoHeight(2)).expect("it rolls back");
    assert_eq!(chain.engine.contract(&counter).expect("it is read"), before);
    assert_eq!(chain.view_number(counter, "get", &[]), 5, "the old code is called again");
    chain.engine.rollback_to(TopoHeight(0)).expect("it rolls back");
    assert_eq!(chain.engine.contract(&counter).expect("it is read"), None);
    let error = chain.engine.view(counter, "get", &[]).expect_err("it is gone");
    assert!(matches!(error, EngineError::NoSuchContract(id) if id == counter), "{error}");
    assert_eq!(chain.one(1, Call::counter_add(counter, 1)).status.code(), 101);
    chain.engine.rollback_to(TopoHeight(0)).expect("it rolls back");
    assert_eq!(chain.deploy(wasm(COUNTER), &[]), counter, "the same nonce, the same id");
    assert_eq!(chain.view_number(counter, "get", &[]), 0, "its counter did not survive");
}

#[test]
fn rollback_can_be_followed_by_another_branch() {
    let mut chain = Chain::new(3);
    let pay = |amount| Order::transfers(vec![(account(8), GOLD, amount)]);
    chain.one(1, pay(10));
    chain.one(1, pay(20));
    let old = chain.engine.tip();
    chain.engine.rollback_to(TopoHeight(1)).expect("it rolls back");
    chain.one(2, pay(500));
    assert_ne!(chain.engine.tip().state_digest, old.state_digest);
    assert_eq!(chain.asset_balance(8, GOLD), 510);
    assert_eq!((chain.nonce(1), chain.nonce(2)), (1, 1));
}

#[track_caller]
fn assert_out_of_range(engine: &ContractEngine, target: u64, range: (u64, u64)) {
    match engine.rollback_to(TopoHeight(target)) {
        Err(EngineError::RollbackOutOfRange { lowest, tip, found }) => {
            assert_eq!(((lowest.0, tip.0), found.0), (range, target));
        }
        other => panic!("expected RollbackOutOfRange, found {other:?}"),
    }
}

fn stable_block(chain: &mut Chain, stable: u64) -> Block {
    let tx = chain.send(1, Order::transfer(account(8), 1));
    let context = chain.engine.next_context(0);
    let context = BlockContext { stable_topoheight: TopoHeight(stable), ..context };
    Block::new(context, chain.verified(vec![tx]))
}

#[test]
fn rollback_below_the_stable_height_or_above_the_tip_is_refused() {
    let storage = crate::support::FailingStorage::new();
    let mut chain = Chain::on(storage.clone(), 3);
    for stable in [0, 0, 2, 2] {
        let block = stable_block(&mut chain, stable);
        commit(&chain.engine, &block);
    }
    let tip = chain.engine.tip();
    assert_eq!((tip.topoheight.0, tip.stable_topoheight.0), (4, 2));
    for target in [0, 1, 5, u64::MAX] {
        assert_out_of_range(&chain.engine, target, (2, 4));
    }
    assert_eq!(chain.engine.tip(), tip, "nothing changed");
    chain.engine.rollback_to(TopoHeight(4)).expect("undoing nothing is fine");
    assert_eq!(storage.commits(), [0, 1, 2, 3, 4], "and writes nothing");
    chain.engine.rollback_to(TopoHeight(2)).expect("the stable height itself is reachable");
    // The block at height 2 said that height 0 is stable; what was stable stays stable.
    for chain in [&chain, &Chain::on(storage.clone(), 3)] {
        assert_eq!(chain.engine.tip().stable_topoheight.0, 2);
        assert_out_of_range(&chain.engine, 1, (2, 2));
        assert_eq!(chain.balance(8), 2);
    }
}

#[test]
fn blocks_that_were_rolled_back_can_be_executed_again() {
    // The stable height a block may state was compared with the highest this node had ever seen, and
    // not with what the block's parent states. A node that rolled back a block which had raised the
    // stable height then refused the very blocks it had undone, for ever, while every other node
    // accepted them. The replica simulation asks for it with every seed.
    let storage = crate::support::FailingStorage::new();
    let mut chain = Chain::on(storage.clone(), 3);
    let blocks = [0, 0, 1, 2].map(|stable| {
        let block = stable_block(&mut chain, stable);
        commit(&chain.engine, &block);
        block
    });
    let tip = chain.engine.tip();
    chain.engine.rollback_to(TopoHeight(2)).expect("it rolls back");
    commit(&chain.engine, &blocks[2]);
    // Block 3 says that 1 is stable. For this node it is still 2, also after it is opened anew.
    for chain in [&chain, &Chain::on(storage.clone(), 3)] {
        assert_eq!(chain.engine.tip().stable_topoheight.0, 2);
        assert_out_of_range(&chain.engine, 1, (2, 3));
        // And no block may state less than its parent does.
        let context =
            BlockContext { stable_topoheight: TopoHeight(0), ..chain.engine.next_context(0) };
        let error = chain.engine.execute_block(&Block::new(context, Vec::new()));
        assert!(error.is_err(), "a stable height that falls");
    }
    let chain = Chain::on(storage, 3);
    commit(&chain.engine, &blocks[3]);
    assert_eq!(chain.engine.tip(), tip);
}

#[test]
fn a_rollback_is_one_commit_and_its_records_are_gone() {
    let storage = crate::support::FailingStorage::new();
    let mut chain = Chain::on(storage.clone(), 3);
    for _ in 0..3 {
        chain.one(1, Order::transfer(account(8), 1));
    }
    chain.engine.rollback_to(TopoHeight(1)).expect("it rolls back");
    assert_eq!(storage.commits(), [0, 1, 2, 3, 1]);
    for (height, there) in [(0, true), (1, true), (2, false), (3, false)] {
        let record = storage.record(TopoHeight(height)).expect("it is read");
        assert_eq!(record.is_some(), there, "record of height {height}");
    }
}

#[test]
fn readers_during_a_rollback_see_one_height_after_the_other() {
    let mut chain = Chain::new(3);
    for _ in 0..4 {
        chain.one(1, Order::transfers(vec![(account(8), GOLD, 1)]));
    }
    let engine = chain.engine.clone();
    let started = std::sync::Barrier::new(2);
    let balance = |engine: &ContractEngine| engine.balance(&account(8), GOLD).expect("it is read");
    let seen = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = vec![balance(&engine).0];
            started.wait();
            while engine.tip().topoheight.0 > 0 {
                seen.push(balance(&engine).0);
            }
            seen.push(balance(&engine).0);
            seen
        });
        started.wait();
        for height in (0..4).rev() {
            chain.engine.rollback_to(TopoHeight(height)).expect("it rolls back");
        }
        reader.join().expect("no panic")
    });
    assert!(seen.windows(2).all(|pair| pair[0] >= pair[1]), "time went back: {seen:?}");
    assert_eq!((seen.first(), seen.last()), (Some(&4), Some(&0)));
}
