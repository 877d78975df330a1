//! What programs cost, and how they end when there is not enough.

use super::super::limits::{FRAME_WORDS_MIN, HIDDEN_VALUES_PER_FRAME_WORD, STACK_WORDS_MAX};
use super::super::{DESCRIPTION_SECTION, OperatorCosts, prepare};
use super::machine::{
    Ended, GAS, Outcome, STACK, compile, on_a_large_stack, run, run_with, small_costs, wasm,
};

/// A program: a memory, other fields, and the body of its entry.
fn program(fields: &str, body: &str) -> String {
    format!(r#"(module (memory (export "memory") 1) {fields} (func (export "run") {body}))"#)
}

/// Runs a body and expects it to complete for exactly so much gas: more or less is a change of the
/// protocol. One gas less has to be too little.
#[track_caller]
fn costs(gas: i64, fields: &str, body: &str) -> Outcome {
    let text = program(fields, body);
    let outcome = run(&text);
    assert_eq!((outcome.ended, outcome.gas_used), (Ended::Completed, gas));
    assert_eq!(outcome.stack_left, STACK, "all words are given back");
    assert_eq!(run_with(&text, gas, STACK), outcome);
    assert_eq!(run_with(&text, gas - 1, STACK).ended, Ended::OutOfGas);
    outcome
}

// The entry of a function costs 5, and 1 per local. See `small_costs` for the rest.

#[test]
fn golden_straight_line() {
    costs(5, "", "");
    costs(7, "", "(local i64 i32)");
    // Two constants, two more and an addition, a store of 2.
    let outcome = costs(
        5 + 1 + 1 + 1 + 1 + 2,
        "",
        "(i32.store (i32.const 0) (i32.add (i32.const 7) (i32.const 5)))",
    );
    assert_eq!(outcome.word(), 12);
    costs(
        5 + 1 + 1 + 8 + 1 + 2 + 1,
        "",
        "(i32.mul (i32.div_u (i32.const 9) (i32.const 2)) (i32.const 3)) drop",
    );
    costs(5 + 1 + 3 + 1, "", "(drop (i32.popcnt (i32.const 7)))");
    costs(
        5 + 1 + 1 + 1 + 2,
        "(global $g (mut i32) (i32.const 0))",
        "nop nop (global.set $g (i32.const 1))",
    );
}

#[test]
fn golden_branches_pay_for_the_arm_taken() {
    let body = |condition: u32| {
        format!(
            "(if (i32.const {condition})
               (then (i32.store (i32.const 0) (i32.const 1)))
               (else (nop) (nop) (nop) (nop) (nop) (i32.store (i32.const 0) (i32.const 2))))
             (drop (i32.const 3))"
        )
    };
    assert_eq!(costs(5 + 1 + 1 + 4 + 2, "", &body(1)).word(), 1);
    assert_eq!(costs(5 + 1 + 1 + 9 + 2, "", &body(0)).word(), 2);
}

#[test]
fn golden_if_without_else() {
    costs(5 + 1 + 1 + 1 + 1, "", "(if (i32.const 1) (then nop)) nop");
    costs(5 + 1 + 1 + 1, "", "(if (i32.const 0) (then nop)) nop");
}

#[test]
fn golden_loop_pays_on_every_pass() {
    // Head 1, tee 1 + add 1 + get 1 + constant 1, comparison of 3 operators, branch 1.
    let body = "(local $i i32)
        (loop $again
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $again (i32.lt_u (local.get $i) (i32.const 10))))
        (i32.store (i32.const 0) (local.get $i))";
    assert_eq!(costs(6 + 10 * (1 + 4 + 3 + 1) + 4, "", body).word(), 10);
}

