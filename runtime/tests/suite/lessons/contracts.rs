//! Lessons about contracts: deployment, upgrades, slots, gas.

use tos_runtime::{
    AccessMode, Address, ContractId, EngineConfig, ExecutionStatus, HaltReason, RevertReason,
    SlotKey, StateKey, StateValue,
};

use crate::support::{
    COUNTER, Call, Chain, GOLD, Order, TOKEN, account, assert_only_nonces_and_fees, codes, genesis,
    guest, receipt, wasm,
};
use AccessMode::{Credit, Read, Write};

/// Input of the entries of `store.wat`.
fn slot_input(partition: Address, key: &[u8], value: &[u8]) -> Vec<u8> {
    let len = u32::try_from(key.len()).expect("a short key").to_le_bytes();
    [&partition.to_bytes()[..], &len, key, value].concat()
}

fn store(contract: ContractId, entry: &str, partition: Address, value: &[u8]) -> Order {
    let order = Order::invoke(contract, entry, &slot_input(partition, b"key", value));
    order.access(partition, Write)
}

fn slot(contract: ContractId, partition: Address) -> StateKey {
    StateKey::Slot(SlotKey { contract, partition, key: b"key".as_slice().into() }.into())
}

#[test]
fn b07_deletions_survive_the_merge_and_the_database() {
    // B7 and I13, 03031bf2: `None` was filtered out at merge, so what was deleted came back.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("chain.redb");
    let open = || Chain::on(tos_runtime::RedbStorage::open(&path).expect("redb opens"), 3);
    let mut chain = open();
    let contract = chain.deploy(guest!("store"), &[]);
    let shared = Address::Contract(contract);
    chain.one(1, store(contract, "write", shared, b"value"));
    let tx = chain.send(2, store(contract, "remove", shared, b""));
    let outcome = chain.execute(vec![tx]);
    let change = outcome.change_set().get(&slot(contract, shared)).expect("it is listed");
    let old = Some(StateValue::Slot(b"value".as_slice().into()));
    assert_eq!((&change.old, &change.new), (&old, &None));
    chain.engine.commit(outcome).expect("it commits");
    let not_found = (-1_i32).to_le_bytes();
    assert_eq!(chain.one(1, store(contract, "len", shared, b"")).return_data, not_found);
    drop(chain);
    let mut chain = open();
    assert_eq!(chain.one(1, store(contract, "len", shared, b"")).return_data, not_found);
    assert_eq!(chain.one(1, store(contract, "remove", shared, b"")).return_data, not_found);
}

#[test]
fn i12_delete_and_create_again_in_one_block_is_a_plain_write() {
    // I12, Erigon #21675 and #23206: delete-then-recreate within one block differed from serial.
    let mut chain = Chain::new(8);
    let contract = chain.deploy(guest!("store"), &[]);
    let shared = Address::Contract(contract);
    chain.one(1, store(contract, "write", shared, b"old"));
    let read = |number: i32, value: &[u8]| [&number.to_le_bytes()[..], value].concat();
    let txs = vec![
        chain.send(1, store(contract, "remove", shared, b"")),
        chain.send(2, store(contract, "len", shared, b"")),
        chain.send(3, store(contract, "write", shared, b"newer")),
        chain.send(4, store(contract, "read", shared, b"")),
        chain.send(5, store(contract, "remove", shared, b"")),
        chain.send(6, store(contract, "write", shared, b"old")),
        chain.send(7, store(contract, "read", shared, b"")),
    ];
    let outcome = chain.execute(txs);
    let found: Vec<_> = (0..7).map(|idx| receipt(&outcome, idx).return_data.clone()).collect();
    let expected = [
        read(0, b""),
        read(-1, b""),
        read(0, b""),
        read(5, b"newer"),
        read(0, b""),
        read(0, b""),
        read(3, b"old"),
    ];
    assert_eq!(found, expected);
    assert_eq!(outcome.change_set().get(&slot(contract, shared)), None, "it ends as it began");
}

