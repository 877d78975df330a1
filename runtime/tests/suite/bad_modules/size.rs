//! M09 to M14, M24: how much of everything. Each limit to the last unit is tested beside the gate.

use tos_runtime::ModuleFault as Fault;
use tos_runtime::prepare::limits::*;

use super::{Case, assert_refused, case, deployment, with, with_body};
use crate::support::{Chain, Order, receipt};

fn too_much(what: &str, says: &'static str, code: Vec<u8>) -> Case {
    case(Fault::Limit, what, says, code)
}

#[test]
fn m09_counts_are_refused_before_anything_of_that_size_is_allocated() {
    let mut cases = vec![
        too_much("functions", "functions", with(&"(func)".repeat(FUNCTIONS_MAX as usize))),
        too_much("globals", "globals", {
            with(&"(global i32 (i32.const 0))".repeat(GLOBALS_MAX as usize + 1))
        }),
        too_much("data", "data segments", {
            with(&r#"(data (i32.const 0) "")"#.repeat(DATA_SEGMENTS_MAX as usize + 1))
        }),
        too_much("elements", "element segments", {
            let elements = "(elem (i32.const 0))".repeat(ELEMENT_SEGMENTS_MAX as usize + 1);
            with(&format!("(table 1 funcref) {elements}"))
        }),
    ];
    // A million of each, claimed by a section of five bytes: the count and nothing else.
    for section in [1_u8, 2, 3, 6, 7, 9, 11, 12] {
        let mut code = b"\0asm\x01\0\0\0".to_vec();
        code.extend([section, 3, 0xc0, 0x84, 0x3d]);
        cases.push(too_much(&format!("section {section}"), "found 1000000", code));
    }
    assert_refused(cases);
}

/// A module with one function whose local variables are declared in these groups.
fn with_locals(groups: &[u32]) -> Vec<u8> {
    use wasm_encoder::{CodeSection, Function, FunctionSection, Module, TypeSection, ValType};
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut code = CodeSection::new();
    code.function(&Function::new(groups.iter().map(|&count| (count, ValType::I32))));
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&code);
    module.finish()
}

#[test]
fn m10_local_variables_are_counted_before_they_are_allocated() {
    let says = "local variables in function 0";
    let full = format!("(func (local {}))", "i64 ".repeat(LOCALS_MAX as usize));
    let functions = (LOCALS_TOTAL_MAX / LOCALS_MAX) as usize + 1;
    assert_refused(vec![
        too_much("50,000", says, with_body(&format!("(local {})", "i64 ".repeat(50_000)))),
        too_much("one group", says, with_locals(&[u32::MAX])),
        too_much("a sum beyond 32 bits", says, with_locals(&[u32::MAX, u32::MAX, 2])),
        too_much("the second group", says, with_locals(&[1, u32::MAX])),
        too_much("all together", "local variables of all functions", {
            with(&full.repeat(functions))
        }),
    ]);
}

#[test]
fn m11_a_frame_beyond_the_limit_is_refused() {
    let words = FRAME_WORDS_MAX as usize;
    let operands = |count: usize| "i32.const 1 ".repeat(count);
    let locals = format!("(local {})", "i64 ".repeat(LOCALS_MAX as usize));
    let rest = words - LOCALS_MAX as usize;
    assert_refused(vec![
        too_much("operands", "words of one frame", {
            with_body(&format!("{} unreachable", operands(words + 1)))
        }),
        too_much("locals and operands", "words of one frame", {
            with_body(&format!("{locals} {} unreachable", operands(rest + 1)))
        }),
    ]);
}

#[test]
fn m12_parameters_are_limited_in_one_function_and_in_all() {
    let wide = format!("(func (param {}))", "i64 ".repeat(PARAMS_MAX as usize));
    let functions = (PARAMS_TOTAL_MAX / PARAMS_MAX) as usize + 1;
    assert_refused(vec![
        too_much("1,000 of one", "parameters", {
            with(&format!("(func (param {}))", "i64 ".repeat(1_000)))
        }),
        too_much("of all", "parameters of all functions", with(&wide.repeat(functions))),
    ]);
}

