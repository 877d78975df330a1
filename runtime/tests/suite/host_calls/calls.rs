//! H16 to H19: calls from contract to contract.

use tos_host_api::{HostFunction as F, Status};
use tos_runtime::limits::{CALL_DEPTH_MAX, DEPOSITS_MAX, ENTRY_LEN_MAX, INPUT_LEN_MAX};
use tos_runtime::{
    AccessMode, Address, AssetId, ContractId, ExecutionStatus, HaltReason, Receipt, SlotKey,
};

use super::{but, sensible};
use crate::support::place::*;
use crate::support::{HOSTILE, Hostile, Order, RAW, account, wasm};

/// Several copies of the hostile guest; the first one is called.
fn copies(count: usize) -> (Hostile, Vec<ContractId>) {
    let mut hostile = Hostile::new();
    let mut contracts = vec![hostile.contract];
    contracts.extend((1..count).map(|_| hostile.chain.deploy(wasm(HOSTILE), &[])));
    (hostile, contracts)
}

fn addresses(list: &[impl Into<Address> + Copy]) -> Vec<u8> {
    list.iter().flat_map(|&address| address.into().to_bytes()).collect()
}

/// The statuses of a chain of calls, first to last.
fn relayed(hostile: &mut Hostile, through: &[impl Into<Address> + Copy]) -> Vec<i32> {
    let statuses = hostile.call("h16_relay", &addresses(through)).return_data;
    statuses.as_chunks::<4>().0.iter().map(|status| i32::from_le_bytes(*status)).collect()
}

#[test]
fn h16_calls_go_sixteen_deep_and_the_next_one_is_told() {
    let (mut hostile, contracts) = copies(CALL_DEPTH_MAX + 2);
    for frames in [1, 2, CALL_DEPTH_MAX - 1, CALL_DEPTH_MAX] {
        let statuses = relayed(&mut hostile, &contracts[1..frames]);
        assert_eq!(statuses, vec![0; frames - 1], "{frames} calls at once");
    }
    for frames in [CALL_DEPTH_MAX + 1, CALL_DEPTH_MAX + 2] {
        let mut expected = vec![0; CALL_DEPTH_MAX - 1];
        expected.push(Status::DepthLimit.code());
        assert_eq!(relayed(&mut hostile, &contracts[1..frames]), expected, "{frames} calls");
    }
}

#[test]
fn h16_a_contract_that_is_running_is_not_entered_again() {
    let (mut hostile, contracts) = copies(3);
    let [a, b, c] = contracts[..] else { panic!("three of them") };
    let reentry = Status::Reentry.code();
    assert_eq!(relayed(&mut hostile, &[a]), [reentry], "itself");
    assert_eq!(relayed(&mut hostile, &[b, a]), [0, reentry], "A -> B -> A");
    assert_eq!(relayed(&mut hostile, &[b, c, b]), [0, 0, reentry], "A -> B -> C -> B");
    assert_eq!(relayed(&mut hostile, &[b, c, a, b]), [0, 0, reentry], "nothing comes after");
    assert_eq!(relayed(&mut hostile, &[b, c]), [0, 0], "and next time it is free again");
}

#[test]
fn h16_what_is_no_contract_cannot_be_called() {
    let (mut hostile, _) = copies(1);
    let none = Status::NoSuchContract.code();
    assert_eq!(relayed(&mut hostile, &[account(2)]), [none], "a person");
    assert_eq!(relayed(&mut hostile, &[ContractId([7; 32])]), [none], "nobody");
    let mut broken = account(2).to_bytes();
    broken[0] = 7;
    hostile.halts("h16_relay", &broken, HaltReason::InvalidAddress(F::Call));
}

