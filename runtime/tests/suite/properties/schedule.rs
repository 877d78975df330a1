//! The schedule against a naive model that compares every pair of transactions; the canonical form
//! of access sets.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tos_runtime::{AccessEntry, AccessMode, AccessSet, Address, Gas, Schedule};

use super::cases;
use crate::support::account;
use AccessMode::{Credit, Read, Write};

fn mode() -> impl Strategy<Value = AccessMode> {
    prop_oneof![Just(Read), Just(Credit), Just(Write)]
}

fn entries(accounts: u64, len_max: usize) -> impl Strategy<Value = Vec<AccessEntry>> {
    let entry = (0..accounts, mode()).prop_map(|(id, mode)| AccessEntry::new(account(id), mode));
    proptest::collection::vec(entry, 0..=len_max)
}

fn block() -> impl Strategy<Value = Vec<(AccessSet, Gas)>> {
    let tx = (entries(6, 4), 1..100_u64).prop_map(|(set, gas)| (AccessSet::new(set), Gas(gas)));
    proptest::collection::vec(tx, 0..24)
}

/// Written out once more, so that a mistake in `AccessMode::conflicts_with` does not excuse itself.
fn clash(a: AccessMode, b: AccessMode) -> bool {
    match (a, b) {
        (Read, Read) | (Credit, Credit) => false,
        (Write, _) | (_, Write) | (Read, Credit) | (Credit, Read) => true,
    }
}

fn conflict(a: &AccessSet, b: &AccessSet) -> bool {
    a.entries()
        .iter()
        .any(|x| b.entries().iter().any(|y| x.account == y.account && clash(x.mode, y.mode)))
}

/// By transaction: every earlier one it depends on, directly or not, given the direct ones.
fn closure(direct: &[BTreeSet<usize>]) -> Vec<BTreeSet<usize>> {
    let mut all: Vec<BTreeSet<usize>> = Vec::new();
    for earlier in direct {
        let mut set = earlier.clone();
        for tx in earlier {
            set.extend(&all[*tx]);
        }
        all.push(set);
    }
    all
}

/// By transaction: the weight of the heaviest chain of conflicts that ends with it.
fn chains(conflicts: &[BTreeSet<usize>], weight: impl Fn(usize) -> u64) -> Vec<u64> {
    let mut chains: Vec<u64> = Vec::new();
    for (tx, earlier) in conflicts.iter().enumerate() {
        let before = earlier.iter().map(|earlier| chains[*earlier]).max().unwrap_or(0);
        chains.push(before + weight(tx));
    }
    chains
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_schedule_is_what_comparing_every_pair_gives(block in block()) {
        let schedule = Schedule::new(&block);
        let conflicts: Vec<BTreeSet<usize>> = (0..block.len())
            .map(|tx| (0..tx).filter(|e| conflict(&block[*e].0, &block[tx].0)).collect())
            .collect();
        let waits: Vec<_> = (0..block.len()).map(|tx| schedule.waits_for(tx as u32)).collect();

        // A transaction waits for nothing it does not conflict with, and says truly why.
        for (tx, dependencies) in waits.iter().enumerate() {
            for dependency in dependencies {
                let earlier = dependency.transaction as usize;
                prop_assert!(earlier < tx);
                prop_assert!(conflicts[tx].contains(&earlier), "{} waits for {}", tx, earlier);
                let account = &dependency.account;
                prop_assert_eq!(block[earlier].0.mode(account), Some(dependency.earlier));
                prop_assert_eq!(block[tx].0.mode(account), Some(dependency.later));
                prop_assert!(clash(dependency.earlier, dependency.later));
                // Only for the latest: nobody in between conflicts with both on that account.
                for between in &block[earlier + 1..tx] {
                    if let Some(mode) = between.0.mode(account) {
                        let both = clash(mode, dependency.earlier) && clash(mode, dependency.later);
                        prop_assert!(!both, "{} waits for {} past another", tx, earlier);
                    }
                }
            }
        }

        // Taken together, waiting keeps exactly the conflicting pairs in order.
        let direct: Vec<BTreeSet<usize>> = waits
            .iter()
            .map(|list| list.iter().map(|d| d.transaction as usize).collect())
            .collect();
        prop_assert_eq!(closure(&direct), closure(&conflicts));

        // Batches hold every transaction once, are free of conflicts, and as early as can be.
        let levels = chains(&conflicts, |_| 1);
        let mut batches = BTreeMap::<u64, Vec<u32>>::new();
        for (tx, level) in levels.iter().enumerate() {
            batches.entry(*level).or_default().push(tx as u32);
            prop_assert_eq!(u64::from(schedule.batch_of(tx as u32)) + 1, *level);
        }
        let found: Vec<_> = schedule.batches().into_iter().map(|b| b.transactions).collect();
        prop_assert_eq!(found, batches.into_values().collect::<Vec<_>>());
        prop_assert_eq!(schedule.batch_count() as u64, levels.iter().copied().max().unwrap_or(0));
        let waiting = conflicts.iter().filter(|earlier| !earlier.is_empty()).count();
        prop_assert_eq!(schedule.conflicting_transactions(), waiting);

        // The critical path is a chain, and none is heavier.
        let heaviest = chains(&conflicts, |tx| block[tx].1.0).into_iter().max().unwrap_or(0);
        let path = schedule.critical_path();
        prop_assert_eq!(schedule.critical_path_gas().0, heaviest);
        prop_assert_eq!(path.iter().map(|tx| block[*tx as usize].1.0).sum::<u64>(), heaviest);
        for pair in path.windows(2) {
            prop_assert!(direct[pair[1] as usize].contains(&(pair[0] as usize)));
        }
    }

    #[test]
    fn an_access_set_is_sorted_has_every_account_once_and_joins_modes(
        entries in entries(5, 12), more in entries(5, 3)
    ) {
        let set = AccessSet::new(entries.clone());
        prop_assert!(set.entries().windows(2).all(|pair| pair[0].account < pair[1].account));
        let mut modes = BTreeMap::<Address, BTreeSet<AccessMode>>::new();
        for entry in &entries {
            modes.entry(entry.account).or_default().insert(entry.mode);
        }
        // One mode stays what it is, any two together need `Write`.
        let join = |modes: &BTreeSet<AccessMode>| match modes.len() {
            1 => modes.first().copied(),
            _ => Some(Write),
        };
        for id in 0..5 {
            let expected = modes.get(&account(id)).and_then(join);
            prop_assert_eq!(set.mode(&account(id)), expected);
        }
        prop_assert_eq!(set.entries().len(), modes.len());
        let mut reversed = entries.clone();
        reversed.reverse();
        prop_assert_eq!(&AccessSet::new(reversed), &set);
        prop_assert_eq!(&AccessSet::new(set.entries().to_vec()), &set);
        let mut inserted = set;
        more.iter().for_each(|entry| inserted.insert(*entry));
        prop_assert_eq!(inserted, AccessSet::new([entries, more].concat()));
    }

    #[test]
    fn modes_permit_and_conflict_as_the_table_says(a in mode(), b in mode()) {
        prop_assert_eq!(a.conflicts_with(b), clash(a, b));
        prop_assert_eq!(a.conflicts_with(b), b.conflicts_with(a));
        prop_assert_eq!(a.permits(b), a == Write || a == b);
        prop_assert!(a.join(b).permits(a) && a.join(b).permits(b));
        // The weakest mode that does: no other permits both unless it permits the join.
        for other in [Read, Credit, Write] {
            if other.permits(a) && other.permits(b) {
                prop_assert!(other.permits(a.join(b)));
            }
        }
    }
}
