//! See `tos_fuzz_targets::modules::generated`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tos_fuzz_targets::modules::generated(bytes));
