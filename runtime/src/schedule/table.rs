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

/// A transaction as the table sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TableTx {
    /// How many entries it has.
    entries: u32,
    gas_limit: Gas,
}

impl TableTx {
    pub(crate) fn new(access: &[AccessEntry], gas_limit: Gas) -> Self {
        Self { entries: index_u32(access.len()), gas_limit }
    }
}

/// The access sets of a block's transactions, in block order.
#[derive(Debug, Clone, Default)]
pub(crate) struct AccessTable {
    accounts: Arc<Vec<Address>>,
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
    pub(crate) fn accounts(&self) -> &Arc<Vec<Address>> {
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
        Self { table, accounts: Vec::new(), indices: HashMap::default() }
    }

    /// Adds the next transaction; `access` is canonical.
    pub(crate) fn push(&mut self, access: &[AccessEntry], tx: TableTx) {
        for entry in access {
            let account = self.index(entry.account);
            self.table.entries.push(TableEntry { account, mode: entry.mode });
        }
        self.end(tx, self.table.entries.len());
    }

    /// Adds transactions whose accounts are numbered already; gives back the entries that are left
    /// over.
    pub(crate) fn append<'a>(
        &mut self,
        txs: &[TableTx],
        entries: &'a [TableEntry],
    ) -> &'a [TableEntry] {
        let used: usize = txs.iter().map(|tx| tx.entries as usize).sum();
        let (entries, rest) = entries.split_at(used);
        let mut end = self.table.entries.len();
        self.table.entries.extend_from_slice(entries);
        for tx in txs {
            end += tx.entries as usize;
            self.end(*tx, end);
        }
        rest
    }

    fn end(&mut self, tx: TableTx, end: usize) {
        self.table.offsets.push(index_u32(end));
        self.table.gas_limits.push(tx.gas_limit);
    }

    /// The index of an account, numbering it if it is new.
    pub(crate) fn index(&mut self, account: Address) -> AccountIdx {
        let accounts = &mut self.accounts;
        *self.indices.entry(account).or_insert_with(|| {
            accounts.push(account);
            index_u32(accounts.len() - 1)
        })
    }

    pub(crate) fn finish(self) -> AccessTable {
        AccessTable { accounts: self.accounts.into(), ..self.table }
    }

    /// The table if its accounts were numbered elsewhere.
    pub(crate) fn finish_with(self, accounts: Vec<Address>) -> AccessTable {
        AccessTable { accounts: accounts.into(), ..self.table }
    }
}

/// An index or count within a block. A block's transactions and access lists are limited, so the
/// number of entries is far below the type's range.
pub(crate) fn index_u32(index: usize) -> u32 {
    u32::try_from(index).expect("entries of a block are counted in u32")
}
