//! The laws of the engine, each with tests that fail when it is broken. The number of the law is in
//! the name of its tests.

mod access;
mod determinism;
mod durability;
mod execution;
mod failures;
mod gas;
mod growth;
mod hostile;
mod instances;
mod supply;
