//! Who may run calls at the same time. A call with everything it calls in turn holds up to
//! [`CALL_DEPTH_MAX`] instances of a bounded pool; if several could hold a part of what they need
//! and wait for the rest, they would wait for each other. So whoever runs calls takes a permit
//! first, once for a whole block, and the pool holds as many instances as all permits allow.
//!
//! Nobody waits for a permit while holding one, and a worker takes one before it takes its first
//! transaction: what somebody waits for is always being done by a holder.

use parking_lot::{Condvar, Mutex};
use tos_host_api::limits::CALL_DEPTH_MAX;

/// Permits beyond one per worker: for simulations, read-only calls, and blocks executed from
/// several threads at once.
const PERMITS_FOR_OTHERS: usize = 16;

/// A counting semaphore.
pub(crate) struct CallPermits {
    free: Mutex<usize>,
    returned: Condvar,
}

/// The right to run one call at a time. Ends when it is dropped.
pub(crate) struct CallPermit<'a>(&'a CallPermits);

impl CallPermits {
    /// How many permits an engine with so many workers has.
    pub(crate) fn count(workers: usize) -> usize {
        workers + PERMITS_FOR_OTHERS
    }

    /// How many instances can live at once under so many permits.
    pub(crate) fn instances(permits: usize) -> usize {
        permits * CALL_DEPTH_MAX
    }

    pub(crate) fn new(permits: usize) -> Self {
        Self { free: Mutex::new(permits), returned: Condvar::new() }
    }

    /// Takes a permit, waiting for one if need be.
    pub(crate) fn acquire(&self) -> CallPermit<'_> {
        let mut free = self.free.lock();
        while *free == 0 {
            self.returned.wait(&mut free);
        }
        *free -= 1;
        CallPermit(self)
    }
}

impl Drop for CallPermit<'_> {
    fn drop(&mut self) {
        *self.0.free.lock() += 1;
        self.0.returned.notify_one();
    }
}