#[test]
fn h16_the_arguments_of_a_call_are_limited_and_its_deposits_declared() {
    let mut hostile = Hostile::raw();
    let call = sensible(F::Call);
    let mut status = |name, value| hostile.result(F::Call, &but(F::Call, &call, name, value));
    let too_long = i64::from(Status::TooLong.code());
    let reentry = i64::from(Status::Reentry.code());
    for (name, max) in [("entry_len", ENTRY_LEN_MAX), ("input_len", INPUT_LEN_MAX)] {
        assert_eq!(status(name, max as u64), reentry, "{name}: its own contract");
        assert_eq!(status(name, max as u64 + 1), too_long, "{name}");
    }
    assert_eq!(status("deposit_count", DEPOSITS_MAX as u64 + 1), too_long);
    // Two deposits of the same bytes.
    let args = but(F::Call, &call, "deposits", OUT);
    let twice = but(F::Call, &args, "deposit_count", 2);
    assert_eq!(hostile.result(F::Call, &twice), i64::from(Status::DuplicateDeposit.code()));
    // Whom a call pays has to be declared even if the call is refused for another reason.
    let stranger = but(F::Call, &call, "contract", STRANGER);
    let needed = AccessMode::Credit;
    hostile.raw_halts(F::Call, &stranger, undeclared(account(2), needed, F::Call));
    let without = but(F::Call, &stranger, "deposit_count", 0);
    let none = i64::from(Status::NoSuchContract.code());
    assert_eq!(hostile.result(F::Call, &without), none, "a call that pays nobody");
}

fn undeclared(account: Address, needed: AccessMode, host_function: F) -> HaltReason {
    HaltReason::UndeclaredAccess { account, needed, host_function }
}

/// What `h17_give` says.
struct Given {
    before: u64,
    after: u64,
    status: i32,
    /// `None` if the callee did not live to tell.
    callee_left: Option<u64>,
}

fn give(hostile: &mut Hostile, to: ContractId, gas: u64) -> Given {
    let input = [addresses(&[to]), gas.to_le_bytes().to_vec()].concat();
    let data = hostile.call("h17_give", &input).return_data;
    let number = |at: usize| {
        data.get(at..at + 8).map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight")))
    };
    Given {
        before: number(0).expect("it is there"),
        after: number(8).expect("it is there"),
        status: i32::from_le_bytes(data[16..20].try_into().expect("four")),
        callee_left: number(20),
    }
}

#[test]
fn h17_a_callee_gets_what_was_asked_for_and_gives_back_the_rest() {
    let (mut hostile, contracts) = copies(2);
    let mut give = |gas| give(&mut hostile, contracts[1], gas);
    let spent = |given: &Given| given.before - given.after;
    let nothing = give(0);
    assert_eq!(nothing.status, Status::Halted.code(), "not even its entry can be paid for");
    let overhead = spent(&nothing);
    let price = F::Call.spec().gas;
    assert!(overhead >= price.base + 7 * price.per_byte, "{overhead}");
    let rich = give(1_000_000);
    assert_eq!(rich.status, 0);
    let used = spent(&rich) - overhead;
    assert!((1..1_000_000).contains(&used), "{used}");
    // With less than it needs, all it was given is gone and no more; with that and beyond, only
    // what it used.
    for gas in [1, used / 2, used - 1] {
        let given = give(gas);
        assert_eq!((given.status, given.callee_left), (Status::Halted.code(), None), "{gas}");
        assert_eq!(spent(&given), overhead + gas, "{gas} of {used}");
    }
    for gas in [used, used + 1, 2_000_000] {
        let given = give(gas);
        assert_eq!((given.status, spent(&given)), (0, overhead + used), "{gas} of {used}");
        let left = given.callee_left.expect("it told");
        assert_eq!(gas - left, 1_000_000 - rich.callee_left.expect("it told"), "{gas}");
    }
}

#[test]
fn h17_more_than_there_is_becomes_all_but_one_part_in_64() {
    let (mut hostile, contracts) = copies(2);
    let mut give = |gas| give(&mut hostile, contracts[1], gas);
    let overhead = {
        let nothing = give(0);
        nothing.before - nothing.after
    };
    let rich = give(1_000_000);
    let until_it_looked = 1_000_000 - rich.callee_left.expect("it told");
    let kept = |left: u64| left - left / 64;
    let mut all = Vec::new();
    for gas in [rich.before, rich.before + 1, i64::MAX as u64, 1 << 63, u64::MAX] {
        let given = give(gas);
        assert_eq!(given.status, 0, "{gas}");
        let got = given.callee_left.expect("it told") + until_it_looked;
        // What the caller had left at the moment of the call lies between these two.
        assert!(got <= kept(given.before) && got >= kept(given.before - overhead), "{got}");
        all.push(got);
    }
    assert!(all.iter().all(|got| *got == all[0]), "asking for more does not help: {all:?}");
}

/// Input of `h18_survive`.
fn survive(to: ContractId, gas: u64, entry: &str, input: &[u8]) -> Vec<u8> {
    let mut bytes = addresses(&[to]);
    bytes.extend(gas.to_le_bytes());
    bytes.push(entry.len() as u8);
    bytes.extend(entry.as_bytes());
    bytes.extend(input);
    bytes
}

