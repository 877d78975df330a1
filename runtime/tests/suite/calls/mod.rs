//! Contracts that call contracts, and what the host computes for them.

mod crypto;
mod nested;
mod random;
mod undone;
