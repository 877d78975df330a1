//! See `tos_runtime::fuzzing::journal`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tos_runtime::fuzzing::journal(bytes));
