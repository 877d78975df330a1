//! What tests and benchmarks outside this package need to look inside. No promise is made about it.

pub use crate::sandbox::config as sandbox_config;
