//! The reference: one transaction after the other in block order, on the caller's thread. Knows no
//! schedule and no threads; the parallel executor is judged by equality with this one.

use std::sync::Arc;

use tos_host_api::TxIndex;

use super::{BlockEnv, Executed, Executor, TxRef};
use crate::error::EngineError;
use crate::metrics::{Stopwatch, WorkerTimes};
use crate::schedule::AccessTable;
use crate::state::{Journal, Overlay};
use crate::verify::VerifiedTransaction;

/// Executes a block in order.
///
/// # Errors
/// The engine failed; the overlay is to be dropped.
pub(crate) fn execute_in_sequence(
    env: &Arc<BlockEnv>,
    overlay: &Arc<Overlay>,
    table: &AccessTable,
    transactions: &[VerifiedTransaction],
) -> Result<Executed, EngineError> {
    let mut time = Stopwatch::start();
    let mut executor = Executor::new(Arc::clone(env), Journal::new(Arc::clone(overlay)));
    let mut outputs = Vec::with_capacity(transactions.len());
    for (index, tx) in (0..).zip(transactions) {
        outputs.push(execute_one(&mut executor, tx, index, table, index)?);
    }
    Ok(Executed { outputs, workers: WorkerTimes { busy: vec![time.lap()] } })
}

/// Executes a transaction and publishes what it changed. `batch` must grow from one transaction to
/// the next that conflicts with it; in block order the index itself does.
pub(super) fn execute_one(
    executor: &mut Executor,
    tx: &VerifiedTransaction,
    index: TxIndex,
    table: &AccessTable,
    batch: u32,
) -> Result<super::TxOutput, EngineError> {
    let reference = TxRef { tx, id: tx.id(), intrinsic_gas: tx.intrinsic_gas(), index };
    let output = executor.execute_transaction(reference, table.of(index as usize))?;
    if output.result.is_ok() {
        executor.publish(batch, index)?;
    }
    Ok(output)
}
