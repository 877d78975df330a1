//! What remains of callees that fail, and what they cost.

use tos_host_api::Status;
use tos_runtime::{
    AccessMode, Address, AssetId, ContractId, ExecutionStatus, RevertReason, SlotKey,
};

use crate::support::{COUNTER, Call, Chain, Forward, GOLD, Order, Reported, SILVER, guest, wasm};

struct Scene {
    chain: Chain,
    proxy: ContractId,
    second: ContractId,
    counter: ContractId,
    abort: ContractId,
    trap: ContractId,
    spin: ContractId,
}

fn scene() -> Scene {
    let mut chain = Chain::new(20);
    let mut deploy = |code| chain.deploy(code, &[]);
    let (proxy, second) = (deploy(guest!("proxy")), deploy(guest!("proxy")));
    let (counter, abort) = (deploy(wasm(COUNTER)), deploy(guest!("abort")));
    let (trap, spin) = (deploy(guest!("trap")), deploy(guest!("spin")));
    Scene { chain, proxy, second, counter, abort, trap, spin }
}

/// The order with everything it needs declared.
fn declared(chain: &Chain, number: u64, order: Order) -> Order {
    let nonce = chain.nonce(number);
    let found = chain.engine.simulate(&order.clone().unsigned(number, nonce)).expect("it runs");
    Order { access: found.access_list, ..order }
}

#[test]
fn a_callee_that_reverts_is_undone_and_its_caller_is_not() {
    let Scene { mut chain, proxy, abort, .. } = scene();
    chain.one(0, Order::transfer(proxy, 1_000));
    let flags = Forward::WRITE_BEFORE | Forward::EMIT_BEFORE;
    let forward = Forward::new(abort, "abort", &77_u32.to_le_bytes());
    let forward = forward.flags(flags).deposit(AssetId::NATIVE, 400);
    let order = declared(&chain, 1, forward.order(proxy));
    let receipt = chain.one(1, order);
    assert!(receipt.status.is_success(), "{}", receipt.status);
    let reported = Reported::of(&receipt);
    assert_eq!((reported.status, reported.revert_code), (Status::Reverted.code(), 77));
    assert_eq!(reported.return_data, b"kept", "what it returned is kept, as in a receipt");
    let events: Vec<_> = receipt.events.iter().map(|event| event.contract).collect();
    assert_eq!(events, [proxy], "the caller's event stays, the callee's is gone");
    assert_eq!(chain.view(proxy, "seen", &[]), b"seen");
    let native =
        |of: ContractId| chain.engine.balance(&of.into(), AssetId::NATIVE).expect("read").0;
    assert_eq!((native(proxy), native(abort)), (1_000, 0), "its deposit went back");
}

#[test]
fn a_callee_that_halts_costs_the_gas_it_was_given_and_no_more() {
    let Scene { mut chain, proxy, trap, spin, .. } = scene();
    let mut used = |to, entry: &str, gas| {
        let order = Forward::new(to, entry, &[]).gas(gas).order(proxy);
        let order = declared(&chain, 2, order);
        let receipt = chain.one(2, order);
        assert!(receipt.status.is_success(), "{}", receipt.status);
        assert_eq!(Reported::of(&receipt), Reported::status(Status::Halted), "{entry}");
        receipt.gas_used.0
    };
    assert_eq!(used(spin, "spin", 50_000) - used(spin, "spin", 40_000), 10_000);
    assert_eq!(used(trap, "divide_by_zero", 50_000) - used(trap, "divide_by_zero", 40_000), 10_000);
}

#[test]
fn a_callee_that_halts_leaves_nothing_behind() {
    let Scene { mut chain, proxy, trap, .. } = scene();
    chain.one(0, Order::transfer(proxy, 1_000));
    // It writes "mark" in its caller's partition before it traps.
    let forward = Forward::new(trap, "unreachable", &[]).gas(100_000);
    let order = forward.deposit(AssetId::NATIVE, 400).order(proxy);
    let order = declared(&chain, 2, order);
    let receipt = chain.one(2, order);
    assert!(receipt.status.is_success(), "{}", receipt.status);
    assert_eq!(Reported::of(&receipt), Reported::status(Status::Halted));
    let mark = SlotKey { contract: trap, partition: proxy.into(), key: b"mark".as_slice().into() };
    assert_eq!(chain.engine.storage_value(&mark).expect("read"), None);
    let native =
        |of: ContractId| chain.engine.balance(&of.into(), AssetId::NATIVE).expect("read").0;
    assert_eq!((native(proxy), native(trap)), (1_000, 0));
}

#[test]
fn a_caller_keeps_a_part_of_its_gas_from_a_callee_that_wants_all() {
    let Scene { mut chain, proxy, second, spin, .. } = scene();
    let order = Forward::new(spin, "spin", &[]).through(second).order(proxy).gas_limit(3_000_000);
    let order = declared(&chain, 2, order);
    let receipt = chain.one(2, order);
    assert!(receipt.status.is_success(), "{}", receipt.status);
    let outer = Reported::of(&receipt);
    assert_eq!(outer.status, 0, "the one in the middle survived as well");
    assert_eq!(Reported::decode(&outer.return_data), Reported::status(Status::Halted));
    assert!(receipt.gas_used.0 < 3_000_000, "and both had something left");
}

