//! Law 4 at length: after every block the money of everybody, read one by one, and what was burned add
//! up to what there was at first. Nothing of this asks the engine's own check, and whoever had money
//! that is not asked here would be missed.
//!
//! Signing and verifying take ten times as long as executing, so transactions are signed once, in
//! several ways for each nonce of each person, and used on many chains: with other funds, in other
//! orders, in blocks of other sizes, they end otherwise.
//!
//! ```text
//! TOS_CONSERVATION_TRANSACTIONS=100000000 TOS_CONSERVATION_SEED=1 \
//!     cargo test --release -p tos-runtime --test suite conservation -- --nocapture
//! ```

use std::collections::BTreeMap;

use tos_runtime::{
    Address, Amount, AssetId, Block, ContractEngine, EngineConfig, Genesis, ProtocolParams,
    StateKey, StateValue, Storage, VerifiedTransaction,
};

use crate::support::{
    CHAIN, Ends, FailingStorage, GOLD, Generator, Rng, SILVER, SharedArtifacts, account, person,
    setting,
};

/// People who send; three more have nothing at first.
const PEOPLE: u64 = 40;
/// Ways to spend one nonce.
const WAYS: usize = 3;
/// More than any order sets aside for gas.
const CALL_MAX: Amount = Amount(500_000);
/// Chains that are made of one bag.
const CHAINS_PER_BAG: u64 = 500;
const ASSETS: [AssetId; 3] = [AssetId::NATIVE, GOLD, SILVER];

/// Signed transactions to make chains of.
struct Bag {
    /// The blocks that deploy what is called and fill the pool.
    setup: [Vec<VerifiedTransaction>; 2],
    /// By person and nonce.
    ways: Vec<Vec<[VerifiedTransaction; WAYS]>>,
    /// The nonce of the first of these.
    first_nonces: Vec<u64>,
    /// Everybody who can have money, besides those who produce blocks.
    holders: Vec<Address>,
}

impl Bag {
    fn new(seed: u64, nonces: u64) -> Self {
        let params = ProtocolParams::new(CHAIN);
        let verify = |txs| tos_runtime::verify_batch(txs, &params).expect("they are well formed");
        let mut generator = Generator::new(PEOPLE, seed);
        let setup = [generator.first_block(), generator.second_block()].map(verify);
        let first_nonces: Vec<_> =
            (0..PEOPLE + 3).map(|person| generator.next_nonce(person)).collect();
        let ways = (0..PEOPLE + 3).map(|person| {
            let first = first_nonces[person as usize];
            let nonces = (first..first + nonces).map(|nonce| {
                let ways = std::array::from_fn::<_, WAYS, _>(|_| {
                    generator.money_order().signed(person, nonce)
                });
                verify(ways.into()).try_into().expect("as many as there were")
            });
            nonces.collect()
        });
        let ways = ways.collect();
        Self { setup, ways, first_nonces, holders: generator.holders() }
    }
}

/// A chain, and all the money there is on it.
struct Chain<'a> {
    bag: &'a Bag,
    rng: Rng,
    storage: FailingStorage,
    engine: ContractEngine,
    /// What genesis says there is, by asset.
    supply: BTreeMap<AssetId, u128>,
    /// Next nonces.
    nonces: Vec<u64>,
    /// Who can pay for any call. Others are refused, and so is what they send after that.
    solvent: Vec<bool>,
}

/// What a run has tried.
#[derive(Default)]
struct Tried {
    chains: u64,
    blocks: u64,
    included: u64,
    refused: u64,
    compared: u64,
    burned: BTreeMap<AssetId, u128>,
    by_contracts: u128,
    ends: Ends,
}

