//! Counters of large blocks are looked up before the block runs, if it can be guessed what they are
//! called, and are then kept elsewhere than all others, in the hot state too. These blocks add to, take from and read
//! counters of several names around the limits of 64 bits, each in one of many ways.

use tos_runtime::{
    AccessMode, BlockOutcome, ContractEngine, ContractId, EngineConfig, MemoryStorage, StateKey,
    StateValue, TopoHeight, Transaction, UnverifiedBlock,
};

use crate::support::{Order, RAW, Rng, account, assert_same, genesis, wasm};

const PEOPLE: u64 = 6;
/// Names of counters; the last one is rare.
const KEYS: [&[u8]; 3] = [b"balance", b"b", &[7; 40]];
/// Where `raw.wat` finds the bytes behind its arguments, and where it may write.
const PARTITION: u32 = 40;
const KEY: u32 = 80;
const OUT: u32 = 200;

/// An engine that keeps so many entries in memory.
fn open(threads: usize, parallel: bool, entries: usize) -> ContractEngine {
    let config = EngineConfig {
        max_parallel_threads: threads,
        enable_parallel_execution: parallel,
        large_block_txs: 1,
        state_cache_entries: entries,
        ..EngineConfig::default()
    };
    let builder = ContractEngine::builder().storage(MemoryStorage::new()).config(config);
    builder.genesis(genesis(PEOPLE)).build().expect("the engine opens")
}

/// A call of one function on a counter in a partition.
fn order(contract: ContractId, rng: &mut Rng, from: u64) -> Order {
    let key = KEYS[[0, 0, 0, 0, 1, 1, 2][rng.below(7) as usize]];
    let partition = account(rng.below(PEOPLE + 1));
    let (entry, needed) = match rng.below(10) {
        0 => ("counter_read", AccessMode::Read),
        1..=3 => ("counter_sub", AccessMode::Write),
        _ => ("counter_add", AccessMode::Credit),
    };
    let amount = match rng.below(5) {
        0 => u64::MAX - rng.below(2),
        1 => 1 << 63,
        2 => rng.below(2),
        _ => rng.below(1_000),
    };
    let last = if entry == "counter_read" { u64::from(OUT) } else { amount };
    let mut input = (OUT + 16).to_le_bytes().to_vec();
    for argument in [PARTITION, KEY, key.len() as u32] {
        input.extend(argument.to_le_bytes());
    }
    input.extend(last.to_le_bytes());
    // The input starts at address 8.
    input.resize(PARTITION as usize - 8, 0);
    input.extend(partition.to_bytes());
    input.resize(KEY as usize - 8, 0);
    input.extend(key);
    let mode = if rng.percent(20) { AccessMode::Write } else { needed };
    let order = Order::invoke(contract, entry, &input).gas_limit(5_000_000);
    if partition == account(from) { order } else { order.access(partition, mode) }
}

/// Executes a block everywhere and commits it.
fn run(
    reference: &ContractEngine,
    engines: &[ContractEngine],
    transactions: Vec<Transaction>,
) -> BlockOutcome {
    let height = reference.tip().topoheight.0 + 1;
    let context = reference.next_context(1_000 * height);
    let block = UnverifiedBlock { context, beneficiary: None, transactions };
    let block = reference.verify_block(block).expect("the block is well formed");
    let expected = reference.execute_block(&block).expect("it executes");
    for engine in engines {
        let outcome = engine.execute_block(&block).expect("it executes");
        assert_same(&expected, &outcome, &format!("block {height}"));
        engine.commit(outcome).expect("it commits");
        if height.is_multiple_of(5) {
            // What is undone is undone wherever counters are kept.
            engine.rollback_to(TopoHeight(height - 1)).expect("it rolls back");
            let outcome = engine.execute_block(&block).expect("it executes");
            assert_same(&expected, &outcome, &format!("block {height} once more"));
            engine.commit(outcome).expect("it commits");
        }
    }
    let again = reference.execute_block(&block).expect("it executes");
    reference.commit(expected).expect("it commits");
    again
}

#[test]
fn counters_that_were_guessed_end_as_those_that_were_not() {
    let mut rng = Rng::new(5);
    let reference = open(1, false, 1_000);
    // In some of them accounts and counters are forgotten all the time, and find others in their
    // places when they come back.
    let engines = [(1, 1_000), (2, 1_000), (3, 10), (1, 12)]
        .map(|(threads, entries)| open(threads, true, entries));
    let mut nonces = [0_u64; PEOPLE as usize];
    let mut send = |from: u64, order: Order| {
        let nonce = &mut nonces[from as usize];
        *nonce += 1;
        order.signed(from, *nonce - 1)
    };
    let deploy = (0..2).map(|from| send(from, Order::deploy(wasm(RAW), &[]))).collect();
    let deployed = run(&reference, &engines, deploy);
    let contracts: Vec<ContractId> = deployed
        .results()
        .iter()
        .map(|result| {
            result.as_ref().ok().and_then(|receipt| receipt.contract).expect("a contract")
        })
        .collect();
    let (mut changed, mut wide, mut succeeded) = (0, 0, 0);
    for block in 0..30 {
        // Now both contracts, now one; now many calls, now few.
        let count = 5 + rng.below(60);
        let txs = (0..count).map(|_| {
            let from = rng.below(PEOPLE);
            let contract = contracts[if block % 3 == 0 { 0 } else { rng.below(2) as usize }];
            let order = order(contract, &mut rng, from);
            send(from, order)
        });
        let outcome = run(&reference, &engines, txs.collect());
        let results = outcome.results().iter().flatten();
        succeeded += results.filter(|receipt| receipt.status.is_success()).count();
        for change in outcome.change_set().changes() {
            if let (StateKey::Counter(_), Some(StateValue::Counter(value))) =
                (&change.key, &change.new)
            {
                changed += 1;
                wide += usize::from(*value > u128::from(u64::MAX));
            }
        }
    }
    // Nothing is shown by counters that stay small, or by calls that fail.
    assert!(wide > 60 && changed - wide > 60 && succeeded > 600, "{changed} {wide} {succeeded}");
}
