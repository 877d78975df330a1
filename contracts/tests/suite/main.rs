//! Each example contract: what it does, each of its errors, what it conserves, what runs in
//! parallel, what it costs.

mod amm;
mod auction;
mod counter;
mod escrow;
mod multisig_wallet;
mod nft;
mod token;
