//! See `tos_fuzz_targets::modules::bytes`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tos_fuzz_targets::modules::bytes(bytes));
