//! Whatever an author does wrong has a cause and a place.

use borsh::BorshSerialize;
use tos_runtime::{
    AccessMode, ContractId, ExecutionStatus, HaltReason, HostFunction, RevertReason,
};

use super::{
    INPUT, LIMIT, PANIC, PROBE, STORAGE, TOKEN, arguments, assert_reverted, call, line_of, simulate,
};
use crate::support::{Chain, Order, account, guest, undeclared};

const SOURCE: &str = include_str!("../../../../contracts/probe/src/lib.rs");
const TOKEN_SOURCE: &str = include_str!("../../../../contracts/token/src/lib.rs");

#[track_caller]
fn probe() -> (Chain, ContractId) {
    let mut chain = Chain::new(4);
    let probe = chain.deploy(PROBE.to_vec(), &[]);
    (chain, probe)
}

/// Asserts that a call of the probe aborts in the line with this text.
#[track_caller]
fn assert_aborts(entry: &str, input: &impl BorshSerialize, code: u32, message: &str, place: &str) {
    let (chain, probe) = probe();
    let message = format!("{message} (probe/src/lib.rs:{})", line_of(SOURCE, place));
    assert_reverted(&chain, Order::invoke(probe, entry, &arguments(input)), code, &message);
}

#[test]
fn a_panic_says_what_and_where() {
    let message = "index out of bounds: the len is 3 but the index is 9";
    assert_aborts("index", &9_u32, PANIC, message, "[1, 2, 3]");
}

#[test]
fn an_overflow_says_what_and_where() {
    assert_aborts("add", &(200_u8, 100_u8), PANIC, "attempt to add with overflow", "a + b");
}

#[test]
fn a_returned_error_names_its_variant_and_the_entry() {
    assert_aborts("returned", &0_u64, 7, "Zero: The amount is zero.", "pub fn returned");
}

#[test]
fn a_required_condition_names_its_line() {
    assert_aborts("required", &0_u64, 7, "Zero: The amount is zero.", "require!(");
}

#[test]
fn a_missing_value_names_its_slot_and_line() {
    assert_aborts("missing", &(), STORAGE, "slot `nothing`: nothing is stored", ".load()");
}

#[test]
fn a_limit_of_the_host_names_what_is_beyond_it() {
    let message = "result: beyond the limits of the host";
    assert_aborts("long_result", &(), LIMIT, message, "pub fn long_result");
}

#[test]
fn too_few_bytes_name_the_argument() {
    let message = "returned: argument `amount`: expected 8 bytes, found 3";
    assert_aborts("returned", &[1_u8, 2, 3], INPUT, message, "pub fn returned");
}

#[test]
fn too_many_bytes_are_counted() {
    let message = "returned: 2 bytes too many";
    assert_aborts("returned", &(1_u64, 2_u16), INPUT, message, "pub fn returned");
}

#[test]
fn values_a_type_does_not_have_are_refused() {
    let message = "paid: argument `to`: an address begins with 0 or 1";
    assert_aborts("paid", &[2_u8; 33], INPUT, message, "pub fn paid");
    let message = "note: argument `note`: none of the variants of Note";
    assert_aborts("note", &(1_u32, 3_u8), INPUT, message, "pub fn note");
    let message = "pay: argument `thanks`: an option begins with 0 or 1";
    assert_aborts("pay", &(0_u32, 2_u8), INPUT, message, "pub fn pay");
    // A text that is none: length 1, byte 0xff.
    let text = (1_u32, 1_u8, [7_u8; 32], 1_u32, 0xff_u8);
    assert_aborts("note", &text, INPUT, "note: argument `note`: a string is UTF-8", "pub fn note");
}

#[test]
fn a_list_that_claims_four_billion_elements_is_short() {
    let message = "pay: argument `wages`: expected 33 bytes, found 0";
    assert_aborts("pay", &u32::MAX, INPUT, message, "pub fn pay(");
}

#[test]
fn an_insufficient_balance_has_the_tokens_own_code() {
    let mut chain = Chain::new(4);
    let token = chain.deploy(TOKEN.to_vec(), &arguments(&5_u64));
    let line = line_of(TOKEN_SOURCE, "pub fn transfer(");
    let message = format!("Insufficient: The balance is too small. (token/src/lib.rs:{line})");
    let order = Order::invoke(token, "transfer", &arguments(&(account(2), 5_u64)));
    assert_reverted(&chain, order, 1, &message);
}

