//! The reference: one transaction after the other in block order, on the caller's thread. Knows no
//! schedule and no threads; the parallel executor is judged by equality with this one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tos_host_api::TxIndex;

use super::{BlockEnv, Executed, Executor, Outputs, TxOutput, TxRef, panic_message};
use crate::error::EngineError;
use crate::metrics::{Stopwatch, WorkerTimes};
use crate::sandbox::CallPermit;
use crate::schedule::AccessTable;
use crate::state::{Journal, Overlay};
use crate::verify::VerifiedTransaction;

/// Executes a block in order.
///
/// # Errors
/// The engine failed or something panicked; the overlay is to be dropped.
pub(crate) fn execute_in_sequence(
    env: &Arc<BlockEnv>,
    overlay: &Arc<Overlay>,
    table: &AccessTable,
    transactions: &[VerifiedTransaction],
    permit: Option<CallPermit>,
) -> Result<Executed, EngineError> {
    let mut time = Stopwatch::start();
    let mut executor = Executor::new(Arc::clone(env), Journal::new(Arc::clone(overlay)), permit);
    let mut outputs = Vec::with_capacity(transactions.len());
    for (index, tx) in (0..).zip(transactions) {
        let (_, output) = outputs.push_mut((index, None));
        // This thread is the node's own: a panic becomes an error here as it does on a worker.
        let work = AssertUnwindSafe(|| execute_watched(&mut executor, tx, index, table, output));
        catch_unwind(work).unwrap_or_else(|payload| {
            let message = panic_message(&*payload);
            Err(EngineError::WorkerPanicked { tx: Some(index), message })
        })?;
    }
    let outputs = Outputs::of_list(outputs);
    let workers = WorkerTimes { busy: vec![time.lap()] };
    Ok(Executed { outputs, workers, recording: None })
}

/// Executes a transaction as worker 0 and tells the observer.
fn execute_watched(
    executor: &mut Executor,
    tx: &VerifiedTransaction,
    index: TxIndex,
    table: &AccessTable,
    output: &mut Option<TxOutput>,
) -> Result<(), EngineError> {
    let observer = executor.env.observer.clone();
    if let Some(observer) = &observer {
        observer.transaction_started(0, index);
    }
    execute_one(executor, tx, index, table, index, output)?;
    if let Some(observer) = &observer {
        observer.transaction_finished(0, index);
    }
    Ok(())
}

/// Executes a transaction and publishes what it changed. `batch` must grow from one transaction to
/// the next that conflicts with it; in block order the index itself does.
#[inline]
pub(super) fn execute_one(
    executor: &mut Executor,
    tx: &VerifiedTransaction,
    index: TxIndex,
    table: &AccessTable,
    batch: u32,
    output: &mut Option<TxOutput>,
) -> Result<(), EngineError> {
    let reference = TxRef { tx, id: tx.id(), intrinsic_gas: tx.intrinsic_gas(), index };
    executor.execute_into(reference, table.of(index as usize), output)?;
    if output.as_ref().is_some_and(|output| output.result.is_ok()) {
        executor.publish(batch, index)?;
    }
    Ok(())
}
