//! Which of the accounts in its access set each transaction of a block needs, and how. For tools;
//! nothing here is needed to execute a block.

use std::sync::Arc;

use tos_host_api::AccessEntry;

use super::{Pipeline, resolve};
use crate::access::AccessSet;
use crate::error::EngineError;
use crate::execute::{Executor, TxOutput, TxRef};
use crate::schedule::{AccessTable, TableEntry};
use crate::state::{Journal, Overlay};
use crate::types::{Block, ExecutionStatus, HaltReason};
use crate::verify::VerifiedTransaction;

impl Pipeline {
    /// Executes a block in order, each transaction with as narrow an access set as it can do with.
    ///
    /// A transaction begins with what follows from its kind. As long as it is halted for want of an
    /// account that it did declare, that account is added and it runs again, with the gas it has
    /// always had; so the set is exact, and there is no recording twin of the journal that could
    /// disagree with it. A transaction with `n` accounts runs at most `2n + 1` times.
    pub(crate) fn needed_access(&self, block: &Block) -> Result<Vec<AccessSet>, EngineError> {
        let rules = self.rules.at(block.context().topoheight);
        let resolved = resolve(block, rules, &self.chain, &self.pool, usize::MAX)?;
        let table = resolved.table;
        let addresses = Arc::clone(table.accounts());
        let overlay = Overlay::new(Arc::clone(&self.chain), addresses, resolved.cells);
        let overlay = Arc::new(overlay);
        let mut env = self.prefetch_modules(block, &resolved.contract_txs)?;
        // A transaction that runs several times would be heard several times.
        env.observer = None;
        let runs_contracts = env.runs_contracts();
        let work = |permit| {
            let mut executor = Executor::new(Arc::new(env), Journal::new(overlay), permit);
            let transactions = (0..).zip(block.transactions());
            let needed = transactions.map(|(index, tx)| {
                let (needed, included) = narrowest(&mut executor, tx, index, &table)?;
                if included {
                    // In block order the index itself grows from batch to batch.
                    executor.publish(index, index)?;
                }
                Ok(needed)
            });
            needed.collect()
        };
        self.modules.with_calls(runs_contracts, work)
    }
}

/// Executes a transaction into the journal with the narrowest set that changes nothing about it;
/// also says whether it is included.
fn narrowest(
    executor: &mut Executor,
    tx: &VerifiedTransaction,
    index: u32,
    table: &AccessTable,
) -> Result<(AccessSet, bool), EngineError> {
    let declared = AccessSet::of(tx);
    let mut set = AccessSet::derived(tx);
    loop {
        let reference = TxRef { tx, id: tx.id(), intrinsic_gas: tx.intrinsic_gas(), index };
        let entries = narrowed(&declared, &set, table.of(index as usize));
        let output = executor.execute_transaction(reference, &entries)?;
        match missing(&output).filter(|entry| permits(&declared, entry)) {
            Some(entry) => set.insert(entry),
            None => return Ok((set, output.result.is_ok())),
        }
    }
}

/// The entries of a transaction's table that are in `set`, with the modes they have there.
fn narrowed(declared: &AccessSet, set: &AccessSet, table: &[TableEntry]) -> Vec<TableEntry> {
    let entries = declared.entries().iter().zip(table);
    entries
        .filter_map(|(entry, in_table)| {
            let mode = set.mode(&entry.account)?;
            Some(TableEntry { account: in_table.account, mode })
        })
        .collect()
}

/// What a transaction was halted for want of.
fn missing(output: &TxOutput) -> Option<AccessEntry> {
    match &output.result.as_ref().ok()?.status {
        ExecutionStatus::Halted(HaltReason::UndeclaredAccess { account, needed, .. }) => {
            Some(AccessEntry::new(*account, *needed))
        }
        _ => None,
    }
}

/// Whether a transaction may touch an account like this: if not, it is halted in its block too.
fn permits(declared: &AccessSet, entry: &AccessEntry) -> bool {
    declared.mode(&entry.account).is_some_and(|mode| mode.permits(entry.mode))
}
