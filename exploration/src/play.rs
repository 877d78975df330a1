//! What is done with a scenario under one schedule. Every play ends by dropping its engine, whose
//! threads have to end too: shuttle calls a schedule in which somebody waits for ever a deadlock.

use std::sync::Arc;

use tos_host_api::TxIndex;

use crate::config::EngineConfig;
use crate::engine::{ContractEngine, ContractEngineBuilder};
use crate::error::EngineError;
use crate::observer::{Shared, Watch};
use crate::outcome::BlockOutcome;
use crate::rng::Rng;
use crate::scenario::{Scenario, SharedStorage};
use crate::storage::BlockRecord;
use crate::sync::thread;
use crate::types::Block;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Play {
    /// Both blocks, one after the other.
    Follow,
    /// The same with an observer, who sees who runs when. Watched payments run one by one.
    Watch,
    /// The second block executes while the first one becomes durable.
    CommitBehind,
    /// The engine ends while a block that nobody waits for becomes durable.
    EndWhileCommitting,
    /// Two threads execute the first block at the same time, on the same workers.
    TwoCandidates,
    /// A worker panics at a transaction. The block fails and can be executed again.
    Panic,
    /// The storage fails at a read. The block fails and can be executed again.
    ReadError,
}

impl Play {
    pub(crate) const ALL: [Self; 7] = [
        Self::Follow,
        Self::Watch,
        Self::CommitBehind,
        Self::EndWhileCommitting,
        Self::TwoCandidates,
        Self::Panic,
        Self::ReadError,
    ];

    /// Plays a scenario; `seed` decides how many threads there are, and where something fails.
    pub(crate) fn play(self, scenario: &Scenario, seed: u64) {
        let mut rng = Rng::part(seed, 1);
        let threads = 2 + rng.below(3);
        // Half of the blocks are settled account by account before anything is executed.
        let large_block_txs = if rng.percent(50) { 1 } else { usize::MAX };
        let storage = scenario.world.storage();
        let builder = ContractEngine::builder().storage(storage.clone()).config(EngineConfig {
            max_parallel_threads: threads,
            large_block_txs,
            ..Default::default()
        });
        match self {
            Self::Follow => follow(&open(builder), scenario),
            Self::Watch => watch(builder, scenario),
            Self::CommitBehind => commit_behind(builder, &storage, scenario),
            Self::EndWhileCommitting => end_while_committing(open(builder), scenario),
            Self::TwoCandidates => two_candidates(&open(builder), scenario),
            Self::Panic => panic_once(builder, scenario, &mut rng),
            Self::ReadError => {
                let engine = open(builder);
                let reads = rng.below(20) as u32;
                *storage.fails_after.lock().expect("nobody panics here") = Some(reads);
                if let Err(error) = engine.execute_block(&scenario.blocks[0]) {
                    assert!(matches!(error, EngineError::Storage(_)), "{error}");
                }
                *storage.fails_after.lock().expect("nobody panics here") = None;
                follow(&engine, scenario);
            }
        }
    }
}

fn open(builder: ContractEngineBuilder) -> ContractEngine {
    builder.build().expect("the chain opens")
}

fn follow(engine: &ContractEngine, scenario: &Scenario) {
    for (block, expected) in scenario.blocks.iter().zip(&scenario.expected) {
        let outcome = executed(engine, block, expected);
        engine.commit(outcome).expect("it is committed");
    }
}

fn watch(builder: ContractEngineBuilder, scenario: &Scenario) {
    let watch = Arc::new(Watch::new());
    let engine = open(builder.observer(Shared(Arc::clone(&watch))));
    for (block, expected) in scenario.blocks.iter().zip(&scenario.expected) {
        let outcome = executed(&engine, block, expected);
        watch.check(outcome.schedule());
        engine.commit(outcome).expect("it is committed");
    }
}

fn commit_behind(builder: ContractEngineBuilder, storage: &SharedStorage, scenario: &Scenario) {
    let [first, second] = &scenario.blocks;
    let [of_first, of_second] = &scenario.expected;
    let engine = open(builder);
    let outcome = executed(&engine, first, of_first);
    let durable = engine.commit_in_background(outcome).expect("it is staged");
    let outcome = executed(&engine, second, of_second);
    durable.wait().expect("it is written");
    let durable = engine.commit_in_background(outcome).expect("it is staged");
    drop(engine);
    durable.wait().expect("it is written");
    // Whoever has all answers can open the storage again at once.
    assert!(storage.is_let_go(), "somebody kept the storage");
}

fn end_while_committing(engine: ContractEngine, scenario: &Scenario) {
    let outcome = executed(&engine, &scenario.blocks[0], &scenario.expected[0]);
    drop(engine.commit_in_background(outcome).expect("it is staged"));
}

fn two_candidates(engine: &ContractEngine, scenario: &Scenario) {
    let (block, expected) = (&scenario.blocks[0], &scenario.expected[0]);
    let other = {
        let (engine, block, expected) = (engine.clone(), block.clone(), expected.clone());
        let work = move || drop(executed(&engine, &block, &expected));
        thread::Builder::new().spawn(work).expect("a thread")
    };
    let outcome = executed(engine, block, expected);
    other.join().expect("the other one is done");
    engine.commit(outcome).expect("it is committed");
}

fn panic_once(builder: ContractEngineBuilder, scenario: &Scenario, rng: &mut Rng) {
    let watch = Arc::new(Watch::new());
    let engine = open(builder.observer(Shared(Arc::clone(&watch))));
    let block = &scenario.blocks[0];
    let tx = rng.below(block.transactions().len()) as TxIndex;
    watch.panic_at(tx);
    match engine.execute_block(block) {
        Err(EngineError::WorkerPanicked { tx: Some(at), message }) => {
            assert_eq!((at, message.as_str()), (tx, "planned"));
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("a block is done though transaction {tx} panicked"),
    }
    watch.forget();
    let outcome = executed(&engine, block, &scenario.expected[0]);
    watch.check(outcome.schedule());
}

/// Executes a block; what comes out is what executing it in order leaves behind.
fn executed(engine: &ContractEngine, block: &Block, expected: &BlockRecord) -> BlockOutcome {
    let outcome = engine.execute_block(block).expect("it executes");
    assert!(*outcome.record == *expected, "parallel and sequential execution differ");
    let results = borsh::to_vec(outcome.results()).expect("writing to a Vec cannot fail");
    assert_eq!(results, expected.results, "the results are not what is encoded of them");
    outcome
}
