//! A chain to crash in: steps, and what the engine must say after each of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};

use tos_runtime::{
    AccessMode, Address, AssetId, Block, ContractEngine, ContractId, EngineError, Hash,
    PendingCommit, StateKey, StateValue, Tip, TopoHeight, Transaction, UnverifiedBlock,
};

use crate::support::{
    COUNTER, Call, Chain, GOLD, Order, Rng, SILVER, TOKEN, account, values, wasm,
};

/// People with money; two more have none.
pub(super) const PEOPLE: u64 = 6;
/// Blocks that may be rolled back.
const UNSTABLE: u64 = 4;

/// What one step does. Step `n` leads from point `n` to point `n + 1`; the first one begins the chain.
#[derive(Clone)]
pub(super) enum Step {
    /// Opens the engine on whatever the disk holds, so that there is a genesis.
    Open,
    /// Executes a block and commits it; in the background, if the next one may execute meanwhile.
    Block { block: Block, digest: Hash, background: bool },
    /// Undoes blocks.
    RollBack(TopoHeight),
}

/// What the engine must say between two steps.
pub(super) struct Point {
    /// `None` before there is a genesis.
    pub(super) tip: Option<Tip>,
    values: BTreeMap<StateKey, Option<StateValue>>,
}

/// Steps and points, made by an engine in memory that executes sequentially.
pub(super) struct Story {
    pub(super) steps: Vec<Step>,
    pub(super) points: Vec<Point>,
    /// Every key that any block ever changed.
    keys: BTreeSet<StateKey>,
}

/// What is told while a story is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// The step of this number may have changed the database from here on.
    Began(usize),
    /// It has, for good.
    Done(usize),
}

impl Story {
    /// The story of a seed: deployments, `blocks` blocks of payments and calls, some of them
    /// committed in the background, rollbacks, a growing stable height.
    pub(super) fn new(seed: u64, blocks: usize) -> Self {
        let mut author = Author::new(seed);
        author.block(false, |author| author.first_transactions());
        for number in 0..blocks {
            let background = author.rng.percent(40);
            author.block(background, |author| {
                let again = number == blocks / 2;
                author.transactions(again)
            });
            if author.rng.percent(20) {
                author.roll_back();
            }
        }
        author.story
    }

    /// Plays some of the steps on an engine that stands where they begin; `mark` is told what has
    /// happened.
    pub(super) fn play(
        &self,
        engine: &ContractEngine,
        steps: Range<usize>,
        mut mark: impl FnMut(Mark),
    ) -> Result<(), EngineError> {
        let mut pending = None::<(usize, PendingCommit)>;
        for number in steps {
            match &self.steps[number] {
                Step::Open => panic!("a chain begins once, by opening it"),
                Step::Block { block, digest, background } => {
                    // While the block before it is being written.
                    let outcome = engine.execute_block(block)?;
                    settle(&mut pending, &mut mark)?;
                    assert_eq!(outcome.state_digest(), *digest, "digest of step {number}");
                    mark(Mark::Began(number));
                    if *background {
                        pending = Some((number, engine.commit_in_background(outcome)?));
                    } else {
                        engine.commit(outcome)?;
                        mark(Mark::Done(number));
                    }
                }
                Step::RollBack(topoheight) => {
                    settle(&mut pending, &mut mark)?;
                    mark(Mark::Began(number));
                    engine.rollback_to(*topoheight)?;
                    mark(Mark::Done(number));
                }
            }
        }
        settle(&mut pending, &mut mark)
    }

    /// Demands that the engine stands at one of these points and has all its values; returns which.
    #[track_caller]
    pub(super) fn check(
        &self,
        engine: &ContractEngine,
        legal: RangeInclusive<usize>,
        what: &str,
    ) -> usize {
        let tip = engine.tip();
        let found = legal.clone().find(|point| self.points[*point].tip == Some(tip));
        let Some(found) = found else {
            let tips = legal.map(|point| self.points[point].tip).collect::<Vec<_>>();
            panic!("{what}: the tip is {tip:?}, expected one of {tips:?}");
        };
        let point = &self.points[found];
        for (key, value) in values(engine, &self.keys) {
            let expected = point.values.get(&key).cloned().flatten();
            assert_eq!(value, expected, "{what}: {key:?} at point {found}");
        }
        found
    }
}

fn settle(
    pending: &mut Option<(usize, PendingCommit)>,
    mark: &mut impl FnMut(Mark),
) -> Result<(), EngineError> {
    if let Some((number, commit)) = pending.take() {
        commit.wait()?;
        mark(Mark::Done(number));
    }
    Ok(())
}

/// Writes a story.
struct Author {
    rng: Rng,
    chain: Chain,
    counter: Option<ContractId>,
    token: Option<ContractId>,
    story: Story,
}

