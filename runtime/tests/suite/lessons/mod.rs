//! What went wrong elsewhere, each as a test whose first comment says what happened: the incidents
//! I1 to I26, the twenty bugs (B1 to B20) of the first implementation of this design, and the list
//! of tests that follows from them.
//!
//! Some are laws and tested as such: I1 and I22 (`law_06_*`), I2 (`law_01_cold_and_warm_*`), I18
//! (`law_08_*`), B16 and I13, cf130312 (`law_09_every_block_is_one_commit_*`), B20 and the list's
//! panic (`law_05_a_worker_that_panics_*`). I13, e75255a1 and B6, unsupported kinds that succeed,
//! is `an_unknown_kind_of_transaction_is_refused`.
//!
//! Where the design rules an incident out, there is nothing to run:
//! - B5, multisig additions not persisted: there is no multisig; what a contract keeps is slots,
//!   and `deletions_and_additions_reach_the_database` covers them.
//! - I15, modules whose compiled form explodes, and I16, guest to host to guest recursion: the gate
//!   has its own tests; the host never calls back, and calls between contracts do not exist yet.
//!   The same holds for "undeclared callee" and "trap in a nested call" of the list.
//! - I20 and I21, defaults and instantiation of the wasm engine: every setting is stated in
//!   `sandbox/profile.rs`; that instantiation costs nothing metered shows in the recorded gas.
//! - I19, statistics that overflow: the engine keeps no statistics across blocks.
//! - I24, I25 (torn tails), I26: of the database; `storage/redb/crash_tests.rs` crashes at every
//!   single write of a commit, so the list's "crash at every commit write" is not repeated here.
//! - "Range scan over keys written in the same block": there are no scans.

mod contracts;
mod executors;
mod money;
mod storage;
