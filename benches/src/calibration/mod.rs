//! Workloads that tell what a price stands for: each repeats one thing that has a price, so that
//! its time can be divided by its gas. The bench `calibration` runs them.

mod host_functions;
mod operators;
mod report;
mod scene;
mod special;

pub use host_functions::{HostWorkload, host_workloads};
pub use operators::{Memory, OperatorWorkload, Order, head, operator_workloads};
pub use report::{Report, Row};
pub use scene::HostScene;
