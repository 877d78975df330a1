//! How many workers share what surrounds the execution of a block. Results do not depend on it.

use crate::error::EngineError;
use crate::execute::WorkerPool;
use crate::grain::CREW_ITEMS_MIN;

/// The workers that share the work on a block.
#[derive(Clone, Copy)]
pub(crate) struct Crew<'a> {
    /// `None` for the caller alone.
    pool: Option<&'a WorkerPool>,
}

impl<'a> Crew<'a> {
    /// The caller alone.
    pub(crate) fn one() -> Self {
        Self { pool: None }
    }

    /// As many workers as this many accounts and transactions are worth.
    pub(crate) fn for_items(pool: &'a WorkerPool, items: usize) -> Self {
        Self { pool: (pool.len() > 1 && items >= CREW_ITEMS_MIN).then_some(pool) }
    }

    /// Whether the caller works alone.
    pub(crate) fn is_one(self) -> bool {
        self.pool.is_none()
    }

    /// Computes `part(0)`, `part(1)` ...; results in order.
    ///
    /// # Errors
    /// See [`WorkerPool::map`].
    pub(crate) fn map<T: Send + 'static>(
        self,
        parts: usize,
        part: impl Fn(usize) -> T + Send + Sync + 'static,
    ) -> Result<Vec<T>, EngineError> {
        match self.pool {
            Some(pool) => pool.map(parts, part),
            None => Ok((0..parts).map(part).collect()),
        }
    }
}
