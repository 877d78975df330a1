//! Blocks of one shape each, for benchmarks and tests that ask about one property.

use tos_runtime::{Amount, Transaction};

use crate::{Order, Rng, World};

/// Native payments between accounts drawn at random; conflicts are as frequent as chance has it.
pub fn random_transfers(world: &mut World, txs: usize, seed: u64) -> Vec<Transaction> {
    let mut rng = Rng::new(seed);
    let orders = (0..txs)
        .map(|_| {
            let sender = rng.below(world.len());
            let receiver = world.address(rng.below(world.len()));
            (sender, Order::transfer(receiver, Amount(1 + rng.below(1_000) as u64)))
        })
        .collect();
    world.send_all(orders)
}

/// Native payments from the first half of the accounts to the second: without conflicts as long as
/// there are two accounts per transaction.
pub fn disjoint_transfers(world: &mut World, txs: usize) -> Vec<Transaction> {
    let half = world.len() / 2;
    let orders = (0..txs)
        .map(|idx| {
            let receiver = world.address(half + idx % (world.len() - half));
            (idx % half, Order::transfer(receiver, Amount(1)))
        })
        .collect();
    world.send_all(orders)
}

/// Everybody pays the first account, which is only credited: one batch if there are as many other
/// accounts as transactions.
pub fn hot_receiver(world: &mut World, txs: usize) -> Vec<Transaction> {
    let shop = world.address(0);
    let others = world.len() - 1;
    let orders = (0..txs).map(|idx| (1 + idx % others, Order::transfer(shop, Amount(1))));
    world.send_all(orders.collect())
}

/// Token payments from the first half of the accounts to the second: contract calls without
/// conflicts as long as there are two accounts per transaction.
pub fn token_transfers(world: &mut World, txs: usize) -> Vec<Transaction> {
    let token = world.contracts().token;
    let half = world.len() / 2;
    let orders = (0..txs)
        .map(|idx| {
            let receiver = world.address(half + idx % (world.len() - half));
            (idx % half, Order::token_transfer(token, receiver, 1))
        })
        .collect();
    world.send_all(orders)
}

/// Every account pays the next one: each transaction has to wait for the one before it.
pub fn serial_chain(world: &mut World, txs: usize) -> Vec<Transaction> {
    let orders = (0..txs)
        .map(|idx| {
            let receiver = world.address((idx + 1) % world.len());
            (idx % world.len(), Order::transfer(receiver, Amount(1_000)))
        })
        .collect();
    world.send_all(orders)
}

/// Token payments by distinct senders, the first accounts, to distinct receivers drawn from all
/// other accounts.
///
/// # Panics
/// When there are fewer accounts than two per payment.
pub fn random_token_transfers(world: &mut World, txs: usize, seed: u64) -> Vec<Transaction> {
    assert!(world.len() >= 2 * txs, "every payment has a sender and a receiver of its own");
    let token = world.contracts().token;
    let mut receivers: Vec<usize> = (txs..world.len()).collect();
    Rng::new(seed).shuffle(&mut receivers);
    let orders = (0..txs)
        .map(|sender| (sender, Order::token_transfer(token, world.address(receivers[sender]), 1)))
        .collect();
    world.send_all(orders)
}

/// Purchases from the one pool, each by an account of its own: a chain of contract calls. The first
/// buyer is account `first`.
pub fn purchases(world: &mut World, txs: usize, first: usize, seed: u64) -> Vec<Transaction> {
    let orders = purchase_orders(world, txs, first, seed);
    world.send_all(orders)
}

/// As many [`purchases`] as token payments by other accounts, in random order: half of the block is
/// one chain, the other half free. The purchases are those of `purchases` with these arguments.
///
/// # Panics
/// When there are fewer accounts than two per transaction.
pub fn pool_and_tokens(world: &mut World, txs: usize, seed: u64) -> Vec<Transaction> {
    assert!(world.len() >= 2 * txs, "every payment has a sender and a receiver of its own");
    let half = txs / 2;
    let mut rng = Rng::part(seed, 1);
    let token = world.contracts().token;
    let mut bought = purchase_orders(world, half, 0, seed).into_iter();
    let pay = |idx| {
        let receiver = world.address(world.len() - 1 - idx);
        (half + idx, Order::token_transfer(token, receiver, 1))
    };
    let mut paid = (0..half).map(pay);
    // The purchases stay in their order, so that the chain is the same alone.
    let mut kinds: Vec<bool> = (0..2 * half).map(|idx| idx < half).collect();
    rng.shuffle(&mut kinds);
    let next = |buys: &bool| if *buys { bought.next() } else { paid.next() };
    let orders = kinds.iter().filter_map(next).collect();
    world.send_all(orders)
}

fn purchase_orders(world: &World, txs: usize, first: usize, seed: u64) -> Vec<(usize, Order)> {
    let pool = world.contracts().pool;
    let mut rng = Rng::new(seed);
    (first..first + txs)
        .map(|buyer| (buyer, Order::buy(pool, 100 + rng.below(1_000) as u64)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a block of a world, given a seed.
    type Shape = fn(&mut World, u64) -> Vec<Transaction>;

    const SEEDED: [(&str, Shape); 4] = [
        ("random transfers", |world, seed| random_transfers(world, 30, seed)),
        ("random token transfers", |world, seed| random_token_transfers(world, 30, seed)),
        ("purchases", |world, seed| purchases(world, 30, 0, seed)),
        ("pool and tokens", |world, seed| pool_and_tokens(world, 30, seed)),
    ];

    #[test]
    fn equal_seeds_give_equal_blocks() {
        for (name, shape) in SEEDED {
            let bytes = |seed| {
                let mut world = World::with_holders(64, 32, 5);
                shape(&mut world, seed).iter().flat_map(Transaction::encode).collect::<Vec<u8>>()
            };
            assert_eq!(bytes(1), bytes(1), "{name}");
            assert_ne!(bytes(1), bytes(2), "{name}");
        }
    }

    #[test]
    fn a_block_signed_on_all_cores_is_the_block_signed_one_by_one() {
        let mut world = World::new(8, 1);
        let pay = |idx: usize| (idx % 3, Order::transfer(ADDRESS, Amount(idx as u64)));
        const ADDRESS: tos_runtime::PublicKey = tos_runtime::PublicKey([1; 32]);
        let mut other = world.clone();
        let one_by_one: Vec<_> =
            (0..20).map(pay).map(|(account, order)| other.send(account, order)).collect();
        assert_eq!(world.send_all((0..20).map(pay).collect()), one_by_one);
    }

    #[test]
    fn the_chain_is_the_same_alone() {
        let mut world = World::new(64, 1);
        let mixed = pool_and_tokens(&mut world, 30, 9);
        world.rewind();
        let chain = purchases(&mut world, 15, 0, 9);
        let pool = world.contracts().pool;
        let is_purchase = |tx: &&Transaction| {
            matches!(&tx.data, tos_runtime::TransactionType::InvokeContract { contract, .. }
                if *contract == pool)
        };
        assert_eq!(mixed.iter().filter(is_purchase).cloned().collect::<Vec<_>>(), chain);
        assert_eq!(mixed.len(), 30);
    }
}
