//! Runs prepared modules on several WebAssembly engines and compares everything they leave behind.
//!
//! Gas, stack depth and results are meant to be properties of a module's bytes. If they are, then
//! compilers and interpreters that share little or no code have to agree on them, on programs nobody
//! has thought about. [`sources`] makes such programs from seeds, [`compare`] runs each on all
//! [`engines`] with the same [`host`] and several budgets, [`campaign`] does that many times.
//! [`stack`] drives recursion to the logical limit and measures the native stack it takes.

pub mod campaign;
pub mod compare;
pub mod engines;
pub mod host;
pub mod observation;
pub mod reduce;
pub mod report;
pub mod sources;
pub mod stack;
