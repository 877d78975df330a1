//! See `tos_fuzz_targets::schedule::against_every_pair`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tos_fuzz_targets::schedule::against_every_pair(bytes));
