//! The dependency graph of a block over its access sets. Knows access sets and gas limits only:
//! neither transactions, state nor threads.
//!
//! Per account, the transactions that touch it form *groups* in block order: neighbours whose modes
//! are compatible share a group, and a group waits for the one before it. A transaction waits for
//! exactly the groups before its own, that is, for the latest earlier transactions it conflicts
//! with, and for nothing else. Groups keep the graph linear in the number of access entries: a
//! thousand credits followed by a thousand reads are two groups, not a million edges.
//!
//! Worked example, one account `S`: `t0 Credit, t1 Credit, t2 Write, t3 Read, t4 Read` has the
//! groups `{t0 t1} <- {t2} <- {t3 t4}`; the batches are `[t0 t1] [t2] [t3 t4]`.

mod report;
mod table;
mod waits;

use std::sync::{Arc, OnceLock};

use tos_host_api::{AccessMode, Gas, TxIndex};

pub use report::{Batch, Dependency};
pub(crate) use table::{AccessTable, AccountIdx, TableBuilder, TableEntry, TableTx, index_u32};
pub use waits::Wait;

use crate::access::AccessSet;
use crate::planted::{Bug, planted};

/// Marks the absence of a group.
const NONE: u32 = u32::MAX;

/// Neighbouring transactions on one account whose modes are compatible.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    account: AccountIdx,
    mode: AccessMode,
    /// The group before this one on the same account, or [`NONE`].
    previous: u32,
    /// The group after this one on the same account, or [`NONE`].
    next: u32,
    /// How many members.
    len: u32,
    /// Highest batch of a member, plus one.
    batch_end: u32,
    /// Latest finish of a member, in gas since the block's start.
    finish: u64,
}

/// Which transactions of a block wait for which earlier ones.
#[derive(Debug, Clone)]
pub struct Schedule {
    table: Arc<AccessTable>,
    /// By entry of the table: the group it belongs to, or [`NONE`].
    entry_groups: Vec<u32>,
    groups: Vec<Group>,
    /// Laid out when somebody asks: a block that is settled as a whole needs it for reports only.
    members: OnceLock<Members>,
    /// By transaction: its batch.
    batches: Vec<u32>,
    /// By transaction: how many groups it waits for.
    waits: Vec<u32>,
    /// By transaction: finish time in gas if nothing but dependencies delayed it.
    finishes: Vec<u64>,
    batch_count: u32,
    /// How many transactions are included, and what gas they declare.
    included: (usize, u64),
}

impl Schedule {
    /// The schedule of transactions with these access sets and gas limits, in block order.
    #[must_use]
    pub fn new(transactions: &[(AccessSet, Gas)]) -> Self {
        let mut builder = TableBuilder::with_capacity(transactions.len());
        for (access, gas_limit) in transactions {
            builder.push(access.entries(), TableTx::new(access.entries(), *gas_limit));
        }
        Self::of_table(Arc::new(builder.finish()))
    }

    pub(crate) fn of_table(table: Arc<AccessTable>) -> Self {
        Self::of_some(table, |_| true)
    }

    /// The schedule of those transactions that are `included`. The others conflict with nobody.
    pub(crate) fn of_some(table: Arc<AccessTable>, included: impl Fn(usize) -> bool) -> Self {
        let tx_count = table.len();
        let mut builder = Builder {
            last_group: vec![NONE; table.accounts().len()],
            entry_groups: Vec::with_capacity(table.entries().len()),
            groups: Vec::with_capacity(table.entries().len()),
            batches: Vec::with_capacity(tx_count),
            waits: Vec::with_capacity(tx_count),
            finishes: Vec::with_capacity(tx_count),
            batch_count: 0,
            included: (0, 0),
        };
        for tx in 0..tx_count {
            if included(tx) {
                builder.push(table.of(tx), table.gas_limits()[tx]);
            } else {
                builder.pass(table.of(tx).len());
            }
        }
        Self {
            table,
            entry_groups: builder.entry_groups,
            groups: builder.groups,
            members: OnceLock::new(),
            batches: builder.batches,
            waits: builder.waits,
            finishes: builder.finishes,
            batch_count: builder.batch_count,
            included: builder.included,
        }
    }

