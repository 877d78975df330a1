//! T06 to T10, T24: transfers that end where they began, move nothing, or move too much.

use tos_runtime::{
    Address, Amount, AssetId, ContractId, ExecutionStatus, InvalidTransaction, RevertReason,
    StateKey,
};

use crate::support::{CHAIN, Chain, FUNDS, GOLD, Order, SILVER, account, fund, person};

/// An asset that no genesis names.
const UNKNOWN: AssetId = AssetId([9; 32]);

fn insufficient(asset: AssetId, needed: u128, found: u64) -> ExecutionStatus {
    let found = Amount(found);
    ExecutionStatus::Reverted(RevertReason::InsufficientBalance { asset, needed, found })
}

#[test]
fn bad_t06_a_transfer_to_oneself_costs_the_fee_only() {
    let mut chain = Chain::new(1);
    let before = chain.purse(0);
    let all_gold = before.gold;
    let list = vec![(account(0), AssetId::NATIVE, 5_000), (account(0), GOLD, all_gold)];
    let receipt = chain.one(0, Order::transfers(list));
    assert!(receipt.status.is_success());
    assert_eq!(receipt.fee.0, 27_000);
    assert_eq!(chain.purse(0), before.paid(27_000));
    // Everything but the reserve, and one more than that.
    let balance = chain.balance(0);
    let order = |amount| Order::transfer(account(0), amount).gas_limit(16_000);
    let (needed, found) = (u128::from(balance) + 1, Amount(balance));
    let expected = InvalidTransaction::Unaffordable { needed, found };
    chain.assert_not_included(order(balance - 15_999).signed(0, 1), &expected);
    assert!(chain.one(0, order(balance - 16_000)).status.is_success());
    assert_eq!(chain.balance(0), balance - 16_000);
}

#[test]
fn bad_t06_what_one_sends_oneself_has_to_be_there_first() {
    let mut chain = Chain::new(1);
    let gold = chain.purse(0).gold;
    // Sums are debited before anything is credited: receiving cannot pay for sending.
    let twice = Order::transfers(vec![(account(0), GOLD, gold), (account(0), GOLD, 1)]);
    chain.assert_fails(0, twice, &insufficient(GOLD, u128::from(gold) + 1, gold));
}

#[test]
fn bad_t07_an_amount_of_zero_moves_nothing_and_pays_the_fee() {
    let mut chain = Chain::new(1);
    let before = chain.purse(0);
    let list = vec![(account(9), AssetId::NATIVE, 0), (account(9), GOLD, 0)];
    let tx = chain.send(0, Order::transfers(list));
    let outcome = chain.execute(vec![tx]);
    assert_eq!(outcome.results()[0].as_ref().expect("it is included").status.code(), 0);
    let receiver = StateKey::Account(account(9));
    assert_eq!(outcome.change_set().get(&receiver), None, "nothing creates no account");
    chain.engine.commit(outcome).expect("it commits");
    assert_eq!(chain.purse(0), before.paid(27_000));
    assert!(chain.one(0, Order::burn(GOLD, 0)).status.is_success());
    assert!(chain.one(0, Order::transfers(vec![])).status.is_success(), "no transfers at all");
    assert_eq!(chain.purse(0).gold, before.gold);
    // Nothing of something that does not exist is still an error.
    let unknown = ExecutionStatus::Reverted(RevertReason::UnknownAsset(UNKNOWN));
    chain.assert_fails(0, Order::transfers(vec![(account(9), UNKNOWN, 0)]), &unknown);
    chain.assert_fails(0, Order::burn(UNKNOWN, 0), &unknown);
}

#[test]
fn bad_t08_a_receiver_listed_three_times_receives_three_times() {
    let mut chain = Chain::new(1);
    let before = chain.purse(0);
    let list = [1, 20, 300].map(|amount| (account(9), AssetId::NATIVE, amount)).to_vec();
    assert!(chain.one(0, Order::transfers(list)).status.is_success());
    assert_eq!(chain.balance(9), 321);
    assert_eq!(chain.purse(0), before.sent(321).paid(38_000));
    // Between others and for several assets.
    let list = vec![
        (account(9), GOLD, 1),
        (account(8), GOLD, 1),
        (account(9), SILVER, 1),
        (account(9), GOLD, 2),
        (account(9), AssetId::NATIVE, 1),
    ];
    assert!(chain.one(0, Order::transfers(list)).status.is_success());
    assert_eq!((chain.asset_balance(9, GOLD), chain.asset_balance(9, SILVER)), (3, 1));
    assert_eq!((chain.asset_balance(8, GOLD), chain.balance(9)), (1, 322));
}

