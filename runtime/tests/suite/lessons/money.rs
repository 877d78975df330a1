//! Lessons about balances, nonces, fees and rewards.

use tos_runtime::{
    Address, Amount, AssetId, InvalidTransaction, Nonce, RevertReason, StateKey, StateValue,
};

use crate::support::{
    Chain, FUNDS, GOLD, Order, SILVER, account, assert_conserved, assert_only_nonces_and_fees,
    codes, guest, receipt,
};

const PAID: u64 = 16_000;
/// What a burn pays.
const BURN_PAID: u64 = 6_000;

#[test]
fn i05_paying_oneself_neither_creates_nor_loses_money() {
    // I5, Solana #2682: the account was loaded twice and the second copy won. Also the sketch of
    // this design, where holding the source's guard while taking the destination's deadlocked.
    let mut chain = Chain::new(2);
    let own = account(1);
    let list = [
        vec![(own, AssetId::NATIVE, 1_000)],
        vec![(own, GOLD, 1_000_000)],
        vec![(own, GOLD, 400_000), (account(9), GOLD, 600_000), (own, AssetId::NATIVE, 5)],
    ];
    for transfers in list {
        let (native, gold) = (chain.balance(1), chain.asset_balance(1, GOLD));
        let kept = !transfers.iter().any(|(to, ..)| *to != own);
        let receipt = chain.one(1, Order::transfers(transfers));
        assert!(receipt.status.is_success(), "{}", receipt.status);
        assert_eq!(chain.balance(1), native - receipt.fee.0);
        assert_eq!(chain.asset_balance(1, GOLD), if kept { gold } else { gold - 600_000 });
    }
    // All of it at once, twice: together that is more than there is, even to oneself.
    let twice = vec![(own, SILVER, 1_000_000), (own, SILVER, 1)];
    assert_eq!(chain.one(1, Order::transfers(twice)).status.code(), 103);
}

#[test]
fn i13_transfers_of_one_call_are_checked_against_what_is_left() {
    // I13, 2bfc7ea3: several transfers in one call were all checked against the same balance.
    let mut chain = Chain::new(2);
    let pay = chain.deploy(guest!("pay"), &[]);
    chain.one(1, Order::transfer(pay, 100));
    let input = |amount: u64| {
        [&account(9).to_bytes()[..], &AssetId::NATIVE.0, &amount.to_le_bytes()].concat()
    };
    let call = |amount: u64| {
        let order = Order::invoke(pay, "pay_twice", &input(amount));
        order
            .access(pay, tos_runtime::AccessMode::Write)
            .access(account(9), tos_runtime::AccessMode::Credit)
    };
    let insufficient = (-4_i32).to_le_bytes();
    assert_eq!(chain.one(1, call(60)).return_data, insufficient);
    assert_eq!(chain.balance(9), 60, "the first of the two was paid");
    assert_eq!(chain.one(1, call(20)).return_data, 0_i32.to_le_bytes());
    assert_eq!((chain.balance(9), contract_balance(&chain, pay.into())), (100, 0));
    // The same within one transaction of transfers, where nothing is paid at all.
    let list = vec![(account(9), GOLD, 600_000), (account(8), GOLD, 600_000)];
    let receipt = chain.one(0, Order::transfers(list));
    let reason = RevertReason::InsufficientBalance {
        asset: GOLD,
        needed: 1_200_000,
        found: Amount(1_000_000),
    };
    assert_eq!(receipt.status, tos_runtime::ExecutionStatus::Reverted(reason));
}

fn contract_balance(chain: &Chain, address: Address) -> u64 {
    chain.engine.balance(&address, AssetId::NATIVE).expect("it is read").0
}

#[test]
fn b09_b02_a_payment_is_debited_once_and_added_to_what_was_there() {
    // B9 and I13, 816f8360: the debit did nothing and every payment minted its amount; the next
    // commit debited twice. B2: the receiver's balance was replaced by the amount. B1: the fee was
    // credited to the miner and never debited.
    let mut chain = Chain::new(3);
    let tx = chain.send(1, Order::transfer(account(2), 777));
    let block = chain.block(vec![tx]).with_beneficiary(account(0));
    let outcome = chain.execute_block(&block);
    assert_conserved(&outcome, "one payment");
    chain.engine.commit(outcome).expect("it commits");
    assert_eq!(chain.balance(1), FUNDS - 777 - PAID);
    assert_eq!(chain.balance(2), FUNDS + 777);
    assert_eq!(chain.balance(0), FUNDS + PAID);
}

