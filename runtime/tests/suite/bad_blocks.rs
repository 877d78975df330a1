//! Rows B01 to B15 and B17 of the catalogue of bad inputs: blocks. B16 is in `versions`.

mod claimed;
mod commits;
mod encoding;
mod limits;
mod position;
mod shape;
