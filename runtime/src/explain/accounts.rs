//! How a block uses its accounts: how often, in which modes, and how long a chain each one makes.

use std::collections::BTreeMap;

use tos_host_api::{AccessMode, Address, Gas};

use crate::access::AccessSet;

/// What a block does with one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountUse {
    /// The account.
    pub account: Address,
    /// Transactions that read it.
    pub reads: usize,
    /// Transactions that only credit it.
    pub credits: usize,
    /// Transactions that write it.
    pub writes: usize,
    /// How many steps its transactions need one after the other, whatever the others do:
    /// neighbours whose modes are compatible take one step together.
    pub chain: usize,
    /// Declared gas along that chain: the heaviest transaction of each step.
    pub chain_gas: Gas,
}

impl AccountUse {
    /// Transactions that touch it.
    #[must_use]
    pub fn touches(&self) -> usize {
        self.reads + self.credits + self.writes
    }
}

/// An account while the block is read.
struct Open {
    use_: AccountUse,
    /// The mode of the step at its end and the heaviest gas in it.
    step: Option<(AccessMode, u64)>,
}

/// Every account of a block, the most touched first; among equals the one with the longer chain,
/// then by address.
///
/// Worked example: `Credit, Credit, Write, Read, Read` on one account are 5 touches, a chain of 3.
#[must_use]
pub fn account_uses(transactions: &[(AccessSet, Gas)]) -> Vec<AccountUse> {
    let mut accounts = BTreeMap::<Address, Open>::new();
    for (set, gas) in transactions {
        for entry in set.entries() {
            accounts
                .entry(entry.account)
                .or_insert_with(|| Open::new(entry.account))
                .touch(entry.mode, gas.0);
        }
    }
    let mut uses: Vec<_> = accounts.into_values().map(Open::close).collect();
    uses.sort_by_key(|account| std::cmp::Reverse((account.touches(), account.chain)));
    uses
}

impl Open {
    fn new(account: Address) -> Self {
        let use_ =
            AccountUse { account, reads: 0, credits: 0, writes: 0, chain: 0, chain_gas: Gas::ZERO };
        Self { use_, step: None }
    }

    fn touch(&mut self, mode: AccessMode, gas: u64) {
        match mode {
            AccessMode::Read => self.use_.reads += 1,
            AccessMode::Credit => self.use_.credits += 1,
            AccessMode::Write => self.use_.writes += 1,
        }
        match &mut self.step {
            Some((open, heaviest)) if !open.conflicts_with(mode) => *heaviest = gas.max(*heaviest),
            _ => {
                self.end_step();
                self.step = Some((mode, gas));
            }
        }
    }

    fn end_step(&mut self) {
        if let Some((_, heaviest)) = self.step.take() {
            self.use_.chain += 1;
            // Saturating: a statistic, not gas anyone pays.
            self.use_.chain_gas = Gas(u64::saturating_add(self.use_.chain_gas.0, heaviest));
        }
    }

    fn close(mut self) -> AccountUse {
        self.end_step();
        self.use_
    }
}

#[cfg(test)]
mod tests {
    use AccessMode::{Credit, Read, Write};

    use super::super::test_blocks::{account, sets};
    use super::*;

    #[test]
    fn accounts_are_counted_by_mode_and_by_the_steps_they_take() {
        let mut block = sets(&[
            &[(1, Credit), (9, Write)],
            &[(1, Credit)],
            &[(1, Write)],
            &[(1, Read)],
            &[(1, Read)],
        ]);
        block[1].1 = Gas(70);
        let uses = account_uses(&block);
        let expected = AccountUse {
            account: account(1),
            reads: 2,
            credits: 2,
            writes: 1,
            chain: 3,
            chain_gas: Gas(70 + 10 + 10),
        };
        assert_eq!(uses[0], expected);
        assert_eq!((uses[0].touches(), uses[1].account, uses[1].chain), (5, account(9), 1));
    }

    #[test]
    fn the_most_touched_account_stands_first_and_a_longer_chain_breaks_the_tie() {
        let uses = account_uses(&sets(&[
            &[(1, Credit), (2, Write), (3, Read)],
            &[(1, Credit), (2, Write)],
            &[(4, Read)],
        ]));
        let order: Vec<_> = uses.iter().map(|account| account.account).collect();
        assert_eq!(order, [account(2), account(1), account(3), account(4)]);
    }

    #[test]
    fn an_empty_block_uses_nothing() {
        assert_eq!(account_uses(&[]), []);
    }
}
