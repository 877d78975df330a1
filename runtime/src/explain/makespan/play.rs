//! Plays the scheduling rule: workers take turns in order of time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::Range;

use tos_host_api::TxIndex;

use super::{Makespan, Overheads};
use crate::execute::{Kind, Plan};
use crate::schedule::Schedule;

/// Waiting transactions a worker keeps, in a block without calls, before it takes no more chunks.
const WAITING_MAX: usize = 256;

/// What a worker is doing until its next event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// Executing this transaction.
    Running(TxIndex),
    /// About to look for work.
    Looking,
    /// Until something changes.
    Idle,
}

struct Worker {
    doing: Doing,
    busy: u64,
    /// What is left of its chunk.
    chunk: Range<TxIndex>,
    /// Ready transactions, the next one last.
    local: Vec<TxIndex>,
    /// In a block without calls: those of its chunks that still wait, and up to where it has looked
    /// through them.
    waiting: Vec<TxIndex>,
    looked: usize,
}

pub(super) struct Play<'s> {
    schedule: &'s Schedule,
    costs: &'s [u64],
    plan: Plan,
    overheads: Overheads,
    /// By transaction: groups it waits for.
    waits: Vec<u32>,
    /// By transaction: whether the cursor has passed it.
    passed: Vec<bool>,
    /// By group: members that have not finished.
    unfinished: Vec<u32>,
    cursor: usize,
    first: VecDeque<TxIndex>,
    shared: VecDeque<TxIndex>,
    workers: Vec<Worker>,
    /// When which worker has its turn; at equal times the lower number goes first.
    events: BinaryHeap<Reverse<(u64, usize)>>,
    spans: Vec<(usize, u64, u64)>,
    finish: u64,
}

impl<'s> Play<'s> {
    pub(super) fn new(
        schedule: &'s Schedule,
        costs: &'s [u64],
        mut plan: Plan,
        overheads: Overheads,
    ) -> Self {
        let worker = |_| Worker {
            doing: Doing::Looking,
            busy: 0,
            chunk: 0..0,
            local: Vec::new(),
            waiting: Vec::new(),
            looked: 0,
        };
        // The caller of the engine is worker 0 and begins at once; the others have to be called.
        let begins = |worker| Reverse((if worker == 0 { 0 } else { overheads.wake }, worker));
        Self {
            waits: schedule.waits().to_vec(),
            passed: vec![false; costs.len()],
            unfinished: schedule.group_lens().collect(),
            cursor: 0,
            first: std::mem::take(&mut plan.first).into(),
            shared: VecDeque::new(),
            workers: (0..plan.workers).map(worker).collect(),
            events: (0..plan.workers).map(begins).collect(),
            spans: vec![(0, 0, 0); costs.len()],
            finish: 0,
            schedule,
            costs,
            plan,
            overheads,
        }
    }

    pub(super) fn run(mut self) -> Makespan {
        while let Some(Reverse((now, worker))) = self.events.pop() {
            if let Doing::Running(tx) = self.workers[worker].doing {
                self.finish = self.finish.max(now);
                self.release(worker, tx, now);
            }
            let next = if self.in_order() {
                self.next_in_order(worker, now)
            } else {
                self.next(worker, now)
            };
            match next {
                Some((tx, at)) => self.start(worker, tx, at),
                None => self.workers[worker].doing = Doing::Idle,
            }
        }
        let busy = self.workers.iter().map(|worker| worker.busy).collect();
        Makespan { finish: self.finish, busy, spans: self.spans }
    }

    /// Whether workers look for themselves what may run.
    fn in_order(&self) -> bool {
        self.plan.kinds.is_empty()
    }

    fn start(&mut self, worker: usize, tx: TxIndex, now: u64) {
        let cost = self.costs[tx as usize];
        // Saturating: a statistic for people.
        let end = now.saturating_add(cost);
        self.spans[tx as usize] = (worker, now, end);
        let worker_state = &mut self.workers[worker];
        worker_state.busy = worker_state.busy.saturating_add(cost);
        worker_state.doing = Doing::Running(tx);
        self.events.push(Reverse((end, worker)));
    }

