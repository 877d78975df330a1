//! Rows T01 to T25 of the catalogue of bad inputs: transactions.

mod access;
mod contracts;
mod keys;
mod money;
mod nonces;
mod overflow;
mod static_faults;
