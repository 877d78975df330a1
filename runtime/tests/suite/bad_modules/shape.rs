//! M03 to M08, M22: what a module is made of.

use tos_runtime::ModuleFault as Fault;
use tos_runtime::limits::{ENTRY_LEN_MAX, MEMORY_PAGES_MAX, TABLE_ELEMENTS_MAX};

use super::{Case, ENTRY, MEMORY, assert_refused, case, deployment, with, with_body, with_imports};
use crate::support::{Chain, Order, wasm};

#[test]
fn m03_features_outside_the_pinned_set_are_refused_with_the_target_to_build_for() {
    let feature = |name: &'static str, code: Vec<u8>| {
        [
            case(Fault::Feature, name, name, code.clone()),
            // The same module again, for the second half of what its author is told.
            case(
                Fault::Feature,
                name,
                if name == "floats" { "fixed point" } else { "wasm32v1-none" },
                code,
            ),
        ]
    };
    let cases = [
        feature("floats", with("(func (param f32))")),
        feature("floats", with("(global f64 (f64.const 0))")),
        feature("floats", with_body("(local f64)")),
        feature("floats", with_body("(drop (f64.add (f64.const 1) (f64.const 2)))")),
        feature("floats", with_body("(drop (i32.trunc_sat_f32_s (f32.const 0)))")),
        feature("simd", with_body("(drop (v128.const i64x2 0 0))")),
        feature("simd", with("(func (param v128))")),
        feature("reference_types", with("(func (param externref))")),
        feature("reference_types", with_body("(drop (ref.null func))")),
        feature("reference_types", with("(table $t 1 funcref) (func (drop (table.size $t)))")),
        feature(
            "bulk_memory",
            with_body(
                "(memory.init 0 (i32.const 0) (i32.const 0) (i32.const 0)))
            (data \"\"",
            ),
        ),
        feature("bulk_memory", with_body("(data.drop 0)) (data \"\"")),
        feature(
            "bulk_memory",
            with(
                "(table $t 1 funcref) (func (table.copy
            (i32.const 0) (i32.const 0) (i32.const 0)))",
            ),
        ),
        feature("threads", with_body("(drop (i32.atomic.load (i32.const 0)))")),
        feature("threads", with_body("(atomic.fence)")),
        feature("tail_call", with_body("return_call 0")),
        feature("exceptions", with("(tag)")),
        feature("gc", with("(type (struct))")),
        feature("multi_value", with("(func (result i32 i32) unreachable)")),
        feature("extended_const", with("(global i32 (i32.add (i32.const 1) (i32.const 2)))")),
    ];
    assert_refused(cases.into_iter().flatten().collect());
}

