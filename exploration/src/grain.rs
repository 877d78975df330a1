//! Sizes as in `runtime/src/grain.rs`, but so small that a block of a few transactions is cut and
//! shared like a large one, and that waiting soon means sleeping.

pub(crate) const LOOKS_IN_BLOCK: usize = 1;
pub(crate) const LOOKS_FOR_JOB: usize = 1;
pub(crate) const WORKER_NS_MIN: u64 = 1;
pub(crate) const FEW_CALLS: usize = 1;
pub(crate) const CREW_ITEMS_MIN: usize = 1;
pub(crate) const ACCOUNTS_PER_SCAN: usize = 4;
pub(crate) const ACCOUNTS_PER_RANGE: usize = 4;
pub(crate) const OUTPUTS_PER_PART: usize = 4;
