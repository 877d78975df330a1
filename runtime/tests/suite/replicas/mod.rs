//! Replicas of one chain, in one process, on one thread, driven by a seed: four engines that differ
//! in everything that is a node's own choice live through restarts, rollbacks, reorganisations,
//! dropped candidates and failing storages. At every height all of them must have the same bytes.
//!
//! Every seed ends: there is a fixed number of steps, each does a bounded amount of work, and
//! nothing waits for anything but the storage. `TOS_REPLICA_SEEDS` and `TOS_REPLICA_SEED` make the
//! run longer and start it elsewhere; a difference names its seed and the first height.

mod replica;

use std::collections::{BTreeMap, BTreeSet};

use tos_runtime::{
    Block, BlockContext, BlockOutcome, EngineError, StateKey, TopoHeight, UnverifiedBlock,
};

use self::replica::{Disk, Replica};
use crate::support::{FailingStorage, Generator, Rng, account, genesis, setting, values};

const PEOPLE: u64 = 8;
/// What happens to some replica, per seed.
const STEPS: u64 = 45;
/// Transactions of a block at most.
const TXS_MAX: u64 = 14;
/// Blocks that deploy what others call; no reorganisation goes below.
const SETUP: usize = 2;

/// Transactions that replicas executed: each time their money was added up.
const EXECUTED: &str = "transaction included";

/// How often what happened.
type Happened = BTreeMap<&'static str, usize>;

/// The chain all replicas follow, and what its first executor made of each block.
#[derive(Default)]
struct Canon {
    blocks: Vec<UnverifiedBlock>,
    outcomes: Vec<BlockOutcome>,
}

