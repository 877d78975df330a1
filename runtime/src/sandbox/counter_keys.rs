//! What the counters of a module are called, as far as its last calls tell.

use std::sync::Arc;

use crate::state::KeyBytes;
use crate::sync::Mutex;

/// Most keys noted of a module.
const COUNTER_KEYS_MAX: usize = 4;

/// The keys of the counters that calls of a module changed lately in partitions of users. A guess
/// for the next block, which can change how long it takes, nothing else.
#[derive(Default)]
pub(crate) struct CounterKeys(Mutex<Arc<[KeyBytes]>>);

impl CounterKeys {
    /// What was noted last.
    pub(crate) fn noted(&self) -> Arc<[KeyBytes]> {
        Arc::clone(&self.0.lock())
    }

    /// Notes keys in the place of those before.
    pub(crate) fn note<'a>(&self, keys: impl Iterator<Item = &'a KeyBytes>) {
        let keys: Vec<&KeyBytes> = keys.take(COUNTER_KEYS_MAX).collect();
        let mut noted = self.0.lock();
        if !noted.iter().eq(keys.iter().copied()) {
            *noted = keys.into_iter().cloned().collect();
        }
    }
}
