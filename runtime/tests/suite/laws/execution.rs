//! Laws 1, 3 and 4: parallel is sequential, all or nothing, money is conserved.

use std::collections::{BTreeMap, BTreeSet};

use tos_runtime::{
    Address, Amount, AssetId, Block, BlockOutcome, ContractEngine, EngineConfig, ExecutionStatus,
    MemoryStorage, RedbStorage, RevertReason, StateKey, Transaction, TransactionType,
    UnverifiedBlock,
};

use crate::support::{
    COUNTER, Call, Chain, FUNDS, Fleet, GOLD, Generator, Order, SILVER, TOKEN, account,
    assert_conserved, assert_only_nonces_and_fees, assert_same, fund, genesis, guest, receipt,
    wasm,
};

/// Blocks whose order matters, each in a way of its own. All are executed on one chain in which
/// person 0 has deployed a counter and a token.
fn shapes(people: u64) -> Vec<(&'static str, Vec<(u64, Order)>)> {
    let counter = deployed(0, COUNTER, &[]);
    let token = deployed(1, TOKEN, &1_000_000_u64.to_le_bytes());
    let ring = |n: u64| account((n + 1) % people);
    let all = || 0..people;
    let pay = |to: Address, amount: u64| Order::transfers(vec![(to, GOLD, amount)]);
    let mut hot: Vec<_> = all().skip(1).map(|n| (n, pay(account(0), n))).collect();
    hot.insert(hot.len() / 2, (0, pay(account(1), 1_000_000)));
    hot.push((0, pay(account(1), 1)));
    vec![
        ("everybody pays the next one", all().map(|n| (n, pay(ring(n), 1_000_000))).collect()),
        ("everybody pays one who spends in between", hot),
        (
            "everybody adds to one counter",
            all().map(|n| (n, Call::counter_add(counter, n))).collect(),
        ),
        ("everybody bumps one slot", all().map(|n| (n, Call::counter_bump(counter))).collect()),
        (
            "additions, bumps and reads take turns",
            all()
                .map(|n| match n % 3 {
                    0 => (n, Call::counter_add(counter, n)),
                    1 => (n, Call::counter_bump(counter)),
                    _ => (n, read_counter(counter)),
                })
                .collect(),
        ),
        (
            "tokens run along a chain",
            all().map(|n| (n, Call::token_transfer(token, ring(n), 1_000_000 - n))).collect(),
        ),
    ]
}

fn read_counter(counter: tos_runtime::ContractId) -> Order {
    Order::invoke(counter, "get", &[]).access(counter, tos_runtime::AccessMode::Read)
}

/// The id of what person 0 deploys with this nonce.
fn deployed(nonce: u64, text: &str, input: &[u8]) -> tos_runtime::ContractId {
    let tx = Order::deploy(wasm(text), input).signed(0, nonce);
    tx.deployed_contract().expect("it is a deployment")
}

#[test]
fn law_01_every_shape_of_conflict_comes_out_the_same_at_every_thread_count() {
    const PEOPLE: u64 = 40;
    let fleet = Fleet::new(&genesis(PEOPLE), 5);
    let mut nonces = BTreeMap::<u64, u64>::new();
    let mut sign = |list: Vec<(u64, Order)>| -> Vec<Transaction> {
        let mut next = |number| {
            let nonce = nonces.entry(number).or_insert(0);
            *nonce += 1;
            *nonce - 1
        };
        list.into_iter().map(|(number, order)| order.signed(number, next(number))).collect()
    };
    let first = sign(vec![
        (0, Order::deploy(wasm(COUNTER), &[])),
        (0, Order::deploy(wasm(TOKEN), &1_000_000_u64.to_le_bytes())),
    ]);
    let outcome = fleet.run(first, "deployments");
    assert!((0..2).all(|idx| receipt(&outcome, idx).status.is_success()));
    for (what, list) in shapes(PEOPLE) {
        let outcome = fleet.run(sign(list), what);
        assert_conserved(&outcome, what);
        let succeeded = outcome.results().iter().flatten().filter(|r| r.status.is_success());
        assert!(succeeded.count() > PEOPLE as usize / 2, "{what}: most have to succeed");
    }
    assert!(fleet.parallel() > 0, "nothing was executed in parallel");
}

