//! See `tos_fuzz_targets::calls::sequence`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tos_fuzz_targets::calls::sequence(bytes));
