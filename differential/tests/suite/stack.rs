//! The logical stack ends first, everywhere at the same depth.

use tos_differential::compare::STACK;
use tos_differential::engines::{self, WASM_STACK_BYTES, on_threads};
use tos_differential::stack::{depth, measure};

/// What `runtime/src/sandbox/profile.rs` takes for granted about one word of logical stack.
const BYTES_PER_WORD_MAX: usize = 264;
/// Fits into the time of a test run; the command line runs thousands.
const MODULES: u64 = 160;

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

#[test]
fn functions_that_maximise_frames_end_by_the_logical_limit() {
    let engines = engines::all().expect("engines start");
    let measured = measure::measure(&engines, 1, MODULES, 2);
    let measured = measured.unwrap_or_else(|error| panic!("{error:#}"));
    println!("{measured}");
    assert_eq!(measured.modules, MODULES);
    assert_eq!(measured.worst.len(), 2, "two compilers run guests on the native stack");
    for (engine, worst) in &measured.worst {
        assert!(worst.ratio() <= BYTES_PER_WORD_MAX, "{engine}: {worst:?}");
        // Generated functions that need next to nothing would prove next to nothing.
        assert!(worst.ratio() >= 12, "{engine}: {worst:?}");
    }
    const { assert!(STACK as usize * BYTES_PER_WORD_MAX + (1 << 20) <= WASM_STACK_BYTES) };
}