#[test]
fn a_callee_gets_no_more_gas_than_it_was_given() {
    let Scene { mut chain, proxy, counter, .. } = scene();
    let add = Call::counter_add(counter, 5);
    let forward = |gas| Forward::of(&add).gas(gas).order(proxy).access(counter, AccessMode::Credit);
    // Any gas either suffices or does not; there is nothing in between, and no effect of a half.
    let mut last = 0;
    for gas in (0..20_000).step_by(500) {
        let reported = Reported::of(&chain.one(1, forward(gas)));
        let now = chain.view_number(counter, "get", &[]);
        let halted = reported.status == Status::Halted.code();
        assert_eq!(now, if halted { last } else { last + 5 }, "gas {gas}");
        last = now;
    }
    assert!(last > 0 && last < 40 * 5, "some had enough and some had not: {last}");
}

#[test]
fn a_caller_that_fails_takes_its_callees_with_it() {
    let Scene { mut chain, proxy, second, counter, .. } = scene();
    chain.one(0, Order::transfers(vec![(second.into(), GOLD, 9)]));
    let add = Forward::of(&Call::counter_add(counter, 5));
    // The inner proxy calls successfully and then aborts; the outer one goes on.
    let inner = add.clone().flags(Forward::ABORT_AFTER).through(second);
    let order = declared(&chain, 3, inner.order(proxy));
    let reported = Reported::of(&chain.one(3, order));
    assert_eq!((reported.status, reported.revert_code), (Status::Reverted.code(), 7));
    assert_eq!(Reported::decode(&reported.return_data), Reported::status(Status::Ok));
    assert_eq!(chain.view_number(counter, "get", &[]), 0, "the grandchild's addition is gone");
    // Nothing of a transaction that aborts at the top remains.
    let order = declared(&chain, 3, add.flags(Forward::ABORT_AFTER).order(proxy));
    let receipt = chain.one(3, order);
    let aborted = ExecutionStatus::Reverted(RevertReason::Contract(7));
    assert_eq!((receipt.status, receipt.events.len()), (aborted, 0));
    assert_eq!(chain.view_number(counter, "get", &[]), 0);
}

#[test]
fn what_a_contract_burned_before_it_failed_is_not_burned() {
    let Scene { mut chain, proxy, second, .. } = scene();
    let payer = chain.deploy(guest!("pay"), &[]);
    chain.one(0, Order::transfers(vec![(payer.into(), GOLD, 10)]));
    let input = [&Address::from(payer).to_bytes()[..], &GOLD.0, &4_u64.to_le_bytes()].concat();
    let burn = Forward::new(payer, "burn", &input);
    let failing = burn.clone().flags(Forward::ABORT_AFTER);
    let mut left = |forward: Forward| {
        let order = declared(&chain, 3, forward.order(proxy));
        let succeeds = chain.one(3, order).status.is_success();
        let balance = chain.engine.balance(&payer.into(), GOLD).expect("it is read").0;
        let burned = chain.engine.asset(&GOLD).expect("it is read").expect("it exists").burned.0;
        (succeeds, balance, burned)
    };
    // A block in which something was burned that is still there is none: anybody could stop the
    // chain with one.
    assert_eq!(left(failing.clone()), (false, 10, 0), "the whole transaction fails");
    assert_eq!(left(failing.through(second)), (true, 10, 0), "a callee fails");
    assert_eq!(left(burn), (true, 6, 4));
}

#[test]
fn writes_to_one_slot_by_turns_end_with_the_last_that_stayed() {
    // The counter: +5 directly, +5 in a callee that fails, read in between by another callee.
    let Scene { mut chain, proxy, second, counter, .. } = scene();
    let add = Forward::of(&Call::counter_add(counter, 5));
    let failing = add.clone().flags(Forward::ABORT_AFTER).through(second);
    for (forward, expected) in [(&add, 5), (&failing, 5), (&add, 10)] {
        let order = declared(&chain, 3, forward.order(proxy));
        assert!(chain.one(3, order).status.is_success());
        assert_eq!(chain.view_number(counter, "get", &[]), expected);
    }
}

#[test]
fn a_callee_that_exhausts_the_stack_halts_alone() {
    let Scene { mut chain, proxy, trap, .. } = scene();
    let order = Forward::new(trap, "recurse", &[]).order(proxy).gas_limit(50_000_000);
    let receipt = chain.one(1, order);
    assert_eq!(Reported::of(&receipt), Reported::status(Status::Halted));
    assert!(receipt.status.is_success());
}

#[test]
fn deposits_of_a_call_move_together_or_not_at_all() {
    let Scene { mut chain, proxy, .. } = scene();
    let giver = chain.deploy(guest!("two_deposits"), &[]);
    chain.one(0, Order::transfers(vec![(giver.into(), GOLD, 5), (giver.into(), SILVER, 5)]));
    let mut give = |gold: u64, silver: u64| {
        let deposits = [(GOLD, gold), (SILVER, silver)];
        let mut input = Address::from(proxy).to_bytes().to_vec();
        for (asset, amount) in deposits {
            input.extend(asset.0);
            input.extend(amount.to_le_bytes());
        }
        let order = Order::invoke(giver, "give", &input);
        let order = order.access(giver, AccessMode::Write).access(proxy, AccessMode::Credit);
        let receipt = chain.one(1, order);
        assert!(receipt.status.is_success(), "{}", receipt.status);
        let balance =
            |of: ContractId, asset| chain.engine.balance(&of.into(), asset).expect("read").0;
        let both = |of| (balance(of, GOLD), balance(of, SILVER));
        (receipt.return_data, both(giver), both(proxy))
    };
    let short = Status::Insufficient.code().to_le_bytes().to_vec();
    assert_eq!(give(2, 6), (short.clone(), (5, 5), (0, 0)), "the second is not there");
    assert_eq!(give(6, 2), (short, (5, 5), (0, 0)), "the first is not there");
    assert_eq!(give(2, 3), (vec![0; 4], (3, 2), (2, 3)));
}
