//! Each example contract: what it does, each of its errors, what it conserves, what runs in parallel,
//! what it costs.

mod counter;
mod escrow;

mod nft;
mod token;
