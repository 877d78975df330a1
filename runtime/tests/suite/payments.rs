//! Transfers of native units, which the parallel executor carries out in a way of its own: they end
//! as the sequential executor says, at every limit and in every mixture.

use std::sync::{Arc, Mutex};

use tos_runtime::{AssetId, ContractEngine, EngineConfig, ExecutionObserver, Transaction, TxIndex};

use crate::support::{
    Chain, FUNDS, Fleet, GOLD, Order, Rng, account, assert_conserved, codes, fund, genesis,
};

/// Gas of one native transfer, and what [`Order::transfer`] sets aside for it.
const FEE: u64 = 26_000;
const RESERVE: u64 = 32_000;
/// The code of a transaction that is not included.
const REFUSED: u32 = 999;

#[test]
fn a_transfer_ends_alike_in_both_executors_at_every_limit() {
    let fleet = Fleet::new(&genesis(12), 5);
    let pay = |to: u64, amount: u64| Order::transfer(account(to), amount);
    let cases = [
        // All that the reserve leaves, and a unit more.
        (pay(0, FUNDS - RESERVE).signed(1, 0), 0),
        (pay(0, FUNDS - RESERVE + 1).signed(2, 0), REFUSED),
        // What was received can be spent: this is more than person 0 had.
        (pay(50, 2 * FUNDS - 2 * RESERVE).signed(0, 0), 0),
        // What a transfer leaves is the unused reserve, not less and not more.
        (pay(50, 0).gas_limit(FEE).gas_price(0).signed(1, 1), 0),
        (pay(50, RESERVE - FEE).gas_price(0).signed(1, 2), 0),
        (pay(50, 1).gas_price(0).signed(1, 3), REFUSED),
        // The next nonce and its neighbours, the largest one.
        (pay(0, 1).signed(3, 1), REFUSED),
        (pay(0, 1).signed(3, 0), 0),
        (pay(0, 2).signed(3, 0), REFUSED),
        (pay(0, 3).signed(3, u64::MAX), REFUSED),
        // To oneself; nothing; to an account that does not exist.
        (pay(4, FUNDS - RESERVE).signed(4, 0), 0),
        (pay(60, 0).signed(5, 0), 0),
        (pay(61, 7).signed(5, 1), 0),
        // Sums that leave their types.
        (pay(0, u64::MAX).signed(6, 0), REFUSED),
        (pay(0, 1).gas_price(u64::MAX).signed(6, 0), REFUSED),
        (pay(0, u64::MAX - RESERVE + 1).signed(6, 0), REFUSED),
        // The last height, and one too early.
        (pay(0, 1).expiry(1).signed(7, 0), 0),
        (pay(0, 1).expiry(0).signed(8, 0), REFUSED),
        // Neither one transfer nor only native.
        (Order::transfers(vec![]).signed(9, 0), 0),
        (Order::transfers(vec![(account(0), GOLD, 1)]).signed(9, 1), 0),
        (Order::transfers(vec![(account(0), GOLD, 1 << 40)]).signed(9, 2), 103),
        (Order::transfers(vec![(account(0), AssetId::NATIVE, 1); 3]).signed(9, 3), 0),
        // Somebody who has nothing.
        (pay(0, 0).signed(70, 0), REFUSED),
        (pay(0, 0).gas_price(0).signed(70, 0), 0),
    ];
    let (txs, expected): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    let outcome = fleet.run(txs, "limits");
    assert_eq!(codes(&outcome), expected);
    assert_conserved(&outcome, "limits");
    assert!(fleet.parallel() > 0, "nothing was executed in parallel");
}

/// Random payments of which many can just be afforded, or just not.
struct Payments {
    rng: Rng,
    people: u64,
    nonces: Vec<u64>,
    balances: Vec<u64>,
}

impl Payments {
    fn new(people: u64, seed: u64) -> Self {
        let (nonces, balances) = (vec![0; people as usize], vec![FUNDS; people as usize]);
        Self { rng: Rng::new(seed), people, nonces, balances }
    }

    /// Takes over what the tip says.
    fn resume(&mut self, engine: &ContractEngine) {
        for number in 0..self.people {
            let account = engine.account(&account(number)).expect("it is read");
            self.nonces[number as usize] = account.nonce.0;
            self.balances[number as usize] = account.native.0;
        }
    }

    fn block(&mut self, txs: u64) -> Vec<Transaction> {
        let mut txs: Vec<_> = (0..txs).map(|_| self.payment()).collect();
        let mut seen = std::collections::HashSet::new();
        txs.retain(|tx| seen.insert(tx.id()));
        txs
    }

