//! Several engines, one behaviour. Longer runs of the same are commands, see the crate's README.

mod modules;
mod sabotage;
mod stack;
