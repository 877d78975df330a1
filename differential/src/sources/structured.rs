//! Structured programs: they end by themselves, use every control structure and touch memory all
//! the time. The generator is the one of the runtime's own tests; it knows no host functions, so
//! calls of them are strewn in afterwards.

use tos_benches::Rng;

use super::mutation;

// One generator, two users: the runtime's unit tests cannot depend on this crate, and a library for
// one file of test code would be more to read than this line.
#[path = "../../../runtime/src/sandbox/prepare/tests/generator.rs"]
mod generator;

/// A program without host calls.
pub(super) fn plain(rng: &mut Rng) -> Vec<u8> {
    generator::program(rng.next_u64())
}

/// A program; most of them call the host.
pub(super) fn module(rng: &mut Rng) -> Option<Vec<u8>> {
    let code = plain(rng);
    match rng.below(20) {
        0 => Some(code),
        calls => mutation::with_host_calls(&code, calls, rng),
    }
}