impl Author {
    fn new(seed: u64) -> Self {
        let chain = Chain::new(PEOPLE);
        let empty = Point { tip: None, values: BTreeMap::new() };
        let first = Point { tip: Some(chain.engine.tip()), values: BTreeMap::new() };
        // Also keys that no block of the story may touch.
        let keys: BTreeSet<_> = (0..PEOPLE + 2)
            .map(|number| StateKey::Account(account(number)))
            .chain([AssetId::NATIVE, GOLD, SILVER].map(StateKey::Asset))
            .collect();
        let points = vec![empty, Point { values: values(&chain.engine, &keys), ..first }];
        let story = Story { steps: vec![Step::Open], points, keys };
        Self { rng: Rng::new(seed), chain, counter: None, token: None, story }
    }

    /// Adds a block.
    fn block(&mut self, background: bool, txs: impl FnOnce(&mut Self) -> Vec<Transaction>) {
        let transactions = txs(self);
        let height = self.chain.engine.tip().topoheight.0 + 1;
        let mut context = self.chain.engine.next_context(1_000 * height);
        let stable = context.stable_topoheight.0.max(height.saturating_sub(UNSTABLE));
        context.stable_topoheight = TopoHeight(stable);
        let beneficiary = height.is_multiple_of(2).then(|| account(height % PEOPLE));
        let block = UnverifiedBlock { context, beneficiary, transactions };
        let block = self.chain.engine.verify_block(block).expect("the block is well formed");
        let outcome = self.chain.engine.execute_block_sequentially(&block).expect("it executes");
        self.story.keys.extend(outcome.change_set().changes().iter().map(|it| it.key.clone()));
        let digest = outcome.state_digest();
        self.chain.engine.commit(outcome).expect("it commits");
        self.add(Step::Block { block, digest, background });
    }

    /// Undoes some blocks, if there are any that may be undone.
    fn roll_back(&mut self) {
        let tip = self.chain.engine.tip();
        let (lowest, highest) = (tip.stable_topoheight.0, tip.topoheight.0);
        let target = TopoHeight(lowest + self.rng.below(highest - lowest + 1));
        // Without the contracts there is nothing to call.
        if target.0 > 1 && target < tip.topoheight {
            self.chain.engine.rollback_to(target).expect("it is rolled back");
            self.add(Step::RollBack(target));
        }
    }

    fn add(&mut self, step: Step) {
        let engine = &self.chain.engine;
        let values = values(engine, &self.story.keys);
        self.story.steps.push(step);
        self.story.points.push(Point { tip: Some(engine.tip()), values });
    }

    fn first_transactions(&mut self) -> Vec<Transaction> {
        self.chain.block(Vec::new());
        let supply = 1_000_000_u64.to_le_bytes();
        let counter = self.chain.send(0, Order::deploy(wasm(COUNTER), &[]));
        let token = self.chain.send(1, Order::deploy(wasm(TOKEN), &supply));
        self.counter = counter.deployed_contract();
        self.token = token.deployed_contract();
        vec![counter, token]
    }

    /// Up to a dozen transactions; with one more that deploys the token again.
    fn transactions(&mut self, deploy: bool) -> Vec<Transaction> {
        // Forgets the nonces of the last block.
        self.chain.block(Vec::new());
        let mut txs = Vec::new();
        if deploy {
            let order = Order::deploy(wasm(TOKEN), &7_u64.to_le_bytes());
            txs.push(self.chain.send(2, order));
        }
        for _ in 0..self.rng.below(13) {
            let sender = self.rng.below(PEOPLE);
            let order = self.order();
            txs.push(self.chain.send(sender, order));
        }
        txs
    }

    fn order(&mut self) -> Order {
        let (counter, token) = self.counter.zip(self.token).expect("the first block deploys them");
        let amount = self.rng.below(900);
        let to = account(self.rng.below(PEOPLE + 2));
        match self.rng.below(12) {
            0..=3 => Order::transfer(to, amount),
            4 => Order::transfers(vec![(to, GOLD, amount), (account(0), SILVER, 1)]),
            5 => Order::transfers((0..40).map(|_| (self.stranger(), AssetId::NATIVE, 1)).collect()),
            6 => Order::burn(GOLD, amount),
            7..=8 => Call::counter_add(counter, amount),
            9 => Call::counter_bump(counter),
            10 => Call::token_transfer(token, to, amount),
            // Takes back everything the sender has: a slot may go.
            _ => Call::token_transfer(token, account(1), amount).access(counter, AccessMode::Read),
        }
    }

    /// One of many who are paid now and then, so that the state grows.
    fn stranger(&mut self) -> Address {
        let mut id = [0xa7; 32];
        id[..8].copy_from_slice(&self.rng.below(4_000).to_le_bytes());
        ContractId(id).into()
    }
}