#[test]
fn golden_blocks_left_early() {
    // `$out` is left at the first branch taken; what follows inside is not paid for.
    let body = |first: u32, second: u32| {
        format!(
            "(block $out
               (block $in
                 (br_if $out (i32.const {first}))
                 nop nop
                 (br_if $in (i32.const {second}))
                 nop nop nop)
               nop)
             nop nop nop nop"
        )
    };
    costs(5 + 2 + 4, "", &body(1, 0));
    costs(5 + 2 + 2 + 2 + 1 + 4, "", &body(0, 1));
    costs(5 + 2 + 2 + 2 + 3 + 1 + 4, "", &body(0, 0));
}

#[test]
fn golden_branch_table() {
    let body = |which: u32| {
        format!(
            "(block $two (block $one (block $zero
               (br_table $zero $one $two (i32.const {which})))
               nop return)
               nop nop nop)
             nop"
        )
    };
    costs(5 + 1 + 4 + 1 + 1, "", &body(0));
    costs(5 + 1 + 4 + 3 + 1, "", &body(1));
    costs(5 + 1 + 4 + 1, "", &body(2));
    costs(5 + 1 + 4 + 1, "", &body(7));
}

#[test]
fn golden_early_return() {
    let body = |condition: u32| format!("(if (i32.const {condition}) (then return)) nop nop");
    costs(5 + 2 + 1, "", &body(1));
    costs(5 + 2 + 2, "", &body(0));
    // With a value, from within blocks, in a function that accounts for its words.
    let function = "(func $leaf) (func $pick (param i32) (result i32)
        (call $leaf)
        (block (loop (br_if 1 (local.get 0)) (return (i32.const 10))))
        (i32.const 20))";
    let pick = |which: u32| format!("(i32.store (i32.const 0) (call $pick (i32.const {which})))");
    let common = 5 + 1 + 1 + 3 + 2 + 5 + 3 + 5 + 1 + 2;
    assert_eq!(costs(common + 2, function, &pick(0)).word(), 10);
    assert_eq!(costs(common + 1, function, &pick(1)).word(), 20);
}

#[test]
fn golden_calls() {
    costs(5 + 3 + 5 + 1, "(func $f nop)", "call $f");
    let fields = "(type $t (func (result i32))) (table 2 funcref) (elem (i32.const 0) $a $b)
        (func $a (type $t) (i32.const 1)) (func $b (type $t) (local i32) nop (i32.const 2))";
    let body = |index: u32| {
        format!("(i32.store (i32.const 0) (call_indirect (type $t) (i32.const {index})))")
    };
    assert_eq!(costs(5 + 1 + 1 + 8 + 2 + 5 + 1, fields, &body(0)).word(), 1);
    assert_eq!(costs(5 + 1 + 1 + 8 + 2 + 6 + 2, fields, &body(1)).word(), 2);
}

#[test]
fn golden_unreachable_code_is_free() {
    let garbage =
        "i32.add drop i64.mul drop (loop (br 0)) (if (i32.const 1) (then (i64.const 1) drop))";
    costs(5 + 1, "", &format!("(block (br 0) {garbage} (i32.const 1) drop) "));
    costs(5 + 1, "", &format!("return {garbage}"));
    costs(
        5 + 1 + 1 + 1,
        "",
        &format!("(if (i32.const 0) (then unreachable {garbage}) (else nop))"),
    );
}

#[test]
fn m27_memory_grow_is_paid_per_page_asked_for() {
    let page = 8_000;
    let grow = |pages: u32| format!("(i32.store (i32.const 0) (memory.grow (i32.const {pages})))");
    let fixed = 5 + 1 + 1 + 300 + 2;
    let outcome = costs(fixed, "", &grow(0));
    assert_eq!((outcome.word(), outcome.memory.len()), (1, 1 << 16));
    let outcome = costs(fixed + 3 * page, "", &grow(3));
    assert_eq!((outcome.word(), outcome.memory.len()), (1, 4 << 16));
    // One memory has 64 pages at most, whatever the module declares.
    assert_eq!(costs(fixed + 63 * page, "", &grow(63)).memory.len(), 64 << 16);
    assert_eq!(costs(fixed + 64 * page, "", &grow(64)).word(), u32::MAX);
    let all = fixed + i64::from(u32::MAX) * page;
    let outcome = run_with(&program("", &grow(u32::MAX)), all, STACK);
    assert_eq!(
        (outcome.ended, outcome.gas_used, outcome.word()),
        (Ended::Completed, all, u32::MAX)
    );
    let outcome = run_with(&program("", &grow(u32::MAX)), all - 1, STACK);
    assert_eq!((outcome.ended, outcome.word()), (Ended::OutOfGas, 0));
}