impl<'a> Chain<'a> {
    fn new(bag: &'a Bag, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut genesis = Genesis::new(ProtocolParams::new(CHAIN));
        let mut supply = BTreeMap::new();
        for number in 0..PEOPLE {
            for asset in ASSETS {
                // Who deploys is rich. Of the others some have next to nothing, some so much that
                // sums do not fit into 32 bits, none so much that those of all leave a balance.
                let amount = match rng.below(8) {
                    _ if number < 3 => 1_000_000_000_000,
                    0 => rng.below(60_000),
                    1 => rng.below(4_000_000),
                    2 => 100_000_000_000_000_000 + rng.below(1_000),
                    _ => 1_000_000_000 + rng.below(1_000_000_000),
                };
                genesis = genesis.with_balance(person(number), asset, Amount(amount));
                *supply.entry(asset).or_default() += u128::from(amount);
            }
        }
        let config = EngineConfig {
            max_parallel_threads: 1 + usize::from(rng.percent(20)),
            enable_parallel_execution: !rng.percent(10),
            large_block_txs: *rng.pick(&[1, 1_000, usize::MAX]),
            ..EngineConfig::default()
        };
        let storage = FailingStorage::new();
        let builder = ContractEngine::builder().config(config).genesis(genesis);
        let builder = builder.storage(SharedArtifacts::of(storage.clone(), false));
        let engine = builder.build().expect("it opens");
        let (nonces, solvent) = (bag.first_nonces.clone(), vec![true; bag.first_nonces.len()]);
        Self { bag, rng, storage, engine, supply, nonces, solvent }
    }

    /// A block of up to so many transactions, with as many of one sender in a row as it draws.
    fn draw(&mut self, txs_max: u64) -> Vec<VerifiedTransaction> {
        let mut next = self.nonces.clone();
        let mut txs = Vec::new();
        // Who has no more transactions is drawn in vain, and mostly who cannot pay.
        for _ in 0..txs_max {
            let hot = self.rng.percent(20);
            let people = if hot { 3 } else { next.len() as u64 };
            let sender = self.rng.below(people) as usize;
            if !self.solvent[sender] && self.rng.percent(98) {
                continue;
            }
            let place = (next[sender] - self.bag.first_nonces[sender]) as usize;
            let Some(ways) = self.bag.ways[sender].get(place) else { continue };
            next[sender] += 1;
            txs.push(self.rng.pick(ways).clone());
        }
        txs
    }

    /// Executes and commits a block, and adds up what there is. Says how many were included.
    fn run(&mut self, txs: Vec<VerifiedTransaction>, tried: &mut Tried, what: &str) -> u64 {
        let height = self.engine.tip().topoheight.0 + 1;
        let block = Block::new(self.engine.next_context(1_000 * height), txs);
        // Somebody who sends, somebody who does not, or nobody: then fees are burned.
        let beneficiary = match self.rng.below(3) {
            0 => Some(account(self.rng.below(PEOPLE))),
            1 => Some(account(PEOPLE)),
            _ => None,
        };
        let block = beneficiary.into_iter().fold(block, Block::with_beneficiary);
        let outcome = self.engine.execute_block(&block).unwrap_or_else(|e| panic!("{what}: {e}"));
        let included = outcome.results().iter().filter(|result| result.is_ok()).count() as u64;
        tried.blocks += 1;
        tried.included += included;
        tried.refused += outcome.results().len() as u64 - included;
        tried.ends.count(outcome.results());
        self.engine.commit(outcome).unwrap_or_else(|error| panic!("{what}: {error}"));
        self.count(tried, what);
        included
    }

