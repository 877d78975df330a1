//! The same chain on many engines: sequential, and parallel at several thread counts with workers
//! that are held up at random. Every block must come out the same to the last byte.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use tos_runtime::{
    Block, BlockOutcome, ContractEngine, Difference, EngineConfig, ExecutionObserver, Genesis,
    MemoryStorage, RedbStorage, ReplayBundle, StateKey, StateValue, Storage, TopoHeight,
    Transaction, TxIndex, UnverifiedBlock,
};

use super::{Rng, account};

/// Thread counts of the parallel engines.
const THREADS: [usize; 6] = [1, 2, 3, 4, 8, 16];

/// Those of the engines that cut every block into accounts.
const CUT: [usize; 3] = [1, 2, 3];

/// Databases of the two engines that use redb: the reference, and one that executes in parallel.
const REDB: [&str; 2] = ["1-false.redb", "4-true.redb"];

/// Engines that execute the same blocks.
pub(crate) struct Fleet {
    /// The reference: executes sequentially, on redb.
    reference: ContractEngine,
    others: Vec<(String, ContractEngine)>,
    /// Transactions that were executed by several workers at once, over all engines.
    parallel: Cell<usize>,
    /// What every key that changed was last changed to.
    values: RefCell<BTreeMap<StateKey, Option<StateValue>>>,
    /// Holds the databases.
    folder: tempfile::TempDir,
}

/// Holds workers up before some transactions, by nothing, a yield, or up to a few hundred
/// microseconds; no delay may change a result.
struct Delays(u64);

impl ExecutionObserver for Delays {
    fn transaction_started(&self, worker: usize, tx: TxIndex) {
        let mut rng = Rng::new(self.0 ^ (worker as u64) << 32 ^ u64::from(tx));
        match rng.below(12) {
            0 => std::thread::sleep(Duration::from_micros(rng.below(300))),
            1..=4 => std::thread::yield_now(),
            _ => {}
        }
    }
}

impl Fleet {
    /// How often a block is executed, by whichever engine: the reference does it twice.
    pub(crate) const EXECUTIONS_PER_BLOCK: usize = 2 + THREADS.len() + CUT.len();

