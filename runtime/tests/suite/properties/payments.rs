//! Payments of large blocks are settled account by account, on the assumption that they succeed.
//! These blocks are full of payments that do not, or only just, among transactions of other kinds.

use tos_runtime::{
    Amount, AssetId, ContractEngine, EngineConfig, ExecutionStatus, Genesis, InvalidTransaction,
    MemoryStorage, ProtocolParams, Transaction, UnverifiedBlock,
};

use crate::support::{CHAIN, GOLD, Order, Rng, account, assert_same, fund, person};

const PEOPLE: u64 = 6;
/// What an [`Order::transfer`] sets aside, and what it uses of that.
const RESERVE: u64 = 32_000;
const FEE: u64 = 26_000;

/// People with little money: two fees and some change, so that who can pay changes all the time.
fn genesis(rng: &mut Rng) -> Genesis {
    let rich = fund(Genesis::new(ProtocolParams::new(CHAIN)), 0..1);
    (1..PEOPLE).fold(rich, |genesis, number| {
        let funds = RESERVE * rng.below(4) + rng.below(3);
        genesis.with_balance(person(number), AssetId::NATIVE, Amount(funds)).with_balance(
            person(number),
            GOLD,
            Amount(10),
        )
    })
}

fn open(genesis: &Genesis, threads: usize, cut: bool) -> ContractEngine {
    let config = EngineConfig {
        max_parallel_threads: threads,
        enable_parallel_execution: cut,
        large_block_txs: 1,
        ..EngineConfig::default()
    };
    let builder = ContractEngine::builder().storage(MemoryStorage::new()).config(config);
    builder.genesis(genesis.clone()).build().expect("the engine opens")
}

/// A block of which `others` percent are no payments.
fn block(engine: &ContractEngine, rng: &mut Rng, others: u64) -> Vec<Transaction> {
    let state = |number| engine.account(&account(number)).expect("it is read");
    let mut nonces: Vec<u64> = (0..PEOPLE).map(|number| state(number).nonce.0).collect();
    (0..1 + rng.below(40))
        .map(|_| {
            let from = if rng.percent(30) { 0 } else { rng.below(PEOPLE) };
            // Beside the accounts of senders, some that do not exist yet.
            let to = account(rng.below(PEOPLE + 2));
            let amount = match rng.below(6) {
                0 => 0,
                // All that the sender has at the block's start, give or take one.
                1 => {
                    (state(from).native.0.saturating_sub(RESERVE) + 1).saturating_sub(rng.below(3))
                }
                2 => RESERVE + rng.below(3),
                3 => u64::MAX - rng.below(2),
                _ => rng.below(2 * FEE),
            };
            let order = match rng.percent(others).then(|| rng.below(4)) {
                None => Order::transfer(to, amount),
                Some(0) => Order::burn(AssetId::NATIVE, amount),
                Some(1) => Order::transfers(vec![(to, GOLD, rng.below(4))]),
                Some(2) => Order::transfers(vec![(to, AssetId::NATIVE, 1), (account(0), GOLD, 1)]),
                Some(_) => Order::transfer(account(from), amount),
            };
            let off = if rng.percent(5) { 1 + rng.below(2) } else { 0 };
            let order = if rng.percent(3) { order.expiry(0) } else { order };
            let next = &mut nonces[from as usize];
            let tx = order.signed(from, *next + off);
            // Not always raised: then the next one is a second try with the same nonce.
            *next += u64::from(off == 0 && rng.percent(85));
            tx
        })
        .collect()
}

#[test]
fn settled_payments_end_as_in_block_order() {
    let mut rng = Rng::new(11);
    let (mut succeeded, mut short, mut out_of_turn) = (0, 0, 0);
    for chain in 0..60 {
        let genesis = genesis(&mut rng);
        let reference = open(&genesis, 1, false);
        let engines = [1, 2, 3].map(|threads| open(&genesis, threads, true));
        for others in [0, 0, 10, 50] {
            let mut txs = block(&reference, &mut rng, others);
            // The same bytes twice are no block.
            let mut seen = std::collections::BTreeSet::new();
            txs.retain(|tx| seen.insert(tx.encode()));
            let height = reference.tip().topoheight.0 + 1;
            let context = reference.next_context(1_000 * height);
            let beneficiary = rng.percent(70).then(|| account(rng.below(PEOPLE)));
            let block = UnverifiedBlock { context, beneficiary, transactions: txs };
            let block = reference.verify_block(block).expect("the block is well formed");
            let expected = reference.execute_block(&block).expect("it executes");
            for engine in &engines {
                let outcome = engine.execute_block(&block).expect("it executes");
                assert_same(&expected, &outcome, &format!("chain {chain}, block {height}"));
                engine.commit(outcome).expect("it commits");
            }
            for result in expected.results() {
                match result {
                    Ok(receipt) => {
                        succeeded += u64::from(receipt.status == ExecutionStatus::Success);
                    }
                    Err(InvalidTransaction::Unaffordable { .. }) => short += 1,
                    Err(_) => out_of_turn += 1,
                }
            }
            reference.commit(expected).expect("it commits");
        }
    }
    // Nothing is shown by blocks in which all goes well, or nothing.
    let least = succeeded.min(short).min(out_of_turn);
    assert!(least > 300, "{succeeded} {short} {out_of_turn}");
}
