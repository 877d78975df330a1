//! Who may run calls at the same time. A call with everything it calls in turn holds up to
//! [`CALL_DEPTH_MAX`] instances of a bounded pool; if several could hold a part of what they need
//! and wait for the rest, they would wait for each other. So whoever runs calls takes a permit
//! first, once for a whole block, and the pool holds as many instances as all permits allow: those
//! of running frames, and those that are kept for the next call.
//!
//! Nobody waits for a permit while holding one, and a worker takes one before it takes its first
//! transaction: what somebody waits for is always being done by a holder.

use std::sync::Arc;

use tos_host_api::limits::CALL_DEPTH_MAX;

use super::kept::{KEPT_INSTANCES_MAX, Kept};
use crate::sync::{Condvar, Mutex};

/// Permits beyond one per worker: for simulations, read-only calls, and blocks executed from
/// several threads at once.
const PERMITS_FOR_OTHERS: usize = 16;

/// A counting semaphore.
pub(crate) struct CallPermits {
    /// What each free permit keeps; the one returned last is taken first, its instances are warm.
    free: Mutex<Vec<Kept>>,
    returned: Condvar,
}

/// The right to run one call at a time, and the instances kept for it. Ends when it is dropped.
pub(crate) struct CallPermit {
    home: Arc<CallPermits>,
    pub(super) kept: Kept,
}

impl CallPermits {
    /// How many permits an engine with so many workers has.
    pub(crate) fn count(workers: usize) -> usize {
        workers + PERMITS_FOR_OTHERS
    }

    /// How many instances can live at once under so many permits.
    pub(crate) fn instances(permits: usize) -> usize {
        permits * (CALL_DEPTH_MAX + KEPT_INSTANCES_MAX)
    }

    /// So many permits; `reuse` says whether instances are kept from call to call.
    pub(crate) fn new(permits: usize, reuse: bool) -> Self {
        let free = std::iter::repeat_with(|| Kept::new(reuse)).take(permits).collect();
        Self { free: Mutex::new(free), returned: Condvar::new() }
    }

    /// Takes a permit, waiting for one if need be.
    pub(crate) fn acquire(self: &Arc<Self>) -> CallPermit {
        let mut free = self.free.lock();
        loop {
            if let Some(kept) = free.pop() {
                return CallPermit { home: Arc::clone(self), kept };
            }
            self.returned.wait(&mut free);
        }
    }
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        let mut kept = self.kept.take_all();
        kept.forget_modules_that_left();
        self.home.free.lock().push(kept);
        self.home.returned.notify_one();
    }
}