#[test]
fn m04_a_memory_that_is_not_one_own_and_bounded_is_refused() {
    let memory = |what: &'static str, text: &str| {
        case(Fault::Memory, text, what, wasm(&format!("(module {text} {ENTRY})")))
    };
    let large = MEMORY_PAGES_MAX + 1;
    // The text format refuses min > max, so the bytes are patched.
    let mut backwards = wasm(&format!(r#"(module (memory (export "memory") 1 2) {ENTRY})"#));
    let at = backwards.windows(3).position(|bytes| bytes == [1, 1, 2]).expect("limits");
    backwards[at + 1] = 3;
    assert_refused(vec![
        memory("has 0", ""),
        memory("has 2", r#"(memory (export "memory") 1) (memory 1)"#),
        memory("--import-memory", r#"(import "env" "memory" (memory 1))"#),
        memory("--import-memory", r#"(import "tos_v1" "memory" (memory 1))"#),
        memory("shared", r#"(memory (export "memory") 1 1 shared)"#),
        memory("wasm32v1-none", r#"(memory (export "memory") 1 1 shared)"#),
        memory("64-bit", r#"(memory (export "memory") i64 1)"#),
        memory("65 pages", &format!(r#"(memory (export "memory") {large})"#)),
        memory("stack-size", &format!(r#"(memory (export "memory") {large})"#)),
        memory("65536 pages", r#"(memory (export "memory") 65536)"#),
        case(Fault::Malformed, "min > max", "minimum", backwards),
    ]);
}

#[test]
fn m05_a_table_beyond_the_limit_is_refused_before_it_is_allocated() {
    let table = |says: &'static str, text: &str| case(Fault::Table, text, says, with(text));
    assert_refused(vec![
        table("10000000 elements", "(table 10000000 funcref)"),
        table("4097 elements", &format!("(table {} funcref)", TABLE_ELEMENTS_MAX + 1)),
        table("has 2", "(table 1 funcref) (table 1 funcref)"),
        table("plain function references", "(table 1 externref)"),
    ]);
    // Within the limit, and nothing to put into it.
    let mut chain = Chain::new(1);
    let code = with(&format!("(table {TABLE_ELEMENTS_MAX} funcref)"));
    let order = deployment(&chain, code);
    assert!(chain.one(0, order).status.is_success());
}

#[test]
fn m06_a_start_function_is_refused_and_the_author_pointed_to_init() {
    let start = with("(func $go) (start $go)");
    assert_refused(vec![
        case(Fault::Start, "start function", "start function", start.clone()),
        case(Fault::Start, "start function", "init", start),
    ]);
}

#[test]
fn m07_an_import_that_is_no_host_function_is_refused() {
    let import = |says: &'static str, module: &str, name: &str, what: &str| {
        let code = with_imports(&format!("(import {module:?} {name:?} {what})"));
        let name: String = name.chars().take(40).collect();
        case(Fault::Import, format!("{module}.{name} {what}"), says, code)
    };
    assert_refused(vec![
        import("does not exist", "tos_v1", "nothing", "(func)"),
        import("does not exist", "tos_v2", "source", "(func (param i32))"),
        import("env or wasi", "env", "source", "(func (param i32))"),
        import("env or wasi", "wasi_snapshot_preview1", "fd_write", "(func)"),
        import("(func (param $out i32))", "tos_v1", "source", "(func (param i64))"),
        import("another type", "tos_v1", "source", "(func (param i32) (result i32))"),
        import("another type", "tos_v1", "gas_left", "(func (result i32))"),
        import("functions only", "tos_v1", "source", "(global i32)"),
        import("functions only", "tos_v1", "source", "(table 1 funcref)"),
        import("xx...\"", "tos_v1", &"x".repeat(100_000), "(func)"),
        import("does not exist", "", "", "(func)"),
        import("\\u{7}", "tos_v1", "\u{202e}\u{7}\u{1b}[2J", "(func)"),
    ]);
    let many = r#"(import "tos_v1" "source" (func (param i32)))"#.repeat(10_000);
    assert_refused(vec![case(Fault::Limit, "10,000 imports", "imports", with_imports(&many))]);
}

/// A module with one export too many of the same name: the text format refuses that, so a name is
/// patched.
fn exported_twice() -> Vec<u8> {
    let mut code = with(r#"(func (export "rum"))"#);
    let at = code.windows(3).position(|bytes| bytes == b"rum").expect("name");
    code[at + 2] = b'n';
    code
}

#[test]
fn m08_exports_that_are_missing_doubled_borrowed_or_reserved_are_refused() {
    let export = |says: &'static str, fields: &str| {
        case(Fault::Export, fields, says, wasm(&format!("(module {fields})")))
    };
    let more = |says, fields: &str| export(says, &format!("{MEMORY} {fields} {ENTRY}"));
    let imported = format!(
        r#"(import "tos_v1" "gas_left" (func $gas (result i64))) {MEMORY} {ENTRY}
        (export "gas" (func $gas))"#
    );
    let long = format!(r#"(func (export "{}"))"#, "x".repeat(ENTRY_LEN_MAX + 1));
    let many: String =
        (0..10_000).map(|number| format!(r#"(export "f{number}" (func $f))"#)).collect();
    assert_refused(vec![
        export("must be exported", &format!("(memory 1) {ENTRY}")),
        export("must be exported", &format!(r#"(memory (export "m") 1) {ENTRY}"#)),
        export("must be exported", r#"(memory 1) (func (export "memory"))"#),
        export("no entry", MEMORY),
        export("no_mangle", MEMORY),
        export("no entry", &format!(r#"{MEMORY} (func (export "run") (param i32))"#)),
        export("imported function", &imported),
        more("take no parameters", r#"(func (export "init") (param i32))"#),
        more("take no parameters", r#"(func (export "migrate") (result i32) i32.const 0)"#),
        more("65 bytes", &long),
        more("reserved", r#"(func (export "tos:gas"))"#),
        case(Fault::Export, "the same name twice", "exported twice", exported_twice()),
        case(Fault::Limit, "10,000 exports", "exports", with(&format!("(func $f) {many}"))),
    ]);
}

#[test]
fn m22_names_that_preparation_adds_are_refused_whatever_they_name() {
    let reserved = |fields: &str| -> Case { case(Fault::Export, fields, "reserved", with(fields)) };
    assert_refused(vec![
        reserved(r#"(func (export "tos:gas"))"#),
        reserved(r#"(global (export "tos:gas") (mut i64) (i64.const 9223372036854775807))"#),
        reserved(r#"(global (export "tos:stack") (mut i32) (i32.const 2147483647))"#),
        reserved(r#"(table (export "tos:") 1 funcref)"#),
        reserved(r#"(func (export "tos:anything at all") (param i32))"#),
    ]);
}

#[test]
fn m22_a_module_that_looks_metered_already_is_metered_all_the_same() {
    // All the globals there may be, each set to what a meter would be fooled by, exported under the
    // names other engines use; the counters that preparation adds come behind them.
    let globals: String = (0..256)
        .map(|n| match n {
            0 => r#"(global $g0 (export "gas_left") (mut i64) (i64.const 9223372036854775807))"#
                .to_owned(),
            1 => r#"(global $g1 (export "gas_counter") (mut i64) (i64.const 0))"#.to_owned(),
            _ => format!("(global $g{n} (mut i64) (i64.const 0))"),
        })
        .collect();
    let sets: String =
        (0..256).map(|n| format!("(global.set $g{n} (i64.const 9223372036854775807))")).collect();
    let code = wasm(&format!(
        r#"(module {MEMORY} {globals}
            (func (export "use_gas")) (func (export "finite_wasm_gas"))
            (func (export "set") {sets})
            (func (export "set_and_spin") {sets} (loop (br 0))))"#
    ));
    let mut chain = Chain::new(2);
    let contract = chain.deploy(code, &[]);
    let order = |entry: &str| Order::invoke(contract, entry, &[]).gas_limit(10_000_000);
    let once = chain.one(1, order("set"));
    assert!(once.status.is_success(), "{}", once.status);
    // Neither the guest's globals nor the counters survive a call.
    assert_eq!(chain.one(1, order("set")).gas_used, once.gas_used);
    let prices = &chain.engine.params().costs.operators;
    let least = 256 * u64::from(prices.global + prices.simple);
    let spent = once.gas_used.0 - super::intrinsic(&chain, &order("set"));
    assert!(spent >= least, "{spent} for 256 globals");
    let halt = tos_runtime::ExecutionStatus::Halted(tos_runtime::HaltReason::OutOfGas);
    chain.assert_fails(1, order("set_and_spin"), &halt);
}
