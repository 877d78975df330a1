//! The heaviest chain of transactions that wait for each other, by costs that the caller states.

use tos_host_api::TxIndex;

use crate::schedule::{Schedule, Wait};

/// Transactions each of which waits for the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chain {
    /// The transactions in block order.
    pub transactions: Vec<TxIndex>,
    /// What they cost together.
    pub cost: u64,
}

/// The chain that costs most: no number of workers executes the block faster.
///
/// [`Schedule::critical_path`] is the same by declared gas.
///
/// # Panics
/// When there is not a cost for each transaction.
#[must_use]
pub fn heaviest_chain(schedule: &Schedule, costs: &[u64]) -> Chain {
    assert_eq!(costs.len(), schedule.len(), "a cost for each transaction");
    let mut latest = LatestOf::new(schedule);
    let mut finishes = Vec::<u64>::with_capacity(costs.len());
    let mut predecessors = Vec::with_capacity(costs.len());
    for (tx, cost) in (0..).zip(costs) {
        let predecessor = latest.of_waits(schedule, tx, &finishes).map(|(awaited, _)| awaited);
        let start = predecessor.map_or(0, |awaited| finishes[awaited as usize]);
        // Saturating: a statistic for people.
        finishes.push(start.saturating_add(*cost));
        predecessors.push(predecessor);
    }
    let last = (0..).zip(&finishes).max_by_key(|(tx, finish)| (**finish, std::cmp::Reverse(*tx)));
    let Some((last, cost)) = last else { return Chain::default() };
    let mut transactions: Vec<TxIndex> =
        std::iter::successors(Some(last), |tx| predecessors[*tx as usize]).collect();
    transactions.reverse();
    Chain { transactions, cost: *cost }
}

/// By group: its member that finishes last. Each group is looked through once, however many wait
/// for it.
pub(super) struct LatestOf {
    by_group: Vec<Option<TxIndex>>,
}

impl LatestOf {
    pub(super) fn new(schedule: &Schedule) -> Self {
        Self { by_group: vec![None; schedule.group_lens().count()] }
    }

    /// Of all transactions that `tx` waits for, the one that finishes last, and the wait it belongs
    /// to. `finishes` holds the finish of at least all transactions before `tx`.
    pub(super) fn of_waits<'s>(
        &mut self,
        schedule: &'s Schedule,
        tx: TxIndex,
        finishes: &[u64],
    ) -> Option<(TxIndex, Wait<'s>)> {
        let key = |tx: TxIndex| (finishes[tx as usize], std::cmp::Reverse(tx));
        let waits = schedule.waits_of(tx).filter_map(|wait| {
            // Complete: a group's members all stand before the first that waits for it.
            let known = &mut self.by_group[wait.group as usize];
            if known.is_none() {
                *known = wait.transactions.iter().copied().max_by_key(|tx| key(*tx));
            }
            known.map(|member| (member, wait))
        });
        waits.max_by_key(|(member, _)| key(*member))
    }
}

#[cfg(test)]
mod tests {
    use tos_host_api::AccessMode::{Credit, Read, Write};

    use super::super::test_blocks::sets;
    use super::*;

    #[test]
    fn the_heaviest_chain_follows_the_costs_and_not_the_gas() {
        let schedule = Schedule::new(&sets(&[
            &[(1, Write)],
            &[(1, Write), (2, Write)],
            &[(3, Write)],
            &[(2, Read), (3, Read)],
        ]));
        let chain = |costs: &[u64]| heaviest_chain(&schedule, costs);
        assert_eq!(chain(&[1, 1, 1, 1]), Chain { transactions: vec![0, 1, 3], cost: 3 });
        assert_eq!(chain(&[1, 1, 9, 1]), Chain { transactions: vec![2, 3], cost: 10 });
        assert_eq!(chain(&[5, 9, 20, 1]).transactions, [2, 3]);
        assert_eq!(heaviest_chain(&Schedule::new(&[]), &[]), Chain::default());
    }

    #[test]
    fn a_chain_goes_through_the_slowest_member_of_each_group() {
        let schedule = Schedule::new(&sets(&[
            &[(1, Credit)],
            &[(1, Credit)],
            &[(1, Credit)],
            &[(1, Write)],
            &[(1, Write)],
        ]));
        let chain = heaviest_chain(&schedule, &[2, 7, 3, 1, 1]);
        assert_eq!(chain, Chain { transactions: vec![1, 3, 4], cost: 9 });
    }

    #[test]
    fn equal_costs_give_the_length_of_the_critical_path() {
        let block = sets(&[&[(1, Write)], &[(2, Write)], &[(1, Read), (2, Read)], &[(2, Write)]]);
        let schedule = Schedule::new(&block);
        let chain = heaviest_chain(&schedule, &[10; 4]);
        assert_eq!(chain.cost, schedule.critical_path_gas().0);
        assert_eq!(chain.transactions, schedule.critical_path());
    }
}
