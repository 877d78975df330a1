//! How finely the work on a block is cut between workers, and how long a worker looks for work
//! before it sleeps. Speed alone depends on these: results are the same whatever they are, which is
//! why `exploration/` may replace this file by one with the smallest numbers there are.

/// How often an idle worker looks for work in a block before it sleeps: some ten microseconds,
/// about what falling asleep and waking up take.
pub(crate) const LOOKS_IN_BLOCK: usize = 500;

/// How often somebody who waits for a job, or for its end, looks before it sleeps: a few tens of
/// microseconds, about twice what falling asleep and waking up take. Nobody looks between blocks
/// for longer than this once.
pub(crate) const LOOKS_FOR_JOB: usize = 1_000;

/// Work below which another worker costs more than it gains, in nanoseconds. It begins 30 to 40
/// microseconds after it is called, finds nothing in its core's caches, and has to be waited for.
pub(crate) const WORKER_NS_MIN: u64 = 90_000;

/// Transactions up to which a block with calls that is worth one worker is executed as the reference
/// does: what workers share takes longer to set up than it saves. Payments have a shorter way.
pub(crate) const FEW_CALLS: usize = 8;

/// Accounts and transactions below which waking another worker for what surrounds the execution
/// costs more than it gains: less than half a millisecond of work.
pub(crate) const CREW_ITEMS_MIN: usize = 1_024;

/// Accounts one worker looks through at a time for those the block touched.
pub(crate) const ACCOUNTS_PER_SCAN: usize = 8_192;

/// Accounts one worker turns into changes at a time: about as many as its cache holds.
pub(crate) const ACCOUNTS_PER_RANGE: usize = 2_048;

/// Outputs one worker adds up at a time.
pub(crate) const OUTPUTS_PER_PART: usize = 8_192;
