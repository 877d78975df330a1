//! Law 1: parallel execution is sequential execution, to the last byte.

use crate::support::{Ends, Fleet, Generator, genesis};

/// People in the random chains: few, so that they meet often.
const PEOPLE: u64 = 12;
/// Blocks per chain; a fresh chain has cold caches and new contracts.
const BLOCKS_PER_CHAIN: u64 = 20;

/// Blocks to try; more with `TOS_EQUIVALENCE_BLOCKS`. `TOS_EQUIVALENCE_SEED` starts elsewhere.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, expected a number"))
    })
}

#[test]
fn random_blocks_come_out_the_same_at_every_thread_count() {
    let blocks = setting("TOS_EQUIVALENCE_BLOCKS", 320);
    let first_seed = setting("TOS_EQUIVALENCE_SEED", 1);
    let mut ends = Ends::default();
    let mut parallel = 0;
    for chain in 0..blocks.div_ceil(BLOCKS_PER_CHAIN) {
        let seed = first_seed + chain;
        let fleet = Fleet::new(&genesis(PEOPLE), seed);
        let mut generator = Generator::new(PEOPLE, seed);
        let first = generator.first_block();
        fleet.run(first, &format!("seed {seed}, first block"));
        let second = generator.second_block();
        fleet.run(second, &format!("seed {seed}, second block"));
        for _ in 2..BLOCKS_PER_CHAIN {
            let txs = generator.block(fleet.reference(), 60);
            let what = format!("seed {seed}, block {}", fleet.height().0 + 1);
            ends.count(fleet.run(txs, &what).results());
        }
        parallel += fleet.parallel();
        fleet.close(&format!("seed {seed}"));
    }
    let Ends { by_code, purchases } = ends;
    println!("ends by status code: {by_code:?}; purchases: {purchases}; in parallel: {parallel}");
    assert!(parallel > 0, "nothing was executed in parallel");
    // The blocks are worth comparing only if all kinds of ends occur.
    for code in [0, 100, 101, 102, 103, 104, 105, 106, 200, 201, 202, 999] {
        assert!(by_code.contains_key(&code), "no transaction ended with {code}: {by_code:?}");
    }
    assert!(purchases > 0, "no contract called another with success");
}
