//! A part of a block's transactions: their access sets, and the accounts in them sorted by shard.

use std::ops::Range;

use tos_host_api::{AccessEntry, AccessMode, Address, Hash, TxIndex};

use super::super::check::PartFacts;
use super::super::prefetch::ModuleTxs;
use crate::access;
use crate::execute::{Payment, Terms};
use crate::schedule::{TableTx, index_u32};
use crate::state::{ByShard, ChainState};
use crate::types::Block;

/// What one worker found out about a range of transactions.
pub(crate) struct Part {
    /// All references, transaction after transaction.
    entries: Vec<AccessEntry>,
    /// By entry.
    hashes: Vec<u64>,
    by_shard: ByShard,
    pub(super) txs: Vec<TableTx>,
    pub(super) module_txs: ModuleTxs,
    /// The first transaction of the part.
    start: TxIndex,
    /// By entry: its transaction, counted from the part's first, times two, plus one under
    /// [`AccessMode::Write`].
    roles: Vec<u32>,
    /// By transaction: what it moves if it is a payment.
    payments: Vec<Option<Payment>>,
    /// What a static check of the block has to know about these transactions.
    pub(super) facts: PartFacts,
}

impl Part {
    /// Lists what the transactions in `range` touch, and behind them `extra`.
    pub(super) fn list(
        block: &Block,
        params_id: Hash,
        terms: Terms,
        range: Range<usize>,
        extra: Option<Address>,
        chain: &ChainState,
    ) -> Self {
        let mut entries = Vec::with_capacity(2 * range.len() + 1);
        let mut txs = Vec::with_capacity(range.len());
        let mut module_txs = ModuleTxs::default();
        let mut facts = PartFacts::with_capacity(range.len());
        let start = index_u32(range.start);
        let mut roles = Vec::with_capacity(2 * range.len());
        let mut payments = Vec::with_capacity(range.len());
        let mut own = Vec::new();
        for (index, tx) in range.clone().zip(&block.transactions()[range]) {
            access::collect(tx, &mut own);
            txs.push(TableTx::new(&own, tx.gas_limit));
            entries.extend_from_slice(&own);
            let role = |entry: &AccessEntry| {
                2 * index_u32(payments.len()) + u32::from(entry.mode == AccessMode::Write)
            };
            roles.extend(own.iter().map(role));
            payments.push(Payment::of(tx, own.len(), terms));
            module_txs.add(index_u32(index), &tx.data);
            facts.add(tx, params_id);
        }
        entries.extend(extra.map(|account| AccessEntry::new(account, AccessMode::Credit)));
        let mut hashes = Vec::with_capacity(entries.len());
        let mut shards = Vec::with_capacity(entries.len());
        for entry in &entries {
            let (hash, shard) = chain.account_hash(&entry.account);
            hashes.push(hash);
            shards.push(shard as u16);
        }
        let by_shard = ByShard::of(shards.iter().map(|&shard| shard.into()));
        Self { entries, hashes, by_shard, txs, module_txs, start, roles, payments, facts }
    }

    /// All references.
    pub(super) fn entries(&self) -> &[AccessEntry] {
        &self.entries
    }

    /// Positions of the references to accounts in these shards, shard after shard.
    pub(super) fn positions(&self, shards: Range<usize>) -> &[u32] {
        self.by_shard.positions(shards)
    }

    /// The payments of the part, by transaction of the block.
    pub(crate) fn payments(&self) -> impl Iterator<Item = (TxIndex, Option<&Payment>)> {
        (self.start..).zip(self.payments.iter().map(Option::as_ref))
    }

    /// Whether all transactions of the part are payments.
    pub(crate) fn has_only_payments(&self) -> bool {
        self.payments.iter().all(Option::is_some)
    }

    /// If the reference at a position belongs to a payment: its transaction in the block, whether
    /// the account is its source, and the payment.
    pub(crate) fn payment_at(&self, position: u32) -> Option<(TxIndex, bool, &Payment)> {
        // What is behind the last transaction's entries belongs to none.
        let role = *self.roles.get(position as usize)?;
        let payment = self.payments[(role / 2) as usize].as_ref()?;
        Some((self.start + role / 2, role % 2 == 1, payment))
    }

    /// Hash and account of the reference at a position.
    pub(super) fn reference(&self, position: u32) -> (u64, &Address) {
        (self.hashes[position as usize], &self.entries[position as usize].account)
    }
}