#[test]
fn slots_of_two_callers_do_not_overwrite_each_other() {
    // "Contract not in the conflict set": caches of two callers were merged key by key, and the
    // last one to finish won. Partitions keep callers apart; the shared slot keeps their order.
    let mut chain = Chain::new(20);
    let contract = chain.deploy(guest!("store"), &[]);
    let shared = Address::Contract(contract);
    let mut txs = Vec::new();
    for number in 1..10 {
        txs.push(chain.send(number, store(contract, "write", account(number), &[number as u8])));
        txs.push(chain.send(number, store(contract, "write", shared, &[number as u8])));
    }
    let outcome = chain.execute(txs);
    assert_eq!(codes(&outcome), [0; 18]);
    let value = |key: StateKey| {
        let change = outcome.change_set().get(&key).expect("it changed");
        change.new.clone()
    };
    for number in 1..10_u64 {
        let own = value(slot(contract, account(number)));
        assert_eq!(own, Some(StateValue::Slot([number as u8].as_slice().into())));
    }
    assert_eq!(value(slot(contract, shared)), Some(StateValue::Slot([9].as_slice().into())));
}

#[test]
fn deletions_and_additions_reach_the_database() {
    // B5: additions that only the cache knew. After reopening, counters have every addition of
    // every block, and a counter brought back to zero is gone.
    let storage = crate::support::FailingStorage::new();
    let mut chain = Chain::on(storage.clone(), 12);
    let counter = chain.deploy(wasm(COUNTER), &[]);
    let token = chain.deploy(wasm(TOKEN), &7_u64.to_le_bytes());
    for _ in 0..3 {
        let txs = (1..11).map(|n| chain.send(n, Call::counter_add(counter, n))).collect();
        assert_eq!(codes(&chain.execute(txs)), [0; 10]);
        let txs = (1..11).map(|n| chain.send(n, Call::counter_add(counter, n))).collect();
        chain.run(txs);
    }
    let tx = chain.send(0, Call::token_transfer(token, account(5), 7));
    let outcome = chain.execute(vec![tx]);
    let key = SlotKey { contract: token, partition: account(0), key: b"balance".as_slice().into() };
    let change =
        outcome.change_set().get(&StateKey::Counter(key.clone().into())).expect("it changed");
    assert_eq!((&change.old, &change.new), (&Some(StateValue::Counter(7)), &None));
    chain.engine.commit(outcome).expect("it commits");
    let reopened = Chain::on(storage, 12);
    assert_eq!(reopened.view_number(counter, "get", &[]), 3 * 55);
    assert_eq!(reopened.view_number(token, "balance_of", &account(5).to_bytes()), 7);
    assert_eq!(reopened.engine.counter_value(&key).expect("it is read"), 0);
}

#[test]
fn what_a_block_deploys_is_called_from_the_next_block_on() {
    let mut chain = Chain::new(3);
    let tx = chain.send(0, Order::deploy(wasm(COUNTER), &[]));
    let id = tx.deployed_contract().expect("it is a deployment");
    let txs = vec![
        chain.send(1, Call::counter_add(id, 1)),
        tx,
        chain.send(1, Call::counter_add(id, 1)),
        chain.send(0, Order::upgrade(id, wasm(TOKEN), &[])),
    ];
    let outcome = chain.execute(txs);
    assert_eq!(codes(&outcome), [101, 0, 101, 101]);
    let expected = ExecutionStatus::Reverted(RevertReason::NoSuchContract(id));
    assert_eq!(receipt(&outcome, 2).status, expected);
    chain.engine.commit(outcome).expect("it commits");
    assert!(chain.one(1, Call::counter_add(id, 1)).status.is_success());
}

#[test]
fn two_deployments_never_share_an_address() {
    // B17 and I13, ba7d6af4: two deployments of one address, insert then error; the loser overwrote
    // the winner. An id covers source, nonce and code here, and no nonce is used twice, so the race
    // cannot be stated any more; the closest thing is the same transaction twice.
    let mut chain = Chain::new(3);
    let txs = vec![
        chain.send(0, Order::deploy(wasm(COUNTER), &[])),
        chain.send(0, Order::deploy(wasm(COUNTER), &[])),
        chain.send(1, Order::deploy(wasm(COUNTER), &[])),
        chain.send(2, Order::deploy(wasm(TOKEN), &1_u64.to_le_bytes())),
    ];
    let ids: std::collections::BTreeSet<_> =
        txs.iter().map(|tx| tx.deployed_contract().expect("it is a deployment")).collect();
    assert_eq!(ids.len(), 4);
    let again = txs[0].clone();
    let outcome = chain.execute(txs);
    assert_eq!(codes(&outcome), [0; 4]);
    let codes_stored = outcome.change_set().changes().iter();
    let codes_stored = codes_stored.filter(|change| matches!(change.key, StateKey::Code(_)));
    assert_eq!(codes_stored.count(), 2, "one code per hash, however many deploy it");
    chain.engine.commit(outcome).expect("it commits");
    assert_eq!(codes(&chain.execute(vec![again])), [999]);
}

