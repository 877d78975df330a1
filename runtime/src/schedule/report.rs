//! The schedule explains itself: batches, causes of waiting, critical path. Nothing here is needed
//! to execute a block.

use tos_host_api::{AccessMode, Address, Gas, TxIndex};

use super::{NONE, Schedule};

/// One level of the dependency graph: transactions that conflict with none of each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its members in block order.
    pub transactions: Vec<TxIndex>,
}

/// Why a transaction waits for an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependency {
    /// The earlier transaction.
    pub transaction: TxIndex,
    /// The account both touch.
    pub account: Address,
    /// What the earlier one does to it.
    pub earlier: AccessMode,
    /// What the waiting one does to it.
    pub later: AccessMode,
}

impl Schedule {
    /// The batches in order; together they hold every transaction once.
    #[must_use]
    pub fn batches(&self) -> Vec<Batch> {
        let mut batches = vec![Batch { transactions: Vec::new() }; self.batch_count()];
        for (tx, batch) in self.batches.iter().enumerate() {
            batches[*batch as usize].transactions.push(tx as TxIndex);
        }
        batches
    }

    /// Which earlier transactions a transaction waits for, and why; ascending.
    ///
    /// # Panics
    /// When there is no such transaction.
    #[must_use]
    pub fn waits_for(&self, tx: TxIndex) -> Vec<Dependency> {
        let mut dependencies = Vec::new();
        for group in self.groups_of(tx) {
            let group = &self.groups[*group as usize];
            if group.previous == NONE {
                continue;
            }
            let earlier = &self.groups[group.previous as usize];
            dependencies.extend(self.members_of(group.previous).iter().map(|transaction| {
                Dependency {
                    transaction: *transaction,
                    account: self.table.accounts()[group.account as usize],
                    earlier: earlier.mode,
                    later: group.mode,
                }
            }));
        }
        dependencies.sort_unstable();
        dependencies
    }

    /// How many transactions wait for an earlier one.
    #[must_use]
    pub fn conflicting_transactions(&self) -> usize {
        self.waits.iter().filter(|waits| **waits > 0).count()
    }

    /// The longest chain of transactions that wait for each other, by declared gas.
    ///
    /// No number of threads executes the block faster than this chain.
    #[must_use]
    pub fn critical_path(&self) -> Vec<TxIndex> {
        let last = (0..self.len()).max_by_key(|tx| (self.finishes[*tx], std::cmp::Reverse(*tx)));
        let mut path = Vec::new();
        let mut next = last;
        while let Some(tx) = next {
            path.push(tx as TxIndex);
            next = self.latest_predecessor(tx as TxIndex).map(|tx| tx as usize);
        }
        path.reverse();
        path
    }

    /// Gas declared along the critical path.
    #[must_use]
    pub fn critical_path_gas(&self) -> Gas {
        Gas(self.finishes.iter().copied().max().unwrap_or(0))
    }

    /// The predecessor that finishes last.
    fn latest_predecessor(&self, tx: TxIndex) -> Option<TxIndex> {
        self.groups_of(tx)
            .iter()
            .map(|group| self.groups[*group as usize].previous)
            .filter(|previous| *previous != NONE)
            .flat_map(|previous| self.members_of(previous))
            .copied()
            .max_by_key(|earlier| (self.finishes[*earlier as usize], std::cmp::Reverse(*earlier)))
    }
}

#[cfg(test)]
mod tests {
    use tos_host_api::{AccessEntry, PublicKey};

    use super::*;
    use crate::access::AccessSet;

    fn account(id: u8) -> Address {
        Address::Key(PublicKey([id; 32]))
    }

    /// A schedule of one transaction per line, each a list of (account, mode), with gas limit 10.
    fn schedule(lines: &[&[(u8, AccessMode)]]) -> Schedule {
        let entries = |line: &&[(u8, AccessMode)]| {
            line.iter().map(|(id, mode)| AccessEntry::new(account(*id), *mode)).collect()
        };
        let sets: Vec<_> =
            lines.iter().map(|line| (AccessSet::new(entries(line)), Gas(10))).collect();
        Schedule::new(&sets)
    }

    fn batches(schedule: &Schedule) -> Vec<Vec<TxIndex>> {
        schedule.batches().into_iter().map(|batch| batch.transactions).collect()
    }

    use AccessMode::{Credit, Read, Write};

    #[test]
    fn compatible_neighbours_share_a_group() {
        let s =
            schedule(&[&[(1, Credit)], &[(1, Credit)], &[(1, Write)], &[(1, Read)], &[(1, Read)]]);
        assert_eq!(batches(&s), [vec![0, 1], vec![2], vec![3, 4]]);
        assert_eq!(s.waits_for(0), []);
        let waits: Vec<_> =
            s.waits_for(2).iter().map(|d| (d.transaction, d.earlier, d.later)).collect();
        assert_eq!(waits, [(0, Credit, Write), (1, Credit, Write)]);
        assert_eq!(s.waits_for(4)[0].account, account(1));
        assert_eq!(s.conflicting_transactions(), 3);
    }

    #[test]
    fn credits_to_one_receiver_form_one_batch() {
        let senders = if cfg!(miri) { 50 } else { 10_000_u32 };
        let sets: Vec<_> = (0..senders)
            .map(|tx| {
                let mut sender = [0; 32];
                sender[..4].copy_from_slice(&tx.to_le_bytes());
                sender[31] = 1;
                let set = AccessSet::new(vec![
                    AccessEntry::new(PublicKey(sender), Write),
                    AccessEntry::new(account(0), Credit),
                ]);
                (set, Gas(1))
            })
            .collect();
        assert_eq!(Schedule::new(&sets).batch_count(), 1);
    }

    #[test]
    fn a_hot_account_does_not_cut_the_batch_of_the_others() {
        let s =
            schedule(&[&[(9, Write)], &[(9, Write)], &[(1, Write)], &[(9, Write)], &[(2, Write)]]);
        assert_eq!(batches(&s), [vec![0, 2, 4], vec![1], vec![3]]);
    }

    #[test]
    fn the_critical_path_is_the_heaviest_chain() {
        let s = schedule(&[
            &[(1, Write)],
            &[(1, Write), (2, Write)],
            &[(3, Write)],
            &[(2, Read), (3, Read)],
        ]);
        assert_eq!(s.critical_path(), [0, 1, 3]);
        assert_eq!(s.critical_path_gas(), Gas(30));
        assert_eq!(s.waits_for(3).len(), 2);
    }

    #[test]
    fn an_empty_block_has_an_empty_schedule() {
        let s = schedule(&[]);
        assert_eq!((s.len(), s.batch_count()), (0, 0));
        assert_eq!(s.critical_path(), Vec::<TxIndex>::new());
    }
}
