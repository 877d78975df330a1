//! M15, M16, M17, M27, M28: modules that are fine, and cost what they do.

use tos_runtime::prepare::limits::{CALL_STACK_WORDS, FRAME_WORDS_MIN, STACK_WORDS_MAX};
use tos_runtime::{Address, ContractEngine, EngineConfig, ExecutionStatus, HaltReason, limits};

use crate::support::{Chain, HOSTILE, Hostile, Order, genesis, wasm, words};

#[test]
fn m15_a_call_chain_that_multiplies_is_ended_by_gas() {
    Hostile::new().halts("m15_exponential", &[], HaltReason::OutOfGas);
}

/// The deepest recursion of `m16_recurse` that this many words of stack hold.
fn deepest(stack: u64) -> u32 {
    // The entry has two operands and no locals. Each frame: a parameter, two operands. Bodies this
    // short have no hidden values.
    let (entry, frame) = (FRAME_WORDS_MIN + 2, FRAME_WORDS_MIN + 1 + 2);
    // Depth n makes n + 1 calls.
    ((stack - entry) / frame - 1) as u32
}

#[test]
fn m16_recursion_ends_at_the_same_depth_on_every_engine() {
    for (threads, parallel) in [(1, false), (1, true), (4, true)] {
        let config = EngineConfig {
            max_parallel_threads: threads,
            enable_parallel_execution: parallel,
            ..EngineConfig::default()
        };
        let builder = ContractEngine::builder().config(config).genesis(genesis(2));
        let mut chain = Chain::build(builder);
        let contract = chain.deploy(wasm(HOSTILE), &[]);
        let deepest = deepest(STACK_WORDS_MAX);
        let order = |depth: u32| Order::invoke(contract, "m16_recurse", &depth.to_le_bytes());
        for depth in [0, 1, deepest - 1, deepest] {
            let status = chain.one(1, order(depth)).status;
            assert!(status.is_success(), "depth {depth} of {}: {status}", deepest);
        }
        let halt = ExecutionStatus::Halted(HaltReason::StackLimit);
        for depth in [deepest + 1, deepest + 2, u32::MAX] {
            chain.assert_fails(1, order(depth), &halt);
        }
        // A view has the same stack.
        let view = |depth: u32| {
            chain.engine.view(contract, "m16_recurse", &depth.to_le_bytes()).expect("it runs")
        };
        assert_eq!(view(deepest).status, ExecutionStatus::Success);
        assert_eq!(view(deepest + 1).status, halt);
    }
}

#[test]
fn m16_recursion_through_another_contract_shares_the_stack() {
    let mut hostile = Hostile::new();
    let other = hostile.chain.deploy(wasm(HOSTILE), &[]);
    let input = |own: u32, others: u32| {
        [words(&[own, others]), Address::Contract(other).to_bytes().to_vec()].concat()
    };
    // In the caller: a parameter, nine operands at the call. In between what every such call takes.
    let frame = FRAME_WORDS_MIN + 1 + 9;
    let left = |own: u32| {
        let caller = FRAME_WORDS_MIN + 2 + (u64::from(own) + 1) * frame;
        STACK_WORDS_MAX.checked_sub(caller + CALL_STACK_WORDS)
    };
    let last = (0..).take_while(|&own| left(own).is_some()).last().expect("zero at least");
    for own in [0, 1, 400, last - 10] {
        let deepest = deepest(left(own).expect("a call is possible"));
        let mut call =
            |others| hostile.call("m16_recurse_through", &input(own, others)).return_data;
        assert_eq!(call(deepest), 0_i32.to_le_bytes(), "{own} here, {deepest} there");
        let halted = tos_host_api::Status::Halted.code().to_le_bytes();
        assert_eq!(call(deepest + 1), halted, "{own} here, {deepest} and one there");
    }
    // Where not even the call itself fits, the caller is at its end.
    let depth = input(last + 1, 0);
    hostile.halts("m16_recurse_through", &depth, HaltReason::StackLimit);
}

#[test]
fn m17_loops_of_nothing_are_ended_by_gas() {
    let mut hostile = Hostile::new();
    for entry in ["m17_spin", "m17_nops"] {
        hostile.halts(entry, &[], HaltReason::OutOfGas);
    }
}

#[test]
fn m17_code_that_cannot_run_is_free_and_confuses_nobody() {
    let mut hostile = Hostile::new();
    let plain = hostile.gas("m17_plain", &[]);
    assert_eq!(hostile.gas("m17_garbage", &[]), plain);
}

#[test]
fn m27_memory_grows_to_the_limit_and_every_page_asked_for_is_paid() {
    let mut hostile = Hostile::new();
    let max = limits::MEMORY_PAGES_MAX as u32;
    let page = u64::from(hostile.chain.engine.params().costs.operators.memory_grow_page);
    assert!(page > 0);
    let answer = |last: i32, size: u32| [last.to_le_bytes(), size.to_le_bytes()].concat();
    let grow = |hostile: &mut Hostile, pages: u32, times: u32| {
        let input = words(&[pages, times]);
        let data = hostile.call("m27_grow", &input).return_data;
        (data, hostile.gas("m27_grow", &input))
    };
    let (data, nothing) = grow(&mut hostile, 0, 1);
    assert_eq!(data, answer(1, 1), "growing by nothing tells the size");
    for (pages, last, size) in [(1, 1, 2), (max - 1, 1, max), (max, -1, 1), (1_000, -1, 1)] {
        let (data, gas) = grow(&mut hostile, pages, 1);
        assert_eq!(data, answer(last, size), "{pages} pages");
        assert_eq!(gas - nothing, u64::from(pages) * page, "{pages} pages, granted or not");
    }
    // At the limit, again and again: each time the same answer at the same price.
    let times = [64, 65, 66, 67].map(|times| grow(&mut hostile, 1, times));
    assert_eq!(times[0].0, answer(-1, max), "the 64th does not fit beside the first page");
    assert_eq!(times[3].0, answer(-1, max));
    let step = times[1].1 - times[0].1;
    assert!(step > page, "{step}");
    assert_eq!((times[2].1 - times[1].1, times[3].1 - times[2].1), (step, step));
    // More pages than gas could ever pay for.
    hostile.halts("m27_grow", &words(&[u32::MAX, 1]), HaltReason::OutOfGas);
}

#[test]
fn m28_bulk_operations_are_paid_by_length_before_they_run() {
    let mut hostile = Hostile::new();
    let word = u64::from(hostile.chain.engine.params().costs.operators.memory_bulk_word);
    assert!(word > 0);
    for entry in ["m28_fill", "m28_copy"] {
        let nothing = hostile.gas(entry, &words(&[0, 1]));
        // A copy reads from address 1, so all of the memory but one byte is the most.
        for (len, count) in [(1, 1), (8, 1), (9, 2), (65_528, 8_191), (65_535, 8_192)] {
            let gas = hostile.gas(entry, &words(&[len, 1]));
            assert_eq!(gas - nothing, count * word, "{entry} of {len} bytes");
        }
        let out_of_gas = HaltReason::OutOfGas;
        hostile.halts(entry, &words(&[65_535, u32::MAX]), out_of_gas.clone());
        // A length that no memory has: it cannot be paid for, so nobody looks at the memory.
        hostile.halts(entry, &words(&[u32::MAX, 1]), out_of_gas);
        hostile.halts(entry, &words(&[65_537, 1]), HaltReason::Trap);
    }
}