#[test]
fn b03_a_payer_nobody_has_looked_at_yet_is_not_empty() {
    // B3: a zero-filled cache made payers look empty. A fresh engine has read nothing.
    let storage = crate::support::FailingStorage::new();
    let mut chain = Chain::on(storage.clone(), 3);
    chain.one(0, Order::transfer(account(9), 50_000));
    let mut chain = Chain::on(storage, 3);
    let txs = vec![
        Order::transfer(account(2), FUNDS - 22_000).signed(1, 0),
        Order::transfer(account(2), 1).signed(9, 0),
    ];
    let outcome = chain.execute(txs);
    assert_eq!(codes(&outcome), [0, 0]);
}

#[test]
fn i13_the_second_spend_of_a_block_starts_from_what_the_first_left() {
    // "Sender balance read from disk, not from the block": a second spend in the same block started
    // from the balance before the block.
    let mut chain = Chain::new(3);
    let half = 600_000;
    let txs = vec![
        chain.send(1, Order::transfers(vec![(account(2), GOLD, half)])),
        chain.send(1, Order::transfers(vec![(account(2), GOLD, half)])),
        chain.send(1, Order::transfers(vec![(account(2), GOLD, 400_000)])),
    ];
    let outcome = chain.execute(txs);
    assert_eq!(codes(&outcome), [0, 103, 0]);
    let reason = RevertReason::InsufficientBalance {
        asset: GOLD,
        needed: u128::from(half),
        found: Amount(400_000),
    };
    let status = &receipt(&outcome, 1).status;
    assert_eq!(status, &tos_runtime::ExecutionStatus::Reverted(reason));
    chain.engine.commit(outcome).expect("it commits");
    assert_eq!((chain.asset_balance(1, GOLD), chain.asset_balance(2, GOLD)), (0, 2_000_000));
}

#[test]
fn what_is_received_can_be_spent_in_the_same_block_and_not_before() {
    let mut chain = Chain::new(2);
    let give = |to: u64, amount| Order::transfer(account(to), amount);
    let txs = vec![
        give(0, 1).signed(9, 0),
        chain.send(1, give(9, 60_000)),
        give(10, 8_000).signed(9, 0),
        give(0, 1).signed(10, 0),
    ];
    let outcome = chain.execute(txs);
    assert_eq!(codes(&outcome), [999, 0, 0, 999], "8000 do not cover a reserve of 22000");
    chain.engine.commit(outcome).expect("it commits");
    assert_eq!((chain.balance(9), chain.balance(10)), (60_000 - 8_000 - PAID, 8_000));
    assert_eq!((chain.nonce(9), chain.nonce(10)), (1, 0));
}

#[test]
fn a_to_b_beside_c_to_d_and_their_reverses_all_happen() {
    // The list's "A to B with C to D reversed": the order in which two locks were taken deadlocked.
    let mut chain = Chain::new(4);
    let pay = |to: u64| Order::transfer(account(to), 10).gas_limit(400_000);
    for _ in 0..20 {
        let txs = [(0, 1), (2, 3), (1, 0), (3, 2), (0, 2), (2, 0), (1, 3), (3, 1)];
        let txs = txs.map(|(from, to)| chain.send(from, pay(to))).to_vec();
        let outcome = chain.execute(txs);
        assert_eq!(codes(&outcome), [0; 8]);
        chain.engine.commit(outcome).expect("it commits");
    }
    for number in 0..4 {
        assert_eq!(chain.balance(number), FUNDS - 40 * PAID, "person {number}");
    }
}

#[test]
fn i03_a_failed_transaction_cannot_be_replayed_and_the_next_nonce_works() {
    // I3, Solana 2022-06-01: a failed transaction could be processed twice. I13, 733a1201: the
    // nonce was committed before success was known; here it survives failure on purpose.
    let mut chain = Chain::new(2);
    let failing = chain.send(1, Order::burn(GOLD, u64::MAX));
    let outcome = chain.execute(vec![failing.clone()]);
    assert_eq!(codes(&outcome), [103]);
    chain.engine.commit(outcome).expect("it commits");
    let next = chain.send(1, Order::burn(GOLD, 1));
    let outcome = chain.execute(vec![failing.clone(), next]);
    let expected = InvalidTransaction::NonceTooLow { expected: Nonce(1), found: Nonce(0) };
    assert_eq!(outcome.results()[0], Err(expected));
    assert_eq!(codes(&outcome), [999, 0]);
    // Within one block as well: fail, then the next nonce.
    let txs = vec![chain.send(1, Order::burn(GOLD, u64::MAX)), chain.send(1, Order::burn(GOLD, 2))];
    assert_eq!(codes(&chain.execute(txs)), [103, 0]);
}