#[test]
fn b17_a_failed_deployment_does_not_touch_what_others_deployed() {
    // B17: the losing deployer overwrote the winner's cached module. The same code is deployed by a
    // constructor that fails and by one that succeeds, in both orders, and called afterwards.
    let mut chain = Chain::new(4);
    let good = |supply: u64| Order::deploy(wasm(TOKEN), &supply.to_le_bytes());
    let bad = || Order::deploy(wasm(TOKEN), b"bad");
    let txs = vec![
        chain.send(1, bad()),
        chain.send(0, good(9)),
        chain.send(2, bad()),
        chain.send(3, Order::deploy(wasm(TOKEN)[..200].to_vec(), &[])),
    ];
    let token = txs[1].deployed_contract().expect("it is a deployment");
    let outcome = chain.execute(txs);
    assert_eq!(codes(&outcome), [100, 0, 100, 105]);
    chain.engine.commit(outcome).expect("it commits");
    assert_eq!(chain.view_number(token, "total_supply", &[]), 9);
    // A failed deployment alone stores no code.
    let tx = chain.send(1, Order::deploy(guest!("grow"), b"input nobody takes"));
    let outcome = chain.execute(vec![tx]);
    let fee = receipt(&outcome, 0).fee.0;
    assert_only_nonces_and_fees(&outcome, &[(1, fee)]);
}

#[test]
fn callers_of_the_block_of_an_upgrade_run_the_old_code() {
    let mut chain = Chain::new(6);
    let contract = chain.deploy(wasm(COUNTER), &[]);
    let txs = vec![
        chain.send(1, Call::counter_add(contract, 5)),
        chain.send(0, Order::upgrade(contract, wasm(TOKEN), &[])),
        chain.send(2, Call::counter_add(contract, 5)),
        chain.send(3, Call::counter_bump(contract)),
        chain.send(0, Order::upgrade(contract, wasm(COUNTER), &[])),
        chain.send(4, Call::counter_add(contract, 5)),
    ];
    let outcome = chain.execute(txs);
    assert_eq!(codes(&outcome), [0; 6]);
    chain.engine.commit(outcome).expect("it commits");
    let record = chain.engine.contract(&contract).expect("it is read").expect("it exists");
    assert_eq!(record.version, 3, "each upgrade counts");
    assert_eq!(chain.view_number(contract, "get", &[]), 15);
    chain.one(0, Order::upgrade(contract, wasm(TOKEN), &[]));
    assert_eq!(chain.one(1, Call::counter_add(contract, 5)).status.code(), 102);
    assert_eq!(chain.one(1, Order::upgrade(contract, wasm(TOKEN), &[])).status.code(), 106);
}

#[test]
fn b18_a_module_that_comes_back_from_the_database_knows_its_entries() {
    // B18: a module reloaded from the cache had lost its metadata.
    let storage = crate::support::FailingStorage::new();
    let mut chain = Chain::on(storage.clone(), 3);
    let token = chain.deploy(wasm(TOKEN), &100_u64.to_le_bytes());
    let config = EngineConfig { module_cache_bytes: 1, ..EngineConfig::default() };
    let builder = tos_runtime::ContractEngine::builder().storage(storage).config(config);
    let mut chain = Chain::build(builder);
    for _ in 0..2 {
        let txs = vec![
            chain.send(0, Call::token_transfer(token, account(1), 1)),
            chain.send(1, Order::invoke(token, "init", &5_u64.to_le_bytes())),
            chain.send(2, Order::invoke(token, "nothing", &[])),
            chain.send(2, Order::deploy(wasm(TOKEN), &7_u64.to_le_bytes())),
        ];
        let outcome = chain.execute(txs);
        assert_eq!(codes(&outcome), [0, 102, 102, 0]);
        chain.engine.commit(outcome).expect("it commits");
    }
    assert_eq!(chain.view_number(token, "balance_of", &account(1).to_bytes()), 2);
}

