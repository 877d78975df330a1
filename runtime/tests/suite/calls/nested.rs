//! What a callee sees and gives back, and which calls are refused.

use tos_host_api::Status;
use tos_runtime::{
    AccessMode, Address, Amount, AssetId, ContractId, ExecutionStatus, HaltReason, HostFunction,
};

use crate::support::{
    COUNTER, Call, Chain, Forward, GOLD, Order, Reported, TOKEN, account, guest, receipt,
    undeclared, wasm,
};

/// A chain with so many proxies.
fn proxies(count: usize) -> (Chain, Vec<ContractId>) {
    let mut chain = Chain::new(20);
    let proxies = (0..count).map(|_| chain.deploy(guest!("proxy"), &[])).collect();
    (chain, proxies)
}

#[test]
fn a_callee_sees_its_caller_and_the_same_transaction() {
    let (mut chain, proxies) = proxies(1);
    let context = chain.deploy(guest!("context"), &[]);
    let forward = Forward::new(context, "context", &[]);
    let tx = chain.send(3, forward.order(proxies[0]));
    let id = tx.id();
    let receipt = receipt(&chain.execute(vec![tx]), 0).clone();
    let seen = Reported::of(&receipt);
    assert_eq!((seen.status, seen.revert_code), (0, 0));
    assert_eq!(seen.return_data[..33], account(3).to_bytes(), "the source");
    assert_eq!(seen.return_data[33..66], Address::from(proxies[0]).to_bytes(), "the caller");
    assert_eq!(seen.return_data[66..99], Address::from(context).to_bytes(), "the contract");
    assert_eq!(seen.return_data[99..131], id.0, "the transaction");
}

#[test]
fn a_proxy_holds_tokens_and_passes_them_on() {
    let (mut chain, proxies) = proxies(1);
    let token = chain.deploy(wasm(TOKEN), &1_000_u64.to_le_bytes());
    let proxy = Address::from(proxies[0]);
    assert!(chain.one(0, Call::token_transfer(token, proxy, 300)).status.is_success());
    let pay = Call::token_transfer(token, account(5), 120);
    let order = Forward::of(&pay).order(proxies[0]);
    let order = order.access(proxy, AccessMode::Write).access(account(5), AccessMode::Credit);
    let receipt = chain.one(9, order);
    assert!(receipt.status.is_success(), "{}", receipt.status);
    let balance = |of: Address| chain.view_number(token, "balance_of", &of.to_bytes());
    assert_eq!((balance(proxy), balance(account(5))), (180, 120));
    assert_eq!(receipt.events.len(), 1, "the callee's event is part of the receipt");
    assert_eq!(receipt.events[0].contract, token);
}

#[test]
fn deposits_of_a_call_move_with_it() {
    let (mut chain, proxies) = proxies(2);
    let [from, to] = [proxies[0], proxies[1]];
    chain.one(0, Order::transfers(vec![(from.into(), GOLD, 50)]));
    let give = |amount| {
        let order = Forward::new(to, "take", &[]).deposit(GOLD, amount).order(from);
        order.access(from, AccessMode::Write).access(to, AccessMode::Credit)
    };
    assert_eq!(Reported::of(&chain.one(1, give(20))), Reported::status(Status::Ok));
    let short = chain.one(1, give(31));
    assert!(short.status.is_success(), "the caller goes on");
    assert_eq!(Reported::of(&short), Reported::status(Status::Insufficient));
    let unknown = Forward::new(to, "take", &[]).deposit(AssetId([9; 32]), 1).order(from);
    let unknown = unknown.access(from, AccessMode::Write).access(to, AccessMode::Credit);
    assert_eq!(Reported::of(&chain.one(1, unknown)), Reported::status(Status::UnknownAsset));
    let balance = |of: ContractId| chain.engine.balance(&of.into(), GOLD).expect("it is read");
    assert_eq!((balance(from), balance(to)), (Amount(30), Amount(20)));
}

#[test]
fn what_cannot_be_called_is_a_status() {
    let (mut chain, proxies) = proxies(2);
    let [proxy, other] = [proxies[0], proxies[1]];
    let mut status = |forward: Forward| {
        let receipt = chain.one(2, forward.order(proxy));
        assert!(receipt.status.is_success(), "{}", receipt.status);
        Reported::of(&receipt).status
    };
    let nobody = ContractId([7; 32]);
    assert_eq!(status(Forward::new(nobody, "take", &[])), Status::NoSuchContract.code());
    assert_eq!(status(Forward::new(other, "nothing", &[])), Status::NoSuchEntry.code());
    assert_eq!(status(Forward::new(other, "init", &[])), Status::NoSuchEntry.code());
    assert_eq!(status(Forward::new(other, "", &[])), Status::NoSuchEntry.code());
    assert_eq!(status(Forward::new(proxy, "take", &[])), Status::Reentry.code());
    let long = "x".repeat(tos_host_api::limits::ENTRY_LEN_MAX + 1);
    assert_eq!(status(Forward::new(other, &long, &[])), Status::TooLong.code());
    // A -> B -> A: the inner call is refused, the outer one succeeds and reports it.
    let back = Forward::new(proxy, "take", &[]).through(other);
    let reported = Reported::of(&chain.one(2, back.order(proxy)));
    assert_eq!(reported.status, 0);
    assert_eq!(Reported::decode(&reported.return_data), Reported::status(Status::Reentry));
}

