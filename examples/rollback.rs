//! A reorganisation: committed blocks are undone, and others take their place. What lies below the
//! stable height stays.
//!
//! `cargo run -p tos-examples --example rollback`

use tos_examples::{Person, block_on_tip, genesis};
use tos_runtime::{
    Amount, AssetId, Block, ContractEngine, EngineError, RedbStorage, TopoHeight, Transaction,
    UnverifiedBlock,
};

fn main() -> anyhow::Result<()> {
    let (mut alice, bob, carol) = (Person::new(1), Person::new(2), Person::new(3));
    let folder = tempfile::tempdir()?;
    let engine = ContractEngine::builder()
        .storage(RedbStorage::open(folder.path().join("state.redb"))?)
        .genesis(genesis(&[&alice]))
        .build()?;
    let native = |person: &Person| engine.balance(&person.address(), AssetId::NATIVE);
    let commit = |block: Block| engine.commit(engine.execute_block(&block)?);

    // The node has agreed with the others on block 1: it is stable.
    commit(stable_block(&engine, vec![alice.pay(bob.address(), 10)])?)?;
    let agreed = engine.tip();
    let alice_then = alice.clone();
    for _ in 2..=4 {
        commit(block_on_tip(&engine, vec![alice.pay(bob.address(), 10)])?)?;
    }
    assert_eq!(native(&bob)?, Amount(40));
    println!("height {}, bob has {}", engine.tip().topoheight, native(&bob)?);

    // Blocks 2 to 4 turn out to be on the wrong branch.
    engine.rollback_to(TopoHeight(1))?;
    assert_eq!(engine.tip(), agreed, "height and digest are those of block 1 again");
    assert_eq!(native(&bob)?, Amount(10));
    println!("rolled back to height {}, bob has {}", engine.tip().topoheight, native(&bob)?);

    // Alice's nonces went back too, so what she signed for the other branch works here as well.
    let mut alice = alice_then;
    commit(block_on_tip(&engine, vec![alice.pay(carol.address(), 500)])?)?;
    assert_eq!(native(&carol)?, Amount(500));

    // Below the stable height nothing is undone.
    let refused = engine.rollback_to(TopoHeight(0)).expect_err("block 1 is stable");
    assert!(matches!(refused, EngineError::RollbackOutOfRange { .. }));
    println!("further back: {refused}");
    Ok(())
}

/// A block that makes its own height stable.
fn stable_block(
    engine: &ContractEngine,
    transactions: Vec<Transaction>,
) -> Result<Block, EngineError> {
    let mut context = engine.next_context(1_700_000_000_000);
    context.stable_topoheight = context.topoheight;
    engine.verify_block(UnverifiedBlock { context, beneficiary: None, transactions })
}
