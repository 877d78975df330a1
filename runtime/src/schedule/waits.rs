//! What each transaction waits for, group by group: linear where naming every awaited transaction
//! one by one would be quadratic. Nothing here is needed to execute a block.

use tos_host_api::{AccessMode, Address, TxIndex};

use super::{NONE, Schedule};

/// Neighbouring transactions on one account that another one waits for: all of them have to finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait<'s> {
    /// Which group of the schedule: equal for all that wait for the same transactions.
    pub(crate) group: u32,
    /// The account all of them touch.
    pub account: Address,
    /// What the awaited ones do to it.
    pub earlier: AccessMode,
    /// What the waiting one does to it.
    pub later: AccessMode,
    /// The awaited ones, ascending; never empty.
    pub transactions: &'s [TxIndex],
}

impl Schedule {
    /// What a transaction waits for, at most one [`Wait`] per account, ascending by account.
    ///
    /// # Panics
    /// When there is no such transaction.
    pub fn waits_of(&self, tx: TxIndex) -> impl Iterator<Item = Wait<'_>> {
        self.groups_of(tx).iter().filter_map(|group| {
            let group = &self.groups[*group as usize];
            (group.previous != NONE).then(|| Wait {
                group: group.previous,
                account: self.table.accounts()[group.account as usize],
                earlier: self.groups[group.previous as usize].mode,
                later: group.mode,
                transactions: self.members_of(group.previous),
            })
        })
    }
}
