//! What a schedule has to say for itself: the accounts everybody wants, what transactions wait for,
//! the longest chain, what was declared and not needed, and how long the block would take on any
//! number of workers. For tools and people; nothing here is needed to execute a block.
//!
//! Everything follows from access sets, gas limits and costs that the caller states, in whole
//! numbers: equal inputs give equal answers. Where costs come from a [`Recording`], they are
//! nanoseconds.

mod accounts;
mod causes;
mod chain;
mod declared;
mod makespan;
mod recording;

use tos_host_api::Gas;

pub use accounts::{AccountUse, account_uses};
pub use causes::{WaitCause, decisive_waits, wait_causes};
pub use chain::{Chain, heaviest_chain};
pub use declared::{Overdeclared, overdeclared};
pub use makespan::{Makespan, Overheads, calls, makespan, workers_for};
pub(crate) use recording::{Recorder, RecordingPlan, Walk};
pub use recording::{Recording, RecordingDetail, Slice, Span};

use crate::access::AccessSet;
use crate::types::Block;

/// The access sets and gas limits of a block's transactions: what [`crate::Schedule::new`] takes.
#[must_use]
pub fn access_sets(block: &Block) -> Vec<(AccessSet, Gas)> {
    block.transactions().iter().map(|tx| (AccessSet::of(tx), tx.gas_limit)).collect()
}

#[cfg(test)]
pub(crate) mod test_blocks;
