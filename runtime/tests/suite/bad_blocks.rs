//! Rows B01 to B15 of the catalogue of bad inputs: blocks.

mod commits;
mod encoding;
mod limits;
mod position;
mod shape;
