//! The asynchronous engine: commits overlap the next execution, calls keep their order, and an
//! error of the storage reaches whoever waits. The storage is held and released by the test, so
//! nothing here depends on how long anything takes.

use tos_runtime::{
    AsyncEngine, Block, BlockContext, BlockOutcome, ContractEngine, EngineConfig, EngineError,
    Hash, TopoHeight, Transaction, UnverifiedBlock,
};

use crate::support::{Chain, CommitFault, FailingStorage, Order, account, codes, genesis};

/// Runs a future to its end on this thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime starts").block_on(future)
}

struct Async {
    engine: AsyncEngine,
    storage: FailingStorage,
}

impl Async {
    fn new() -> Self {
        Self::with(EngineConfig::default())
    }

    fn with(config: EngineConfig) -> Self {
        let storage = FailingStorage::new();
        let builder = ContractEngine::builder().storage(storage.clone()).config(config);
        let chain = Chain::build(builder.genesis(genesis(3)));
        let engine = AsyncEngine::new(chain.engine.clone()).expect("its threads start");
        Self { engine, storage }
    }

    /// The block of this height on this parent: person 1 pays person 8 as much as the height.
    async fn payment(&self, height: u64, parent: Hash) -> Block {
        let transaction = Order::transfer(account(8), height).signed(1, height - 1);
        self.block(height, parent, transaction).await
    }

    async fn block(&self, height: u64, parent: Hash, transaction: Transaction) -> Block {
        let context = BlockContext {
            topoheight: TopoHeight(height),
            stable_topoheight: TopoHeight(0),
            timestamp: height,
            block_version: 1,
            parent,
        };
        let transactions = vec![transaction];
        let block = UnverifiedBlock { context, beneficiary: None, transactions };
        self.engine.verify_block(block).await.expect("it is well formed")
    }

    async fn execute(&self, height: u64, parent: Hash) -> BlockOutcome {
        let block = self.payment(height, parent).await;
        let outcome = self.engine.execute_block(block).await.expect("it executes");
        assert_eq!(codes(&outcome), [0], "block {height}");
        outcome
    }

    fn genesis(&self) -> Hash {
        self.engine.engine().tip().state_digest
    }

    fn paid(&self) -> u64 {
        let native = tos_runtime::AssetId::NATIVE;
        self.engine.engine().balance(&account(8), native).expect("it is read").0
    }
}

#[test]
fn the_next_block_executes_while_the_last_one_becomes_durable() {
    block_on(async {
        let chain = Async::new();
        let first = chain.execute(1, chain.genesis()).await;
        let parent = first.state_digest();
        chain.storage.hold_commits();
        let committed = chain.engine.commit(first);
        // The storage has nothing yet, and the state at the tip is the new one all the same.
        let second = chain.execute(2, parent).await;
        assert_eq!(chain.storage.commits(), [0]);
        assert_eq!((chain.engine.engine().tip().topoheight.0, chain.paid()), (1, 1));
        let parent = second.state_digest();
        let committed_too = chain.engine.commit(second);
        let third = chain.execute(3, parent).await;
        assert_eq!(chain.storage.commits(), [0]);
        chain.storage.release_commits();
        committed.await.expect("it is durable");
        assert!(chain.storage.commits().starts_with(&[0, 1]));
        committed_too.await.expect("it is durable");
        chain.engine.commit(third).await.expect("it is durable");
        assert_eq!(chain.storage.commits(), [0, 1, 2, 3]);
        assert_eq!(chain.paid(), 6);
    });
}

#[test]
fn requests_run_in_the_order_of_the_calls_however_they_are_awaited() {
    block_on(async {
        let chain = Async::new();
        let first = chain.execute(1, chain.genesis()).await;
        let second = chain.payment(2, first.state_digest()).await;
        // Not polled until the end: asking is calling, not awaiting.
        let commit_first = chain.engine.commit(first);
        let execute_second = chain.engine.execute_block(second);
        let second = execute_second.await.expect("it sees the commit asked for before");
        let third = chain.payment(3, second.state_digest()).await;
        let commit_second = chain.engine.commit(second);
        let third = chain.engine.execute_block(third).await.expect("it sees both commits");
        let commit_third = chain.engine.commit(third);
        commit_third.await.expect("it is durable");
        commit_second.await.expect("it is durable");
        commit_first.await.expect("it is durable");
        assert_eq!(chain.storage.commits(), [0, 1, 2, 3]);
    });
}

#[test]
fn dropping_a_future_does_not_take_the_request_back() {
    block_on(async {
        let chain = Async::new();
        let first = chain.execute(1, chain.genesis()).await;
        let parent = first.state_digest();
        drop(chain.engine.commit(first));
        let second = chain.execute(2, parent).await;
        chain.engine.commit(second).await.expect("it is durable");
        assert_eq!((chain.storage.commits(), chain.paid()), (vec![0, 1, 2], 3));
    });
}