    fn payment(&mut self) -> Transaction {
        let hot = self.rng.percent(20);
        let from = if hot { self.rng.below(2) } else { self.rng.below(self.people) };
        let to = match self.rng.below(10) {
            0..=2 => 0,
            3 => from,
            4 => self.people + self.rng.below(4),
            _ => self.rng.below(self.people),
        };
        let balance = &mut self.balances[from as usize];
        let amount = match self.rng.below(12) {
            0 => 0,
            // What the sender has if it gets nothing, give or take a unit.
            1 => (balance.saturating_sub(RESERVE) + self.rng.below(3)).saturating_sub(1),
            2 => u64::MAX - self.rng.below(40_000),
            3 => *balance / 2,
            _ => self.rng.below(5_000),
        };
        let nonce = &mut self.nonces[from as usize];
        let order = match self.rng.below(30) {
            0 => Order::burn(AssetId::NATIVE, amount),
            1 => Order::transfers(vec![(account(to), GOLD, amount)]),
            2 => Order::transfers(vec![(account(to), AssetId::NATIVE, amount % 5_000); 2]),
            _ => Order::transfer(account(to), amount),
        };
        match self.rng.below(25) {
            0 => return order.signed(from, *nonce + 1),
            1 => return order.signed(from, nonce.saturating_sub(1)),
            _ => {}
        }
        // A guess, too, of what is included and what it leaves.
        if amount <= balance.saturating_sub(RESERVE) {
            *balance = balance.saturating_sub(amount + FEE);
            *nonce += 1;
            return order.signed(from, *nonce - 1);
        }
        order.signed(from, *nonce)
    }
}

#[test]
fn random_payments_come_out_the_same_at_every_thread_count() {
    let (mut included, mut refused, mut parallel) = (0, 0, 0);
    for seed in 0..6 {
        let fleet = Fleet::new(&genesis(14), seed);
        let mut payments = Payments::new(14, seed);
        for _ in 0..8 {
            payments.resume(fleet.reference());
            let outcome = fleet.run(payments.block(120), &format!("seed {seed}"));
            let refusals = codes(&outcome).iter().filter(|code| **code == REFUSED).count();
            refused += refusals;
            included += outcome.results().len() - refusals;
        }
        parallel += fleet.parallel();
        fleet.close(&format!("seed {seed}"));
    }
    println!("included {included}, refused {refused}, in parallel {parallel}");
    assert!(included > 1_000 && refused > 500 && parallel > 0, "{included} {refused} {parallel}");
}

#[test]
fn large_blocks_of_payments_come_out_the_same_on_several_workers() {
    // Nobody watches here, so the workers run as fast as they can.
    let people = 400;
    for (seed, threads, txs) in [(1, 2, 2_000), (2, 3, 3_000), (3, 8, 4_000)] {
        let config = EngineConfig { max_parallel_threads: threads, ..EngineConfig::default() };
        let genesis = fund(genesis(0), 0..people);
        let mut chain = Chain::build(ContractEngine::builder().genesis(genesis).config(config));
        let mut payments = Payments::new(people, seed);
        let outcome = chain.execute(payments.block(txs));
        let metrics = outcome.metrics();
        assert!(metrics.threads > 1 && metrics.conflicting_transactions > 200, "{metrics:?}");
        assert_conserved(&outcome, "payments");
    }
}

/// Notes which transactions it hears of.
#[derive(Clone, Default)]
struct Watcher(Arc<Mutex<Vec<TxIndex>>>);

impl ExecutionObserver for Watcher {
    fn transaction_finished(&self, _worker: usize, tx: TxIndex) {
        self.0.lock().expect("nobody panics").push(tx);
    }
}

#[test]
fn whoever_watches_a_block_of_payments_hears_of_each() {
    let people = 30;
    let watcher = Watcher::default();
    // Large enough to be settled, which would happen behind a watcher's back.
    let config = EngineConfig { large_block_txs: 1, ..EngineConfig::default() };
    let builder = ContractEngine::builder().genesis(genesis(people)).config(config);
    let mut chain = Chain::build(builder.observer(watcher.clone()));
    let pay = |number| Order::transfer(account((number + 1) % people), 1);
    let txs = (0..people).map(|number| chain.send(number, pay(number))).collect();
    let block = chain.block(txs);
    chain.engine.execute_block(&block).expect("it executes");
    let mut heard = watcher.0.lock().expect("nobody panics").clone();
    heard.sort_unstable();
    assert!(heard.into_iter().eq(0..people as TxIndex), "each once");
}
