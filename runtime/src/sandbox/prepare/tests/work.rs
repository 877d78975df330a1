//! Limits of what a module may ask of the compiler, at the limit and one beyond.

use tos_host_api::limits::CODE_LEN_MAX;

use super::super::limits::*;
use super::gate::{accepted, limited, refused, with, with_body};
use crate::types::ModuleFault as Fault;

#[test]
fn m13_values_carried_over_branches_are_limited() {
    // Two ways lead to the end of each if; each carries the locals set inside and the gas counter.
    let nested = |depth: usize, locals: usize| {
        let sets: String =
            (0..locals).map(|i| format!("(local.set {i} (i64.const {i}))")).collect();
        let open = "(if (i32.const 1) (then ".repeat(depth);
        format!("(func (local {}) {open} {sets} {})", "i64 ".repeat(locals), "))".repeat(depth))
    };
    let text = "local variables times branches in function";
    accepted(&padded(&nested(63, 64)));
    refused(&padded(&nested(64, 64)), Fault::Limit, text);
    // Branches out of one block instead of nesting.
    let branches = |count: usize, locals: usize| {
        let sets: String =
            (0..locals).map(|i| format!("(local.set {i} (i64.const {i}))")).collect();
        let branches = "(br_if 0 (i32.const 0))".repeat(count);
        format!("(func (local {}) (block {sets} {branches}))", "i64 ".repeat(locals))
    };
    accepted(&padded(&branches(1_023, 7)));
    refused(&padded(&branches(1_024, 7)), Fault::Limit, text);
    // A local set in a loop is one value, however often it is set.
    accepted(&with(&format!(
        "(func (local i64) (loop {}))",
        "(local.set 0 (i64.const 0))".repeat(5_000)
    )));
    let full = nested(63, 64);
    limited(8, "local variables times branches of all functions", |count| {
        padded(&full.repeat(count))
    });
}

#[test]
fn m13_branches_of_a_function_are_limited() {
    let text = "branches in function";
    // Each is one in the guest's code and one for the charge behind it.
    limited(BRANCHES_MAX / 2, text, |count| {
        with_body(&format!("(block {})", "(br_if 0 (i32.const 0))".repeat(count)))
    });
    let grow = "(drop (memory.grow (i32.const 0)))";
    limited(BRANCHES_MAX, text, |count| padded(&format!("(func {})", grow.repeat(count))));
    let call = "(call_indirect (i32.const 0))";
    limited(BRANCHES_MAX / 4, text, |count| {
        padded(&format!("(table 1 funcref) (func {})", call.repeat(count)))
    });
    // Every function has its own.
    let half = format!("(func {})", grow.repeat(1_500));
    accepted(&padded(&half.repeat(3)));
}

#[test]
fn m13_values_kept_over_branches_are_limited() {
    let text = "values kept over branches and calls in function";
    // Operands; the loop at each place counts two branches.
    limited(KEPT_VALUES_MAX / 64 / 2, text, |count| {
        let (values, drops) = ("i32.const 1 ".repeat(64), "drop ".repeat(64));
        padded(&format!("(func {values} {} {drops})", "(loop)".repeat(count)))
    });
    // Parameters and local variables.
    limited(KEPT_VALUES_MAX / 64 / 2, text, |count| {
        let locals = "i64 ".repeat(60);
        padded(&format!(
            "(func (param i32 i32 i32 i32) (local {locals}) {})",
            "(loop)".repeat(count)
        ))
    });
    // What took a second to compile and nine kilobytes to say while frames could be larger.
    let worst = format!("{} {}", "i32.const 1 ".repeat(300), "(loop)".repeat(1_000));
    refused(&with_body(&format!("{worst} unreachable")), Fault::Limit, text);
}

#[test]
fn m13_compilation_work_is_limited_by_the_length_of_the_code() {
    let text = "units of compilation work for code of this length";
    // A call is a unit and two bytes.
    let calls = |count: usize| format!("(func $f {})", "call $f ".repeat(count));
    let fits = |count: usize| {
        (0..).map(|n| with(&calls(n * 64 + count))).find(|code| super::super::check(code).is_err())
    };
    let refused_len = fits(0).expect("calls are denser than allowed").len() as u64;
    let work = COMPILE_WORK_FREE + refused_len / CODE_BYTES_PER_COMPILE_WORK;
    assert!((work..work + 64).contains(&(refused_len / 2)), "refused with {refused_len} bytes");
    // Length is what is paid for, whatever the bytes are.
    let dense = with(&calls(9_000));
    refused(&dense, Fault::Limit, text);
    accepted(&with(&format!("{} {}", calls(9_000), padding(20_000))));
    // Functions add up.
    let some = format!("(func {})", "call 0 ".repeat(6));
    accepted(&with(&some.repeat(500)));
    refused(&with(&some.repeat(2_000)), Fault::Limit, text);
    // A module of the largest length gets so much and no more.
    let most = COMPILE_WORK_FREE + CODE_LEN_MAX as u64 / CODE_BYTES_PER_COMPILE_WORK;
    assert_eq!(most, 133_120);
}

/// A field that makes a module longer and costs nothing else.
fn padding(len: usize) -> String {
    format!(r#"(@custom "padding" "{}")"#, "x".repeat(len))
}

/// A module with fields, and so long that it may ask for a lot of work.
fn padded(fields: &str) -> Vec<u8> {
    with(&format!("{fields} {}", padding(200_000)))
}
