//! Mixed blocks of transfers and contract calls with a chosen share of conflicts.

use tos_runtime::{Amount, AssetId, Transaction, Transfer};

use crate::{Order, Rng, SECOND_ASSET, World};

/// Accounts that send the conflicting transfers of a block.
pub const SHARED_SENDERS: usize = 8;

/// The shape of mixed blocks.
///
/// Every block parts the accounts into senders and receivers. A transaction that is to be free of
/// conflicts has a sender of its own, credits receivers, and if it calls a contract, pays in tokens
/// or adds to a counter; nothing it touches is read or written by another transaction.
///
/// A *conflicting* transaction touches a small hot set under `Write`: a transfer or token payment
/// is sent by one of [`SHARED_SENDERS`] accounts; the third kind of call is half of the time a
/// purchase from the one pool, which calls the token in turn, and otherwise reads and writes back
/// the slot of one counter. With `conflicts = 20`, a fifth of the block stands in ten queues and
/// the rest is free. When there are fewer accounts than transactions, senders repeat and there are more
/// conflicts than asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mix {
    /// Transactions per block.
    pub txs: usize,
    /// Share of contract calls in percent: two in three pay in tokens, the third counts.
    pub contracts: u32,
    /// Share of conflicting transactions in percent.
    pub conflicts: u32,
    /// Share of contract calls, in percent, that pay more tokens than there are and are reverted.
    pub failures: u32,
    /// What everything is drawn from.
    pub seed: u64,
}

impl Default for Mix {
    fn default() -> Self {
        Self { txs: 10_000, contracts: 30, conflicts: 20, failures: 1, seed: 7 }
    }
}

impl Mix {
    /// The transactions of block `number`. The same number gives the same orders, in whatever order
    /// blocks are asked for; nonces follow the world.
    pub fn block(&self, world: &mut World, number: u64) -> Vec<Transaction> {
        let mut rng = Rng::part(self.seed, number);
        let mut roles = Roles::draw(world.len(), &mut rng);
        let orders = (0..self.txs).map(|_| self.order(world, &mut roles, &mut rng)).collect();
        world.send_all(orders)
    }

    /// Who sends the next transaction, and what it does.
    fn order(&self, world: &World, roles: &mut Roles, rng: &mut Rng) -> (usize, Order) {
        let contracts = world.contracts();
        let conflicting = rng.percent(self.conflicts);
        let contract = rng.percent(self.contracts);
        if contract && rng.below(3) == 0 {
            let order = if conflicting && rng.percent(50) {
                Order::buy(contracts.pool, 100 + rng.below(1_000) as u64)
            } else if conflicting {
                Order::counter_bump(contracts.hot_counter)
            } else {
                Order::counter_add(contracts.counter, 1 + rng.below(10) as u64)
            };
            return (roles.own_sender(), order);
        }
        let sender = if conflicting { roles.shared_sender(rng) } else { roles.own_sender() };
        let order = if contract {
            let amount =
                if rng.percent(self.failures) { u64::MAX } else { 1 + rng.below(100) as u64 };
            Order::token_transfer(contracts.token, world.address(roles.receiver(rng)), amount)
        } else {
            Order::transfers(transfers(world, roles, rng))
        };
        (sender, order)
    }
}

/// Seven in ten payments are native, two in ten in the second asset, one goes to several receivers.
fn transfers(world: &World, roles: &Roles, rng: &mut Rng) -> Vec<Transfer> {
    let kind = rng.below(10);
    let count = if kind == 9 { 2 + rng.below(4) } else { 1 };
    let asset = if kind < 7 { AssetId::NATIVE } else { SECOND_ASSET };
    let pay = |_| Transfer {
        destination: world.address(roles.receiver(rng)),
        asset,
        amount: Amount(1 + rng.below(1_000) as u64),
    };
    (0..count).map(pay).collect()
}

/// Who sends and who receives in one block.
///
/// Invariant: no account is both, so that a payment never waits for another one by accident.
struct Roles {
    /// The accounts that send conflicting transactions come first in the world.
    shared: usize,
    senders: Vec<usize>,
    next_sender: usize,
    receivers: Vec<usize>,
}

impl Roles {
    fn draw(accounts: usize, rng: &mut Rng) -> Self {
        // Tiny worlds keep at least one account for each role.
        let shared = SHARED_SENDERS.min(accounts / 4);
        let mut senders: Vec<usize> = (shared..accounts).collect();
        rng.shuffle(&mut senders);
        // Receivers are only credited, so few of them are enough.
        let receivers = senders.split_off(senders.len() - (senders.len() / 8).max(1));
        Self { shared, senders, next_sender: 0, receivers }
    }

    /// A sender that nobody else in the block uses, as long as there are any.
    fn own_sender(&mut self) -> usize {
        let sender = self.senders[self.next_sender % self.senders.len()];
        self.next_sender += 1;
        sender
    }

    fn shared_sender(&mut self, rng: &mut Rng) -> usize {
        if self.shared == 0 { self.own_sender() } else { rng.below(self.shared) }
    }

    fn receiver(&self, rng: &mut Rng) -> usize {
        self.receivers[rng.below(self.receivers.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_bytes() {
        let bytes = |seed| {
            let mut world = World::new(64, 3);
            let mix = Mix { txs: 50, seed, ..Mix::default() };
            let block = mix.block(&mut world, 1);
            block.iter().flat_map(Transaction::encode).collect::<Vec<u8>>()
        };
        assert_eq!(bytes(1), bytes(1));
        assert_ne!(bytes(1), bytes(2));
    }

    #[test]
    fn nobody_sends_and_receives_in_one_block() {
        for accounts in 2..40 {
            let roles = Roles::draw(accounts, &mut Rng::new(accounts as u64));
            assert!(!roles.senders.is_empty() && !roles.receivers.is_empty(), "{accounts}");
            assert!(roles.receivers.iter().all(|receiver| {
                *receiver >= roles.shared && !roles.senders.contains(receiver)
            }));
        }
    }
}
