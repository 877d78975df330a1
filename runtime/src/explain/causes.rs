//! Why transactions wait: the one wait that decides for each of them, and which accounts and modes
//! make how many wait.

use std::collections::BTreeMap;

use tos_host_api::{AccessMode, Address, TxIndex};

use super::chain::LatestOf;
use crate::schedule::{Dependency, Schedule};

/// How many transactions wait because of one account and one pair of modes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitCause {
    /// The account.
    pub account: Address,
    /// What the awaited transactions do to it.
    pub earlier: AccessMode,
    /// What the waiting ones do to it.
    pub later: AccessMode,
    /// How many wait. One that waits on several accounts counts on each.
    pub waiting: usize,
}

/// What makes the transactions of a block wait, the most frequent cause first; among equals by
/// account and modes.
#[must_use]
pub fn wait_causes(schedule: &Schedule) -> Vec<WaitCause> {
    let mut causes = BTreeMap::<(Address, AccessMode, AccessMode), usize>::new();
    for tx in 0..schedule.len() {
        for wait in schedule.waits_of(tx as TxIndex) {
            *causes.entry((wait.account, wait.earlier, wait.later)).or_default() += 1;
        }
    }
    let mut causes: Vec<_> = causes
        .into_iter()
        .map(|((account, earlier, later), waiting)| WaitCause { account, earlier, later, waiting })
        .collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.waiting));
    causes
}

/// By transaction: of all that it waits for, the one that finished last and so decided when it
/// could start; `None` where it waits for nothing. `finishes` says when each transaction finished.
///
/// # Panics
/// When there is not a finish for each transaction.
#[must_use]
pub fn decisive_waits(schedule: &Schedule, finishes: &[u64]) -> Vec<Option<Dependency>> {
    assert_eq!(finishes.len(), schedule.len(), "a finish for each transaction");
    let mut latest = LatestOf::new(schedule);
    let decisive = |tx| {
        let (transaction, wait) = latest.of_waits(schedule, tx as TxIndex, finishes)?;
        let (account, earlier, later) = (wait.account, wait.earlier, wait.later);
        Some(Dependency { transaction, account, earlier, later })
    };
    (0..schedule.len()).map(decisive).collect()
}

#[cfg(test)]
mod tests {
    use AccessMode::{Credit, Read, Write};

    use super::super::test_blocks::{account, sets};
    use super::*;

    fn schedule() -> Schedule {
        Schedule::new(&sets(&[
            &[(1, Write), (2, Write)],
            &[(1, Write)],
            &[(1, Write)],
            &[(2, Read)],
            &[(1, Credit), (2, Write)],
        ]))
    }

    #[test]
    fn causes_are_counted_by_account_and_modes() {
        let cause = |id, earlier, later, waiting| WaitCause {
            account: account(id),
            earlier,
            later,
            waiting,
        };
        let expected = [
            cause(1, Write, Write, 2),
            cause(1, Write, Credit, 1),
            cause(2, Read, Write, 1),
            cause(2, Write, Read, 1),
        ];
        assert_eq!(wait_causes(&schedule()), expected);
    }

    #[test]
    fn of_several_waits_the_one_that_ended_last_decides() {
        let named = |finishes: &[u64]| {
            let waits = decisive_waits(&schedule(), finishes);
            waits.into_iter().map(|wait| wait.map(|wait| wait.transaction)).collect::<Vec<_>>()
        };
        assert_eq!(named(&[1, 2, 3, 2, 4]), [None, Some(0), Some(1), Some(0), Some(2)]);
        assert_eq!(named(&[1, 2, 3, 9, 10])[4], Some(3));
        let wait = decisive_waits(&schedule(), &[1, 2, 3, 9, 10])[4];
        let (account, earlier, later) = (account(2), Read, Write);
        assert_eq!(wait, Some(Dependency { transaction: 3, account, earlier, later }));
    }

    #[test]
    fn a_crowd_that_waits_for_a_crowd_is_no_square() {
        // Named one by one, the pairs would be 10^10. Miri looks at memory, not at the time taken.
        let (crowd, cycle) = if cfg!(miri) { (20, 7) } else { (100_000, 777) };
        let line = |mode| sets(&[&[(1, mode)]]).remove(0);
        let mut block = vec![line(Credit); crowd];
        block.extend(vec![line(Read); crowd]);
        let schedule = Schedule::new(&block);
        let txs = 0..2 * crowd as u32;
        let finishes: Vec<u64> = txs.map(|tx| u64::from(tx % cycle)).collect();
        let waits = decisive_waits(&schedule, &finishes);
        let last = cycle - 1;
        assert!(waits[crowd..].iter().all(|wait| wait.is_some_and(|it| it.transaction == last)));
        assert_eq!(wait_causes(&schedule)[0].waiting, crowd);
    }
}
