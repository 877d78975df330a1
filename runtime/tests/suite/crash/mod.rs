//! Law 9 by machine: power cuts, crashes while recovering, failing disks, killed processes. The
//! engine is judged by its public interface alone: opened again it stands at the block it
//! acknowledged last or at the one it was writing, has exactly the values of that block, and goes
//! on from there.
//!
//! What is done on a simulated disk is repeated by its seed. The searches can be made as long as
//! one likes:
//!
//! ```text
//! TOS_POWER_CUTS=200000 TOS_POWER_SEED=1 cargo test --release -p tos-runtime power_cut
//! ```
//!
//! `TOS_POWER_RECOVERIES`, `TOS_POWER_FAULTS` and `TOS_POWER_KILLS` do the same for the others
//! (`bad_s03`, `bad_s04`, `bad_s01`).
//!
//! What is not tried, and holds: no clock is on the path to a result (`law_08`), so a clock that
//! jumps changes nothing. Memory that cannot be had ends the process, which then is one that was
//! killed; a module is compiled by whoever needs it next.

mod errors;
mod files;
mod images;
mod killed;
mod machine;
mod recorded;
mod recovery;
mod story;
