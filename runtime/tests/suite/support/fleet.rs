//! The same chain on many engines: sequential, and parallel at several thread counts with workers
//! that are held up at random. Every block must come out the same to the last byte.

use std::cell::Cell;
use std::time::Duration;

use tos_runtime::{
    BlockOutcome, ContractEngine, EngineConfig, ExecutionObserver, Genesis, MemoryStorage,
    RedbStorage, TopoHeight, Transaction, TxIndex, UnverifiedBlock,
};

use super::{Rng, account};

/// Thread counts of the parallel engines.
const THREADS: [usize; 6] = [1, 2, 3, 4, 8, 16];

/// Engines that execute the same blocks.
pub(crate) struct Fleet {
    /// The reference: executes sequentially, on redb.
    reference: ContractEngine,
    others: Vec<(String, ContractEngine)>,
    /// Transactions that were executed by several workers at once, over all engines.
    parallel: Cell<usize>,
    /// Holds the databases.
    _folder: tempfile::TempDir,
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
    pub(crate) fn new(genesis: &Genesis, seed: u64) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let open = |threads: usize, parallel: bool, redb: bool| {
            let config = EngineConfig {
                max_parallel_threads: threads,
                enable_parallel_execution: parallel,
                ..EngineConfig::default()
            };
            let builder = ContractEngine::builder()
                .config(config)
                .genesis(genesis.clone())
                .observer(Delays(seed));
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
            .map(|threads| (format!("{threads} threads"), open(*threads, true, *threads == 4)))
            .collect();
        Self { reference: open(1, false, true), others, parallel: Cell::new(0), _folder: folder }
    }

    pub(crate) fn reference(&self) -> &ContractEngine {
        &self.reference
    }

    /// Executes a block everywhere, compares, commits everywhere, compares what is stored; returns
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
            assert_same(&expected, &outcome, &format!("{what}: reference and {name}"));
            self.parallel.set(self.parallel.get() + outcome.metrics().parallel_transactions);
            engine.commit(outcome).expect("it commits");
        }
        let again = execute(&self.reference, "reference");
        self.reference.commit(expected).expect("it commits");
        for (name, engine) in &self.others {
            assert_eq!(engine.tip(), self.reference.tip(), "{what}: tip of {name}");
        }
        self.assert_same_stored(&again, what);
        again
    }

    /// Every changed key reads the same everywhere.
    #[track_caller]
    fn assert_same_stored(&self, outcome: &BlockOutcome, what: &str) {
        for change in outcome.change_set().changes() {
            let Some(tos_runtime::StateValue::Account(expected)) = &change.new else { continue };
            let tos_runtime::StateKey::Account(address) = &change.key else { continue };
            for (name, engine) in &self.others {
                let found = engine.account(address).expect("it is read");
                assert_eq!(&found, expected, "{what}: {address} on {name}");
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