    /// Counts a finished transaction out of its groups.
    fn release(&mut self, worker: usize, tx: TxIndex, now: u64) {
        let mut released = false;
        for group in self.schedule.groups_of(tx) {
            let unfinished = &mut self.unfinished[*group as usize];
            *unfinished -= 1;
            if *unfinished > 0 {
                continue;
            }
            for waiting in self.schedule.released_by(*group) {
                let waits = &mut self.waits[*waiting as usize];
                *waits -= 1;
                if *waits > 0 {
                    continue;
                }
                released = true;
                let held =
                    self.plan.kind(*waiting) == Kind::Cheap && !self.passed[*waiting as usize];
                if !self.in_order() && !held {
                    self.workers[worker].local.push(*waiting);
                }
            }
        }
        if self.in_order() {
            // Those who look in vain look all the time.
            if released {
                self.call_idle(now);
            }
        } else if self.workers[worker].chunk.is_empty() {
            self.offer(worker, now);
        }
    }

    /// Shares what a worker holds beyond its next transaction if somebody is idle, and calls them.
    fn offer(&mut self, worker: usize, now: u64) {
        let idle = |worker: &Worker| worker.doing == Doing::Idle;
        if self.workers[worker].local.len() <= 1 || !self.workers.iter().any(idle) {
            return;
        }
        let local = &mut self.workers[worker].local;
        let own = local.pop();
        self.shared.extend(local.drain(..));
        local.extend(own);
        self.call_idle(now.saturating_add(self.overheads.wake));
    }

    fn call_idle(&mut self, at: u64) {
        for (idx, worker) in self.workers.iter_mut().enumerate() {
            if worker.doing == Doing::Idle {
                worker.doing = Doing::Looking;
                self.events.push(Reverse((at, idx)));
            }
        }
    }

    /// What a worker runs next, and when.
    fn next(&mut self, worker: usize, mut now: u64) -> Option<(TxIndex, u64)> {
        loop {
            while let Some(tx) = self.workers[worker].chunk.next() {
                self.passed[tx as usize] = true;
                let waited = self.schedule.waits()[tx as usize] > 0;
                let ready = self.waits[tx as usize] == 0;
                let kind = self.plan.kind(tx);
                if kind == Kind::Call && !waited {
                    self.workers[worker].local.push(tx);
                }
                let last = self.workers[worker].chunk.is_empty();
                if last {
                    self.workers[worker].local.reverse();
                }
                if kind == Kind::Cheap && ready {
                    return Some((tx, now));
                }
            }
            if let Some(tx) = self.workers[worker].local.pop() {
                return Some((tx, now));
            }
            let taken = now.saturating_add(self.overheads.take);
            if let Some(tx) = self.shared.pop_front().or_else(|| self.first.pop_front()) {
                return Some((tx, taken));
            }
            now = taken;
            self.workers[worker].chunk = self.take_chunk()?;
        }
    }

    /// The same in a block without calls.
    fn next_in_order(&mut self, worker: usize, mut now: u64) -> Option<(TxIndex, u64)> {
        loop {
            let own = &mut self.workers[worker];
            for tx in own.chunk.by_ref() {
                if self.waits[tx as usize] == 0 {
                    return Some((tx, now));
                }
                own.waiting.push(tx);
            }
            while let Some(tx) = own.waiting.get(own.looked).copied() {
                if self.waits[tx as usize] == 0 {
                    own.waiting.remove(own.looked);
                    return Some((tx, now));
                }
                own.looked += 1;
            }
            own.looked = 0;
            let room = own.waiting.len() < WAITING_MAX;
            match if room { self.take_chunk() } else { None } {
                Some(chunk) => {
                    now = now.saturating_add(self.overheads.take);
                    self.workers[worker].chunk = chunk;
                }
                None => {
                    let own = &self.workers[worker];
                    if !own.waiting.iter().any(|tx| self.waits[*tx as usize] == 0) {
                        return None;
                    }
                }
            }
        }
    }

    fn take_chunk(&mut self) -> Option<Range<TxIndex>> {
        let start = self.cursor;
        self.cursor = self.costs.len().min(start + self.plan.chunk);
        // A block's transactions are counted in `TxIndex`.
        (start < self.cursor).then_some(start as TxIndex..self.cursor as TxIndex)
    }
}