/// An engine that is closed and opened again before every block, on the same database.
struct Reopened {
    path: std::path::PathBuf,
    config: EngineConfig,
}

impl Reopened {
    fn run(&self, block: &UnverifiedBlock) -> BlockOutcome {
        let builder = ContractEngine::builder()
            .storage(RedbStorage::open(&self.path).expect("redb opens"))
            .genesis(genesis(PEOPLE))
            .config(self.config.clone());
        step(&builder.build().expect("the engine opens"), block)
    }
}

const PEOPLE: u64 = 10;

/// Executes, commits, and executes again, which returns the stored outcome.
#[track_caller]
fn step(engine: &ContractEngine, block: &UnverifiedBlock) -> BlockOutcome {
    let block: Block = engine.verify_block(block.clone()).expect("it is well formed");
    let outcome = engine.execute_block(&block).expect("it executes");
    engine.commit(outcome).expect("it commits");
    engine.execute_block(&block).expect("the stored outcome is returned")
}

#[test]
fn law_01_cold_and_warm_caches_give_the_same_results() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = EngineConfig { max_parallel_threads: 3, ..EngineConfig::default() };
    let tiny = EngineConfig { module_cache_bytes: 1, state_cache_entries: 1, ..config.clone() };
    let on_memory = |config: &EngineConfig| {
        let builder = ContractEngine::builder().storage(MemoryStorage::new());
        builder.genesis(genesis(PEOPLE)).config(config.clone()).build().expect("it opens")
    };
    let (warm, small) = (on_memory(&config), on_memory(&tiny));
    let cold = Reopened { path: folder.path().join("cold.redb"), config };
    let mut generator = Generator::new(PEOPLE, 99);
    for height in 1..=8 {
        let transactions = match height {
            1 => generator.first_block(),
            _ => generator.block(&warm, 40),
        };
        let beneficiary = (height % 2 == 0).then(|| account(0));
        let context = warm.next_context(height);
        let block = UnverifiedBlock { context, beneficiary, transactions };
        let expected = step(&warm, &block);
        assert_same(&expected, &step(&small, &block), &format!("tiny caches, block {height}"));
        assert_same(&expected, &cold.run(&block), &format!("cold caches, block {height}"));
    }
}

