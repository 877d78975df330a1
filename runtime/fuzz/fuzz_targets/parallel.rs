//! See `tos_fuzz_targets::blocks::parallel_and_sequential`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tos_fuzz_targets::blocks::parallel_and_sequential(bytes));
