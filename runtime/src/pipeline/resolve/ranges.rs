//! A range of shards: the block's accounts that fall into it, numbered and loaded.

use std::ops::Range;

use tos_host_api::{AccessEntry, Address};

use super::parts::Part;
use crate::error::EngineError;
use crate::schedule::TableEntry;
use crate::state::{AccountCell, ChainState, Numbering};

/// The accounts of a block in a range of shards.
pub(super) struct NumberedRange {
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
        let mut numbers: Vec<_> = references.map(Vec::with_capacity).collect();
        let mut accounts = Vec::with_capacity(numbers.iter().map(Vec::capacity).sum());
        for shard in shards.clone() {
            let references = parts.iter().enumerate().flat_map(|(idx, part)| {
                part.positions(shard..shard + 1).iter().map(move |position| {
                    let (hash, account) = part.reference(*position);
                    (hash, account, idx)
                })
            });
            let note = |part: usize, number| numbers[part].push(number);
            chain.number_accounts(numbering, shard, references, &mut accounts, note)?;
        }
        let addresses = accounts.iter().map(|(address, _)| *address).collect();
        let cells = accounts.into_iter().map(|(_, base)| AccountCell::new(base));
        Ok(Self { shards, start: 0, addresses, cells: cells.collect(), numbers })
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