#[test]
fn b10_a_failed_transaction_counts_its_fee_and_nothing_else() {
    // B10: a failed transaction raised the nonce without paying, and counted fee and burn.
    let mut chain = Chain::new(3);
    let txs = vec![
        chain.send(1, Order::burn(AssetId::NATIVE, FUNDS - 20_000).gas_limit(12_000)),
        chain.send(2, Order::burn(GOLD, 1_000_001)),
        chain.send(2, Order::burn(SILVER, 1_000_001)),
    ];
    let outcome = chain.execute(txs);
    assert_eq!(codes(&outcome), [0, 103, 103]);
    assert_eq!(outcome.burned_supply(), Amount(FUNDS - 20_000));
    assert_eq!(outcome.gas_fee(), Amount(3 * BURN_PAID));
    drop(outcome);
    let txs = vec![chain.send(2, Order::burn(GOLD, 1_000_001))];
    assert_only_nonces_and_fees(&chain.execute(txs), &[(2, BURN_PAID)]);
}

#[test]
fn the_exact_fee_is_enough_and_one_unit_less_is_not() {
    // I9, Sei #3753: one executor demanded fee and value, the other only the fee.
    let mut chain = Chain::new(2);
    let order = |amount| Order::transfer(account(0), amount).gas_limit(PAID);
    chain.one(0, Order::transfer(account(7), PAID + 100));
    for (amount, code) in [(101, 999), (100, 0)] {
        let tx = chain.send(7, order(amount));
        let outcome = chain.execute(vec![tx]);
        assert_eq!(codes(&outcome), [code], "{amount} and the fee");
        chain.engine.commit(outcome).expect("it commits");
    }
    assert_eq!((chain.balance(7), chain.nonce(7)), (0, 1));
}

#[test]
fn a_receiver_that_does_not_exist_yet_is_created_and_an_empty_one_is_not_stored() {
    let mut chain = Chain::new(2);
    let txs = vec![
        chain.send(1, Order::transfer(account(9), 5)),
        chain.send(1, Order::transfers(vec![(account(8), GOLD, 0)])),
    ];
    let outcome = chain.execute(txs);
    let created = outcome.change_set().get(&StateKey::Account(account(9))).expect("it changed");
    assert_eq!(created.old, None);
    assert!(matches!(&created.new, Some(StateValue::Account(new)) if new.native == Amount(5)));
    let empty = outcome.change_set().get(&StateKey::Account(account(8)));
    assert_eq!(empty, None, "zero of something is nothing");
}

#[test]
fn credits_cannot_overflow_because_the_supply_is_the_bound() {
    // B14: counters wrapped. "Overflow on credit" of the list: no set of transfers can bring a
    // balance above the supply, so the largest possible balance is tried.
    let genesis =
        tos_runtime::Genesis::new(tos_runtime::ProtocolParams::new(crate::support::CHAIN))
            .with_balance(account(1), AssetId::NATIVE, Amount(1_000_000))
            .with_balance(account(1), GOLD, Amount(u64::MAX - 1))
            .with_balance(account(2), GOLD, Amount(1))
            .with_balance(account(2), AssetId::NATIVE, Amount(1_000_000));
    let builder = tos_runtime::ContractEngine::builder().genesis(genesis);
    let mut chain = Chain::build(builder);
    let all = |to: u64, amount: u64| Order::transfers(vec![(account(to), GOLD, amount)]);
    let txs = vec![
        chain.send(1, all(3, u64::MAX - 1)),
        chain.send(2, all(3, 1)),
        // Sums beyond 64 bits fail as sums, not as what is left of them.
        chain.send(1, Order::transfers(vec![(account(3), GOLD, u64::MAX), (account(3), GOLD, 2)])),
    ];
    let outcome = chain.execute(txs);
    assert_eq!(codes(&outcome), [0, 0, 103]);
    let reason = RevertReason::InsufficientBalance {
        asset: GOLD,
        needed: u128::from(u64::MAX) + 2,
        found: Amount(0),
    };
    let status = &receipt(&outcome, 2).status;
    assert_eq!(status, &tos_runtime::ExecutionStatus::Reverted(reason));
    chain.engine.commit(outcome).expect("it commits");
    assert_eq!(chain.asset_balance(3, GOLD), u64::MAX);
}

