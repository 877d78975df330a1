//! Access sets of a block on dense account indices: one look-up per account reference, arrays ever
//! after.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use tos_host_api::{AccessEntry, AccessMode, Address, Gas};

/// An account's index in its block, counted in order of first mention.
pub(crate) type AccountIdx = u32;

/// One account of one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TableEntry {
    pub(crate) account: AccountIdx,
    pub(crate) mode: AccessMode,
}

/// The access sets of a block's transactions, in block order.
#[derive(Debug, Clone, Default)]
pub(crate) struct AccessTable {
    accounts: Arc<[Address]>,
    entries: Vec<TableEntry>,
    /// By transaction: where its entries start; one more element closes the last range.
    offsets: Vec<u32>,
    gas_limits: Vec<Gas>,
}

impl AccessTable {
    /// How many transactions.
    pub(crate) fn len(&self) -> usize {
        self.gas_limits.len()
    }

    /// The accounts of the block by index.
    pub(crate) fn accounts(&self) -> &Arc<[Address]> {
        &self.accounts
    }

    /// All entries, transaction after transaction.
    pub(crate) fn entries(&self) -> &[TableEntry] {
        &self.entries
    }

    /// Declared gas by transaction.
    pub(crate) fn gas_limits(&self) -> &[Gas] {
        &self.gas_limits
    }

    /// Where a transaction's entries stand.
    pub(crate) fn range(&self, tx: usize) -> Range<usize> {
        self.offsets[tx] as usize..self.offsets[tx + 1] as usize
    }

    /// A transaction's entries, ascending by address.
    pub(crate) fn of(&self, tx: usize) -> &[TableEntry] {
        &self.entries[self.range(tx)]
    }
}

/// Collects access sets and numbers their accounts.
pub(crate) struct TableBuilder {
    table: AccessTable,
    accounts: Vec<Address>,
    /// Randomly seeded, because senders choose addresses; only looked up, never iterated.
    indices: HashMap<Address, AccountIdx, foldhash::fast::RandomState>,
}

impl TableBuilder {
    pub(crate) fn with_capacity(transactions: usize) -> Self {
        let mut table = AccessTable::default();
        table.offsets.reserve(transactions + 1);
        table.offsets.push(0);
        table.gas_limits.reserve(transactions);
        table.entries.reserve(2 * transactions);
        let indices = HashMap::with_capacity_and_hasher(
            2 * transactions,
            foldhash::fast::RandomState::default(),
        );
        Self { table, accounts: Vec::new(), indices }
    }

    /// Adds the next transaction; `entries` is canonical.
    pub(crate) fn push(&mut self, entries: &[AccessEntry], gas_limit: Gas) {
        for entry in entries {
            let account = self.index(entry.account);
            self.table.entries.push(TableEntry { account, mode: entry.mode });
        }
        self.table.offsets.push(count(self.table.entries.len()));
        self.table.gas_limits.push(gas_limit);
    }

    /// The index of an account, numbering it if it is new.
    pub(crate) fn index(&mut self, account: Address) -> AccountIdx {
        let accounts = &mut self.accounts;
        *self.indices.entry(account).or_insert_with(|| {
            accounts.push(account);
            count(accounts.len() - 1)
        })
    }

    pub(crate) fn finish(self) -> AccessTable {
        AccessTable { accounts: self.accounts.into(), ..self.table }
    }
}

/// A count within a block as `u32`. A block's transactions and access lists are limited, so the
/// number of entries is far below the type's range.
fn count(len: usize) -> u32 {
    u32::try_from(len).expect("entries of a block are counted in u32")
}
