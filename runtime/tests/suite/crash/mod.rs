//! Law 9 by machine: power cuts, crashes while recovering, failing disks, killed processes. The engine
//! is judged by its public interface alone: opened again it stands at the block it acknowledged last
//! or at the one it was writing, has exactly the values of that block, and goes on from there.
//!
//! What is done on a simulated disk is repeated by its seed. The searches can be made as long as
//! one likes:
//!
//! ```text
//! TOS_POWER_CUTS=200000 TOS_POWER_SEED=1 cargo test --release -p tos-runtime --test suite power_cut
//! ```
//!
//! `TOS_POWER_RECOVERIES`, `TOS_POWER_FAULTS` and `TOS_POWER_KILLS` do the same for the others.

mod errors;
mod images;
mod killed;
mod machine;
mod recorded;
mod recovery;
mod story;