#[test]
fn bad_t08_a_contract_receives_like_anybody_whether_it_exists_or_not() {
    let mut chain = Chain::new(1);
    let real = chain.deploy(crate::support::guest!("pay"), &[]);
    for contract in [real, ContractId([7; 32])] {
        let to = Address::Contract(contract);
        let list = vec![(to, AssetId::NATIVE, 5), (to, GOLD, 6)];
        assert!(chain.one(0, Order::transfers(list)).status.is_success());
        let held = chain.engine.account(&to).expect("it is read");
        assert_eq!((held.native, held.balance(&GOLD)), (Amount(5), Amount(6)));
        assert_eq!(chain.engine.contract(&contract).expect("read").is_some(), contract == real);
    }
}

#[test]
fn bad_t08_fees_reach_the_beneficiary_after_the_last_transaction() {
    let mut chain = Chain::new(2);
    // Person 5 has nothing and is paid for the block: neither fees nor anything else can be spent
    // before it ends, except what a transaction sent.
    let spend =
        |nonce, amount| Order::transfer(account(9), amount).gas_limit(16_000).signed(5, nonce);
    let txs = vec![
        chain.send(0, Order::transfer(account(9), 1)),
        spend(0, 2),
        chain.send(0, Order::transfer(account(5), 16_001)),
        spend(0, 1),
        spend(1, 2),
    ];
    let block = chain.block(txs).with_beneficiary(account(5));
    let outcome = chain.execute_block(&block);
    let unaffordable = Err(InvalidTransaction::Unaffordable { needed: 16_002, found: Amount(0) });
    assert_eq!(outcome.results()[1], unaffordable, "fees of transaction 0 are not there yet");
    assert!(outcome.results()[3].is_ok());
    assert_eq!(outcome.results()[4], unaffordable);
    assert_eq!(outcome.gas_fee(), Amount(48_000));
    chain.engine.commit(outcome).expect("it commits");
    assert_eq!((chain.balance(5), chain.nonce(5)), (48_000, 1), "visible after the block");
    assert_eq!(chain.balance(9), 2);
    // In the next block it is money like any other.
    assert!(chain.one(5, Order::transfer(account(9), 1)).status.is_success());
}

#[test]
fn bad_t09_native_outputs_beyond_the_balance_are_not_included() {
    // The catalogue has this reverted. What native units a transaction moves is known before
    // anything runs, so it is checked together with the fee: who cannot pay both is not included.
    let mut chain = Chain::new(1);
    let native = |amounts: &[u64]| {
        let output = |(idx, amount): (usize, &u64)| (account(20 + idx as u64), *amount);
        let list = amounts.iter().enumerate().map(output);
        Order::transfers(list.map(|(to, amount)| (to, AssetId::NATIVE, amount)).collect())
    };
    let mut nine = [FUNDS / 8; 9];
    nine[8] = 1;
    let order = native(&nine).gas_limit(104_000);
    let (needed, found) = (u128::from(FUNDS) + 1 + 104_000, Amount(FUNDS));
    let expected = InvalidTransaction::Unaffordable { needed, found };
    chain.assert_not_included(order.signed(0, 0), &expected);
    let overflow = native(&[u64::MAX, 1]);
    let needed = (1 << 64) + u128::from(overflow.gas_limit);
    let expected = InvalidTransaction::Unaffordable { needed, found };
    chain.assert_not_included(overflow.signed(0, 0), &expected);
    assert_eq!(chain.nonce(0), 0);
}

#[test]
fn bad_t09_outputs_of_other_assets_beyond_the_balance_revert_all_of_them() {
    let mut chain = Chain::new(1);
    let gold = chain.purse(0).gold;
    // Six that are covered, the seventh goes beyond, two more that would be covered.
    let amounts = [gold / 6, gold / 6, gold / 6, gold / 6, gold / 6, gold / 6, 9, 1, 1];
    let needed: u64 = amounts.iter().sum();
    let mut list: Vec<_> = (20..).zip(amounts).map(|(to, n)| (account(to), GOLD, n)).collect();
    let expected = insufficient(GOLD, u128::from(needed), gold);
    let receipt = chain.assert_fails(0, Order::transfers(list.clone()), &expected);
    assert_eq!(receipt.gas_used.0, 104_000);
    // The native transfer before it is undone with it.
    list.insert(0, (account(19), AssetId::NATIVE, 77));
    chain.assert_fails(0, Order::transfers(list), &expected);
    for number in 19..29 {
        let account = chain.engine.account(&account(number)).expect("it is read");
        assert!(!account.exists(), "person {number} received something");
    }
    // Exactly everything is fine.
    let list = vec![(account(20), GOLD, gold - 1), (account(21), GOLD, 1)];
    assert!(chain.one(0, Order::transfers(list)).status.is_success());
    assert_eq!(chain.purse(0).gold, 0);
}

