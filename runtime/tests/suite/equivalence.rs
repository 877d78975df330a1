//! Law 1: parallel execution is sequential execution, to the last byte.

use tos_runtime::{Address, AssetId, BlockOutcome, ContractId, Hash, PublicKey};

use crate::support::{Ends, Fleet, Generator, Order, genesis, setting};

/// People in the random chains: few, so that they meet often.
const PEOPLE: u64 = 12;

/// More blocks with `TOS_EQUIVALENCE_BLOCKS`; `TOS_EQUIVALENCE_SEED` starts elsewhere;
/// `TOS_EQUIVALENCE_CHAIN` makes the chains longer: fewer new contracts, more history.
#[test]
fn random_blocks_come_out_the_same_at_every_thread_count() {
    let blocks = setting("TOS_EQUIVALENCE_BLOCKS", 320);
    let first_seed = setting("TOS_EQUIVALENCE_SEED", 1);
    // A fresh chain has cold caches and new contracts. Its first two blocks set it up.
    let blocks_per_chain = setting("TOS_EQUIVALENCE_CHAIN", 20).max(3);
    let mut ends = Ends::default();
    let mut parallel = 0;
    for chain in 0..blocks.div_ceil(blocks_per_chain) {
        let seed = first_seed + chain;
        let fleet = Fleet::new(&genesis(PEOPLE), seed);
        let mut generator = Generator::new(PEOPLE, seed);
        let first = generator.first_block();
        fleet.run(first, &format!("seed {seed}, first block"));
        let second = generator.second_block();
        fleet.run(second, &format!("seed {seed}, second block"));
        for _ in 2..blocks_per_chain {
            let txs = generator.block(fleet.reference(), 60);
            let what = format!("seed {seed}, block {}", fleet.height().0 + 1);
            ends.count(fleet.run(txs, &what).results());
        }
        parallel += fleet.parallel();
        fleet.close(&format!("seed {seed}"));
    }
    println!("{}", executed(&ends));
    let Ends { by_code, purchases } = ends;
    println!("ends by status code: {by_code:?}; purchases: {purchases}; in parallel: {parallel}");
    assert!(parallel > 0, "nothing was executed in parallel");
    // The blocks are worth comparing only if all kinds of ends occur.
    for code in [0, 100, 101, 102, 103, 104, 105, 106, 200, 201, 202, 999] {
        assert!(by_code.contains_key(&code), "no transaction ended with {code}: {by_code:?}");
    }
    assert!(purchases > 0, "no contract called another with success");
}

/// More blocks with `TOS_EQUIVALENCE_NATIVE_BLOCKS`; `TOS_EQUIVALENCE_SEED` starts elsewhere.
#[test]
fn random_native_blocks_come_out_the_same_at_every_thread_count() {
    const BLOCKS_PER_CHAIN: u64 = 100;
    let blocks = setting("TOS_EQUIVALENCE_NATIVE_BLOCKS", 1_000);
    let first_seed = setting("TOS_EQUIVALENCE_SEED", 1);
    let mut ends = Ends::default();
    for chain in 0..blocks.div_ceil(BLOCKS_PER_CHAIN) {
        let seed = first_seed + chain;
        let fleet = Fleet::new(&genesis(PEOPLE), seed);
        let mut generator = Generator::native(PEOPLE, seed);
        for _ in 0..BLOCKS_PER_CHAIN {
            let txs = generator.block(fleet.reference(), 24);
            let what = format!("seed {seed}, block {}", fleet.height().0 + 1);
            ends.count(fleet.run(txs, &what).results());
        }
        fleet.close(&format!("seed {seed}"));
    }
    println!("{}", executed(&ends));
    println!("ends by status code: {:?}", ends.by_code);
    for code in [0, 103, 104, 999] {
        assert!(ends.by_code.contains_key(&code), "none ended with {code}: {:?}", ends.by_code);
    }
}

/// How much ran, for adding runs up: every execution has to conserve money.
fn executed(ends: &Ends) -> String {
    let (included, times) = (ends.included(), Fleet::EXECUTIONS_PER_BLOCK);
    format!("{included} transactions included, each executed {times} times and its money added up")
}

/// The digests of an outcome, computed again from what it says.
#[track_caller]
fn assert_digests(outcome: &BlockOutcome) {
    let hash = |bytes: &[u8]| Hash(*blake3::hash(bytes).as_bytes());
    let changes = borsh::to_vec(outcome.change_set().changes()).expect("it encodes");
    assert_eq!(outcome.change_set().encode(), changes, "the encoding that was kept");
    assert_eq!(outcome.delta_hash(), hash(&changes));
    let results = borsh::to_vec(outcome.results()).expect("it encodes");
    assert_eq!(outcome.receipts_hash(), hash(&results));
    assert!(outcome.change_set().changes().is_sorted_by(|a, b| a.key < b.key));
}

#[test]
fn a_block_that_many_share_to_merge_comes_out_the_same() {
    // Thousands of accounts are merged in ranges and hashed in sub-trees; blocks elsewhere are too
    // small for more than one of either. Half of the addresses lie anywhere and half differ in
    // their last bytes only, so ranges are uneven and what ties has to be told apart.
    let fleet = Fleet::new(&genesis(PEOPLE), 3);
    let destination = |number: u64| {
        let mut id = [7; 32];
        id[24..].copy_from_slice(&number.to_be_bytes());
        if number.is_multiple_of(2) {
            id = *blake3::hash(&id).as_bytes();
        }
        if number.is_multiple_of(3) { ContractId(id).into() } else { Address::Key(PublicKey(id)) }
    };
    let transfers = |first: u64| {
        let to = (first..first + 250).map(|number| (destination(number), AssetId::NATIVE, 1));
        Order::transfers(to.collect())
    };
    let txs = (0..20).map(|tx| transfers(tx * 250).signed(tx % PEOPLE, tx / PEOPLE));
    let outcome = fleet.run(txs.collect(), "a wide block");
    assert!(outcome.change_set().len() > 5_000, "only {} keys changed", outcome.change_set().len());
    assert!(outcome.change_set().encode().len() > 1 << 18, "one sub-tree has it all");
    assert_digests(&outcome);
}