#[test]
fn b11_b12_b13_the_reward_is_added_once_after_the_last_transaction() {
    // B11: the reward was invisible in its block; B12: it overwrote the miner's balance; B13: it
    // was paid twice. Here fees reach the beneficiary once, after the last transaction: spending
    // them in their own block is not possible by design, spending everything else is.
    let mut chain = Chain::new(4);
    let miner = 7;
    chain.one(0, Order::transfer(account(miner), 22_000 + 1_000));
    let everything = Order::transfer(account(0), 1_000).gas_limit(22_000);
    let txs = vec![
        chain.send(1, Order::transfer(account(2), 1).gas_price(4)),
        chain.send(miner, everything),
        // More than it has without the reward of the first transaction.
        Order::transfer(account(0), 1).signed(miner, 1),
        chain.send(2, Order::transfer(account(miner), 50)),
    ];
    let block = chain.block(txs).with_beneficiary(account(miner));
    let outcome = chain.execute_block(&block);
    assert_eq!(codes(&outcome), [0, 0, 999, 0]);
    let fees = 4 * PAID + PAID + PAID;
    assert_eq!(outcome.gas_fee(), Amount(fees));
    assert_conserved(&outcome, "a block with a reward");
    chain.engine.commit(outcome).expect("it commits");
    assert_eq!(chain.balance(miner), 22_000 - PAID + 50 + fees);
    // Again, with the balance it has now: added, not replaced, and not added once more.
    let before = chain.balance(miner);
    let tx = chain.send(1, Order::transfer(account(2), 1));
    let block = chain.block(vec![tx]).with_beneficiary(account(miner));
    for _ in 0..2 {
        let outcome = chain.execute_block(&block);
        chain.engine.commit(outcome).expect("it commits");
    }
    assert_eq!(chain.balance(miner), before + PAID);
}

#[test]
fn i11_a_producer_that_pays_itself_the_fee_has_one_change_set() {
    // I11, Sei #3938: the state was the same, the change set was not.
    let mut chain = Chain::new(2);
    let tx = chain.send(1, Order::transfer(account(1), 5));
    let block = chain.block(vec![tx]).with_beneficiary(account(1));
    let outcome = chain.execute_block(&block);
    let changes = outcome.change_set().changes();
    assert_eq!(changes.len(), 1, "only its nonce is different: {changes:?}");
    let Some(StateValue::Account(new)) = &changes[0].new else { panic!("{:?}", changes[0]) };
    assert_eq!((new.nonce, new.native), (Nonce(1), Amount(FUNDS)));
}

#[test]
fn i11_what_ends_as_it_began_is_no_change() {
    let mut chain = Chain::new(4);
    let counter = chain.deploy(crate::support::wasm(crate::support::COUNTER), &[]);
    let txs = vec![
        chain.send(1, Order::transfers(vec![(account(2), GOLD, 5), (counter.into(), SILVER, 0)])),
        chain.send(3, Order::transfers(vec![(account(3), GOLD, 5)])),
        chain.send(3, crate::support::Call::counter_add(counter, 0)),
    ];
    let outcome = chain.execute(txs);
    let keys: Vec<_> = outcome.change_set().changes().iter().map(|c| c.key.clone()).collect();
    let mut expected: Vec<_> = [1, 2, 3].map(|number| StateKey::Account(account(number))).into();
    expected.push(StateKey::Asset(AssetId::NATIVE));
    expected.sort();
    assert_eq!(keys, expected);
}

#[test]
fn i07_a_price_of_zero_is_a_price() {
    // I7, Sui 2024-11-21: an assertion on an estimated cost of zero put every validator into a
    // crash loop.
    let mut chain = Chain::new(3);
    let txs = vec![
        chain.send(1, Order::transfer(account(2), 0).gas_price(0)),
        chain.send(1, Order::burn(GOLD, 0).gas_price(0)),
        chain.send(1, Order::transfers(vec![]).gas_price(0)),
        chain.send(2, Order::burn(GOLD, u64::MAX).gas_price(0)),
    ];
    let block = chain.block(txs).with_beneficiary(account(9));
    let outcome = chain.execute_block(&block);
    assert_eq!(codes(&outcome), [0, 0, 0, 103]);
    assert_eq!(outcome.gas_fee(), Amount(0));
    assert_eq!(outcome.change_set().len(), 2, "two nonces: {:?}", outcome.change_set());
    let empty = chain.execute(vec![]);
    assert!(empty.change_set().is_empty() && empty.results().is_empty());
}