struct Simulation {
    seed: u64,
    rng: Rng,
    generator: Generator,
    canon: Canon,
    replicas: Vec<Replica>,
    /// Every key that ever changed.
    keys: BTreeSet<StateKey>,
    happened: Happened,
    _folder: tempfile::TempDir,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let folder = tempfile::tempdir().expect("a temporary folder");
        // One seed in five has a replica on a real database, which takes longer than all others.
        let file = seed.is_multiple_of(5).then(|| folder.path().join("replica.redb"));
        let disks = (0..4).map(|number| match (number, &file) {
            (3, Some(path)) => Disk::File(path.clone()),
            _ => Disk::Memory(FailingStorage::new()),
        });
        let replicas = disks
            .enumerate()
            .map(|(name, disk)| Replica::new(name, disk, genesis(PEOPLE), &mut rng))
            .collect();
        Self {
            seed,
            generator: Generator::new(PEOPLE, seed ^ 0x5eed),
            canon: Canon::default(),
            replicas,
            keys: BTreeSet::new(),
            happened: Happened::new(),
            rng,
            _folder: folder,
        }
    }

    fn note(&mut self, what: &'static str) {
        *self.happened.entry(what).or_default() += 1;
    }

    /// One thing happens to one replica.
    fn step(&mut self) {
        let number = self.rng.below(self.replicas.len() as u64) as usize;
        match self.rng.below(100) {
            0..=51 => self.advance(number),
            52..=59 => self.drop_candidate(number),
            60..=68 => {
                self.note("restart");
                self.replicas[number].restart(&mut self.rng, self.seed);
            }
            69..=77 => self.roll_back(number),
            78..=85 => self.fail_commit(number),
            86..=91 => self.fail_reads(number),
            92..=94 => self.reorganise(),
            _ => self.compare_states(),
        }
        self.replicas[number].assert_tip(self.seed);
    }

    /// The next block for a replica that is on the chain, made now if nobody has made it yet.
    fn next_block(&mut self, number: usize) -> (usize, Block) {
        self.return_to_canon(number);
        let height = self.replicas[number].height() + 1;
        if height > self.canon.blocks.len() {
            let block = self.new_block(number, height);
            self.canon.blocks.push(block);
        }
        let block = self.canon.blocks[height - 1].clone();
        let engine = self.replicas[number].engine();
        (height, engine.verify_block(block).expect("the block is well formed"))
    }

    /// Leaves blocks that were reorganised away.
    fn return_to_canon(&mut self, number: usize) {
        let replica = &mut self.replicas[number];
        let on_chain = |height: usize| match height {
            0 => true,
            _ => self
                .canon
                .outcomes
                .get(height - 1)
                .is_some_and(|outcome| outcome.state_digest() == replica.history[height]),
        };
        let common = (0..=replica.height()).rev().find(|height| on_chain(*height)).unwrap_or(0);
        if common < replica.height() {
            replica.roll_back(common);
            *self.happened.entry("left a branch").or_default() += 1;
        }
    }

    fn new_block(&mut self, leader: usize, height: usize) -> UnverifiedBlock {
        let engine = self.replicas[leader].engine();
        let transactions = match height {
            1 => self.generator.first_block(),
            SETUP => self.generator.second_block(),
            _ => self.generator.block(engine, TXS_MAX),
        };
        let stated = |block: &UnverifiedBlock| block.context.stable_topoheight.0;
        let lowest = self.canon.blocks.last().map_or(0, stated);
        let wanted = (height as u64).saturating_sub(2 + self.rng.below(6));
        let context = BlockContext {
            stable_topoheight: TopoHeight(lowest.max(wanted)),
            // So that no two blocks of one height are equal.
            ..engine.next_context(self.rng.next())
        };
        let beneficiary = self.rng.percent(60).then(|| account(self.rng.below(PEOPLE)));
        UnverifiedBlock { context, beneficiary, transactions }
    }

    /// Compares with what the first executor of this height found, or is that first one.
    fn agree(&mut self, number: usize, height: usize, outcome: &BlockOutcome, block: &Block) {
        *self.happened.entry(EXECUTED).or_default() += outcome.results().iter().flatten().count();
        if height > self.canon.outcomes.len() {
            let keys = outcome.change_set().changes().iter().map(|change| change.key.clone());
            self.keys.extend(keys);
            let engine = self.replicas[number].engine();
            let again = engine.execute_block_sequentially(block).expect("it executes");
            self.canon.outcomes.push(again);
        }
        if let Some(difference) = difference(&self.canon.outcomes[height - 1], outcome) {
            let who = self.replicas[number].describe();
            panic!("seed {}, first difference at height {height}, {who}: {difference}", self.seed);
        }
    }

    fn advance(&mut self, number: usize) {
        let (height, block) = self.next_block(number);
        let outcome = self.replicas[number].execute(&block).expect("it executes");
        self.agree(number, height, &outcome, &block);
        self.replicas[number].commit(outcome, &mut self.rng);
        self.note("block");
        if self.rng.percent(15) {
            // A block that is committed is not executed again, and committing it again is nothing.
            let replica = &mut self.replicas[number];
            let outcome = replica.execute(&block).expect("it is known");
            replica.engine().commit(outcome).expect("it is committed already");
            self.note("block twice");
        }
    }

    /// Another block on the same tip, executed and forgotten.
    fn drop_candidate(&mut self, number: usize) {
        let (_, block) = self.next_block(number);
        let half = block.transactions().iter().skip(self.rng.below(3) as usize).step_by(2);
        let other = Block::new(block.context().clone(), half.cloned().collect());
        let other = other.with_beneficiary(account(3));
        let replica = &self.replicas[number];
        drop(replica.execute(&other).expect("a candidate executes"));
        if let Some(tx) = block.transactions().first() {
            // Nor do questions leave a trace, whatever the answer is.
            drop(replica.engine().simulate(tx));
        }
        self.note("candidate");
    }

    fn roll_back(&mut self, number: usize) {
        let replica = &mut self.replicas[number];
        let lowest = replica.engine().tip().stable_topoheight.0;
        let height = lowest + self.rng.below(replica.height() as u64 - lowest + 1);
        replica.roll_back(height as usize);
        self.note("rollback");
    }

    fn fail_commit(&mut self, number: usize) {
        let (height, block) = self.next_block(number);
        let outcome = self.replicas[number].execute(&block).expect("it executes");
        self.agree(number, height, &outcome, &block);
        let (rng, seed) = (&mut self.rng, self.seed);
        self.replicas[number].commit_with_fault(outcome, &block, rng, seed);
        self.note("commit fault");
    }

    /// Some account cannot be read. The block fails as a whole, or did not need it.
    fn fail_reads(&mut self, number: usize) {
        let (height, block) = self.next_block(number);
        let sender = block.transactions().get(self.rng.below(TXS_MAX) as usize);
        let who = sender.map_or(account(0), |tx| tos_runtime::Address::Key(tx.source));
        self.replicas[number].break_reads(StateKey::Account(who));
        let executed = self.replicas[number].execute(&block);
        self.replicas[number].heal();
        match executed {
            // In the cache.
            Ok(outcome) if height <= self.canon.outcomes.len() => {
                self.agree(number, height, &outcome, &block);
            }
            Ok(_) => {}
            Err(EngineError::Storage(_)) => self.note("read fault"),
            Err(error) => panic!("seed {}, height {height}: {error}", self.seed),
        }
        self.replicas[number].assert_tip(self.seed);
        if self.rng.percent(50) {
            self.replicas[number].restart(&mut self.rng, self.seed);
        }
    }

    /// The chain loses some blocks; whoever makes the next one makes others.
    fn reorganise(&mut self) {
        let stable = |replica: &Replica| replica.engine().tip().stable_topoheight.0 as usize;
        let lowest = self.replicas.iter().map(stable).max().unwrap_or(0).max(SETUP);
        let executed = self.canon.outcomes.len();
        if executed > lowest {
            let height = lowest + self.rng.below((executed - lowest) as u64) as usize;
            self.canon.blocks.truncate(height);
            self.canon.outcomes.truncate(height);
            self.note("reorganisation");
        }
    }

    /// Replicas at one place of the chain answer every question alike.
    fn compare_states(&mut self) {
        let replicas = &self.replicas;
        for pair in replicas.windows(2) {
            if pair[0].history.last() == pair[1].history.last() {
                let [a, b] = [0, 1].map(|at| values(pair[at].engine(), &self.keys));
                let who = format!("{} and {}", pair[0].describe(), pair[1].describe());
                assert_eq!(a, b, "seed {}: {who}", self.seed);
                *self.happened.entry("states compared").or_default() += 1;
            }
        }
    }

    /// Everybody catches up; then tips, states and stored records are compared.
    fn finish(mut self) -> Happened {
        for number in 0..self.replicas.len() {
            self.return_to_canon(number);
            while self.replicas[number].height() < self.canon.blocks.len() {
                self.advance(number);
            }
            self.replicas[number].restart(&mut self.rng, self.seed);
        }
        self.compare_states();
        let seed = self.seed;
        let mut records = self.replicas.into_iter().map(Replica::close);
        let first = records.next().expect("there are four");
        for (number, other) in records.enumerate() {
            assert_eq!(first, other, "seed {seed}: records of replica {}", number + 1);
        }
        self.happened
    }
}