#[test]
fn a_refused_call_leaves_nothing_of_the_one_before() {
    let (mut chain, proxies) = proxies(1);
    let abort = chain.deploy(guest!("abort"), &[]);
    let forward = Forward::new(abort, "abort", &5_u32.to_le_bytes());
    let order = |forward: Forward| forward.order(proxies[0]).access(proxies[0], AccessMode::Write);
    let reported = Reported::of(&chain.one(1, order(forward.clone())));
    assert_eq!((reported.revert_code, &*reported.return_data), (5, &b"kept"[..]));
    let forward = forward.flags(Forward::ASK_FOR_NOTHING_AFTER);
    let reported = Reported::of(&chain.one(1, order(forward)));
    assert_eq!(reported, Reported::status(Status::Reverted), "no code and no data are left");
}

#[test]
fn a_contract_deployed_in_this_block_cannot_be_called_yet() {
    let (mut chain, proxies) = proxies(1);
    let deploy = chain.send(0, Order::deploy(wasm(COUNTER), &[]));
    let counter = deploy.deployed_contract().expect("a deployment");
    let forward = Forward::new(counter, "get", &[]).order(proxies[0]);
    let forward = forward.access(counter, AccessMode::Read);
    let tx = chain.send(1, forward.clone());
    let outcome = chain.execute(vec![deploy, tx]);
    let reported = Reported::of(receipt(&outcome, 1));
    chain.engine.commit(outcome).expect("it commits");
    assert_eq!(reported, Reported::status(Status::NoSuchContract));
    assert_eq!(Reported::of(&chain.one(1, forward)).status, 0, "in the next block it can");
}

#[test]
fn sixteen_calls_run_at_once_and_not_one_more() {
    let (mut chain, proxies) = proxies(17);
    let chain_of = |frames: usize| {
        // The last is called by the one before it, and so on to the first, which a person calls.
        let innermost = Forward::new(proxies[frames - 1], "take", &[]);
        (1..frames - 1).rev().fold(innermost, |inner, at| inner.through(proxies[at]))
    };
    let innermost = |receipt: &tos_runtime::Receipt, frames: usize| {
        let outer = Reported::of(receipt);
        (1..frames - 1).fold(outer, |reported, _| {
            assert_eq!(reported.status, 0);
            Reported::decode(&reported.return_data)
        })
    };
    let sixteen = chain.one(1, chain_of(16).order(proxies[0]));
    assert_eq!(innermost(&sixteen, 16), Reported::status(Status::Ok));
    let seventeen = chain.one(1, chain_of(17).order(proxies[0]));
    assert_eq!(innermost(&seventeen, 17), Reported::status(Status::DepthLimit));
}

#[test]
fn what_a_callee_touches_undeclared_halts_everything() {
    let (mut chain, proxies) = proxies(2);
    let counter = chain.deploy(wasm(COUNTER), &[]);
    let bump = Forward::of(&Call::counter_bump(counter)).flags(Forward::WRITE_BEFORE);
    let order = bump.through(proxies[1]).order(proxies[0]);
    let order = order.access(proxies[1], AccessMode::Write).access(counter, AccessMode::Read);
    let receipt = chain.one(4, order.clone());
    let needed = (counter.into(), AccessMode::Write, HostFunction::StorageWrite);
    assert_eq!(undeclared(&receipt.status), Some(needed), "{}", receipt.status);
    assert_eq!(receipt.gas_used.0, order.gas_limit);
    assert!(chain.view(proxies[1], "seen", &[]).is_empty(), "what came before is gone too");
    // Simulation finds what the whole chain of calls needs.
    let found = chain.engine.simulate(&order.clone().unsigned(4, 1)).expect("it runs");
    let order = Order { access: found.access_list.clone(), ..order };
    let receipt = chain.one(4, order);
    assert!(receipt.status.is_success(), "{}", receipt.status);
    assert_eq!(Some(receipt.gas_used), found.result.ok().map(|receipt| receipt.gas_used));
    assert_eq!(chain.view(proxies[1], "seen", &[]), b"seen");
}

#[test]
fn a_view_may_call_but_change_nothing_anywhere() {
    let (mut chain, proxies) = proxies(2);
    let counter = chain.deploy(wasm(COUNTER), &[]);
    chain.one(0, Call::counter_add(counter, 11));
    let get = Forward::new(counter, "get", &[]).through(proxies[1]);
    let reported = Reported::decode(&chain.view(proxies[0], "forward", &get.encode()));
    let inner = Reported::decode(&reported.return_data);
    assert_eq!(inner.return_data, 11_u128.to_le_bytes());
    let halted = |forward: &Forward| {
        let view = chain.engine.view(proxies[0], "forward", &forward.encode()).expect("it runs");
        view.status
    };
    let write = Forward::new(proxies[1], "take", &[]).flags(Forward::WRITE_BEFORE);
    let refused = ExecutionStatus::Halted(HaltReason::ReadOnly(HostFunction::StorageWrite));
    assert_eq!(halted(&write), refused);
    let deposit = Forward::new(proxies[1], "take", &[]).deposit(AssetId::NATIVE, 0);
    let refused = ExecutionStatus::Halted(HaltReason::ReadOnly(HostFunction::Call));
    assert_eq!(halted(&deposit), refused);
    // One level down the callee halts, and its caller is told.
    let inner = chain.view(proxies[0], "forward", &write.through(proxies[1]).encode());
    assert_eq!(Reported::decode(&inner), Reported::status(Status::Halted));
}
