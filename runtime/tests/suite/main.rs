//! The integration tests: one binary, a module per topic.
#![allow(missing_docs, reason = "tests have sentences for names")]

mod commit;
mod equivalence;
mod golden;
mod laws;
mod lessons;
mod properties;
mod support;