    pub(crate) fn new(genesis: &Genesis, seed: u64) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let open = |threads: usize, parallel: bool, redb: bool, cut: bool| {
            let config = EngineConfig {
                max_parallel_threads: threads,
                enable_parallel_execution: parallel,
                large_block_txs: if cut { 1 } else { usize::MAX },
                // The reference makes a fresh instance for every call.
                reuse_instances: parallel,
                ..EngineConfig::default()
            };
            let builder = ContractEngine::builder().config(config).genesis(genesis.clone());
            // What is settled account by account cannot be observed.
            let builder = if cut { builder } else { builder.observer(Delays(seed)) };
            let builder = if redb {
                let path = folder.path().join(format!("{threads}-{parallel}.redb"));
                builder.storage(RedbStorage::open(path).expect("redb opens"))
            } else {
                builder.storage(MemoryStorage::new())
            };
            builder.build().expect("the engine opens")
        };
        let others = THREADS
            .iter()
            .map(|threads| {
                (format!("{threads} threads"), open(*threads, true, *threads == 4, false))
            })
            .chain(CUT.map(|threads| {
                (format!("{threads} threads, cut"), open(threads, true, false, true))
            }))
            .collect();
        Self {
            reference: open(1, false, true, false),
            others,
            parallel: Cell::new(0),
            values: RefCell::default(),
            folder,
        }
    }

    pub(crate) fn reference(&self) -> &ContractEngine {
        &self.reference
    }

    /// Executes a block everywhere, compares, commits everywhere, compares the tips; returns
    /// the reference's outcome, executed once more before the commit.
    #[track_caller]
    pub(crate) fn run(&self, transactions: Vec<Transaction>, what: &str) -> BlockOutcome {
        let height = self.reference.tip().topoheight.0 + 1;
        let block = UnverifiedBlock {
            context: self.reference.next_context(1_000 * height),
            // Every third block burns its fees.
            beneficiary: (!height.is_multiple_of(3)).then(|| account(height % 5)),
            transactions,
        };
        let block = self.reference.verify_block(block).expect("the block is well formed");
        let execute = |engine: &ContractEngine, name: &str| {
            engine.execute_block(&block).unwrap_or_else(|error| panic!("{what}: {name}: {error}"))
        };
        let expected = execute(&self.reference, "reference");
        for (name, engine) in &self.others {
            let outcome = execute(engine, name);
            let what = format!("{what}: reference and {name}");
            assert_agree(engine, &block, &expected, &outcome, &what);
            self.parallel.set(self.parallel.get() + outcome.metrics().parallel_transactions);
            engine.commit(outcome).expect("it commits");
        }
        let again = execute(&self.reference, "reference");
        self.reference.commit(expected).expect("it commits");
        for (name, engine) in &self.others {
            assert_eq!(engine.tip(), self.reference.tip(), "{what}: tip of {name}");
        }
        let mut values = self.values.borrow_mut();
        for change in again.change_set().changes() {
            values.insert(change.key.clone(), change.new.clone());
        }
        drop(values);
        again
    }

    /// Closes everything and looks at the databases themselves: both hold equal records of every
    /// block, and every key that ever changed has the value its last change gave it.
    #[track_caller]
    pub(crate) fn close(self, what: &str) {
        let Self { reference, others, values, folder, .. } = self;
        let height = reference.tip().topoheight.0;
        drop((reference, others));
        let databases = REDB.map(|name| {
            let storage = RedbStorage::open(folder.path().join(name)).expect("redb opens again");
            (name, storage)
        });
        let record = |storage: &RedbStorage, height| {
            storage.record(TopoHeight(height)).expect("it is read").expect("it is there")
        };
        for height in 0..=height {
            let [(_, first), (_, second)] = &databases;
            assert_eq!(record(first, height), record(second, height), "{what}: block {height}");
        }
        for (key, value) in values.into_inner() {
            for (name, storage) in &databases {
                let stored = storage.read(&key).expect("it is read");
                assert_eq!(stored, value, "{what}: {key:?} in {name}");
            }
        }
    }

    /// Transactions that were executed by several workers at once, over all engines.
    pub(crate) fn parallel(&self) -> usize {
        self.parallel.get()
    }

    /// Height of the tip.
    pub(crate) fn height(&self) -> TopoHeight {
        self.reference.tip().topoheight
    }
}

/// Demands that two outcomes of a block on an engine's tip are equal to the last byte. If they are
/// not, it leaves a replay bundle and says where.
#[track_caller]
pub(crate) fn assert_agree(
    engine: &ContractEngine,
    block: &Block,
    expected: &BlockOutcome,
    found: &BlockOutcome,
    what: &str,
) {
    if let Some(difference) = Difference::between(expected, found) {
        let folder = std::env::temp_dir().join("tos-bundles");
        panic!("{what}: {difference}; {}", ReplayBundle::report(engine, block, found, &folder));
    }
    assert_same(expected, found, what);
}

/// Demands that two outcomes are equal to the last byte, and says where they are not.
#[track_caller]
pub(crate) fn assert_same(expected: &BlockOutcome, found: &BlockOutcome, what: &str) {
    for (idx, (a, b)) in expected.results().iter().zip(found.results()).enumerate() {
        assert_eq!(a, b, "{what}: result of transaction {idx}");
    }
    assert_eq!(expected.results().len(), found.results().len(), "{what}: number of results");
    let (a, b) = (expected.change_set().changes(), found.change_set().changes());
    for (a, b) in a.iter().zip(b) {
        assert_eq!(a, b, "{what}: change");
    }
    assert_eq!(a.len(), b.len(), "{what}: number of changes");
    let bytes = |outcome: &BlockOutcome| outcome.change_set().encode();
    assert_eq!(bytes(expected), bytes(found), "{what}: encoded change set");
    assert_eq!(expected.gas_fee(), found.gas_fee(), "{what}: fees");
    assert_eq!(expected.burned_supply(), found.burned_supply(), "{what}: burned");
    assert_eq!(expected.delta_hash(), found.delta_hash(), "{what}: delta hash");
    assert_eq!(expected.receipts_hash(), found.receipts_hash(), "{what}: receipts hash");
    assert_eq!(expected.state_digest(), found.state_digest(), "{what}: state digest");
}
