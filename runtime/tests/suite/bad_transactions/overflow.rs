//! T23: sums that leave their type. No honest chain gets there, because the supply of an asset fits
//! an amount; a database that says otherwise stops the block and blames nobody in it.

use tos_runtime::{
    AccessMode, Account, Address, Amount, AssetId, Block, ContractEngine, ContractId, EngineConfig,
    EngineError, SlotKey, StateKey, StateValue,
};

use crate::support::{COUNTER, Call, Chain, Doctored, GOLD, Order, account, genesis, guest, wasm};

/// A chain of ten people in which person 1 holds all there can be of everything.
fn rich(storage: Doctored) -> Chain {
    let everything = Account {
        native: Amount(u64::MAX),
        assets: [(GOLD, Amount(u64::MAX))].into_iter().collect(),
        ..Account::default()
    };
    let config = EngineConfig { max_parallel_threads: 4, ..EngineConfig::default() };
    let builder = ContractEngine::builder().config(config).genesis(genesis(10));
    Chain::build(builder.storage(storage.with_account(1, everything)))
}

/// A block of this order by person 0 between transfers of strangers that are worth several workers.
fn between_strangers(chain: &mut Chain, sender: u64, order: Order) -> Block {
    let stranger = |number| Order::transfer(account(99), 1).gas_limit(1_000_000).signed(number, 0);
    let mut txs: Vec<_> = (2..6).map(stranger).collect();
    txs.push(chain.send(sender, order));
    txs.extend((6..10).map(stranger));
    chain.block(txs)
}

/// Both executors stop with this overflow, nothing is committed, and work goes on.
#[track_caller]
fn assert_overflows(chain: &mut Chain, block: &Block, what: &str, whose: Address) {
    let tip = chain.engine.tip();
    let before: Vec<_> = (0..10).map(|number| chain.purse(number)).collect();
    for outcome in
        [chain.engine.execute_block_sequentially(block), chain.engine.execute_block(block)]
    {
        match outcome {
            Err(EngineError::Overflow { what: found, account }) => {
                assert_eq!((found, account), (what, whose));
            }
            other => panic!("expected an overflow of {what}, found {other:?}"),
        }
    }
    assert_eq!(chain.engine.tip(), tip);
    let after: Vec<_> = (0..10).map(|number| chain.purse(number)).collect();
    assert_eq!(after, before, "nobody pays");
    // Nothing was written, so nothing is in doubt: the engine takes another block.
    assert!(chain.one(2, Order::transfer(account(99), 1)).status.is_success());
}

#[test]
fn bad_t23_a_credit_beyond_the_largest_balance_stops_the_block() {
    for (asset, what) in [(AssetId::NATIVE, "native balance"), (GOLD, "asset balance")] {
        let mut chain = rich(Doctored::new());
        let order = Order::transfers(vec![(account(1), asset, 1)]);
        let block = between_strangers(&mut chain, 0, order);
        assert_overflows(&mut chain, &block, what, account(1));
        // A credit of nothing to the same account is fine.
        let order = Order::transfers(vec![(account(1), asset, 0)]);
        assert!(chain.one(0, order).status.is_success());
    }
}

#[test]
fn bad_t23_credits_that_only_together_exceed_the_largest_balance_stop_the_block() {
    // Person 1 leaves room for one unit, and two transactions of one batch bring one each.
    let room = Account { native: Amount(u64::MAX - 1), ..Account::default() };
    let storage = Doctored::new().with_account(1, room);
    let mut chain = Chain::build(ContractEngine::builder().genesis(genesis(10)).storage(storage));
    let one = |number| Order::transfer(account(1), 1).signed(number, 0);
    let block = chain.block(vec![one(3), one(4)]);
    assert_overflows(&mut chain, &block, "native balance", account(1));
    assert!(chain.run(vec![one(3)])[0].is_ok(), "the limit itself is fine");
    assert_eq!(chain.balance(1), u64::MAX);
}

#[test]
fn bad_t23_fees_beyond_the_largest_balance_stop_the_block() {
    let mut chain = rich(Doctored::new());
    let block = between_strangers(&mut chain, 0, Order::transfer(account(99), 1));
    let block = block.with_beneficiary(account(1));
    assert_overflows(&mut chain, &block, "fees", account(1));
}

#[test]
fn bad_t23_a_contract_that_pays_too_much_stops_the_block_and_not_itself() {
    let mut chain = rich(Doctored::new());
    let contract = chain.deploy(guest!("pay"), &[]);
    chain.one(0, Order::transfer(contract, 10));
    let mut input = account(1).to_bytes().to_vec();
    input.extend_from_slice(&AssetId::NATIVE.0);
    input.extend_from_slice(&1_u64.to_le_bytes());
    let call = || Order::invoke(contract, "pay", &input).access(contract, AccessMode::Write);
    // The rich one calls, so that his balance is read and not only credited.
    let block = between_strangers(&mut chain, 1, call().gas_price(0));
    assert_overflows(&mut chain, &block, "balance", account(1));
    let credited = call().access(account(1), AccessMode::Credit).signed(3, 0);
    let block = chain.block(vec![credited]);
    assert_overflows(&mut chain, &block, "native balance", account(1));
    let held = chain.engine.balance(&contract.into(), AssetId::NATIVE).expect("it is read");
    assert_eq!(held.0, 10);
}

#[test]
fn bad_t23_a_counter_beyond_128_bits_stops_the_block() {
    for (mode, room) in [(AccessMode::Credit, 0), (AccessMode::Write, 0), (AccessMode::Credit, 4)] {
        let contract: ContractId = Order::deploy(wasm(COUNTER), &[])
            .unsigned(0, 0)
            .deployed_contract()
            .expect("it is a deployment");
        let total =
            SlotKey { contract, partition: contract.into(), key: b"total".as_slice().into() };
        let full = StateValue::Counter(u128::MAX - room);
        let mut chain = rich(Doctored::new().with(StateKey::Counter(total.clone().into()), full));
        assert_eq!(chain.deploy(wasm(COUNTER), &[]), contract);
        let add = |amount: u64| {
            Order::invoke(contract, "add", &amount.to_le_bytes()).access(contract, mode)
        };
        let amount = room as u64 + 1;
        let block = between_strangers(&mut chain, 0, add(amount));
        assert_overflows(&mut chain, &block, "counter", contract.into());
        let within = Call::counter_add(contract, room as u64);
        assert!(chain.one(0, within).status.is_success(), "the limit itself is fine");
        assert_eq!(chain.engine.counter_value(&total).expect("it is read"), u128::MAX);
    }
}

#[test]
fn bad_t23_burning_more_than_was_ever_created_stops_the_block() {
    let mut chain = rich(Doctored::new());
    let supply = chain.engine.asset(&GOLD).expect("it is read").expect("it exists").supply.0;
    let burn = |chain: &mut Chain, amount| {
        let tx = Order::burn(GOLD, amount).gas_price(0).signed(1, 0);
        chain.block(vec![tx])
    };
    let tip = chain.engine.tip();
    let block = burn(&mut chain, supply + 1);
    for outcome in
        [chain.engine.execute_block_sequentially(&block), chain.engine.execute_block(&block)]
    {
        assert!(matches!(outcome, Err(EngineError::Bug(_))), "{outcome:?}");
    }
    assert_eq!(chain.engine.tip(), tip);
    let block = burn(&mut chain, supply);
    assert!(chain.execute_block(&block).results()[0].is_ok(), "all of it can be burned");
}
