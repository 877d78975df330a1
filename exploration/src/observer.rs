//! Watches an execution: every transaction runs once, and after all those it waits for. On request
//! it panics at one of them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use tos_host_api::TxIndex;

use crate::execute::ExecutionObserver;
use crate::schedule::Schedule;

/// Nobody's transaction.
const NONE: u32 = u32::MAX;

/// What happened, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Happened {
    Started(TxIndex),
    Finished(TxIndex),
}

/// An observer whose own locks are no points of the schedule.
#[derive(Default)]
pub(crate) struct Watch {
    happened: Mutex<Vec<Happened>>,
    panics_at: AtomicU32,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self { happened: Mutex::default(), panics_at: AtomicU32::new(NONE) }
    }

    /// Panics once, when a worker is about to execute this transaction.
    pub(crate) fn panic_at(&self, tx: TxIndex) {
        self.panics_at.store(tx, Ordering::SeqCst);
    }

    /// Forgets what happened, after having checked that nothing ran twice.
    pub(crate) fn forget(&self) {
        let happened = std::mem::take(&mut *self.happened.lock().expect("nobody panics here"));
        for (position, event) in happened.iter().enumerate() {
            assert!(!happened[..position].contains(event), "{event:?} twice");
        }
    }

    /// Checks a whole execution against its schedule.
    pub(crate) fn check(&self, schedule: &Schedule) {
        let happened = self.happened.lock().expect("nobody panics here").clone();
        self.forget();
        let at = |event| {
            let position = happened.iter().position(|other| *other == event);
            position.unwrap_or_else(|| panic!("{event:?} did not happen"))
        };
        for tx in 0..schedule.len() as TxIndex {
            let started = at(Happened::Started(tx));
            assert!(started < at(Happened::Finished(tx)), "{tx} finished before it started");
            for earlier in schedule.waits_for(tx) {
                let finished = at(Happened::Finished(earlier.transaction));
                assert!(finished < started, "{tx} did not wait for {}", earlier.transaction);
            }
        }
    }

    fn note(&self, event: Happened) {
        self.happened.lock().expect("nobody panics here").push(event);
    }
}

/// An observer that others can look at too.
pub(crate) struct Shared(pub(crate) std::sync::Arc<Watch>);

impl ExecutionObserver for Shared {
    fn transaction_started(&self, _worker: usize, tx: TxIndex) {
        let planned =
            self.0.panics_at.compare_exchange(tx, NONE, Ordering::SeqCst, Ordering::SeqCst);
        if planned.is_ok() {
            // Without the hook, which would print a schedule that is no failure.
            std::panic::resume_unwind(Box::new("planned"));
        }
        self.0.note(Happened::Started(tx));
    }

    fn transaction_finished(&self, _worker: usize, tx: TxIndex) {
        self.0.note(Happened::Finished(tx));
    }
}
