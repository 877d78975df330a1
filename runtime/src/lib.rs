//! TOS Runtime
mod access;
mod config;
mod error;
mod gas;
pub mod sandbox;
mod state;
mod storage;
mod types;
mod verify;
pub use access::*;
pub use config::*;
pub use error::*;
pub use gas::*;
pub use state::*;
pub use storage::*;
pub use types::*;
pub use verify::*;