#[test]
fn bad_t09_outputs_whose_sum_overflows_revert_with_the_true_sum() {
    let mut chain = Chain::new(1);
    let gold = chain.purse(0).gold;
    // Modulo 2^64 these are one unit.
    let list = vec![(account(20), GOLD, u64::MAX), (account(21), GOLD, 2)];
    let expected = insufficient(GOLD, (1 << 64) + 1, gold);
    chain.assert_fails(0, Order::transfers(list), &expected);
    let most = Order::transfers(vec![(account(20), GOLD, u64::MAX); 256]);
    chain.assert_fails(0, most, &insufficient(GOLD, 256 * u128::from(u64::MAX), gold));
}

#[test]
fn bad_t10_an_unknown_asset_reverts() {
    let mut chain = Chain::new(1);
    let unknown = ExecutionStatus::Reverted(RevertReason::UnknownAsset(UNKNOWN));
    assert_eq!(unknown.code(), 104);
    let list = vec![(account(9), AssetId::NATIVE, 1), (account(9), UNKNOWN, 1)];
    let receipt = chain.assert_fails(0, Order::transfers(list), &unknown);
    assert_eq!(receipt.gas_used.0, 27_000);
    chain.assert_fails(0, Order::burn(UNKNOWN, 1), &unknown);
    let contract = chain.deploy(crate::support::guest!("deposit"), &[]);
    let order = Order::invoke(contract, "keep", &[0; 32]).deposit(UNKNOWN, 1);
    chain.assert_fails(0, order, &unknown);
    assert!(!chain.engine.account(&account(9)).expect("it is read").exists());
    // A known asset one does not hold is something else.
    chain.one(0, Order::transfer(account(5), 100_000));
    chain.assert_fails(5, Order::burn(GOLD, 1), &insufficient(GOLD, 1, 0));
}

#[test]
fn bad_t10_as_many_assets_as_transfers_move_at_once() {
    // A thousand are refused by the limit on transfers, see `static_faults`.
    let asset = |number: u64| {
        let mut id = [1; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        AssetId(id)
    };
    let params = tos_runtime::ProtocolParams::new(CHAIN);
    let mut genesis = fund(tos_runtime::Genesis::new(params), 0..1);
    for number in 0..256 {
        genesis = genesis.with_balance(person(0), asset(number), Amount(10 + number));
    }
    let mut chain = Chain::build(tos_runtime::ContractEngine::builder().genesis(genesis));
    let transfers = |extra| {
        let transfer = |number| (account(9), asset(number), 10 + number + extra);
        Order::transfers((0..256).map(transfer).collect())
    };
    let mut late = transfers(0);
    if let tos_runtime::TransactionType::Transfers(list) = &mut late.data {
        list[255].amount = Amount(266);
    }
    chain.assert_fails(0, late, &insufficient(asset(255), 266, 265));
    assert!(chain.one(0, transfers(0)).status.is_success());
    let receiver = chain.engine.account(&account(9)).expect("it is read");
    assert_eq!(receiver.assets.iter().count(), 256);
    chain.assert_fails(0, transfers(0), &insufficient(asset(0), 10, 0));
}

#[test]
fn bad_t24_a_receiver_that_does_not_exist_costs_what_one_that_does_costs() {
    // The catalogue charges for creation. Whether a receiver exists may not be looked up under
    // `Credit`, or a hot receiver would no longer be one: every transfer pays as if it created.
    let mut chain = Chain::new(2);
    let before = chain.purse(0);
    assert!(!chain.engine.account(&account(9)).expect("it is read").exists());
    let created = chain.one(0, Order::transfer(account(9), 1));
    let existing = chain.one(0, Order::transfer(account(1), 1));
    assert!(created.status.is_success());
    assert_eq!((created.gas_used, created.fee), (existing.gas_used, existing.fee));
    let account = chain.engine.account(&account(9)).expect("it is read");
    assert!(account.exists());
    assert_eq!((account.native.0, account.nonce.0), (1, 0));
    let after = before.sent(1).paid(16_000).sent(1).paid(16_000);
    assert_eq!(chain.purse(0), after, "the sender pays");
    // Another asset alone makes an account too.
    chain.one(0, Order::transfers(vec![(crate::support::account(8), GOLD, 1)]));
    assert!(chain.engine.account(&crate::support::account(8)).expect("it is read").exists());
}
