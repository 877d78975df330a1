//! See `tos_fuzz_targets::block_file::parse`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tos_fuzz_targets::block_file::parse(bytes));
