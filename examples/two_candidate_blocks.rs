//! Two blocks compete for one height: both are executed on the same parent, one is committed, the
//! other leaves no trace.
//!
//! `cargo run -p tos-examples --example two_candidate_blocks`

use tos_examples::{Person, block_on_tip, genesis};
use tos_runtime::{Amount, AssetId, ContractEngine, EngineError, MemoryStorage};

fn main() -> anyhow::Result<()> {
    let (alice, bob, carol) = (Person::new(1), Person::new(2), Person::new(3));
    let engine = ContractEngine::builder()
        .storage(MemoryStorage::new())
        .genesis(genesis(&[&alice]))
        .build()?;
    let parent = engine.tip();

    // Alice signs two different transactions with one nonce; each block has another one.
    let to_bob = block_on_tip(&engine, vec![alice.clone().pay(bob.address(), 100)])?;
    let to_carol = block_on_tip(&engine, vec![alice.clone().pay(carol.address(), 100)])?;

    let first = engine.execute_block(&to_bob)?;
    let second = engine.execute_block(&to_carol)?;
    assert_eq!(engine.tip(), parent, "executing has moved nothing");
    assert_eq!(first.context().parent, second.context().parent);
    assert_ne!(first.state_digest(), second.state_digest());
    println!("candidate A ends in {}", first.state_digest());
    println!("candidate B ends in {}", second.state_digest());

    // The network settles on the second. Outcomes are values: the first could as well be dropped.
    engine.commit(second)?;
    assert_eq!(engine.balance(&bob.address(), AssetId::NATIVE)?, Amount(0));
    assert_eq!(engine.balance(&carol.address(), AssetId::NATIVE)?, Amount(100));

    // Too late for the first: its height is taken, and the engine says so instead of guessing.
    let refused = engine.commit(first).expect_err("another block is committed at this height");
    assert!(matches!(refused, EngineError::InvalidBlock(_) | EngineError::StaleOutcome { .. }));
    println!("candidate A afterwards: {refused}");

    // Committing the same block again is fine, and does nothing.
    let again = engine.execute_block(&to_carol)?;
    let tip = engine.tip();
    engine.commit(again)?;
    assert_eq!(engine.tip(), tip);
    Ok(())
}