#[test]
fn m28_bulk_operations_are_paid_per_word_before_they_run() {
    let fill = |len: u32| format!("(memory.fill (i32.const 0) (i32.const 7) (i32.const {len}))");
    for (len, words) in [(0, 0), (1, 1), (8, 1), (9, 2), (65_536, 8_192)] {
        let outcome = costs(5 + 3 + 20 + words, "", &fill(len));
        assert!(outcome.memory[..len as usize].iter().all(|&byte| byte == 7));
        let copy = format!("(memory.copy (i32.const 0) (i32.const 0) (i32.const {len}))");
        costs(5 + 3 + 20 + words, "", &copy);
    }
    let outcome = run_with(&program("", &fill(65_536)), 5 + 3 + 20 + 8_191, STACK);
    assert_eq!((outcome.ended, outcome.word()), (Ended::OutOfGas, 0));
    // Out of bounds: paid for, then a trap.
    let outcome = run(&program("", &fill(65_537)));
    assert_eq!(outcome.ended, Ended::Trap);
    let short = run_with(&program("", &fill(65_537)), 5 + 3 + 20 + 8_192, STACK);
    assert_eq!(short.ended, Ended::OutOfGas);
}

#[test]
fn m17_endless_loops_run_out_of_gas() {
    for body in ["(loop (br 0))", "(loop (loop (br 1)))", "(loop nop (block (br 1)))"] {
        let outcome = run_with(&program("", body), 100_000, STACK);
        assert_eq!((outcome.ended, outcome.stack_left), (Ended::OutOfGas, STACK), "{body}");
        // Overdrawn by less than a pass through the loop.
        assert!(outcome.gas_used - 100_000 < 8, "{body}: {}", outcome.gas_used);
    }
}

#[test]
fn m15_exponential_call_chains_run_out_of_gas() {
    let mut fields = String::from("(func $f0)");
    for i in 1..20 {
        let calls = format!("call $f{} ", i - 1).repeat(10);
        fields.push_str(&format!("(func $f{i} {calls})"));
    }
    let outcome = run_with(&program(&fields, "call $f19"), 1_000_000, STACK);
    assert_eq!(outcome.ended, Ended::OutOfGas);
}

/// Counts its depth in memory, then calls itself.
const RECURSION: &str = "(func $down
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (call $down))";

#[test]
fn m16_recursion_ends_at_the_same_depth_everywhere() {
    // Highest operand stack 3 (address, value, one), 8 operators.
    let words = (3 + FRAME_WORDS_MIN + 8 / HIDDEN_VALUES_PER_FRAME_WORD) as u32;
    // The entry takes its own frame first: no operands, 2 operators.
    let entry = FRAME_WORDS_MIN as u32;
    let text = program(RECURSION, "call $down");
    for stack in [0, entry - 1, entry, entry + words - 1, entry + words, 1_000, STACK as u32] {
        let outcome = run_with(&text, GAS, stack as i32);
        assert_eq!(outcome.ended, Ended::StackLimit);
        assert_eq!(outcome.word(), stack.saturating_sub(entry) / words, "stack {stack}");
    }
}