/// Fails after it has written a slot, added to a counter and emitted an event.
const WRITES_THEN_TRAPS: &str = r#"(module
  (import "tos_v1" "contract" (func $contract (param i32)))
  (import "tos_v1" "counter_add" (func $counter_add (param i32 i32 i32 i64) (result i32)))
  (import "tos_v1" "counter_read" (func $counter_read (param i32 i32 i32 i32) (result i32)))
  (import "tos_v1" "storage_write" (func $write (param i32 i32 i32 i32 i32) (result i32)))
  (import "tos_v1" "storage_len" (func $len (param i32 i32 i32) (result i32)))
  (import "tos_v1" "emit" (func $emit (param i32 i32 i32 i32) (result i32)))
  (import "tos_v1" "set_return" (func $set_return (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "key")
  (func $change
    (call $contract (i32.const 0))
    (drop (call $counter_add (i32.const 0) (i32.const 64) (i32.const 3) (i64.const 7)))
    (drop (call $write (i32.const 0) (i32.const 64) (i32.const 3) (i32.const 64) (i32.const 3)))
    (drop (call $emit (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 3))))
  (func (export "fail") (call $change) (unreachable))
  (func (export "migrate") (call $change) (unreachable))
  (func (export "look")
    (call $contract (i32.const 0))
    (drop (call $counter_read (i32.const 0) (i32.const 64) (i32.const 3) (i32.const 128)))
    (i32.store (i32.const 144) (call $len (i32.const 0) (i32.const 64) (i32.const 3)))
    (drop (call $set_return (i32.const 128) (i32.const 20)))))"#;

#[test]
fn law_03_a_failed_transaction_changes_only_nonce_and_fee() {
    use tos_runtime::AccessMode::Write;
    let mut chain = Chain::new(20);
    let abort = chain.deploy(guest!("abort"), &[]);
    let trap = chain.deploy(guest!("trap"), &[]);
    let spin = chain.deploy(guest!("spin"), &[]);
    let undeclared = chain.deploy(guest!("undeclared"), &[]);
    let deposit = chain.deploy(guest!("deposit"), &[]);
    let token = chain.deploy(wasm(TOKEN), &500_u64.to_le_bytes());
    let target = [account(50).to_bytes().as_slice(), &[2]].concat();
    let failing = vec![
        Order::transfers(vec![(account(50), GOLD, 1), (account(51), SILVER, u64::MAX)]),
        Order::transfers(vec![
            (account(50), AssetId::NATIVE, 5),
            (account(1), AssetId([9; 32]), 1),
        ]),
        Order::burn(GOLD, u64::MAX),
        Order::deploy(wasm(TOKEN), b"bad").deposit(AssetId::NATIVE, 77),
        Order::deploy(b"no module".to_vec(), &[]).deposit(GOLD, 3),
        Order::upgrade(token, wasm(COUNTER), &[]),
        Order::invoke(abort, "abort", &5_u32.to_le_bytes()).deposit(SILVER, 9),
        Order::invoke(deposit, "refuse", &[]).deposit(AssetId::NATIVE, 1_000),
        Order::invoke(trap, "unreachable", &[]).deposit(GOLD, 1),
        Order::invoke(trap, "divide_by_zero", &[]),
        Order::invoke(trap, "out_of_bounds", &[]),
        Order::invoke(spin, "spin", &[]).deposit(GOLD, 4),
        Order::invoke(undeclared, "touch", &target),
        // Takes from the sender, then is stopped when it gives to the receiver.
        Order { access: Vec::new(), ..Call::token_transfer(token, account(0), 0) }
            .access(account(60), Write),
        Order::invoke(token, "nothing", &[]).deposit(GOLD, 2),
        Order::invoke(tos_runtime::ContractId([4; 32]), "x", &[]).deposit(GOLD, 2),
    ];
    let count = failing.len();
    let txs = (1..).zip(failing).map(|(number, order)| chain.send(number, order)).collect();
    let outcome = chain.execute(txs);
    let payers: Vec<_> = (0..count)
        .map(|idx| {
            let receipt = receipt(&outcome, idx);
            assert!(!receipt.status.is_success(), "transaction {idx} was meant to fail");
            assert!(receipt.events.is_empty(), "transaction {idx} failed and has events");
            (idx as u64 + 1, receipt.fee.0)
        })
        .collect();
    assert_only_nonces_and_fees(&outcome, &payers);
}

#[test]
fn law_03_later_transactions_see_nothing_of_a_failed_one() {
    use tos_runtime::AccessMode::{Read, Write};
    let mut chain = Chain::new(6);
    let contract = chain.deploy(wasm(WRITES_THEN_TRAPS), &[]);
    let target = chain.deploy(wasm(COUNTER), &[]);
    let look = || Order::invoke(contract, "look", &[]).access(contract, Read);
    let txs = vec![
        chain.send(1, Order::invoke(contract, "fail", &[]).access(contract, Write)),
        chain.send(2, look()),
        chain.send(0, Order::upgrade(target, wasm(WRITES_THEN_TRAPS), &[])),
        chain.send(3, Call::counter_add(target, 5)),
        chain.send(4, look()),
    ];
    let outcome = chain.execute(txs);
    let nothing = [&0_u128.to_le_bytes()[..], &(-1_i32).to_le_bytes()].concat();
    assert_eq!(receipt(&outcome, 0).status.code(), 202);
    assert_eq!(receipt(&outcome, 1).return_data, nothing, "the failed call shows");
    assert_eq!(receipt(&outcome, 2).status.code(), 202, "the migration traps");
    assert!(receipt(&outcome, 3).status.is_success(), "the old code still runs");
    assert_eq!(receipt(&outcome, 4).return_data, nothing);
    let record = outcome.change_set().get(&StateKey::Contract(target));
    assert_eq!(record, None, "a failed upgrade is no upgrade");
}

#[test]
fn law_03_a_success_publishes_all_of_its_writes() {
    let mut chain = Chain::new(4);
    let list = vec![
        (account(1), AssetId::NATIVE, 10),
        (account(2), GOLD, 20),
        (account(1), SILVER, 30),
        (account(1), AssetId::NATIVE, 5),
    ];
    let receipt = chain.one(3, Order::transfers(list));
    assert_eq!(receipt.status, ExecutionStatus::Success);
    assert_eq!(chain.balance(1), FUNDS + 15);
    assert_eq!(chain.asset_balance(2, GOLD), 1_000_020);
    assert_eq!(chain.asset_balance(1, SILVER), 1_000_030);
    assert_eq!(chain.balance(3), FUNDS - 15 - receipt.fee.0);
    assert_eq!(chain.asset_balance(3, GOLD), 1_000_000 - 20);
    assert_eq!(chain.asset_balance(3, SILVER), 1_000_000 - 30);
}

#[test]
fn law_04_what_circulates_and_what_was_burned_add_up_to_the_supply() {
    // One more, unknown to the generator, burns some of every asset in every block.
    let burner = 40;
    let genesis = fund(genesis(PEOPLE), burner..burner + 1);
    let engine = ContractEngine::builder().genesis(genesis).build().expect("it opens");
    let mut generator = Generator::new(PEOPLE, 4);
    let mut holders: BTreeSet<Address> = (0..PEOPLE + 3).chain([burner]).map(account).collect();
    let mut fees = 0;
    for height in 1..=12 {
        let mut transactions = match height {
            1 => generator.first_block(),
            _ => generator.block(&engine, 60),
        };
        let asset = [AssetId::NATIVE, GOLD, SILVER][height as usize % 3];
        transactions.push(Order::burn(asset, height).signed(burner, height - 1));
        let beneficiary = (height % 2 == 0).then(|| account(70));
        let context = engine.next_context(height);
        let block = UnverifiedBlock { context, beneficiary, transactions };
        let outcome = step(&engine, &block);
        assert_conserved(&outcome, &format!("block {height}"));
        fees += if beneficiary.is_some() { outcome.gas_fee().0 } else { 0 };
        holders.extend(outcome.change_set().changes().iter().filter_map(|change| {
            let StateKey::Account(address) = change.key else { return None };
            Some(address)
        }));
    }
    for asset in [AssetId::NATIVE, GOLD, SILVER] {
        let balance = |address| u128::from(engine.balance(address, asset).expect("it is read").0);
        let circulating: u128 = holders.iter().map(balance).sum();
        let record = engine.asset(&asset).expect("it is read").expect("it exists");
        let supply = u128::from(record.supply.0);
        assert_eq!(circulating + u128::from(record.burned.0), supply, "asset {asset}");
        assert!(record.burned > Amount::ZERO, "asset {asset}: nothing was burned, a weak test");
    }
    // The beneficiary of this chain never spends: it holds exactly the fees of its blocks.
    assert_eq!(engine.balance(&account(70), AssetId::NATIVE).expect("it is read").0, fees);
    assert!(fees > 0);
}

#[test]
fn law_04_nothing_is_moved_that_is_not_there() {
    let mut chain = Chain::new(3);
    let asset_of = |order: &Order| match &order.data {
        TransactionType::Transfers(list) => list[0].asset,
        _ => unreachable!("only transfers are tried"),
    };
    for (amount, moves) in [(1_000_000, true), (1_000_001, false), (u64::MAX, false)] {
        let order = Order::transfers(vec![(account(9), GOLD, amount)]);
        let asset = asset_of(&order);
        let tx = chain.send(1, order);
        let outcome = chain.execute(vec![tx]);
        let status = &receipt(&outcome, 0).status;
        let found = Amount(1_000_000);
        let expected = if moves {
            ExecutionStatus::Success
        } else {
            let needed = u128::from(amount);
            let reason = RevertReason::InsufficientBalance { asset, needed, found };
            ExecutionStatus::Reverted(reason)
        };
        assert_eq!(status, &expected, "moving {amount} of 1000000");
    }
}
