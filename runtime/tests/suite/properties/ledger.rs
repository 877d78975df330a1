//! Blocks of transfers and burns against a ledger that fits on a page, and conservation of every
//! asset on random blocks of everything, recomputed from the change set.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tos_runtime::{
    Address, AssetId, ContractEngine, EngineConfig, Transaction, TransactionType, UnverifiedBlock,
};

use super::cases;
use crate::support::{
    Chain, GOLD, Generator, Order, SILVER, account, assert_conserved, assert_same, codes, genesis,
};

const PEOPLE: u64 = 5;
/// Nobody has defined this asset.
const UNKNOWN: AssetId = AssetId([9; 32]);

/// What the engine should compute, in the simplest words.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ledger {
    nonces: BTreeMap<Address, u64>,
    balances: BTreeMap<(Address, AssetId), u128>,
    burned: BTreeMap<AssetId, u128>,
    fees: u128,
}

impl Ledger {
    fn balance(&mut self, address: Address, asset: AssetId) -> &mut u128 {
        self.balances.entry((address, asset)).or_default()
    }

    /// The status code the transaction ends with; 999 when it is not included.
    fn apply(&mut self, tx: &Transaction) -> u32 {
        let source = Address::Key(tx.source);
        let (moves, burns): (Vec<_>, bool) = match &tx.data {
            TransactionType::Transfers(list) => (
                list.iter().map(|t| (t.destination, t.asset, u128::from(t.amount.0))).collect(),
                false,
            ),
            TransactionType::Burn { asset, amount } => {
                (vec![(source, *asset, u128::from(amount.0))], true)
            }
            _ => unreachable!("only transfers and burns are generated"),
        };
        let reserve = u128::from(tx.gas_limit.0) * u128::from(tx.gas_price.0);
        let native =
            |(_, asset, amount): &(_, AssetId, u128)| if asset.is_native() { *amount } else { 0 };
        let value: u128 = moves.iter().map(native).sum();
        let nonce = *self.nonces.entry(source).or_default();
        if tx.nonce.0 != nonce || *self.balance(source, AssetId::NATIVE) < reserve + value {
            return 999;
        }
        let each = if burns { 1_000 } else { 11_000 };
        let fee = u128::from((5_000 + each * moves.len() as u64) * tx.gas_price.0);
        self.nonces.insert(source, nonce + 1);
        *self.balance(source, AssetId::NATIVE) -= fee;
        self.fees += fee;
        let mut sums = Vec::<(AssetId, u128)>::new();
        for (_, asset, amount) in &moves {
            match sums.iter_mut().find(|(known, _)| known == asset) {
                Some((_, sum)) => *sum += amount,
                None => sums.push((*asset, *amount)),
            }
        }
        for (asset, sum) in &sums {
            if *asset == UNKNOWN {
                return 104;
            }
            if *self.balance(source, *asset) < *sum {
                return 103;
            }
        }
        for (destination, asset, amount) in moves {
            *self.balance(source, asset) -= amount;
            match burns {
                true => *self.burned.entry(asset).or_default() += amount,
                false => *self.balance(destination, asset) += amount,
            }
        }
        0
    }
}

/// Person, whether the nonce is right, price, and what is sent.
type Sent = (u64, u64, u64, Vec<(u64, u8, u64)>, bool);

fn sent() -> impl Strategy<Value = Sent> {
    let amount = prop_oneof![Just(0), 1..2_000_u64, 300_000..700_000_u64, Just(u64::MAX)];
    let transfer = (0..PEOPLE + 2, 0..20_u8, amount);
    let off_by = prop_oneof![9 => Just(0_u64), 1 => 1..3_u64];
    let price = prop_oneof![8 => 1..3_u64, 1 => Just(50_000_000_u64), 1 => Just(u64::MAX)];
    let list = proptest::collection::vec(transfer, 0..5);
    (0..PEOPLE + 1, off_by, price, list, any::<bool>())
}

