//! The logical stack ends first, everywhere at the same depth.

use tos_differential::compare::STACK;
use tos_differential::engines::{self, WASM_STACK_BYTES, on_threads};
use tos_differential::sources::{Source, Subject};
use tos_differential::stack::depth;
use tos_differential::stack::measure::{self, LARGE, Modules, SMALL};

/// What `runtime/src/sandbox/profile.rs` takes for granted about one word of logical stack.
const BYTES_PER_WORD_MAX: usize = 264;

#[test]
fn recursion_ends_at_the_same_depth_on_every_engine() {
    let engines = engines::all().expect("engines start");
    let outcome = on_threads(1, |_| depth::check(&engines)).remove(0);
    let depths = outcome.unwrap_or_else(|error| panic!("{error:#}"));
    let deepest = depths.iter().filter(|depth| depth.stack == STACK);
    for depth in deepest {
        assert!(depth.depth > 1_000, "{}: {}", depth.chain, depth.depth);
    }
}

#[track_caller]
fn check(count: u64, size: u32) {
    let engines = engines::all().expect("engines start");
    let measured = measure::measure(&engines, Modules { seed: 1, count, size, threads: 2 });
    let measured = measured.unwrap_or_else(|error| panic!("{error:#}"));
    println!("{measured}");
    assert_eq!(measured.modules, count);
    assert_eq!(measured.worst.len(), 2, "two compilers run guests on the native stack");
    for (engine, worst) in &measured.worst {
        assert!(worst.ratio() <= BYTES_PER_WORD_MAX, "{engine}: {worst:?}");
        // A word stands for eight bytes. Functions that need less would prove next to nothing.
        assert!(worst.ratio() >= 8, "{engine}: {worst:?}");
    }
    const { assert!(STACK as usize * BYTES_PER_WORD_MAX + (1 << 20) <= WASM_STACK_BYTES) };
}

#[test]
fn many_functions_that_maximise_frames_end_by_the_logical_limit() {
    check(1_000, SMALL);
}

#[test]
fn what_charged_operands_keep_alive_is_part_of_the_frame() {
    // Each charge ends in a branch, behind which a simple register allocator gives the gas counter
    // and the operand places of their own: 497 bytes per word, before they were counted.
    let grown =
        (0..400).fold("(i32.const 0)".to_owned(), |inner, _| format!("(memory.grow {inner})"));
    let text = format!(
        r#"(module (import "tos_v1" "gas_left" (func $host (result i64)))
             (memory (export "memory") 1)
             (func $run (export "run")
               (drop (call $host))
               (if (i32.eqz (memory.size)) (then (drop {grown})))
               (call $run)))"#
    );
    let code = wat::parse_str(text).expect("valid wat");
    let subject = Subject::new(Source::File, code).expect("the gate accepts it");
    let engines = engines::all().expect("engines start");
    let used = on_threads(1, |_| measure::measure_module(&engines, &subject)).remove(0);
    let used = used.unwrap_or_else(|error| panic!("{error:#}"));
    let native: Vec<_> = used.into_iter().filter(|(bytes, _)| *bytes > 0).collect();
    assert_eq!(native.len(), 2, "two compilers run guests on the native stack");
    for (bytes, words) in native {
        assert!(bytes <= words * BYTES_PER_WORD_MAX, "{bytes} bytes for {words} words");
    }
}

#[test]
fn functions_at_the_limits_of_preparation_end_by_the_logical_limit() {
    check(20, LARGE);
}