/// The first thing in which two outcomes differ.
fn difference(expected: &BlockOutcome, found: &BlockOutcome) -> Option<String> {
    let results = expected.results().iter().zip(found.results()).enumerate();
    for (idx, (expected, found)) in results {
        if expected != found {
            return Some(format!("transaction {idx}: {expected:?}, then {found:?}"));
        }
    }
    let changes = |outcome: &BlockOutcome| outcome.change_set().changes().to_vec();
    for (expected, found) in changes(expected).iter().zip(&changes(found)) {
        if expected != found {
            return Some(format!("change: {expected:?}, then {found:?}"));
        }
    }
    let rest = |outcome: &BlockOutcome| {
        let lengths = (outcome.results().len(), outcome.change_set().len());
        let money = (outcome.gas_fee(), outcome.burned_supply());
        let digests = (outcome.delta_hash(), outcome.receipts_hash(), outcome.state_digest());
        format!("{lengths:?} {money:?} {digests:?}")
    };
    let (expected, found) = (rest(expected), rest(found));
    (expected != found).then(|| format!("{expected}, then {found}"))
}

#[test]
fn replicas_have_the_same_bytes_whatever_they_live_through() {
    let seeds = setting("TOS_REPLICA_SEEDS", 20);
    let first = setting("TOS_REPLICA_SEED", 1);
    let mut happened = Happened::new();
    for seed in first..first + seeds {
        let mut simulation = Simulation::new(seed);
        for _ in 0..STEPS {
            simulation.step();
        }
        for (what, times) in simulation.finish() {
            *happened.entry(what).or_default() += times;
        }
    }
    println!("in {seeds} seeds: {happened:?}");
    let needed = ["block", "block twice", "candidate", "restart", "rollback", "left a branch"];
    let faults = ["commit fault", "read fault", "reorganisation", "states compared"];
    for what in needed.into_iter().chain(faults) {
        assert!(seeds < 10 || happened.contains_key(what), "{what} never happened: {happened:?}");
    }
}
