//! Calls into the engine from places that are inside of it already: observers and async workers.
//! A mistake here hangs.

use std::sync::{Arc, Mutex, OnceLock};

use tos_runtime::{
    AssetId, AsyncEngine, ContractEngine, EngineConfig, EngineError, ExecutionObserver, TopoHeight,
    TxIndex,
};

use crate::support::{Chain, Order, account, genesis};

/// Asks the engine everything it can be asked, from inside a block.
#[derive(Clone, Default)]
struct Asks {
    engine: Arc<OnceLock<ContractEngine>>,
    answers: Arc<Mutex<Vec<String>>>,
}

impl ExecutionObserver for Asks {
    fn transaction_started(&self, _worker: usize, _tx: TxIndex) {
        let Some(engine) = self.engine.get() else { return };
        let refused = [
            engine.account(&account(1)).map(drop),
            engine.balance(&account(1), AssetId::NATIVE).map(drop),
            engine.simulate(&Order::transfer(account(8), 1).unsigned(2, 0)).map(drop),
            engine.rollback_to(TopoHeight(0)),
        ];
        let mut answers = self.answers.lock().expect("no panic");
        for answer in refused {
            match answer {
                Err(error @ EngineError::CalledFromObserver) => answers.push(error.to_string()),
                other => panic!("expected a refusal, found {other:?}"),
            }
        }
        // These do not wait for anybody and tell nothing that a block could be about to change.
        assert_eq!(engine.next_context(0).parent, engine.tip().state_digest);
    }
}

#[test]
fn bad_q08_an_observer_that_calls_the_engine_is_refused_and_does_not_hang() {
    for threads in [1, 3] {
        let asks = Asks::default();
        let config = EngineConfig { max_parallel_threads: threads, ..EngineConfig::default() };
        let builder = ContractEngine::builder().genesis(genesis(40)).config(config);
        let mut chain = Chain::build(builder.observer(asks.clone()));
        assert!(asks.engine.set(chain.engine.clone()).is_ok());
        let pay = |chain: &mut Chain| {
            let txs = (1..40).map(|n| chain.send(n, Order::transfer(account(n + 100), 1)));
            let txs = txs.collect();
            let block = chain.block(txs);
            chain.engine.execute_block(&block).expect("it executes")
        };
        // Another thread commits meanwhile, so that a writer stands between two readers.
        let (first, second) = (pay(&mut chain), pay(&mut chain));
        let engine = chain.engine.clone();
        std::thread::scope(|scope| {
            scope.spawn(|| engine.commit(first).expect("it commits"));
            scope.spawn(|| drop(second));
            let _ = chain.engine.execute_block(&chain_block(&engine));
        });
        // Outside of the observer the same thread may ask again.
        assert_eq!(chain.balance(101), 1);
        let answers = asks.answers.lock().expect("no panic");
        assert!(answers.len() >= 2 * 39 * 4, "{} answers", answers.len());
        assert!(answers[0].contains("ask after the block"), "{}", answers[0]);
    }
}

/// A block on whatever the tip is.
fn chain_block(engine: &ContractEngine) -> tos_runtime::Block {
    let tx = Order::transfer(account(8), 1).signed(1, 0);
    let tx = engine.verify(tx).expect("it is well formed");
    tos_runtime::Block::new(engine.next_context(0), vec![tx])
}

#[test]
fn bad_q08_the_blocking_engine_on_the_only_thread_of_a_runtime_does_not_hang() {
    // It blocks that thread, which is the caller's choice; it never waits for a task of the runtime.
    let chain = Chain::new(3);
    let engine = AsyncEngine::new(chain.engine.clone()).expect("its threads start");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    runtime.block_on(async {
        let outcome = engine.execute_block(chain_block(&chain.engine)).await.expect("it executes");
        // Asked for and not awaited: what follows blocks while the commit is under way.
        let commit = engine.commit(outcome);
        while chain.engine.tip().topoheight != TopoHeight(1) {
            std::thread::yield_now();
        }
        assert_eq!(chain.balance(8), 1);
        chain.engine.rollback_to(TopoHeight(0)).expect("it waits for the commit and undoes it");
        let outcome = chain.engine.execute_block(&chain_block(&chain.engine));
        chain.engine.commit(outcome.expect("it executes")).expect("it commits");
        commit.await.expect("it was durable");
    });
    assert_eq!(chain.balance(8), 1);
}