    /// Adds up what everybody has and what was burned.
    fn count(&mut self, tried: &mut Tried, what: &str) {
        let mut found = BTreeMap::<AssetId, u128>::new();
        for (number, holder) in self.bag.holders.iter().enumerate() {
            let account = self.engine.account(holder).expect("it is read");
            for asset in ASSETS {
                *found.entry(asset).or_default() += u128::from(account.balance(&asset).0);
            }
            if let Some(nonce) = self.nonces.get_mut(number) {
                *nonce = account.nonce.0;
                self.solvent[number] = account.native >= CALL_MAX;
            }
        }
        for asset in ASSETS {
            let record = self.engine.asset(&asset).expect("it is read").expect("there is such");
            let supply = self.supply[&asset];
            assert_eq!(u128::from(record.supply.0), supply, "{what}: supply of {asset}");
            let sum = found[&asset] + u128::from(record.burned.0);
            assert_eq!(sum, supply, "{what}: {asset}, held and burned");
        }
        tried.compared += 1;
    }

    /// The same of what is stored, when nobody has anything in memory.
    fn close(self, tried: &mut Tried, what: &str) {
        let Self { bag, storage, engine, supply, .. } = self;
        drop(engine);
        let read = |key| storage.read(&key).expect("it is read");
        for asset in ASSETS {
            let held = bag.holders.iter().map(|holder| match read(StateKey::Account(*holder)) {
                Some(StateValue::Account(it)) => (holder, u128::from(it.balance(&asset).0)),
                _ => (holder, 0),
            });
            let held: Vec<_> = held.collect();
            let Some(StateValue::Asset(record)) = read(StateKey::Asset(asset)) else {
                panic!("{what}: there is no {asset}");
            };
            let burned = u128::from(record.burned.0);
            let sum = held.iter().map(|(_, amount)| amount).sum::<u128>() + burned;
            assert_eq!(sum, supply[&asset], "{what}: {asset}, stored");
            *tried.burned.entry(asset).or_default() += burned;
            let contracts = held.iter().filter(|(it, _)| matches!(it, Address::Contract(_)));
            tried.by_contracts += contracts.map(|(_, amount)| amount).sum::<u128>();
        }
        tried.chains += 1;
    }
}

#[test]
fn what_everybody_has_and_what_was_burned_is_what_there_was() {
    let wanted = setting("TOS_CONSERVATION_TRANSACTIONS", 5_000);
    let first_seed = setting("TOS_CONSERVATION_SEED", 1);
    let nonces = (wanted / 1_000).clamp(20, 400);
    let mut tried = Tried::default();
    let mut seed = first_seed;
    while tried.included < wanted {
        let (bag, first) = (Bag::new(seed, nonces), seed);
        for _ in 0..CHAINS_PER_BAG {
            // Begun at the first seed and as long, a run comes to the same chain.
            let what = format!("chain {seed} of the bag of seed {first} with {nonces} nonces");
            let mut chain = Chain::new(&bag, seed);
            for txs in &bag.setup {
                chain.run(txs.clone(), &mut tried, &what);
            }
            loop {
                let most = *chain.rng.pick(&[40, 1_000, 10_000]);
                let txs = chain.draw(most);
                let drawn = txs.len() as u64;
                // In the end there are only people left who cannot pay, or nothing to send.
                if chain.run(txs, &mut tried, &what) * 3 < drawn || drawn * 10 < most {
                    break;
                }
            }
            chain.close(&mut tried, &what);
            seed += 1;
            if tried.included >= wanted {
                break;
            }
        }
        println!("before seed {seed}: {} transactions", tried.included);
    }
    let Tried { chains, blocks, included, refused, compared, burned, by_contracts, ends } = tried;
    println!(
        "{included} transactions in {blocks} blocks of {chains} chains, {refused} more not \
         included, seeds from {first_seed}, {nonces} nonces: {compared} times everything was there"
    );
    let Ends { by_code, purchases } = ends;
    println!("ends by status code: {by_code:?}; purchases: {purchases}; burned: {burned:?}");
    assert!(purchases > 0 && by_contracts > 0, "no contract had money");
    assert!(burned.values().all(|burned| *burned > 0), "{burned:?}");
    for code in [0, 100, 101, 102, 103, 104, 201, 999] {
        assert!(by_code.contains_key(&code), "no transaction ended with {code}: {by_code:?}");
    }
}
