//! An engine that behaves differently in one respect only is caught, and the report names it.

use anyhow::Result;
use tos_differential::compare::{Difference, compare};
use tos_differential::engines::{Call, Compiler, Engine, Interpreter, Program, Run};
use tos_differential::engines::{WASM_STACK_BYTES, Wasmtime, on_threads};
use tos_differential::reduce::reduce;
use tos_differential::sources::{COSTS, Source, Subject};
use tos_runtime::prepare::{OperatorCosts, Prepared, prepare};

/// An engine that is given another module than it is asked to load.
struct Swapped(Wasmtime, Prepared);

impl Engine for Swapped {
    fn name(&self) -> String {
        "sabotaged".to_owned()
    }

    fn load(&self, _module: &Prepared) -> Result<Box<dyn Program>> {
        self.0.load(&self.1)
    }
}

/// An engine whose host gives other answers.
struct OtherHost(Interpreter);

struct OtherAnswers(Box<dyn Program>);

impl Engine for OtherHost {
    fn name(&self) -> String {
        "sabotaged".to_owned()
    }

    fn load(&self, module: &Prepared) -> Result<Box<dyn Program>> {
        Ok(Box::new(OtherAnswers(self.0.load(module)?)))
    }
}

impl Program for OtherAnswers {
    fn run(&self, call: &Call<'_>) -> Result<Run> {
        self.0.run(&Call { seed: call.seed + 1, ..*call })
    }
}

fn honest() -> Wasmtime {
    Wasmtime::new(Compiler::Plain, WASM_STACK_BYTES).expect("the engine starts")
}

fn code(fields: &str, body: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
          (import "tos_v1" "debug_log" (func $log (param i32 i32)))
          (import "tos_v1" "set_return" (func $return (param i32 i32) (result i32)))
          (import "tos_v1" "timestamp" (func $timestamp (result i64)))
          (memory (export "memory") 1 3)
          (global $g (mut i64) (i64.const 0))
          {fields}
          (func (export "run") {body}))"#
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn subject(code: Vec<u8>) -> Subject {
    Subject::new(Source::File, code).expect("the gate accepts the module")
}

/// Compares an honest engine with another.
fn against(other: impl Engine + 'static, subject: &Subject) -> Result<(), Difference> {
    let engines: Vec<Box<dyn Engine>> = vec![Box::new(honest()), Box::new(other)];
    on_threads(1, |_| compare(&engines, subject, 5)).remove(0).map(|_| ())
}

#[track_caller]
fn caught(outcome: Result<(), Difference>, part: &str) {
    let difference = outcome.expect_err("the engines differ").to_string();
    assert!(difference.contains("sabotaged") && difference.contains(part), "{difference}");
}

#[test]
fn a_module_that_does_something_else_is_caught_by_what_differs() {
    let recursion = "(func $f (call $g)) (func $g)";
    let cases = [
        (
            "memory hash",
            "",
            "(i32.store8 (i32.const 65535) (i32.const 1))",
            "(i32.store8 (i32.const 65535) (i32.const 2))",
        ),
        (
            "memory size",
            "",
            "(drop (memory.grow (i32.const 1)))",
            "(drop (memory.grow (i32.const 2)))",
        ),
        ("globals", "", "(global.set $g (i64.const 1))", "(global.set $g (i64.const 2))"),
        (
            "return data",
            "",
            "(drop (call $return (i32.const 0) (i32.const 4)))",
            "(drop (call $return (i32.const 0) (i32.const 5)))",
        ),
        (
            "host call 0",
            "",
            "(call $log (i32.const 1) (i32.const 0))",
            "(call $log (i32.const 2) (i32.const 0))",
        ),
        ("number of host calls", "", "(call $log (i32.const 1) (i32.const 0))", "(nop)"),
        ("end", "", "(nop)", "(unreachable)"),
        ("gas left", recursion, "(call $f)", "(call $f) (nop)"),
        ("stack left", recursion, "(call $f) (unreachable)", "(local i64) (call $f) (unreachable)"),
    ];
    for (part, fields, body, other) in cases {
        let (honest_one, other) = (subject(code(fields, body)), subject(code(fields, other)));
        assert!(against(honest(), &honest_one).is_ok(), "{part}");
        caught(against(Swapped(honest(), other.prepared), &honest_one), part);
    }
}

#[test]
fn a_module_metered_with_other_prices_is_caught() {
    let subject = subject(code("", "(drop (i64.mul (i64.const 2) (i64.const 3)))"));
    let costs = OperatorCosts { multiply: 3, ..COSTS };
    let dearer = prepare(&subject.code, &costs).expect("accepted");
    caught(against(Swapped(honest(), dearer), &subject), "gas left: 199990 against 199989");
}

#[test]
fn a_host_that_answers_differently_is_caught() {
    let subject = subject(code("", "(global.set $g (call $timestamp))"));
    let other = OtherHost(Interpreter::new().expect("wasmi starts"));
    caught(against(other, &subject), "globals");
}

#[test]
fn a_native_overflow_is_no_behaviour() {
    let subject = subject(code("(func $f (call $f))", "(call $f)"));
    let small = Wasmtime::new(Compiler::Plain, 16 << 10).expect("the engine starts");
    let difference = against(small, &subject).expect_err("the stack is too small").to_string();
    assert!(difference.contains("call stack exhausted"), "{difference}");
}

#[test]
fn a_failing_module_can_be_made_smaller() {
    let noise = "(i64.store (i32.const 8) (i64.mul (i64.load (i32.const 0)) (i64.const 3)))";
    let large = code("", &format!("{} (global.set $g (call $timestamp))", noise.repeat(20)));
    let differs = |code: &[u8]| {
        let other = OtherHost(Interpreter::new().expect("wasmi starts"));
        against(other, &subject(code.to_vec())).is_err()
    };
    assert!(differs(&large) && !differs(&code("", noise)));
    // The gate is part of the question: what it refuses is no counterexample.
    let small =
        reduce(&large, |code| Subject::new(Source::File, code.to_vec()).is_some() && differs(code));
    assert!(differs(&small));
    assert!(small.len() * 2 < large.len(), "{} of {}", small.len(), large.len());
}
