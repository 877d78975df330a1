//! Payments of which a chosen share stands in one queue: the workload of the conflict benchmarks.

use tos_runtime::{Amount, Transaction};

use crate::{Order, Rng, World};

/// What the payments are made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payment {
    /// The native asset: no contract runs.
    Native,
    /// The token contract.
    Token,
}

/// `txs` payments of which `conflicts` percent, spread evenly at random, are sent by account 0 and
/// so wait for each other; all others have a sender of their own. Receivers are only credited. At
/// 100 percent the block is one chain: nothing can run in parallel.
///
/// # Panics
/// When the world has fewer than `2 x txs` accounts.
pub fn payments(
    world: &mut World,
    payment: Payment,
    txs: usize,
    conflicts: u32,
    seed: u64,
) -> Vec<Transaction> {
    assert!(world.len() >= 2 * txs, "every payment needs a sender and a receiver of its own");
    let token = world.contracts().token;
    let mut rng = Rng::new(seed);
    let orders = (0..txs)
        .map(|idx| {
            let sender = if rng.percent(conflicts) { 0 } else { 1 + idx };
            let receiver = world.address(world.len() - 1 - idx % (world.len() / 2 - 1));
            let order = match payment {
                Payment::Native => Order::transfer(receiver, Amount(1)),
                Payment::Token => Order::token_transfer(token, receiver, 1),
            };
            (sender, order)
        })
        .collect();
    world.send_all(orders)
}
