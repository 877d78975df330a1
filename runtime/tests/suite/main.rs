//! The integration tests: one binary, a module per topic.
#![allow(missing_docs, reason = "tests have sentences for names")]

mod bad_blocks;
mod bad_transactions;
mod equivalence;
mod support;
