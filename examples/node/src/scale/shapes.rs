//! The blocks whose scaling is asked about.

use tos_benches::{Order, World, shapes};
use tos_runtime::Transaction;

use crate::seeded;

/// A kind of block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Payments without conflicts.
    Transfers,
    /// Token payments without conflicts.
    TokenCalls,
    /// Every second transaction buys from one pool, the others are token payments without conflicts.
    PoolChain,
    /// The main job's block.
    Mixed,
}

impl Shape {
    /// All of them.
    pub(crate) const ALL: [Self; 4] =
        [Self::Transfers, Self::TokenCalls, Self::PoolChain, Self::Mixed];

    /// What it is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Transfers => "transfers",
            Self::TokenCalls => "token calls",
            Self::PoolChain => "pool chain",
            Self::Mixed => "mixed",
        }
    }

    /// Its transactions, the next ones of a world.
    pub(crate) fn block(self, options: &seeded::Options, world: &mut World) -> Vec<Transaction> {
        let txs = options.txs as usize;
        match self {
            Self::Transfers => shapes::disjoint_transfers(world, txs),
            Self::TokenCalls => shapes::token_transfers(world, txs),
            Self::PoolChain => pool_chain(world, txs),
            Self::Mixed => options.mixed_block(world),
        }
    }
}

/// Senders are the first half of the accounts, receivers the second.
fn pool_chain(world: &mut World, txs: usize) -> Vec<Transaction> {
    let contracts = world.contracts();
    let half = world.len() / 2;
    (0..txs)
        .map(|idx| {
            let order = if idx % 2 == 0 {
                Order::buy(contracts.pool, 100)
            } else {
                let receiver = world.address(half + idx % (world.len() - half));
                Order::token_transfer(contracts.token, receiver, 1)
            };
            world.send(idx % half, order)
        })
        .collect()
}
