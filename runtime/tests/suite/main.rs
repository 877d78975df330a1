//! The integration tests: one binary, a module per topic.
#![allow(missing_docs, reason = "tests have sentences for names")]
#![allow(clippy::disallowed_methods, reason = "the length of a run comes from the environment")]

mod authoring;
mod bad_blocks;
mod bad_modules;
mod bad_requests;
mod bad_transactions;
mod bundles;
mod calls;
mod commit;
mod conservation;
mod crash;
mod equivalence;
mod explain;
mod golden;
mod host_calls;
mod kit;
mod laws;
mod lessons;
mod model;
mod payments;
mod planted;
mod properties;
mod recorded_gas;
mod replicas;
mod support;
mod versions;