#[test]
fn m13_bodies_that_are_long_wide_or_deep_are_refused() {
    let nested = |depth: usize| format!("{}{}", "(block ".repeat(depth), ")".repeat(depth));
    let loops = |count: usize| "(loop)".repeat(count);
    let sets: String = (0..200).map(|i| format!("(local.set {i} (i64.const {i}))")).collect();
    let carried = format!(
        "(local {}) {} {sets} {}",
        "i64 ".repeat(200),
        "(if (i32.const 1) (then ".repeat(250),
        "))".repeat(250)
    );
    assert_refused(vec![
        too_much("bytes", "bytes of code", {
            with_body(&"(drop (i32.const 0x7fffffff))".repeat(15_000))
        }),
        too_much("operators", "operators", with_body(&"nop ".repeat(OPERATORS_MAX as usize + 1))),
        too_much("20,000 empty loops", "blocks, loops and ifs", with_body(&loops(20_000))),
        too_much("10,000 deep", "blocks", with_body(&nested(10_000))),
        too_much("300 deep", "nested blocks", with_body(&nested(300))),
        too_much("15,000 blocks that read a local", "bytes of code", {
            with_body(&format!("(local i64) {}", "(block (drop (local.get 0)))".repeat(15_000)))
        }),
        too_much("values carried over branches", "times branches", with_body(&carried)),
    ]);
}

#[test]
fn m14_branch_tables_are_limited_in_one_function_and_in_all() {
    let table = |count: usize| format!("i32.const 0 br_table {} 0", "0 ".repeat(count));
    let full = format!("(func {})", table(1_000));
    assert_refused(vec![
        too_much("60,000 targets", "targets of br_table", with_body(&table(60_000))),
        too_much("500 x 1,000", "br_table in all", with(&full.repeat(500))),
    ]);
}

#[test]
fn m24_a_module_at_the_limits_never_meets_a_limit_of_the_compiler() {
    // The catalogue's row is a compiler that gives up on what the gate let through. That is an
    // engine error and never a refusal (`sandbox/modules.rs` has that test); here is why nobody
    // will see it: what is as large as the gate allows compiles and runs.
    let max = |limit: u64| limit as usize;
    let words = max(FRAME_WORDS_MAX) - max(LOCALS_MAX) - max(PARAMS_MAX);
    let frame = format!(
        "(func (param {}) (local {}) {} unreachable)",
        "i64 ".repeat(max(PARAMS_MAX)),
        "i64 ".repeat(max(LOCALS_MAX)),
        "i32.const 1 ".repeat(words)
    );
    let targets = format!("i32.const 0 br_table {} 0", "0 ".repeat(max(BRANCH_TARGETS_MAX)));
    let modules = [
        ("functions", with(&"(func)".repeat(max(FUNCTIONS_MAX) - 1))),
        ("globals", with(&"(global (mut i64) (i64.const 1))".repeat(max(GLOBALS_MAX)))),
        ("data", with(&r#"(data (i32.const 0) "x")"#.repeat(max(DATA_SEGMENTS_MAX)))),
        ("a frame", with(&frame)),
        ("operators", with_body(&"nop ".repeat(max(OPERATORS_MAX) - 1))),
        (
            "nesting",
            with_body(&format!(
                "{}{}",
                "(block ".repeat(max(NESTING_MAX)),
                ")".repeat(max(NESTING_MAX))
            )),
        ),
        ("targets", with_body(&targets)),
    ];
    let mut chain = Chain::new(1);
    let mut txs = Vec::new();
    for (_, code) in &modules {
        let order = deployment(&chain, code.clone());
        txs.push(chain.send(0, order));
    }
    let outcome = chain.execute(txs);
    let contracts: Vec<_> = (0..modules.len())
        .map(|idx| receipt(&outcome, idx).contract.expect(modules[idx].0))
        .collect();
    chain.engine.commit(outcome).expect("it commits");
    for (contract, (what, _)) in contracts.into_iter().zip(&modules) {
        let receipt = chain.one(0, Order::invoke(contract, "run", &[]));
        assert!(receipt.status.is_success(), "{what}: {}", receipt.status);
    }
}
