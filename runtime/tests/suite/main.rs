//! The integration tests: one binary, a module per topic.
#![allow(missing_docs, reason = "tests have sentences for names")]
#![allow(clippy::disallowed_methods, reason = "the length of a run comes from the environment")]

mod authoring;
mod bad_blocks;
mod bad_modules;
mod bad_transactions;
mod bundles;
mod calls;
mod commit;
mod equivalence;
mod explain;
mod golden;
mod host_calls;
mod kit;
mod laws;
mod lessons;
mod payments;
mod properties;
mod recorded_gas;
mod support;
mod versions;
