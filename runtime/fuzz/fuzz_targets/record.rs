//! See `tos_fuzz_targets::encoding::record`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tos_fuzz_targets::encoding::record(bytes));
