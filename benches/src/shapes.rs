//! Blocks of one shape each, for benchmarks and tests that ask about one property.

use tos_runtime::{Amount, Transaction};

use crate::{Order, Rng, World};

/// Native payments between accounts drawn at random; conflicts are as frequent as chance has it.
pub fn random_transfers(world: &mut World, txs: usize, seed: u64) -> Vec<Transaction> {
    let mut rng = Rng::new(seed);
    (0..txs)
        .map(|_| {
            let sender = rng.below(world.len());
            let receiver = world.address(rng.below(world.len()));
            world.send(sender, Order::transfer(receiver, Amount(1 + rng.below(1_000) as u64)))
        })
        .collect()
}

/// Native payments from the first half of the accounts to the second: without conflicts as long as
/// there are two accounts per transaction.
pub fn disjoint_transfers(world: &mut World, txs: usize) -> Vec<Transaction> {
    let half = world.len() / 2;
    (0..txs)
        .map(|idx| {
            let receiver = world.address(half + idx % (world.len() - half));
            world.send(idx % half, Order::transfer(receiver, Amount(1)))
        })
        .collect()
}

/// Everybody pays the first account, which is only credited: one batch if there are as many other
/// accounts as transactions.
pub fn hot_receiver(world: &mut World, txs: usize) -> Vec<Transaction> {
    let shop = world.address(0);
    (0..txs)
        .map(|idx| world.send(1 + idx % (world.len() - 1), Order::transfer(shop, Amount(1))))
        .collect()
}

/// Token payments from the first half of the accounts to the second: contract calls without
/// conflicts as long as there are two accounts per transaction.
pub fn token_transfers(world: &mut World, txs: usize) -> Vec<Transaction> {
    let token = world.contracts().token;
    let half = world.len() / 2;
    (0..txs)
        .map(|idx| {
            let receiver = world.address(half + idx % (world.len() - half));
            world.send(idx % half, Order::token_transfer(token, receiver, 1))
        })
        .collect()
}

/// Every account pays the next one: each transaction has to wait for the one before it.
pub fn serial_chain(world: &mut World, txs: usize) -> Vec<Transaction> {
    (0..txs)
        .map(|idx| {
            let receiver = world.address((idx + 1) % world.len());
            world.send(idx % world.len(), Order::transfer(receiver, Amount(1_000)))
        })
        .collect()
}