#[test]
fn an_unknown_entry_reverts_and_a_template_for_it_is_refused() {
    let (chain, probe) = probe();
    let order = Order::invoke(probe, "indexx", &[]);
    let receipt = simulate(&chain, order.clone()).result.expect("it is included");
    assert_eq!(receipt.status, ExecutionStatus::Reverted(RevertReason::NoSuchEntry));
    let error = super::with_template(&chain, 1, order).expect_err("no such entry");
    assert_eq!(error.to_string(), "no entry `indexx`");
}

#[test]
fn a_wrong_template_halts_with_the_account_and_mode() {
    let (mut chain, probe) = probe();
    let order = call(&chain, 1, probe, "wrong_template", &account(2));
    assert_eq!(order.access, [tos_runtime::AccessEntry::new(account(2), AccessMode::Read)]);
    let status = chain.one(1, order).status;
    let blamed = (account(2), AccessMode::Credit, HostFunction::CounterAdd);
    assert_eq!(undeclared(&status), Some(blamed));
}

#[test]
fn what_values_are_is_kept() {
    let (mut chain, probe) = probe();
    let words = (1_u8, [7_u8; 32], "héllo".to_owned());
    let pair = (2_u8, -3_i16, u128::MAX);
    let first = call(&chain, 1, probe, "note", &(5_u32, words.clone()));
    assert_eq!(chain.one(1, first).return_data, [0], "there was none");
    let second = call(&chain, 1, probe, "note", &(5_u32, pair));
    assert_eq!(chain.one(1, second).return_data, arguments(&Some(words)));
    let third = call(&chain, 1, probe, "note", &(5_u32, 0_u8));
    assert_eq!(chain.one(1, third).return_data, arguments(&Some(pair)));
}

#[test]
fn a_client_calls_and_reads_the_callees_error() {
    let (mut chain, probe) = probe();
    let token = chain.deploy(TOKEN.to_vec(), &arguments(&100_u64));
    let give = call(&chain, 0, token, "transfer", &(account(1), 0_u64));
    assert!(chain.one(0, give).status.is_success());
    let fund = Order::invoke(token, "transfer", &arguments(&(probe_address(probe), 50_u64)));
    let fund = fund.access(probe, AccessMode::Credit);
    assert!(chain.one(0, fund).status.is_success());

    let forward = |amount: u64, gas: u64| {
        let input = arguments(&(token, account(2), amount, gas));
        Order::invoke(probe, "forward", &input)
            .access(probe, AccessMode::Write)
            .access(account(2), AccessMode::Credit)
    };
    let receipt = chain.one(1, forward(20, 100_000));
    assert_eq!(receipt.status, ExecutionStatus::Success);
    assert_eq!(receipt.return_data, 30_u128.to_le_bytes());
    assert_eq!(chain.one(1, forward(31, 100_000)).status.code_of_contract(), Some(8));
    assert_eq!(chain.one(1, forward(1, 10)).status.code_of_contract(), Some(9), "out of gas");
    // Something that is no token: it has no such entry.
    let other = chain.deploy(guest!("store"), &[]);
    let input = arguments(&(other, account(2), 1_u64, 100_000_u64));
    let order = Order::invoke(probe, "forward", &input).access(probe, AccessMode::Write);
    assert_eq!(chain.one(1, order).status.code_of_contract(), Some(9));
}

#[test]
fn a_contract_used_as_a_library_leaves_its_client_only() {
    let (mut chain, probe) = probe();
    let token = chain.deploy(TOKEN.to_vec(), &arguments(&100_u64));
    assert_eq!(chain.view_number(probe, "supply_of", &arguments(&token)), 100);
    let info = tos_runtime::prepare::check(PROBE).expect("it is accepted");
    assert!(info.has_entry("supply_of") && !info.has_entry("mint") && !info.has_init);
}

fn probe_address(probe: ContractId) -> tos_runtime::Address {
    probe.into()
}

/// The code a contract aborted with.
trait ContractCode {
    fn code_of_contract(&self) -> Option<u32>;
}

impl ContractCode for ExecutionStatus {
    fn code_of_contract(&self) -> Option<u32> {
        match self {
            Self::Reverted(RevertReason::Contract(code)) => Some(*code),
            _ => None,
        }
    }
}

#[test]
fn a_stack_that_is_used_up_halts() {
    // 16 KiB at the bottom of memory: an overflow leaves the memory instead of writing over data.
    let (chain, probe) = probe();
    let order = Order::invoke(probe, "deep", &arguments(&100_u32));
    let receipt = simulate(&chain, order).result.expect("it is included");
    assert!(
        matches!(receipt.status, ExecutionStatus::Halted(HaltReason::Trap)),
        "{:?}",
        receipt.status
    );
}
