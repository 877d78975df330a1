//! Who runs what next: transactions that wait for nothing are handed out in chunks in block order,
//! released ones are shared when somebody is idle.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::{Condvar, Mutex};
use tos_host_api::TxIndex;

use crate::schedule::Schedule;

/// Declared gas handed out at once: some 50 us of work, so that taking a chunk is cheap beside it
/// and the last chunk of a block keeps nobody waiting for long.
const CHUNK_GAS: u64 = 50_000;
/// Most transactions handed out at once.
const CHUNK_MAX: usize = 64;

/// Transactions that are ready to run.
pub(super) struct Queue {
    /// Those that wait for nothing, in block order.
    initial: Vec<TxIndex>,
    /// How many of `initial` are handed out. Relaxed: the list is immutable.
    handed_out: AtomicUsize,
    chunk: usize,
    total: usize,
    /// How many workers wait. A hint read without the lock; being late by one is harmless because
    /// every worker looks again after each transaction.
    idle: AtomicUsize,
    /// Whether the block is given up.
    stopped: AtomicBool,
    shared: Mutex<Shared>,
    /// Signalled when `shared` gets work and when everything is finished.
    changed: Condvar,
}

struct Shared {
    ready: VecDeque<TxIndex>,
    finished: usize,
}

impl Queue {
    pub(super) fn new(schedule: &Schedule, workers: usize) -> Self {
        let initial: Vec<_> = (0..)
            .zip(schedule.waits())
            .filter_map(|(tx, waits)| (*waits == 0).then_some(tx))
            .collect();
        Self {
            chunk: initial_chunk(schedule, initial.len(), workers),
            initial,
            handed_out: AtomicUsize::new(0),
            total: schedule.len(),
            idle: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            shared: Mutex::new(Shared { ready: VecDeque::new(), finished: 0 }),
            changed: Condvar::new(),
        }
    }

    /// The next transaction for a worker without one, which has finished `finished` since it last
    /// asked; more may go onto `local`. Waits until there is one; `None` when the block is finished
    /// or given up.
    pub(super) fn next(&self, finished: usize, local: &mut Vec<TxIndex>) -> Option<TxIndex> {
        let mut shared = self.shared.lock();
        shared.finished += finished;
        if self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        if let Some(tx) = shared.ready.pop_front() {
            return Some(tx);
        }
        drop(shared);
        if let Some(tx) = self.take_chunk(local) {
            return Some(tx);
        }
        let mut shared = self.shared.lock();
        loop {
            if self.stopped.load(Ordering::Relaxed) || shared.finished == self.total {
                self.changed.notify_all();
                return None;
            }
            if let Some(tx) = shared.ready.pop_front() {
                return Some(tx);
            }
            self.idle.fetch_add(1, Ordering::Relaxed);
            self.changed.wait(&mut shared);
            self.idle.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Takes a chunk of the transactions that wait for nothing.
    fn take_chunk(&self, local: &mut Vec<TxIndex>) -> Option<TxIndex> {
        let start = self.handed_out.fetch_add(self.chunk, Ordering::Relaxed);
        let end = self.initial.len().min(start + self.chunk);
        let (first, rest) = self.initial.get(start..end)?.split_first()?;
        local.extend(rest.iter().rev());
        Some(*first)
    }

    /// Shares what a worker holds beyond its next transaction if somebody is idle.
    pub(super) fn offer(&self, local: &mut Vec<TxIndex>) {
        if self.stopped.load(Ordering::Relaxed) {
            local.clear();
        }
        if local.len() > 1
            && self.idle.load(Ordering::Relaxed) > 0
            && let Some(own) = local.pop()
        {
            self.shared.lock().ready.extend(local.drain(..));
            local.push(own);
            self.changed.notify_all();
        }
    }

    /// Gives the block up: nobody gets another transaction.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        let _shared = self.shared.lock();
        self.changed.notify_all();
    }
}

/// How many of the `initial` transactions that wait for nothing are handed out at once.
pub(crate) fn initial_chunk(schedule: &Schedule, initial: usize, workers: usize) -> usize {
    let gas = schedule.table().gas_limits().iter();
    let total_gas = gas.fold(0, |sum, gas| u64::saturating_add(sum, gas.0));
    let average = (total_gas / schedule.len().max(1) as u64).max(1);
    let by_gas = usize::try_from(CHUNK_GAS / average).unwrap_or(CHUNK_MAX);
    let by_share = initial / (workers * 4).max(1);
    by_gas.min(by_share).clamp(1, CHUNK_MAX)
}

#[cfg(test)]
mod tests {
    use tos_host_api::Gas;

    use super::*;
    use crate::access::AccessSet;

    #[test]
    fn nobody_gets_another_transaction_once_the_block_is_given_up() {
        // The transactions that wait for nothing were handed out to the last one, so a failed block
        // kept the workers as busy as a good one.
        let schedule = Schedule::new(&vec![(AccessSet::default(), Gas(1)); 1_000]);
        let queue = Queue::new(&schedule, 2);
        let mut local = Vec::new();
        assert_eq!(queue.next(0, &mut local), Some(0));
        queue.stop();
        queue.offer(&mut local);
        assert_eq!((queue.next(1, &mut local), local), (None, Vec::new()));
    }
}