    /// How many transactions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.batches.len()
    }

    /// Whether the block has no transactions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// The batch of a transaction: 0 when it waits for nothing.
    ///
    /// # Panics
    /// When there is no such transaction.
    #[must_use]
    pub fn batch_of(&self, tx: TxIndex) -> u32 {
        self.batches[tx as usize]
    }

    /// How many batches.
    #[must_use]
    pub fn batch_count(&self) -> usize {
        self.batch_count as usize
    }

    /// How many transactions there are that are not passed over, and what gas they declare.
    pub(crate) fn included(&self) -> (usize, u64) {
        self.included
    }

    pub(crate) fn table(&self) -> &Arc<AccessTable> {
        &self.table
    }

    /// By transaction: how many groups have to finish before it may start.
    pub(crate) fn waits(&self) -> &[u32] {
        &self.waits
    }

    /// By group: how many members have to finish before the next group may start.
    pub(crate) fn group_lens(&self) -> impl Iterator<Item = u32> {
        self.groups.iter().map(|group| group.len)
    }

    /// How many members a group has.
    pub(crate) fn group_len(&self, group: u32) -> u32 {
        self.groups[group as usize].len
    }

    /// The groups a transaction belongs to, in the order of its access entries.
    pub(crate) fn groups_of(&self, tx: TxIndex) -> &[u32] {
        &self.entry_groups[self.table.range(tx as usize)]
    }

    /// Whether anybody waits for a group.
    pub(crate) fn has_next(&self, group: u32) -> bool {
        // Transactions that are not included belong to no group.
        group != NONE && self.groups[group as usize].next != NONE
    }

    /// The transactions that lose one wait when this group has finished.
    pub(crate) fn released_by(&self, group: u32) -> &[TxIndex] {
        match self.groups[group as usize].next {
            NONE => &[],
            next => self.members_of(next),
        }
    }

    /// The members of a group, in block order.
    pub(crate) fn members_of(&self, group: u32) -> &[TxIndex] {
        let Members { starts, members } = self
            .members
            .get_or_init(|| place_members(&self.groups, &self.entry_groups, &self.table));
        let start = starts[group as usize];
        &members[start as usize..(start + self.group_len(group)) as usize]
    }
}

/// Builds groups and batches in one pass over the block.
struct Builder {
    /// By account: the latest group.
    last_group: Vec<u32>,
    entry_groups: Vec<u32>,
    groups: Vec<Group>,
    batches: Vec<u32>,
    waits: Vec<u32>,
    finishes: Vec<u64>,
    batch_count: u32,
    included: (usize, u64),
}

impl Builder {
    fn push(&mut self, entries: &[TableEntry], gas_limit: Gas) {
        let first = self.entry_groups.len();
        let (mut batch, mut start, mut waits) = (0, 0, 0);
        for entry in entries {
            let group = self.join(*entry);
            self.entry_groups.push(group);
            let previous = self.groups[group as usize].previous;
            if previous != NONE {
                // Complete: its members all stand before the first member of this group.
                let previous = &self.groups[previous as usize];
                batch = batch.max(previous.batch_end);
                start = start.max(previous.finish);
                waits += u32::from(waits == 0 || !planted(Bug::OneWaitForSeveral));
            }
        }
        // Saturating: a statistic for reports and load balancing, not gas anyone pays.
        let finish = u64::saturating_add(start, gas_limit.0);
        for group in &self.entry_groups[first..] {
            let group = &mut self.groups[*group as usize];
            group.batch_end = group.batch_end.max(batch + 1);
            group.finish = group.finish.max(finish);
        }
        let (count, gas) = self.included;
        self.included = (count + 1, u64::saturating_add(gas, gas_limit.0));
        self.batches.push(batch);
        self.waits.push(waits);
        self.finishes.push(finish);
        self.batch_count = self.batch_count.max(batch + 1);
    }

    /// Passes over a transaction with this many entries.
    fn pass(&mut self, entries: usize) {
        self.entry_groups.extend(std::iter::repeat_n(NONE, entries));
        self.batches.push(0);
        self.waits.push(0);
        self.finishes.push(0);
    }

    /// The group for an entry: the account's latest if the modes are compatible, else a new one.
    fn join(&mut self, entry: TableEntry) -> u32 {
        let dropped = planted(Bug::AccountDroppedFromConflicts) && entry.account % 4 == 3;
        let previous = if dropped { NONE } else { self.last_group[entry.account as usize] };
        if previous != NONE {
            let group = &mut self.groups[previous as usize];
            let nobody_writes = ![group.mode, entry.mode].contains(&AccessMode::Write);
            let mistaken = planted(Bug::CreditsShareGroupsWithReads) && nobody_writes;
            if !group.mode.conflicts_with(entry.mode) || mistaken {
                group.len += 1;
                return previous;
            }
        }
        let idx = index_u32(self.groups.len());
        if previous != NONE {
            self.groups[previous as usize].next = idx;
        }
        self.last_group[entry.account as usize] = idx;
        self.groups.push(Group {
            account: entry.account,
            mode: entry.mode,
            previous,
            next: NONE,
            len: 1,
            batch_end: 0,
            finish: 0,
        });
        idx
    }
}

/// The members of all groups, each group contiguous and in block order.
#[derive(Debug, Clone)]
struct Members {
    /// By group: where its members start.
    starts: Vec<u32>,
    members: Vec<TxIndex>,
}

fn place_members(groups: &[Group], entry_groups: &[u32], table: &AccessTable) -> Members {
    let mut start = 0;
    let mut place = |group: &Group| {
        let own = start;
        start += group.len;
        own
    };
    let starts: Vec<u32> = groups.iter().map(&mut place).collect();
    let mut next = starts.clone();
    let mut members = vec![0; start as usize];
    for tx in 0..table.len() {
        for group in entry_groups[table.range(tx)].iter().filter(|group| **group != NONE) {
            let place = &mut next[*group as usize];
            members[*place as usize] = tx as TxIndex;
            *place += 1;
        }
    }
    Members { starts, members }
}
