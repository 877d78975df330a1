//! The logical stack ends first, everywhere at the same depth.

use tos_differential::compare::STACK;
use tos_differential::engines::{self, WASM_STACK_BYTES, on_threads};
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
fn functions_at_the_limits_of_preparation_end_by_the_logical_limit() {
    check(20, LARGE);
}