#[test]
fn i04_a_module_is_compiled_once_however_small_the_cache() {
    // I4, Solana 2024-02-06: a cycle of deploy, evict and request recompiled for ever.
    let storage = crate::support::FailingStorage::new();
    let config = EngineConfig { module_cache_bytes: 1, ..EngineConfig::default() };
    let builder = tos_runtime::ContractEngine::builder().storage(storage.clone()).config(config);
    let mut chain = Chain::build(builder.genesis(genesis(4)));
    let contracts = [
        chain.deploy(wasm(COUNTER), &[]),
        chain.deploy(guest!("trap"), &[]),
        chain.deploy(guest!("spin"), &[]),
    ];
    assert_eq!(storage.artifacts_stored(), 3);
    for round in 0..5 {
        for contract in contracts {
            chain.one(1, Order::invoke(contract, "x", &[]));
        }
        chain.deploy(wasm(COUNTER), &[]);
        assert_eq!(storage.artifacts_stored(), 3, "round {round} compiled again");
    }
}

#[test]
fn i17_gas_runs_out_at_every_point_of_every_call_with_the_same_consequence() {
    // I17: sub-context gas was lost, panics were free. I1, I22: gas at failure was a measurement.
    // "Out of gas at every host call": limits are tried all the way from the intrinsic gas to what
    // the call needs; each pays its limit and changes nothing else.
    let mut chain = Chain::new(3);
    let token = chain.deploy(wasm(TOKEN), &1_000_u64.to_le_bytes());
    let counter = chain.deploy(wasm(COUNTER), &[]);
    let events = chain.deploy(guest!("events"), &[]);
    let storing = chain.deploy(guest!("store"), &[]);
    let two = [2_u32.to_le_bytes().as_slice(), b"data"].concat();
    let calls = [
        Call::token_transfer(token, account(9), 5),
        Call::counter_bump(counter),
        Call::counter_add(counter, 3).deposit(GOLD, 9),
        Order::invoke(counter, "get", &[]).access(counter, Read),
        Order::invoke(events, "emit", &two),
        store(storing, "write", account(0), b"value"),
        store(storing, "remove", account(0), b""),
        store(storing, "read", account(0), b""),
    ];
    for (idx, order) in calls.into_iter().enumerate() {
        let block = chain.send(0, order.clone());
        let outcome = chain.execute(vec![block]);
        let used = receipt(&outcome, 0).gas_used.0;
        assert!(receipt(&outcome, 0).status.is_success(), "call {idx}");
        let intrinsic = chain.engine.params().costs.intrinsic(&order.clone().unsigned(0, 0));
        let intrinsic = intrinsic.expect("it fits").0;
        let step = usize::try_from((used - intrinsic) / 25).expect("it fits").max(1);
        let last = used - 1;
        for limit in (intrinsic..last).step_by(step).chain([last]) {
            let tx = chain.send(0, order.clone().gas_limit(limit));
            let outcome = chain.execute(vec![tx]);
            let receipt = receipt(&outcome, 0);
            let what = format!("call {idx} with {limit} of {used}");
            assert_eq!(receipt.status, ExecutionStatus::Halted(HaltReason::OutOfGas), "{what}");
            assert_eq!(receipt.gas_used.0, limit, "{what}");
            assert_only_nonces_and_fees(&outcome, &[(0, limit)]);
        }
    }
}

#[test]
fn over_declared_accounts_cost_gas_and_order_but_change_nothing() {
    let mut chain = Chain::new(6);
    let counter = chain.deploy(wasm(COUNTER), &[]);
    let plain = || Call::counter_add(counter, 1);
    let over = || plain().access(account(50), Write).access(account(51), Read);
    let txs = vec![
        chain.send(1, over()),
        chain.send(2, over()),
        chain.send(3, plain()),
        chain.send(4, plain().access(account(51), Credit)),
    ];
    let outcome = chain.execute(txs);
    assert_eq!(codes(&outcome), [0; 4]);
    let gas = |idx| receipt(&outcome, idx).gas_used.0;
    assert_eq!((gas(0), gas(3)), (gas(2) + 1_000, gas(2) + 500), "500 an entry, used or not");
    let waits =
        |tx| outcome.schedule().waits_for(tx).iter().map(|d| d.transaction).collect::<Vec<_>>();
    assert_eq!((waits(1), waits(2), waits(3)), (vec![0], vec![], vec![0, 1]));
    for number in [50, 51] {
        let change = outcome.change_set().get(&StateKey::Account(account(number)));
        assert_eq!(change, None, "account {number} was only declared");
    }
}
