//! Mistakes that can be planted on purpose, which is what keeps the tests honest: `tests/planted/`
//! names the test that notices each, and runs it with the mistake switched on to see it fail.
//!
//! None of this is in a production build: without the feature `planted-bugs`, which only the tests
//! of this crate switch on, [`planted`] is the constant `false`. With the feature nothing is
//! planted either, unless the environment of the process names a bug.

/// Declares the bugs: what each does, and the law it breaks.
macro_rules! bugs {
    ($($(#[doc = $what:literal])+ $bug:ident: $law:literal,)+) => {
        /// A mistake somebody could have made.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Bug {
            $($(#[doc = $what])+ $bug,)+
        }

        /// All bugs, in the order of the layers they are in.
        #[cfg(feature = "planted-bugs")]
        pub const PLANTABLE_BUGS: &[PlantableBug] = &[
            $(PlantableBug { name: stringify!($bug), what: concat!($($what),+), law: $law },)+
        ];

        #[cfg(feature = "planted-bugs")]
        const BUGS: &[Bug] = &[$(Bug::$bug,)+];
    };
}

bugs! {
    // Access sets and schedule.
    /// Lists of accounts need not be sorted.
    ListsUnsorted: "2",
    /// Every fourth account of a block is in conflict with nobody.
    AccountDroppedFromConflicts: "1",
    /// A credit and a read of one account are no conflict.
    CreditsShareGroupsWithReads: "1",
    /// A transaction waits for one group, however many are before it.
    OneWaitForSeveral: "1",
    /// A group is done when its first member is.
    GroupReleasedByItsFirstMember: "1",
    /// An account keeps the number it had in the block before.
    NumbersOfTheLastBlock: "1",
    /// Payments are settled whatever they have to wait for.
    SettledDespiteConflicts: "1",
    /// A settled payment needs its fee, not the whole reserve.
    SettledWithoutReserve: "1",
    /// What was settled and cannot be stays half settled.
    UnsettledHalfway: "1",
    /// Payments are settled though somebody watches when they run.
    SettledUnseen: "8",
    /// A payment on the short way needs its fee, not the whole reserve.
    PaidWithoutReserve: "1",
    /// The outputs of each worker are handed out from the last to the first.
    OutputsOutOfOrder: "1",
    /// Clashes of two merges are not noticed.
    ConflictsUncheckedAtMerge: "1",

    // Verification and validation.
    /// The last signature of a batch is not looked at.
    LastSignatureUnchecked: "5",
    /// A transaction may ask for any amount of gas.
    GasLimitsUnchecked: "5",
    /// A deposit may be of nothing.
    DepositsOfNothing: "5",
    /// A block may ask for any amount of gas.
    GasOfBlocksUnchecked: "5",
    /// A block may have a transaction twice.
    DuplicatesAccepted: "5",
    /// A transaction expires one block early.
    ExpiryOffByOne: "5",
    /// A nonce may leave gaps.
    NonceGapsAccepted: "5",

    // One transaction.
    /// A halted transaction pays nothing.
    NoFeeOnHalt: "6",
    /// A halted transaction pays for what it used, not for its limit.
    HaltPaysOnlyWhatItUsed: "6",
    /// A failed transaction can be sent again.
    RevertKeepsTheNonce: "3",
    /// A failed transaction is not rolled back.
    FailureKeepsItsWrites: "3",
    /// The panic of a worker is nobody's.
    PanicsSwallowed: "5",
    /// An error of the engine becomes a receipt.
    FaultBecomesAReceipt: "5",
    /// Each transfer brings a unit too much, and nobody adds up.
    MintsUnchecked: "4",
    /// Nobody adds up what a block does to balances.
    ConservationUnchecked: "4",
    /// The producer of a block gets its fees twice.
    RewardPaidTwice: "4",
    /// Anybody may upgrade a contract.
    AnybodyUpgrades: "10",
    /// A contract can be upgraded in the block that deploys it.
    UpgradableAtOnce: "8",

    // The journal.
    /// `Credit` permits to read.
    CreditPermitsRead: "2",
    /// `Read` permits to credit.
    ReadPermitsCredit: "2",
    /// `Read` permits to write.
    ReadPermitsWrite: "2",
    /// The next transaction sees the slots of the one before.
    SlotsOfTheLastTransactionKept: "3",
    /// A rollback leaves counters as they are.
    RollbackKeepsCounters: "3",
    /// A rollback leaves burned units burned.
    RollbackKeepsBurns: "3",
    /// A rollback leaves events.
    RollbackKeepsEvents: "3",
    /// Taking too much from a counter wraps it around.
    CountersWrapBelowZero: "4",

    // Merge and digest.
    /// A credit is published twice.
    CreditMergedTwice: "4",
    /// A balance that leaves its type wraps around.
    BalancesWrapAtMerge: "4",
    /// An addition to a counter replaces those before.
    CounterReplacedAtMerge: "1",
    /// Slots are read as they were before the block.
    SlotsReadFromTheParent: "1",
    /// Removed keys are missing in the change set.
    DeletesFiltered: "1",
    /// Keys that end where they began are in the change set.
    UnchangedKeysListed: "8",
    /// The slots of a partition are in no order, and nobody looks.
    SlotsUnsorted: "8",
    /// Nobody looks whether one section of a change set comes after the other.
    SectionsUnchecked: "8",
    /// Accounts with the same first bytes are in no order.
    TiesUnsorted: "8",
    /// The state digest does not cover receipts.
    ReceiptsNotInTheDigest: "8",
    /// The hash of a block does not cover its beneficiary.
    BeneficiaryNotInTheHash: "8",
    /// All sub-trees are hashed as if they were the first.
    SubtreesAllFirst: "8",

    // Gas and stack.
    /// Every transaction is a unit of gas too cheap.
    GasOffByOne: "7",
    /// What a host function charges is given back.
    HostCallsAreFree: "10",
    /// Bytes that cross between guest and host cost nothing.
    BytesAreFree: "10",
    /// State may grow for nothing.
    GrowthIsFree: "10",
    /// `memory.grow` has no price per page.
    GrowingMemoryIsFree: "10",
    /// A loop pays for its first pass.
    LoopsPayOnce: "10",
    /// What a function used before it calls another is not charged.
    GasNotStoredBeforeCalls: "10",
    /// Recursion takes no words of the stack.
    StackNeverEnds: "10",
    /// A function that returns keeps its words of the stack.
    StackNotGivenBack: "7",

    // Calls.
    /// A contract may say as much as it likes.
    MessagesUnbounded: "10",
    /// A contract may be called while it runs.
    ReentryAllowed: "10",
    /// A transaction may have seventeen frames.
    OneFrameTooMany: "10",
    /// A callee gets all gas that is left.
    CallerKeepsNoGas: "6",
    /// A callee that is halted pays for what it used.
    HaltedCalleePaysOnlyWhatItUsed: "6",
    /// The writes of a callee that reverts stay.
    RevertedCalleeKeepsItsWrites: "3",
    /// A contract can go on after its callee touched an undeclared account.
    UndeclaredAccessCaught: "2",
    /// A callee is told that the source calls it.
    CalleeIsCalledByTheSource: "10",
    /// What a read-only call calls may write.
    ViewsCalleeMayWrite: "3",
    /// A call sees what the callee of an earlier one returned.
    ReturnDataOfTheLastCallKept: "8",
    /// All transactions of a block have the same random numbers.
    RandomForgetsTheIndex: "8",

    // Sandbox.
    /// Modules with a start function are accepted.
    StartFunctionsAccepted: "10",
    /// Memory may grow to twice its limit.
    TwiceTheMemory: "10",
    /// Compiled code made under other rules and prices is used.
    ArtifactsOfOtherRules: "7",
    /// The cache of modules has one for all.
    OneModuleForAll: "8",
    /// A call may get an instance of another module.
    InstancesOfOtherModules: "8",
    /// The last page of what a call wrote stays for the next one.
    RestoresAPageTooFew: "8",
    /// Writes are told by their address alone, not by how far they reach.
    ReachForgotten: "8",
    /// What a host function wrote into memory stays for the next call.
    WritesOfTheHostForgotten: "8",
    /// Globals stay for the next call.
    GlobalsNotRestored: "8",
    /// A call does not tell that it has changed a global.
    ChangedGlobalsUntold: "8",
    /// A call does not tell that it has written where those before it had not.
    NewWritesUntold: "8",
    /// Memory that has grown stays for the next call.
    GrownMemoryKept: "8",

    // Commit.
    /// What a proposer claims about the state is not compared.
    ClaimsUnchecked: "1",
    /// Executing a block changes the tip.
    CandidatesLeaveTraces: "3",
    /// Simulating a transaction changes the tip.
    SimulationsLeaveTraces: "3",
    /// A commit does not reach the values in memory.
    HotStateNotUpdated: "1",
    /// Commits in the background are answered and not made.
    BackgroundCommitsForgotten: "9",
    /// An outcome of another tip can be committed.
    StaleOutcomesCommitted: "1",
    /// A second block at a height is answered as if it were the first.
    OtherBlocksAtAHeight: "5",
    /// After a failed write work goes on.
    NotPoisoned: "9",
    /// Values that are not durable are evicted.
    TrimmedWhileStaged: "9",
    /// A rollback leaves byte slots.
    RollbackForgetsSlots: "9",
    /// A rollback does not reach the values in memory.
    RollbackForgetsTheHotState: "9",
    /// An account's other assets are as they were if there are as many as before.
    AssetsTakenForUnchanged: "1",
    /// A change is sought in the first section of a change set.
    SoughtInTheFirstSection: "9",
    /// A counter that changes stays in its column as it was.
    ColumnsNotUpdated: "1",
    /// Columns are kept when accounts get other rows.
    ColumnsOutliveRows: "1",
    /// Blocks below the stable height can be undone.
    StableBlocksUndone: "9",

    // Storage.
    /// A block is executed however little room there is to commit it.
    RoomUnchecked: "9",
    /// A file that a first start has not finished is left as it is.
    UnfinishedFilesStay: "9",
    /// A file without a magic number is emptied if it is as long as one that was begun.
    StrangeFilesEmptied: "9",
    /// A commit does not wait for the disk.
    SyncForgotten: "9",
    /// A commit and the word that it is the newest reach the disk with one sync.
    OnePhaseCommits: "9",
    /// After a failed write the storage goes on, as far as redb lets it.
    StorageNotPoisoned: "9",
    /// Opening does not ask whether a fold was under way.
    HalfAFoldUnread: "9",
    /// Folding leaves out the last value of a slice.
    FoldStopsEarly: "9",
    /// Folding leaves removed keys.
    FoldForgetsRemovals: "9",
    /// The first slice of a fold says that it was the last.
    FoldClaimsToBeDone: "9",
    /// A fold that is under way is not noted.
    HalfAFoldForgotten: "9",
    /// A rollback leaves records.
    RollbackKeepsRecords: "9",
    /// Pruning removes the record of the stable height.
    PrunesARecordTooMany: "9",
    /// Checksums of stored bytes are not looked at.
    SealsUnread: "9",
    /// Opening does not replay the last record.
    ReplayStopsEarly: "9",
}

/// A bug that the environment can plant.
#[cfg(feature = "planted-bugs")]
#[derive(Debug, Clone, Copy)]
pub struct PlantableBug {
    /// What the environment calls it.
    pub name: &'static str,
    /// What it does.
    pub what: &'static str,
    /// Number of the law that it breaks.
    pub law: &'static str,
}

/// The variable that names the bug to plant.
#[cfg(feature = "planted-bugs")]
const VARIABLE: &str = "TOS_PLANTED_BUG";

/// The bug of this process, asked for once.
///
/// # Panics
/// There is no bug of that name: a test of such a process would show nothing.
#[cfg(feature = "planted-bugs")]
#[allow(clippy::disallowed_methods, reason = "tests alone choose, and nothing else is compiled")]
fn chosen() -> Option<Bug> {
    static CHOSEN: std::sync::OnceLock<Option<Bug>> = std::sync::OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let name = std::env::var(VARIABLE).ok()?;
        let place = PLANTABLE_BUGS.iter().position(|bug| bug.name == name);
        Some(BUGS[place.unwrap_or_else(|| panic!("{VARIABLE}: there is no bug {name}"))])
    })
}

/// Whether a bug is planted.
#[cfg(feature = "planted-bugs")]
pub(crate) fn planted(bug: Bug) -> bool {
    chosen() == Some(bug)
}

/// Whether any bug is planted.
#[cfg(feature = "planted-bugs")]
pub(crate) fn is_any_planted() -> bool {
    chosen().is_some()
}

/// Whether a bug is planted: never.
#[cfg(not(feature = "planted-bugs"))]
#[inline(always)]
pub(crate) const fn planted(_bug: Bug) -> bool {
    false
}

/// Whether any bug is planted: never.
#[cfg(not(feature = "planted-bugs"))]
#[inline(always)]
pub(crate) const fn is_any_planted() -> bool {
    false
}

#[cfg(all(test, feature = "planted-bugs"))]
#[path = "../tests/planted/mod.rs"]
mod runner;

#[cfg(all(test, feature = "planted-bugs"))]
mod tests {
    use super::*;

    #[test]
    fn planted_bugs_are_caught_by_the_unit_tests_that_are_named() {
        let bugs: Vec<_> = PLANTABLE_BUGS.iter().map(|bug| (bug.name, bug.what, bug.law)).collect();
        runner::check(runner::Binary::Unit, &bugs);
    }
}
