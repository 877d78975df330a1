//! The yardstick: what plain transfers cost at least, on one thread, in a bare hash map that knows
//! nothing but nonces and balances.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use tos_runtime::{Block, PublicKey, TransactionType};

/// A transfer, as small as it can be.
#[derive(Debug, Clone, Copy)]
struct Payment {
    source: [u8; 32],
    destination: [u8; 32],
    nonce: u64,
    amount: u64,
    fee: u64,
}

/// An account, as small as it can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    nonce: u64,
    balance: u64,
}

/// The loop, with what it starts from and what it pays.
///
/// It does less than an engine: no access sets, no receipts, no digests, nothing is undone. Source
/// and destination are looked up once each, the way a loop does it that handles one transfer after
/// the other.
#[derive(Debug, Clone)]
pub struct Yardstick<S = RandomState> {
    start: HashMap<[u8; 32], Entry, S>,
    accounts: HashMap<[u8; 32], Entry, S>,
    payments: Vec<Payment>,
}

impl<S: BuildHasher + Clone> Yardstick<S> {
    /// The native payments of a block, one per transaction, among accounts that all start with the
    /// same balance and nonce 0.
    ///
    /// # Panics
    /// When the block holds anything else: a mistake in the workload.
    #[must_use]
    pub fn new(block: &Block, accounts: &[PublicKey], balance: u64, hasher: S) -> Self {
        let payment = |tx: &tos_runtime::VerifiedTransaction| {
            let TransactionType::Transfers(transfers) = &tx.data else {
                panic!("the yardstick pays, nothing else: {:?}", tx.data)
            };
            let [transfer] = &transfers[..] else { panic!("one payment each: {transfers:?}") };
            let destination = transfer.destination.to_bytes();
            Payment {
                source: tx.source.0,
                // Without the first byte, which tells keys from contracts.
                destination: *destination.last_chunk().expect("an address has 33 bytes"),
                nonce: tx.nonce.0,
                amount: transfer.amount.0,
                fee: tx.gas_limit.0.checked_mul(tx.gas_price.0).expect("fees are small"),
            }
        };
        let mut start = HashMap::with_capacity_and_hasher(accounts.len(), hasher);
        start.extend(accounts.iter().map(|key| (key.0, Entry { nonce: 0, balance })));
        let payments = block.transactions().iter().map(payment).collect();
        Self { accounts: start.clone(), start, payments }
    }

    /// How many payments there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.payments.len()
    }

    /// Whether there is nothing to pay.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.payments.is_empty()
    }

    /// Takes everything back. Not part of what is measured.
    pub fn restore(&mut self) {
        self.accounts.clone_from(&self.start);
    }

    /// Pays; returns how many payments were valid. This is what is measured.
    pub fn run(&mut self) -> usize {
        let Self { accounts, payments, .. } = self;
        payments.iter().filter(|payment| pay(accounts, payment).is_some()).count()
    }

    /// Nonce and balance of an account after [`Yardstick::run`].
    #[must_use]
    pub fn account(&self, key: &PublicKey) -> Option<(u64, u64)> {
        self.accounts.get(&key.0).map(|entry| (entry.nonce, entry.balance))
    }
}

/// One payment, or nothing when nonce or balance forbid it.
fn pay<S: BuildHasher>(
    accounts: &mut HashMap<[u8; 32], Entry, S>,
    payment: &Payment,
) -> Option<()> {
    let source = accounts.get_mut(&payment.source)?;
    if source.nonce != payment.nonce {
        return None;
    }
    let debit = payment.amount.checked_add(payment.fee)?;
    source.balance = source.balance.checked_sub(debit)?;
    source.nonce += 1;
    let destination = accounts.get_mut(&payment.destination)?;
    destination.balance = destination.balance.checked_add(payment.amount)?;
    Some(())
}