#[test]
fn m16_recursion_within_the_limit_completes() {
    let fields = "(func $down (param i32) (result i32)
        (if (result i32) (local.get 0)
          (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
          (else (i32.const 0))))";
    // Parameter 1, highest operand stack 3, 11 operators; depth n makes n + 1 calls.
    let words = 1 + 3 + FRAME_WORDS_MIN as i32;
    let depth = (STACK - FRAME_WORDS_MIN as i32 - 1) / words - 1;
    let text = |depth: i32| {
        program(fields, &format!("(i32.store (i32.const 0) (call $down (i32.const {depth})))"))
    };
    // The entry of this program holds an address and an argument.
    let entry = FRAME_WORDS_MIN as i32 + 2;
    assert_eq!(depth, (STACK - entry) / words - 1);
    let outcome = run(&text(depth));
    assert_eq!((outcome.ended, outcome.word() as i32), (Ended::Completed, depth));
    assert_eq!(outcome.stack_left, STACK);
    assert_eq!(run(&text(depth + 1)).ended, Ended::StackLimit);
}

#[test]
fn empty_recursion_uses_the_limit_in_full() {
    let outcome = run(&program("(func $down (call $down))", "call $down"));
    assert_eq!(outcome.ended, Ended::StackLimit);
    let frames = (STACK_WORDS_MAX / FRAME_WORDS_MIN) as i64;
    // All frames but the last one too many are entered and call on; that one is only entered.
    assert_eq!(outcome.gas_used, (frames + 1) * (5 + 3));
}

#[test]
fn traps_leave_the_counters_readable() {
    // A guest that gives up leaves the exact count.
    let outcome = run(&program("(func $f unreachable)", "nop call $f nop"));
    assert_eq!((outcome.ended, outcome.gas_used), (Ended::Trap, 5 + 1 + 3 + 1 + 5 + 1));
    assert_eq!(outcome.stack_left, STACK - FRAME_WORDS_MIN as i32);
    // An operator that traps leaves what was stored last: at the last call or return.
    for operator in ["(i32.div_u (i32.const 1) (i32.const 0))", "(i32.load (i32.const -1))"] {
        let outcome = run(&program("", &format!("(drop {operator})")));
        assert_eq!((outcome.ended, outcome.gas_used), (Ended::Trap, 0));
        let outcome = run(&program("(func $f nop)", &format!("nop call $f (drop {operator})")));
        let (block, callee) = (if operator.contains("div") { 11 } else { 4 }, 5 + 1);
        assert_eq!((outcome.ended, outcome.gas_used), (Ended::Trap, 5 + 1 + 3 + block + callee));
    }
}

#[test]
fn an_instance_runs_again_once_the_counters_are_set() {
    let code = wasm(&program(RECURSION, "call $down"));
    let compiled = compile(&code, &small_costs());
    compiled.on_each(|machine| {
        let first = machine.run("run", GAS, STACK);
        assert_eq!(first.ended, Ended::StackLimit);
        let second = machine.run("run", GAS, STACK);
        assert_eq!((second.ended, second.gas_used), (first.ended, first.gas_used));
    });
}

/// Functions made to need much more native stack than their frames suggest: locals, and a body.
fn greedy_bodies() -> [(usize, String); 5] {
    let down = "(drop (call $down (local.get 0)))";
    let repeat =
        |count: u32, make: &dyn Fn(u32) -> String| (0..count).map(make).collect::<String>();
    // Results an optimiser keeps for the second time they are needed, behind the call.
    let xors = repeat(900, &|i| {
        format!(
            "(global.set $g (i64.xor (global.get $g)
               (i64.mul (i64.rotl (local.get 0) (i64.const {})) (i64.const {i}))))",
            i % 61 + 1
        )
    });
    // Operands that wait below the call.
    let loads = repeat(300, &|i| format!("(i64.load offset={i} (i32.const 0))"));
    // A value joined behind each `if`, which a simple allocator gives a place of its own.
    let ifs = repeat(900, &|i| {
        format!(
            "(local.set 1 (if (result i64) (i64.eqz (local.get 0))
               (then (i64.const {i})) (else (i64.add (local.get 1) (i64.const {i})))))"
        )
    });
    let sets = repeat(200, &|i| format!("(local.set {} (i64.const {i}))", i + 1));
    let gets = repeat(200, &|i| format!("(drop (local.get {}))", i + 1));
    [
        (0, down.to_owned()),
        (0, format!("{xors} {down} {xors}")),
        (0, format!("{loads} {down} {}", "drop ".repeat(300))),
        (1, format!("{ifs} {down} (drop (local.get 1))")),
        (200, format!("{sets} {down} {gets}")),
    ]
}

