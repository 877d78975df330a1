//! Nothing of a call is left when the next one begins, though instances live from call to call:
//! calls that write everywhere, on an engine that keeps instances and on one that does not.

use std::collections::BTreeSet;

use tos_runtime::{AccessMode, Address, ContractEngine, EngineConfig, MemoryStorage, Receipt};

use crate::support::{Chain, Order, Rng, assert_same, codes, genesis, guest, receipt, wasm};

const PAGE: u64 = 1 << 16;
const STEPS: u64 = 16;
const TRAP: u8 = 13;
const FOREVER: u8 = 14;
const ABORT: u8 = 15;

/// Modules by pages of memory and initial stack pointer, which decides where writes are told from:
/// no pointer, one in the middle, at the end, beyond memory; memories that are put back as a whole
/// and such that are too large for it.
const SHAPES: [(u64, u64); 7] =
    [(1, 0), (1, 16_384), (1, 20_000), (1, PAGE), (1, PAGE + 1), (3, 2 * PAGE), (17, 16 * PAGE)];

fn traces((pages, top): (u64, u64)) -> Vec<u8> {
    let size = pages * PAGE;
    // Just above the pointer, as data is, and away from the data.
    let report = if (2_048..size - 8_192).contains(&top) { top + 512 } else { 2_048 };
    let numbers =
        [("PAGES", pages), ("TOP", top), ("REPORT", report), ("SIZE", size), ("LAST", size - 7)];
    let text = include_str!("../../wat/traces.wat");
    let fill = |text: String, (name, number): (&str, u64)| {
        text.lines()
            .map(|line| match line.trim_start().starts_with(";;") {
                true => String::new(),
                false => line.replace(name, &number.to_string()),
            })
            .collect::<Vec<_>>()
            .join("\n")
    };
    wasm(&numbers.into_iter().fold(text.to_owned(), fill))
}

fn engine(reuse_instances: bool) -> Chain {
    let config = EngineConfig { max_parallel_threads: 1, reuse_instances, ..Default::default() };
    let builder = ContractEngine::builder().storage(MemoryStorage::new()).config(config);
    Chain::build(builder.genesis(genesis(2)))
}

/// An address near a border of something.
fn address(rng: &mut Rng, (pages, top): (u64, u64)) -> u32 {
    let size = pages * PAGE;
    let near = [0, 1_000, 4_096, top, top.saturating_sub(1_024), top + 512, size / 2, size];
    let near = near[rng.below(near.len() as u64) as usize] + rng.below(600);
    let anywhere = rng.below(4) == 0;
    let at = if anywhere { rng.below(size) } else { near.saturating_sub(300) };
    u32::try_from(at).expect("memories are small")
}

/// What one call does: mostly writes, sometimes something that ends it.
fn steps(rng: &mut Rng, shape: (u64, u64)) -> Vec<u8> {
    let mut input = Vec::new();
    for _ in 0..=rng.below(4) {
        let what = match rng.below(STEPS) as u8 {
            TRAP.. if rng.below(3) > 0 => 0,
            what => what,
        };
        input.extend(address(rng, shape).to_le_bytes());
        input.extend([what, rng.below(256) as u8, 0, 0]);
    }
    input
}

#[test]
fn law_1_instances_that_live_on_are_as_good_as_fresh_ones() {
    for (number, shape) in SHAPES.into_iter().enumerate() {
        let mut rng = Rng::new(number as u64);
        let mut chains = [engine(false), engine(true)];
        let contracts = chains.each_mut().map(|chain| chain.deploy(traces(shape), &[]));
        assert_eq!(contracts[0], contracts[1]);
        let (mut started, mut ends) = (BTreeSet::new(), BTreeSet::new());
        for block in 0..6 {
            let calls: Vec<_> = (0..20).map(|_| steps(&mut rng, shape)).collect();
            let [fresh, kept] = chains.each_mut().map(|chain| {
                let order = |input: &Vec<u8>| {
                    let order = Order::invoke(contracts[0], "run", input);
                    chain.send(1, order.gas_limit(30_000_000))
                };
                let transactions = calls.iter().map(order).collect();
                chain.execute(transactions)
            });
            assert_same(&fresh, &kept, &format!("shape {shape:?}, block {block}"));
            for (idx, code) in codes(&kept).into_iter().enumerate() {
                let returned = &receipt(&kept, idx).return_data;
                // A call that was halted returns nothing.
                started.extend((!returned.is_empty()).then(|| returned.clone()));
                ends.insert(code);
            }
            for (chain, outcome) in chains.iter().zip([fresh, kept]) {
                chain.engine.commit(outcome).expect("it commits");
            }
        }
        assert_eq!(started.len(), 1, "shape {shape:?}: calls begin differently");
        assert!(ends.len() >= 4, "shape {shape:?}: calls end in {ends:?} only");
    }
}

#[test]
fn law_1_a_reverted_call_leaves_nothing_to_the_next() {
    // What reverted has not told where it wrote.
    let shape = (1, 16_384);
    let mut chain = engine(true);
    let contract = chain.deploy(traces(shape), &[]);
    let step = |at: u32, what: u8| [&at.to_le_bytes()[..], &[what, 9, 0, 0]].concat();
    let begun = |chain: &mut Chain, input: &[u8]| {
        chain.one(1, Order::invoke(contract, "run", input).gas_limit(30_000_000)).return_data
    };
    let first = begun(&mut chain, &[]);
    assert_eq!(first.len(), 52);
    for at in [0, 1_003, 15_000, 16_000, 60_000] {
        let input = [step(at, 1), step(at, 10), step(0, ABORT)].concat();
        assert_eq!(begun(&mut chain, &input), first, "at {at}");
        assert_eq!(begun(&mut chain, &[]), first, "after {at}");
    }
    for end in [TRAP, FOREVER] {
        begun(&mut chain, &[step(16_000, 1), step(0, end)].concat());
        assert_eq!(begun(&mut chain, &[]), first, "after step {end}");
    }
}

#[test]
fn law_1_a_call_knows_nothing_of_whom_the_one_before_it_called() {
    let mut chain = engine(true);
    let (caller, abort) =
        (chain.deploy(guest!("last_callee"), &[]), chain.deploy(guest!("abort"), &[]));
    let answer = |receipt: Receipt| words_of(&receipt.return_data);
    let input = [&Address::from(abort).to_bytes()[..], &77_u32.to_le_bytes()].concat();
    for _ in 0..2 {
        assert_eq!(answer(chain.one(1, Order::invoke(caller, "ask", &[]))), [0, 0]);
        let call = Order::invoke(caller, "call", &input).access(caller, AccessMode::Write);
        let called = answer(chain.one(1, call));
        assert_eq!(called, [4, 77], "it keeps four bytes and aborts");
    }
}

/// The 32-bit numbers in some bytes.
fn words_of(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
}
