//! Which test catches which bug.

mod committing;

use Binary::{Suite, Unit};

/// Where a test is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    /// In `tests/suite`.
    Suite,
    /// Beside what it tests, in `src`.
    Unit,
}

/// A bug and a test that fails with it.
#[derive(Debug)]
pub(super) struct Caught {
    pub(super) bug: &'static str,
    pub(super) binary: Binary,
    pub(super) by: &'static str,
    /// Whether it is planted whenever the tests run.
    pub(super) always: bool,
}

/// A bug planted when all are.
const fn bug(bug: &'static str, binary: Binary, by: &'static str) -> Caught {
    Caught { bug, binary, by, always: false }
}

/// A bug planted whenever the tests run.
const fn always(bug: &'static str, binary: Binary, by: &'static str) -> Caught {
    Caught { bug, binary, by, always: true }
}

/// All of them, in the order of `src/planted.rs`.
pub(super) fn all() -> impl Iterator<Item = &'static Caught> {
    EXECUTING.iter().chain(committing::COMMITTING)
}

/// Bugs on the way to an outcome.
const EXECUTING: &[Caught] = &[
    bug(
        "ListsUnsorted",
        Suite,
        "bad_transactions::static_faults::bad_t11_an_access_list_out_of_canonical_form_is_refused",
    ),
    always(
        "AccountDroppedFromConflicts",
        Suite,
        "laws::execution::law_01_every_shape_of_conflict_comes_out_the_same_at_every_thread_count",
    ),
    bug(
        "CreditsShareGroupsWithReads",
        Suite,
        "properties::schedule::a_schedule_is_what_comparing_every_pair_gives",
    ),
    bug(
        "OneWaitForSeveral",
        Suite,
        "laws::execution::law_01_every_shape_of_conflict_comes_out_the_same_at_every_thread_count",
    ),
    bug(
        "GroupReleasedByItsFirstMember",
        Suite,
        "laws::execution::law_01_every_shape_of_conflict_comes_out_the_same_at_every_thread_count",
    ),
    bug(
        "NumbersOfTheLastBlock",
        Unit,
        "pipeline::resolve::tests::parts_come_to_the_same_as_the_whole",
    ),
    bug(
        "SettledDespiteConflicts",
        Suite,
        "properties::payments::settled_payments_end_as_in_block_order",
    ),
    bug(
        "SettledWithoutReserve",
        Suite,
        "properties::payments::settled_payments_end_as_in_block_order",
    ),
    bug("UnsettledHalfway", Suite, "properties::payments::settled_payments_end_as_in_block_order"),
    bug("SettledUnseen", Suite, "payments::whoever_watches_a_block_of_payments_hears_of_each"),
    bug(
        "PaidWithoutReserve",
        Suite,
        "payments::a_transfer_ends_alike_in_both_executors_at_every_limit",
    ),
    always(
        "OutputsOutOfOrder",
        Suite,
        "lessons::executors::b08_i09_a_transaction_is_judged_alike_in_a_large_block_and_alone",
    ),
    bug(
        "ConflictsUncheckedAtMerge",
        Unit,
        "state::journal::tests::merges_of_one_batch_that_clash_give_up_the_block",
    ),
    bug(
        "LastSignatureUnchecked",
        Suite,
        "lessons::executors::i13_a_forged_signature_is_found_wherever_it_stands",
    ),
    bug(
        "GasLimitsUnchecked",
        Suite,
        concat!(
            "bad_transactions::static_faults::bad_t05_gas_below_the_intrinsic_",
            "gas_or_above_the_maximum_is_refused",
        ),
    ),
    bug(
        "DepositsOfNothing",
        Suite,
        concat!(
            "bad_transactions::static_faults::bad_t10_more_transfers_or_deposits_",
            "than_a_limit_are_refused",
        ),
    ),
    bug(
        "GasOfBlocksUnchecked",
        Suite,
        "bad_blocks::limits::bad_b05_declared_gas_one_above_the_limit_is_refused",
    ),
    bug(
        "DuplicatesAccepted",
        Suite,
        "bad_blocks::limits::bad_b06_the_same_transaction_twice_is_refused",
    ),
    bug(
        "ExpiryOffByOne",
        Suite,
        "laws::failures::law_05_a_transaction_expires_above_the_height_that_it_names",
    ),
    bug(
        "NonceGapsAccepted",
        Suite,
        "bad_transactions::nonces::bad_t02_a_replayed_or_early_transaction_is_not_included",
    ),
    always(
        "NoFeeOnHalt",
        Suite,
        "laws::gas::law_06_a_halted_transaction_pays_its_whole_limit_whatever_it_is",
    ),
    bug(
        "HaltPaysOnlyWhatItUsed",
        Suite,
        "laws::gas::law_06_a_halted_transaction_pays_its_whole_limit_whatever_it_is",
    ),
    bug(
        "RevertKeepsTheNonce",
        Suite,
        "lessons::money::i03_a_failed_transaction_cannot_be_replayed_and_the_next_nonce_works",
    ),
    bug(
        "FailureKeepsItsWrites",
        Suite,
        "laws::execution::law_03_later_transactions_see_nothing_of_a_failed_one",
    ),
    bug(
        "PanicsSwallowed",
        Suite,
        "laws::failures::law_05_a_worker_that_panics_fails_the_block_and_the_engine_goes_on",
    ),
    bug(
        "FaultBecomesAReceipt",
        Suite,
        "laws::failures::law_05_a_storage_error_fails_the_block_and_becomes_nobodys_receipt",
    ),
    bug(
        "MintsUnchecked",
        Suite,
        "laws::execution::law_04_what_circulates_and_what_was_burned_add_up_to_the_supply",
    ),
    bug("ConservationUnchecked", Unit, "pipeline::merge::tests::what_workers_made_has_to_add_up"),
    bug(
        "RewardPaidTwice",
        Suite,
        "lessons::money::b11_b12_b13_the_reward_is_added_once_after_the_last_transaction",
    ),
    bug(
        "AnybodyUpgrades",
        Suite,
        "lessons::contracts::callers_of_the_block_of_an_upgrade_run_the_old_code",
    ),
    bug(
        "UpgradableAtOnce",
        Suite,
        "lessons::contracts::what_a_block_deploys_is_called_from_the_next_block_on",
    ),
    bug("CreditPermitsRead", Suite, "laws::access::law_02_credit_lets_nothing_be_read"),
    always(
        "ReadPermitsCredit",
        Suite,
        "laws::access::law_02_every_touch_under_every_declaration_is_allowed_or_named",
    ),
    bug(
        "ReadPermitsWrite",
        Suite,
        "laws::access::law_02_every_touch_under_every_declaration_is_allowed_or_named",
    ),
    bug(
        "SlotsOfTheLastTransactionKept",
        Suite,
        "laws::execution::law_01_every_shape_of_conflict_comes_out_the_same_at_every_thread_count",
    ),
    bug(
        "RollbackKeepsCounters",
        Suite,
        "calls::undone::writes_to_one_slot_by_turns_end_with_the_last_that_stayed",
    ),
    bug(
        "RollbackKeepsBurns",
        Suite,
        "calls::undone::what_a_contract_burned_before_it_failed_is_not_burned",
    ),
    bug(
        "RollbackKeepsEvents",
        Suite,
        "host_calls::calls::h19_events_of_an_undone_callee_make_room_for_others",
    ),
    bug(
        "CountersWrapBelowZero",
        Suite,
        "authoring::token::a_token_is_moved_lent_minted_and_burned",
    ),
    always(
        "CreditMergedTwice",
        Suite,
        "lessons::money::b09_b02_a_payment_is_debited_once_and_added_to_what_was_there",
    ),
    bug(
        "BalancesWrapAtMerge",
        Suite,
        "bad_transactions::overflow::bad_t23_a_credit_beyond_the_largest_balance_stops_the_block",
    ),
    bug(
        "CounterReplacedAtMerge",
        Suite,
        "lessons::contracts::deletions_and_additions_reach_the_database",
    ),
    bug(
        "SlotsReadFromTheParent",
        Suite,
        "lessons::contracts::i12_delete_and_create_again_in_one_block_is_a_plain_write",
    ),
    always(
        "DeletesFiltered",
        Suite,
        "lessons::contracts::b07_deletions_survive_the_merge_and_the_database",
    ),
    bug(
        "UnchangedKeysListed",
        Suite,
        "lessons::contracts::i12_delete_and_create_again_in_one_block_is_a_plain_write",
    ),
    always(
        "SlotsUnsorted",
        Suite,
        "lessons::executors::b15_the_change_set_is_sorted_whatever_was_written_first",
    ),
    bug("SectionsUnchecked", Unit, "state::section::tests::what_is_out_of_order_is_named"),
    bug("TiesUnsorted", Unit, "state::overlay::order::tests::addresses_sort_as_they_compare"),
    bug("ReceiptsNotInTheDigest", Suite, "golden::the_recorded_chain_has_the_recorded_digests"),
    bug(
        "BeneficiaryNotInTheHash",
        Suite,
        "bad_blocks::commits::bad_b10_a_block_that_differs_only_in_who_is_paid_is_another_block",
    ),
    bug(
        "SubtreesAllFirst",
        Unit,
        "digest::tests::lengths_around_every_boundary_hash_as_blake3_does",
    ),
    always("GasOffByOne", Suite, "laws::gas::law_07_the_same_calls_cost_the_recorded_gas"),
    bug("HostCallsAreFree", Suite, "laws::gas::law_07_the_same_calls_cost_the_recorded_gas"),
    bug("BytesAreFree", Suite, "laws::gas::a_write_pays_for_the_bytes_it_replaces_or_removes"),
    bug("GrowthIsFree", Suite, "laws::growth::whoever_makes_the_state_grow_pays_for_every_byte"),
    bug(
        "GrowingMemoryIsFree",
        Suite,
        "bad_modules::running::m27_memory_grows_to_the_limit_and_every_page_asked_for_is_paid",
    ),
    bug("LoopsPayOnce", Unit, "sandbox::prepare::tests::metering::golden_loop_pays_on_every_pass"),
    bug("GasNotStoredBeforeCalls", Suite, "recorded_gas::recorded_gas_is_what_every_program_costs"),
    bug(
        "StackNeverEnds",
        Suite,
        "bad_modules::running::m16_recursion_ends_at_the_same_depth_on_every_engine",
    ),
    bug(
        "StackNotGivenBack",
        Unit,
        "sandbox::prepare::tests::metering::m16_recursion_within_the_limit_completes",
    ),
    bug(
        "MessagesUnbounded",
        Suite,
        "host_calls::output::h13_lines_beyond_what_the_operator_keeps_are_paid_for_and_dropped",
    ),
    bug(
        "ReentryAllowed",
        Suite,
        "host_calls::calls::h16_a_contract_that_is_running_is_not_entered_again",
    ),
    bug(
        "OneFrameTooMany",
        Suite,
        "host_calls::calls::h16_calls_go_sixteen_deep_and_the_next_one_is_told",
    ),
    bug(
        "CallerKeepsNoGas",
        Suite,
        "host_calls::calls::h17_more_than_there_is_becomes_all_but_one_part_in_64",
    ),
    bug(
        "HaltedCalleePaysOnlyWhatItUsed",
        Suite,
        "calls::undone::a_callee_that_halts_costs_the_gas_it_was_given_and_no_more",
    ),
    bug(
        "RevertedCalleeKeepsItsWrites",
        Suite,
        "host_calls::calls::h19_a_callee_that_reverts_is_undone_and_the_caller_is_not",
    ),
    bug(
        "UndeclaredAccessCaught",
        Suite,
        "host_calls::calls::h18_undeclared_access_in_a_callee_halts_the_whole_transaction",
    ),
    bug(
        "CalleeIsCalledByTheSource",
        Suite,
        "calls::nested::a_callee_sees_its_caller_and_the_same_transaction",
    ),
    bug("ViewsCalleeMayWrite", Suite, "calls::nested::a_view_may_call_but_change_nothing_anywhere"),
    bug(
        "ReturnDataOfTheLastCallKept",
        Suite,
        "laws::instances::law_1_a_call_knows_nothing_of_whom_the_one_before_it_called",
    ),
    bug(
        "RandomForgetsTheIndex",
        Suite,
        "host_calls::crypto::h25_random_bytes_follow_from_the_block_and_the_place_in_it",
    ),
    bug(
        "StartFunctionsAccepted",
        Suite,
        "bad_modules::shape::m06_a_start_function_is_refused_and_the_author_pointed_to_init",
    ),
    bug("TwiceTheMemory", Unit, "sandbox::limiter::tests::growth_is_answered_from_the_limits"),
    always(
        "ArtifactsOfOtherRules",
        Unit,
        "sandbox::modules::tests::s09_artifacts_of_other_prices_are_not_found",
    ),
    bug(
        "OneModuleForAll",
        Suite,
        "laws::execution::law_01_cold_and_warm_caches_give_the_same_results",
    ),
    bug(
        "InstancesOfOtherModules",
        Suite,
        "laws::execution::law_01_cold_and_warm_caches_give_the_same_results",
    ),
    always(
        "RestoresAPageTooFew",
        Suite,
        "laws::instances::law_1_instances_that_live_on_are_as_good_as_fresh_ones",
    ),
    bug(
        "ReachForgotten",
        Suite,
        "laws::instances::law_1_instances_that_live_on_are_as_good_as_fresh_ones",
    ),
    bug(
        "WritesOfTheHostForgotten",
        Suite,
        "laws::instances::law_1_instances_that_live_on_are_as_good_as_fresh_ones",
    ),
    bug(
        "GlobalsNotRestored",
        Suite,
        "laws::instances::law_1_instances_that_live_on_are_as_good_as_fresh_ones",
    ),
    bug(
        "ChangedGlobalsUntold",
        Suite,
        "laws::instances::law_1_instances_that_live_on_are_as_good_as_fresh_ones",
    ),
    bug(
        "NewWritesUntold",
        Suite,
        "laws::instances::law_1_instances_that_live_on_are_as_good_as_fresh_ones",
    ),
    bug(
        "GrownMemoryKept",
        Suite,
        "laws::instances::law_1_instances_that_live_on_are_as_good_as_fresh_ones",
    ),
];
