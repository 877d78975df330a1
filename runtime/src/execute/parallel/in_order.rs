//! Blocks of cheap transactions: every worker runs its chunks in block order and looks whether those
//! it waits for have finished, instead of being told by them. Looking is a read that hardly ever
//! misses; telling is an exclusive access to memory that another core wrote last, and costs as much
//! as a transfer does.
//!
//! The earliest unfinished transaction of a block waits for nobody, and the worker whose chunk it is
//! in looks at it again and again, so there is always progress.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU32, Ordering};

use tos_host_api::TxIndex;

use super::super::outputs::Marks;
use super::{Run, Worker};
use crate::error::EngineError;
use crate::schedule::{Before, Schedule};

/// Waiting transactions a worker keeps before it stops taking more chunks.
const WAITING_MAX: usize = 256;
/// How often a worker looks in vain before it lets other threads have its core.
const LOOKS_MAX: usize = 200;

/// By group: how many of its members, from the first on, are known to have finished.
#[derive(Default)]
pub(super) struct Progress(Vec<AtomicU32>);

impl Progress {
    pub(super) fn new(groups: usize) -> Self {
        Self((0..groups).map(|_| AtomicU32::new(0)).collect())
    }

    /// Whether everybody whom a transaction waits for has finished; if so, the caller sees what
    /// they did.
    fn may_run(&self, tx: TxIndex, schedule: &Schedule, marks: &Marks) -> bool {
        schedule.waits()[tx as usize] == 0
            || schedule.befores(tx).all(|before| match before {
                Before::Nobody => true,
                Before::Transaction(earlier) => marks.is_done(earlier),
                Before::Group(group) => self.is_done(group, schedule, marks),
            })
    }

    fn is_done(&self, group: u32, schedule: &Schedule, marks: &Marks) -> bool {
        let known = &self.0[group as usize];
        // Acquire and release hand on what the worker that got this far has seen. Of two that
        // write, the later may say less than the earlier: then somebody looks twice.
        let before = known.load(Ordering::Acquire);
        let members = schedule.members_of(group);
        let rest = &members[before as usize..];
        let more = rest.iter().take_while(|tx| marks.is_done(**tx)).count();
        if more > 0 {
            // A group has at most as many members as the block has transactions.
            known.store(before + more as u32, Ordering::Release);
        }
        more == rest.len()
    }
}

impl Run {
    /// Executes chunks until none is left.
    pub(super) fn work_in_order(
        &self,
        worker: &mut Worker,
        current: &mut Option<TxIndex>,
    ) -> Result<(), EngineError> {
        let mut waiting = Vec::with_capacity(WAITING_MAX + self.plan.chunk);
        let mut in_vain = 0;
        while !self.queue.is_stopped() {
            let room = waiting.len() < WAITING_MAX;
            let chunk = if room { self.queue.take_chunk() } else { None };
            let mut done = 0;
            if let Some(chunk) = chunk {
                self.look_ahead(chunk.clone(), worker);
                for (idx, tx) in chunk.enumerate() {
                    if self.progress.may_run(tx, &self.schedule, &self.marks) {
                        *current = Some(tx);
                        self.execute(worker, tx, worker.plain[idx])?;
                        done += 1;
                    } else {
                        waiting.push(tx);
                    }
                }
            } else if waiting.is_empty() {
                break;
            }
            done += self.run_waiting(&mut waiting, worker, current)?;
            if done == 0 {
                worker.pause();
                worker.resume();
            }
            in_vain = if done > 0 { 0 } else { in_vain + 1 };
            if in_vain > LOOKS_MAX {
                std::thread::yield_now();
            } else if in_vain > 0 {
                spin_loop();
            }
        }
        Ok(())
    }

    /// Executes those that wait no longer, in block order; returns how many.
    fn run_waiting(
        &self,
        waiting: &mut Vec<TxIndex>,
        worker: &mut Worker,
        current: &mut Option<TxIndex>,
    ) -> Result<usize, EngineError> {
        let mut kept = 0;
        for idx in 0..waiting.len() {
            let tx = waiting[idx];
            if self.progress.may_run(tx, &self.schedule, &self.marks) {
                *current = Some(tx);
                let plain = self.plain(tx);
                self.execute(worker, tx, plain)?;
            } else {
                waiting[kept] = tx;
                kept += 1;
            }
        }
        let done = waiting.len() - kept;
        waiting.truncate(kept);
        Ok(done)
    }
}
