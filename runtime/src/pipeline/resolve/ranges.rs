//! A range of shards: the block's accounts that fall into it, numbered and loaded.

use std::ops::Range;

use tos_host_api::{AccessEntry, Address};

use super::parts::Part;
use crate::error::EngineError;
use crate::schedule::{AccountIdx, TableEntry};
use crate::state::{Account, AccountCell, ChainState, Numbering};

/// The accounts of a block in a range of shards.
pub(crate) struct NumberedRange {
    shards: Range<usize>,
    /// Accounts in the ranges before this one; known when all are numbered.
    pub(super) start: u32,
    /// Accounts in order of their numbers.
    pub(super) addresses: Vec<Address>,
    pub(super) cells: Vec<AccountCell>,
    /// By part: the numbers of its references into these shards, in the order of
    /// [`Part::positions`].
    numbers: Vec<Vec<u32>>,
}

impl NumberedRange {
    /// Numbers what the parts of one block touch in these shards.
    pub(super) fn number(
        parts: &[Part],
        shards: Range<usize>,
        chain: &ChainState,
        numbering: Numbering,
    ) -> Result<Self, EngineError> {
        let references = parts.iter().map(|part| part.positions(shards.clone()).len());
        let mut numbers: Vec<_> = references.clone().map(Vec::with_capacity).collect();
        // No more accounts than references; a list that grows is copied every time.
        let accounts_max = references.sum();
        let mut addresses = Vec::with_capacity(accounts_max);
        let mut cells = Vec::with_capacity(accounts_max);
        let mut next = 0;
        for shard in shards.clone() {
            let references = parts.iter().enumerate().flat_map(|(idx, part)| {
                part.positions(shard..shard + 1).iter().map(move |position| {
                    let (hash, account) = part.reference(*position);
                    (hash, account, idx)
                })
            });
            let found = |address: &Address, account: &Account, row| {
                addresses.push(*address);
                cells.push(AccountCell::new(account.clone(), row));
            };
            let note = |part: usize, number| numbers[part].push(number);
            next = chain.number_accounts(numbering, shard, next, references, found, note)?;
        }
        Ok(Self { shards, start: 0, addresses, cells, numbers })
    }

    /// The index of the range's first account.
    pub(crate) fn start(&self) -> AccountIdx {
        self.start
    }

    /// The references to accounts of this range, account by account in block order, though not one
    /// account after the other: part, position in it, and number of the account in this range.
    pub(crate) fn references<'a>(
        &'a self,
        parts: &'a [Part],
    ) -> impl Iterator<Item = (&'a Part, u32, u32)> {
        // Every account is in one shard; all that matters is that its parts come in order.
        parts.iter().zip(&self.numbers).flat_map(|(part, numbers)| {
            let positions = part.positions(self.shards.clone());
            positions.iter().zip(numbers).map(move |(position, number)| (part, *position, *number))
        })
    }
}

/// The entries of a part with the indices that their accounts got.
pub(super) fn table_entries(
    parts: &[Part],
    part: usize,
    ranges: &[NumberedRange],
) -> Vec<TableEntry> {
    let listed = &parts[part];
    let entry = |entry: &AccessEntry| TableEntry { account: 0, mode: entry.mode };
    let mut entries: Vec<_> = listed.entries().iter().map(entry).collect();
    for range in ranges {
        let positions = listed.positions(range.shards.clone());
        for (position, number) in positions.iter().zip(&range.numbers[part]) {
            // Below the number of references, which is counted in `u32`.
            entries[*position as usize].account = range.start + number;
        }
    }
    entries
}
