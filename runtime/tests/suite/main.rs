//! The integration tests: one binary, a module per topic.
#![allow(missing_docs, reason = "tests have sentences for names")]

mod equivalence;
mod laws;
mod support;