#[test]
fn m16_the_logical_limit_comes_before_the_native_one() {
    on_a_large_stack(|| {
        for (locals, body) in greedy_bodies() {
            let locals = "i64 ".repeat(locals);
            let fields = format!(
                "(global $g (mut i64) (i64.const 5))
                 (func $down (param i64) (result i64) (local {locals}) {body} (i64.const 0))"
            );
            let outcome = run(&program(&fields, "(drop (call $down (i64.const 7)))"));
            assert_eq!(outcome.ended, Ended::StackLimit);
        }
    });
}

#[test]
fn without_gas_nothing_runs() {
    assert_eq!(run_with(&program("", ""), 4, STACK).ended, Ended::OutOfGas);
    let outcome = run_with(&program("", "(i32.store (i32.const 0) (i32.const 1))"), 8, STACK);
    assert_eq!((outcome.ended, outcome.word()), (Ended::OutOfGas, 0));
}

#[test]
fn m20_m22_the_prepared_module_exports_a_way_in_and_state_only() {
    let text = r#"(module
        (memory (export "memory") 1)
        (global $a i32 (i32.const 1))
        (global $b (export "visible") (mut i32) (i32.const 2))
        (global $c (mut i64) (i64.const 3))
        (table (export "table") 1 funcref)
        (func (export "init")) (func (export "run")) (func (export "helper") (param i32))
        (@custom "tos.description" "first") (@custom "tos.description" "second")
        (@custom "anything" "else"))"#;
    let prepared = prepare(&wasm(text), &OperatorCosts::default()).expect("accepted");
    assert_eq!(prepared.info.description.as_deref(), Some(&b"first"[..]));
    assert_eq!(prepared.info.mutable_globals, [1, 2]);
    let engine = wasmtime::Engine::default();
    let module = wasmtime::Module::from_binary(&engine, &prepared.module).expect("compiles");
    let names: Vec<_> = module.exports().map(|export| export.name().to_owned()).collect();
    let state = ["tos:gas", "tos:stack", "tos:written", "tos:global:1", "tos:global:2"];
    assert_eq!(names, [&["tos:enter", "memory"][..], &state].concat());
    let text = String::from_utf8_lossy(&prepared.module).into_owned();
    assert!(!text.contains(DESCRIPTION_SECTION) && !text.contains("anything"));
}

#[test]
fn preparing_is_a_function_of_the_bytes() {
    let code = wasm(include_str!("everything.wat"));
    let costs = OperatorCosts::default();
    let first = prepare(&code, &costs).expect("accepted");
    assert_eq!(prepare(&code, &costs).expect("accepted"), first);
    let dearer = OperatorCosts { simple: costs.simple + 1, ..costs };
    assert_ne!(prepare(&code, &dearer).expect("accepted").module, first.module);
    assert_eq!(run(include_str!("everything.wat")).ended, Ended::Completed);
}

#[test]
fn the_documented_example_is_what_preparation_writes() {
    let before = wasm(include_str!("../example_before.wat"));
    let after = wasm(include_str!("../example_after.wat"));
    let prepared = prepare(&before, &OperatorCosts::default()).expect("accepted");
    assert!(prepared.module == after, "run `wasm-tools print` on both");
}