/// What `h18_survive` says: status, revert code, return data.
fn told(receipt: &Receipt) -> (i32, u32, &[u8]) {
    let data = &receipt.return_data;
    let (status, rest) = data.split_first_chunk().expect("a status");
    let (code, returned) = rest.split_first_chunk().expect("a code");
    (i32::from_le_bytes(*status), u32::from_le_bytes(*code), returned)
}

/// What `$everything` leaves in a contract: slot, counter.
fn traces(hostile: &Hostile, contract: ContractId) -> (Option<Vec<u8>>, u128) {
    let key = SlotKey { contract, partition: contract.into(), key: b"slot".as_slice().into() };
    let slot = hostile.chain.engine.storage_value(&key).expect("it is read");
    let counter = hostile.chain.engine.counter_value(&key).expect("it is read");
    (slot.as_deref().map(<[u8]>::to_vec), counter)
}

/// A caller and a callee with money, both declared; calls `h18_survive` in a block of its own.
struct Survivor {
    hostile: Hostile,
    callee: ContractId,
}

impl Survivor {
    fn new(callee: &str) -> Self {
        let mut hostile = Hostile::new();
        let callee = hostile.chain.deploy(wasm(callee), &[]);
        hostile.chain.one(0, Order::transfer(callee, 10));
        // The caller's slot is made once, so that every call of a test costs the same.
        let mut survivor = Self { hostile, callee };
        survivor.call(1_000_000, "no such entry", &[]);
        survivor
    }

    fn order(&self, gas: u64, entry: &str, input: &[u8]) -> Order {
        let order = self.hostile.order("h18_survive", &survive(self.callee, gas, entry, input));
        order.access(self.callee, AccessMode::Write)
    }

    #[track_caller]
    fn call(&mut self, gas: u64, entry: &str, input: &[u8]) -> Receipt {
        let order = self.order(gas, entry, input);
        let receipt = self.hostile.chain.one(1, order);
        assert!(receipt.status.is_success(), "{entry}: {}", receipt.status);
        receipt
    }

    /// Nothing of the callee's remains, everything of the caller's does.
    #[track_caller]
    fn assert_only_the_callers(&self, receipt: &Receipt, what: &str) {
        let caller = self.hostile.contract;
        let events: Vec<_> =
            receipt.events.iter().map(|event| (event.contract, &event.data[..])).collect();
        assert_eq!(events, [(caller, &b"last"[..])], "{what}: events");
        assert_eq!(traces(&self.hostile, caller), (Some(b"first".to_vec()), 0), "{what}");
        assert_eq!(traces(&self.hostile, self.callee), (None, 0), "{what}: the callee's traces");
        let balance = self.hostile.chain.engine.balance(&self.callee.into(), AssetId::NATIVE);
        assert_eq!(balance.expect("it is read").0, 10, "{what}: the callee's money");
    }
}

#[test]
fn h18_a_callee_that_halts_loses_its_gas_and_its_effects_and_the_caller_goes_on() {
    let mut survivor = Survivor::new(HOSTILE);
    let depth = u32::MAX.to_le_bytes();
    let attacks: [(&str, &[u8]); 5] = [
        ("m17_spin", &[]),
        ("m15_exponential", &[]),
        ("m16_recurse", &depth),
        ("h18_everything_then_trap", &[]),
        ("h06_read", b"\xff\xff\xff\xffkey"),
    ];
    for (entry, input) in attacks {
        let used = [700_000, 800_000].map(|gas| {
            let receipt = survivor.call(gas, entry, input);
            assert_eq!(told(&receipt), (Status::Halted.code(), 0, &[][..]), "{entry}");
            survivor.assert_only_the_callers(&receipt, entry);
            receipt.gas_used.0
        });
        assert_eq!(used[1] - used[0], 100_000, "{entry}: all it was given, and no more");
    }
    // Everything the caller may give: the part it keeps is enough to go on.
    let receipt = survivor.call(u64::MAX, "m17_spin", &[]);
    assert_eq!(told(&receipt).0, Status::Halted.code());
    survivor.assert_only_the_callers(&receipt, "with all the gas");
}

