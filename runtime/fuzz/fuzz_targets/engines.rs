//! See `tos_fuzz_targets::engines::agree`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tos_fuzz_targets::engines::agree(bytes));