fn order((_, _, price, list, burn): &Sent) -> Order {
    let asset = |number: u8| match number {
        0..=8 => AssetId::NATIVE,
        9..=14 => GOLD,
        15..=18 => SILVER,
        _ => UNKNOWN,
    };
    let order = match list.as_slice() {
        [(_, number, amount)] if *burn => Order::burn(asset(*number), *amount),
        list => Order::transfers(
            list.iter()
                .map(|(to, number, amount)| (account(*to), asset(*number), *amount))
                .collect(),
        ),
    };
    order.gas_price(*price)
}

/// Everything the engine says about the same accounts.
fn read(engine: &ContractEngine, ledger: &Ledger) -> Ledger {
    let account = |address: &Address| engine.account(address).expect("it is read");
    let burned = |asset: &AssetId| engine.asset(asset).expect("it is read").expect("it exists");
    Ledger {
        nonces: ledger.nonces.keys().map(|a| (*a, account(a).nonce.0)).collect(),
        balances: ledger
            .balances
            .keys()
            .map(|(a, asset)| ((*a, *asset), u128::from(account(a).balance(asset).0)))
            .collect(),
        burned: ledger.burned.keys().map(|a| (*a, u128::from(burned(a).burned.0))).collect(),
        fees: ledger.fees,
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn blocks_of_transfers_and_burns_do_what_a_ledger_on_a_page_does(
        blocks in proptest::collection::vec(proptest::collection::vec(sent(), 0..25), 1..4),
        rewarded in any::<bool>(),
    ) {
        let config = EngineConfig { max_parallel_threads: 3, ..EngineConfig::default() };
        let genesis = genesis(PEOPLE);
        let mut ledger = Ledger::default();
        for allocation in &genesis.allocations {
            *ledger.balance(allocation.account, allocation.asset) = u128::from(allocation.amount.0);
        }
        let mut chain = Chain::build(ContractEngine::builder().genesis(genesis).config(config));
        for sent in blocks {
            let mut nonces = BTreeMap::<u64, u64>::new();
            let mut txs: Vec<Transaction> = Vec::new();
            for sent in &sent {
                let stored = chain.nonce(sent.0);
                let nonce = nonces.entry(sent.0).or_insert(stored);
                let tx = order(sent).signed(sent.0, *nonce + sent.1);
                *nonce += u64::from(sent.1 == 0);
                // The same wrong nonce twice may be the same transaction twice.
                if txs.iter().all(|known| known.id() != tx.id()) {
                    txs.push(tx);
                }
            }
            let block = chain.block(txs.clone());
            let block = if rewarded { block.with_beneficiary(account(1)) } else { block };
            let outcome = chain.execute_block(&block);
            ledger.fees = 0;
            let expected: Vec<u32> = txs.iter().map(|tx| ledger.apply(tx)).collect();
            prop_assert_eq!(codes(&outcome), expected);
            prop_assert_eq!(u128::from(outcome.gas_fee().0), ledger.fees);
            let fees = ledger.fees;
            match rewarded {
                true => *ledger.balance(account(1), AssetId::NATIVE) += fees,
                false => *ledger.burned.entry(AssetId::NATIVE).or_default() += fees,
            }
            chain.engine.commit(outcome).expect("it commits");
            prop_assert_eq!(&read(&chain.engine, &ledger), &ledger);
        }
    }
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn every_asset_is_conserved_whatever_a_block_does(seed in any::<u64>()) {
        let engine = ContractEngine::builder().genesis(genesis(PEOPLE)).build().expect("it opens");
        let mut generator = Generator::new(PEOPLE, seed);
        for height in 1..=4 {
            let transactions = match height {
                1 => generator.first_block(),
                _ => generator.block(&engine, 50),
            };
            let beneficiary = (seed.wrapping_add(height) % 2 == 0).then(|| account(height));
            let context = engine.next_context(height);
            let block = UnverifiedBlock { context, beneficiary, transactions };
            let block = engine.verify_block(block).expect("it is well formed");
            let outcome = engine.execute_block(&block).expect("it executes");
            let sequential = engine.execute_block_sequentially(&block).expect("it executes");
            assert_same(&sequential, &outcome, &format!("seed {seed}, block {height}"));
            assert_conserved(&outcome, &format!("seed {seed}, block {height}"));
            engine.commit(outcome).expect("it commits");
        }
    }
}