#[test]
fn h18_a_callee_that_hands_the_host_nonsense_halts_alone() {
    let mut survivor = Survivor::new(RAW);
    let nonsense = survivor.hostile.arguments(F::SetReturn, 8, &[END, 1]);
    let receipt = survivor.call(700_000, "set_return", &nonsense);
    assert_eq!(told(&receipt), (Status::Halted.code(), 0, &[][..]));
    survivor.assert_only_the_callers(&receipt, "out of bounds");
}

#[test]
fn h03_return_data_that_does_not_fit_is_not_written_and_its_length_returned() {
    // The caller has room for 1,024 bytes; a callee may return more. The caller believes the length
    // and returns that much of its memory, written or not.
    let mut survivor = Survivor::new(RAW);
    for (len, fits) in [(1_000, true), (1_024, true), (1_025, false), (4_000, false)] {
        let input = survivor.hostile.arguments(F::GasLeft, len, &[]);
        let receipt = survivor.call(700_000, "gas_left", &input);
        let (status, _, returned) = told(&receipt);
        assert_eq!((status, returned.len()), (0, len as usize), "{len} bytes");
        assert_eq!(returned.iter().any(|&byte| byte != 0), fits, "{len} bytes");
    }
}

#[test]
fn h18_a_call_that_is_refused_forgets_what_the_one_before_it_returned() {
    let (mut hostile, contracts) = copies(2);
    let data = hostile.call("h18_stale", &addresses(&contracts[1..])).return_data;
    let found: Vec<_> = data.as_chunks::<4>().0.iter().map(|n| i32::from_le_bytes(*n)).collect();
    let aborted = [Status::Reverted.code(), 9, 5];
    assert_eq!(found, [aborted, [Status::NoSuchEntry.code(), 0, 0]].concat());
}

#[test]
fn h18_undeclared_access_in_a_callee_halts_the_whole_transaction() {
    let mut survivor = Survivor::new(HOSTILE);
    let stranger = account(3);
    let pay = [stranger.to_bytes().as_slice(), &1_u64.to_le_bytes()].concat();
    let order = survivor.order(700_000, "h11_pay_twice", &pay).gas_limit(10_000_000);
    let halt = undeclared(stranger, AccessMode::Credit, F::Transfer);
    survivor.hostile.chain.assert_fails(1, order.clone(), &ExecutionStatus::Halted(halt));
    // Out of gas first is something else: that the caller survives.
    let order = Order { access: order.access.clone(), ..survivor.order(10, "h11_pay_twice", &pay) };
    let receipt = survivor.hostile.chain.one(1, order);
    assert_eq!(told(&receipt).0, Status::Halted.code());
    survivor.assert_only_the_callers(&receipt, "without gas");
}

#[test]
fn h19_a_callee_that_reverts_is_undone_and_the_caller_is_not() {
    let mut survivor = Survivor::new(HOSTILE);
    let used = [700_000, 800_000].map(|gas| {
        let receipt = survivor.call(gas, "h19_everything_then_abort", &[]);
        assert_eq!(told(&receipt), (Status::Reverted.code(), 9, &b"last"[..]));
        survivor.assert_only_the_callers(&receipt, "reverted");
        receipt.gas_used.0
    });
    assert_eq!(used[0], used[1], "what it did not use came back");
    // The same callee, when it does not fail, leaves everything.
    let receipt = survivor.call(700_000, "h23_everything", &[]);
    assert_eq!(told(&receipt), (0, 0, &b"last"[..]));
    let events: Vec<_> = receipt.events.iter().map(|event| event.contract).collect();
    assert_eq!(events, [survivor.callee, survivor.hostile.contract]);
    assert_eq!(traces(&survivor.hostile, survivor.callee), (Some(b"first".to_vec()), 7));
}

#[test]
fn h19_events_of_an_undone_callee_make_room_for_others() {
    let mut survivor = Survivor::new(HOSTILE);
    // The callee fills the transaction's events; its caller has none left.
    let full = u32::try_from(tos_runtime::limits::EVENTS_MAX).expect("it is small").to_le_bytes();
    let receipt = survivor.call(700_000, "h14_emit", &full);
    assert_eq!(receipt.events.len(), tos_runtime::limits::EVENTS_MAX);
    assert!(receipt.events.iter().all(|event| event.contract == survivor.callee));
    // Undone, they do not count.
    let receipt = survivor.call(700_000, "h14_emit", &u32::MAX.to_le_bytes());
    assert_eq!(told(&receipt).0, Status::Halted.code());
    survivor.assert_only_the_callers(&receipt, "all its events");
}
