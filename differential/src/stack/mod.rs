//! The logical stack against the native one: recursion ends at the same depth everywhere, and always
//! by the logical limit, whatever functions do to need more native stack than their frames suggest.

pub mod depth;
mod frames;
pub mod measure;
