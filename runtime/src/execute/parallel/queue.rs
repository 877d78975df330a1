//! Who runs what next: a cursor hands the block out in chunks, in block order; what is ready and
//! at nobody's hand is shared when somebody is idle.

use std::collections::VecDeque;
use std::ops::Range;

use tos_host_api::TxIndex;

use super::plan::Plan;
use crate::grain::LOOKS_IN_BLOCK;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Condvar, Mutex, spin_loop};

/// Work for one worker.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// A ready transaction.
    Ready(TxIndex),
    /// A chunk of the block, which nobody else sees.
    Chunk(Range<TxIndex>),
}

/// Transactions that nobody has at hand.
pub(super) struct Queue {
    /// Those that come before all others.
    first: Vec<TxIndex>,
    /// How many of `first` are handed out. Relaxed, like `next`: what is handed out is immutable.
    first_next: AtomicUsize,
    /// The first transaction that is not handed out.
    next: AtomicUsize,
    chunk: usize,
    total: usize,
    /// Transactions that idle workers have finished. Release and acquire are the business of
    /// whoever waits for a transaction.
    finished: AtomicUsize,
    /// How many transactions are in `ready`: read without the lock by workers that look for work.
    offered: AtomicUsize,
    /// How many workers look for work or sleep. A hint: being late by one is harmless, because
    /// every worker looks again after each transaction.
    idle: AtomicUsize,
    /// Whether the block is given up.
    stopped: AtomicBool,
    ready: Mutex<VecDeque<TxIndex>>,
    /// Signalled when `ready` gets work and when everything is finished.
    changed: Condvar,
}

impl Queue {
    pub(super) fn new(total: usize, plan: &mut Plan) -> Self {
        Self {
            first: std::mem::take(&mut plan.first),
            first_next: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            chunk: plan.chunk,
            total,
            finished: AtomicUsize::new(0),
            offered: AtomicUsize::new(0),
            idle: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            ready: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Work for a worker that has none and has finished `finished` transactions since it last
    /// asked. Waits until there is some; `None` when the block is finished or given up.
    pub(super) fn next(&self, finished: usize) -> Option<Work> {
        if self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        if self.finished.fetch_add(finished, Ordering::Relaxed) + finished == self.total {
            self.wake_all();
            return None;
        }
        if let Some(work) = self.take() {
            return Some(work);
        }
        self.idle.fetch_add(1, Ordering::Relaxed);
        let work = self.wait();
        self.idle.fetch_sub(1, Ordering::Relaxed);
        work
    }

    /// Whether the block is finished, as far as the queue was told, or given up.
    pub(super) fn is_over(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.finished.load(Ordering::Relaxed) == self.total
    }

    /// What there is: released transactions, then those that come first, then the next chunk.
    fn take(&self) -> Option<Work> {
        if self.offered.load(Ordering::Relaxed) > 0
            && let Some(tx) = self.pop(&mut self.ready.lock())
        {
            return Some(Work::Ready(tx));
        }
        if self.first_next.load(Ordering::Relaxed) < self.first.len()
            && let Some(tx) = self.first.get(self.first_next.fetch_add(1, Ordering::Relaxed))
        {
            return Some(Work::Ready(*tx));
        }
        self.take_chunk().map(Work::Chunk)
    }

    /// The next chunk of the block.
    pub(super) fn take_chunk(&self) -> Option<Range<TxIndex>> {
        if self.next.load(Ordering::Relaxed) >= self.total {
            return None;
        }
        let start = self.next.fetch_add(self.chunk, Ordering::Relaxed);
        let end = self.total.min(start + self.chunk);
        // A block's transactions are counted in `TxIndex`.
        (start < end).then_some(start as TxIndex..end as TxIndex)
    }

    fn pop(&self, ready: &mut VecDeque<TxIndex>) -> Option<TxIndex> {
        let tx = ready.pop_front();
        self.offered.store(ready.len(), Ordering::Relaxed);
        tx
    }

    /// Looks for released transactions for a while, then sleeps until there are some.
    fn wait(&self) -> Option<Work> {
        for _ in 0..LOOKS_IN_BLOCK {
            if self.is_over() {
                return None;
            }
            if let Some(work) = self.take() {
                return Some(work);
            }
            spin_loop();
        }
        let mut ready = self.ready.lock();
        loop {
            if self.is_over() {
                return None;
            }
            if let Some(tx) = self.pop(&mut ready) {
                return Some(Work::Ready(tx));
            }
            self.changed.wait(&mut ready);
        }
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
            let mut ready = self.ready.lock();
            ready.extend(local.drain(..));
            self.offered.store(ready.len(), Ordering::Relaxed);
            drop(ready);
            local.push(own);
            self.changed.notify_all();
        }
    }

    /// Gives the block up: nobody gets another transaction.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.wake_all();
    }

    /// Wakes those who sleep. Under the lock, so that nobody falls asleep after having looked.
    fn wake_all(&self) {
        let _ready = self.ready.lock();
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(total: usize, first: &[TxIndex], chunk: usize) -> Queue {
        let first = first.to_vec();
        let mut plan = Plan { workers: 2, guess_ns: 0, chunk, kinds: Vec::new(), first };
        Queue::new(total, &mut plan)
    }

    #[test]
    fn nobody_gets_another_transaction_once_the_block_is_given_up() {
        // The transactions that wait for nothing were handed out to the last one, so a failed block
        // kept the workers as busy as a good one.
        let queue = queue(1_000, &[], 8);
        let mut local = vec![3, 2];
        assert_eq!(queue.next(0), Some(Work::Chunk(0..8)));
        queue.stop();
        queue.offer(&mut local);
        assert_eq!((queue.next(1), local), (None, Vec::new()));
    }

    #[test]
    fn what_others_wait_for_is_handed_out_before_the_rest() {
        let queue = queue(20, &[17, 19], 16);
        let work: Vec<_> = (0..4).map_while(|_| queue.next(0)).collect();
        let ready = [Work::Ready(17), Work::Ready(19)].into_iter();
        let chunks = [Work::Chunk(0..16), Work::Chunk(16..20)];
        assert_eq!(work, ready.chain(chunks).collect::<Vec<_>>());
        assert_eq!(queue.next(20), None);
    }
}
