//! Marks of transactions that have finished; all workers share them.

use tos_host_api::TxIndex;

use crate::sync::atomic::{AtomicU8, Ordering};

/// Not executed.
pub(super) const MISSING: u8 = 0;
/// A plain transfer that succeeded.
pub(super) const PLAIN: u8 = 1;
/// Its output is in the list of the worker that executed it.
pub(super) const FULL: u8 = 2;

/// A mark for each transaction of a block.
///
/// Relaxed throughout: the countdowns of the executor carry what a transaction did to those that
/// wait for it, and marks are collected when the workers are done.
pub(super) struct Marks(Vec<AtomicU8>);

impl Marks {
    /// Marks for this many transactions. Those that are `settled` are plain transfers that have
    /// succeeded already; an empty slice stands for none.
    pub(super) fn new(transactions: usize, settled: &[bool]) -> Self {
        let mark =
            |tx| if settled.get(tx).is_some_and(|settled| *settled) { PLAIN } else { MISSING };
        Self((0..transactions).map(|tx| AtomicU8::new(mark(tx))).collect())
    }

    /// Whether a plain transfer has succeeded.
    pub(super) fn is_plain(&self, tx: TxIndex) -> bool {
        self.0[tx as usize].load(Ordering::Relaxed) == PLAIN
    }

    /// Notes that a plain transfer succeeded.
    pub(super) fn plain(&self, tx: TxIndex) {
        self.0[tx as usize].store(PLAIN, Ordering::Relaxed);
    }

    /// Notes that a transaction has an output of its own.
    pub(super) fn full(&self, tx: TxIndex) {
        self.0[tx as usize].store(FULL, Ordering::Relaxed);
    }

    /// The marks, when all workers are done.
    pub(super) fn into_inner(self) -> Vec<u8> {
        self.0.into_iter().map(AtomicU8::into_inner).collect()
    }
}
