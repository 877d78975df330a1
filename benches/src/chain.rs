//! Takes transactions of a [`World`] to an engine: verifies them, makes them a block, and commits
//! the blocks every world begins with.

use tos_runtime::{
    Block, ContractEngine, EngineError, InvalidTransaction, TopoHeight, Transaction,
    UnverifiedBlock, VerifiedTransaction, verify_batch,
};

use crate::World;
use crate::threads::in_parallel;

/// Timestamp of genesis; each block comes a second after its parent. Made up, since a workload must
/// not depend on a clock.
const GENESIS_TIMESTAMP: u64 = 1_700_000_000_000;
/// Transactions that one thread verifies at a time: a few batches of signatures.
const VERIFIED_TOGETHER: usize = 512;

/// A block that follows the engine's tip. Its fees go to the world's operator.
///
/// # Errors
/// Those of [`ContractEngine::verify_block`].
pub fn next_block(
    engine: &ContractEngine,
    world: &World,
    transactions: Vec<Transaction>,
) -> Result<Block, EngineError> {
    let height = engine.tip().topoheight.0 + 1;
    engine.verify_block(UnverifiedBlock {
        context: engine.next_context(GENESIS_TIMESTAMP + height * 1_000),
        beneficiary: Some(world.operator()),
        transactions,
    })
}

/// The same transactions without an engine and without a place in a chain, on all cores.
///
/// # Errors
/// The first transaction of a part that is not valid, by its position in that part, and why.
pub fn verify(
    world: &World,
    transactions: Vec<Transaction>,
) -> Result<Vec<VerifiedTransaction>, (usize, InvalidTransaction)> {
    let parts: Vec<&[Transaction]> = transactions.chunks(VERIFIED_TOGETHER).collect();
    let verified = in_parallel(&parts, |part| verify_batch(part.to_vec(), world.params()));
    let mut whole = Vec::with_capacity(transactions.len());
    for part in verified {
        whole.extend(part?);
    }
    Ok(whole)
}

/// Brings an engine to the point where workloads begin: commits those of the world's first blocks
/// that the chain does not have yet, then takes over the nonces of its tip. Returns the tip's
/// height.
///
/// # Errors
/// Those of the engine.
///
/// # Panics
/// When a transaction of the first blocks fails: a mistake in the workload.
pub fn set_up(engine: &ContractEngine, world: &mut World) -> Result<TopoHeight, EngineError> {
    let done = usize::try_from(engine.tip().topoheight.0).unwrap_or(usize::MAX);
    for transactions in world.setup().iter().skip(done) {
        let block = next_block(engine, world, transactions.clone())?;
        let outcome = engine.execute_block(&block)?;
        for (idx, result) in outcome.results().iter().enumerate() {
            let succeeded = result.as_ref().is_ok_and(|receipt| receipt.status.is_success());
            assert!(succeeded, "transaction {idx} of a first block: {result:?}");
        }
        engine.commit(outcome)?;
    }
    world.resume(|address| Ok::<_, EngineError>(engine.account(address)?.nonce))?;
    Ok(engine.tip().topoheight)
}