#[test]
fn a_commit_that_fails_fails_everything_after_it() {
    block_on(async {
        let chain = Async::new();
        let first = chain.execute(1, chain.genesis()).await;
        let parent = first.state_digest();
        chain.storage.hold_commits();
        chain.storage.fail_commit(0, CommitFault::BeforeWriting);
        let failing = chain.engine.commit(first);
        let second = chain.execute(2, parent).await;
        let next = chain.payment(3, second.state_digest()).await;
        let staged = chain.engine.commit(second);
        chain.storage.release_commits();
        let error = failing.await.expect_err("the storage fails");
        assert!(matches!(error, EngineError::Storage(_)), "{error}");
        let error = staged.await.expect_err("the block before it is lost");
        assert!(matches!(error, EngineError::Poisoned(_)), "{error}");
        let error = chain.engine.execute_block(next).await.expect_err("its parent is lost");
        assert!(matches!(error, EngineError::Poisoned(_)), "{error}");
        assert_eq!(chain.storage.commits(), [0]);
        let reopened = Chain::on(chain.storage.clone(), 3);
        assert_eq!((reopened.engine.tip().topoheight.0, reopened.balance(8)), (0, 0));
    });
}

#[test]
fn a_stale_outcome_is_refused_without_harm() {
    block_on(async {
        let chain = Async::new();
        let first = chain.execute(1, chain.genesis()).await;
        let same = chain.execute(1, chain.genesis()).await;
        let parent = first.state_digest();
        chain.engine.commit(first).await.expect("it is durable");
        let second = chain.execute(2, parent).await;
        chain.engine.engine().rollback_to(TopoHeight(0)).expect("it rolls back");
        let error = chain.engine.commit(second).await.expect_err("its parent is gone");
        assert!(matches!(error, EngineError::StaleOutcome { .. }), "{error}");
        chain.engine.commit(same).await.expect("the engine goes on");
        assert_eq!((chain.paid(), chain.storage.commits()), (1, vec![0, 1, 0, 1]));
    });
}

#[test]
fn rollback_waits_for_what_is_staged() {
    block_on(async {
        let chain = Async::new();
        let first = chain.execute(1, chain.genesis()).await;
        let parent = first.state_digest();
        chain.storage.hold_commits();
        let committed = chain.engine.commit(first);
        let _second = chain.execute(2, parent).await;
        let engine = chain.engine.engine().clone();
        let rollback = std::thread::spawn(move || engine.rollback_to(TopoHeight(0)));
        chain.storage.release_commits();
        rollback.join().expect("no panic").expect("it rolls back");
        committed.await.expect("it was durable before it was undone");
        assert_eq!(chain.storage.commits(), [0, 1, 0]);
        assert_eq!((chain.engine.engine().tip().topoheight.0, chain.paid()), (0, 0));
    });
}

#[test]
fn what_is_not_durable_yet_is_not_evicted() {
    // A cache of one entry is trimmed when the first block is durable. The second one is not: its
    // values are nowhere but in memory, and the storage would answer with older ones.
    block_on(async {
        let config = EngineConfig { state_cache_entries: 1, ..EngineConfig::default() };
        let chain = Async::with(config);
        let first = chain.execute(1, chain.genesis()).await;
        let parent = first.state_digest();
        chain.storage.hold_commits();
        let first = chain.engine.commit(first);
        let second = chain.execute(2, parent).await;
        let parent = second.state_digest();
        let second = chain.engine.commit(second);
        // Touches nobody whom the second block touched.
        let tx = Order::transfer(account(9), 1).signed(2, 0);
        let third = chain.block(3, parent, tx).await;
        let third = chain.engine.execute_block(third).await.expect("it executes");
        let parent = third.state_digest();
        let third = chain.engine.commit(third);
        let fourth = chain.block(4, parent, Order::transfer(account(9), 1).signed(2, 1)).await;
        assert_eq!(chain.engine.engine().tip().topoheight.0, 3);
        chain.storage.release_one_commit();
        first.await.expect("it is durable");
        assert_eq!(chain.storage.commits(), [0, 1]);
        assert_eq!(chain.paid(), 3, "the second block's payment is in memory only");
        chain.storage.release_commits();
        second.await.expect("it is durable");
        third.await.expect("it is durable");
        let fourth = chain.engine.execute_block(fourth).await.expect("it executes");
        chain.engine.commit(fourth).await.expect("it is durable");
        assert_eq!(chain.paid(), 3);
    });
}
