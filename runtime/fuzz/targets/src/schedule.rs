//! The schedule against comparing every pair of transactions.

use arbitrary::{Result, Unstructured};
use tos_runtime::{AccessEntry, AccessMode, AccessSet, Address, Gas, PublicKey, Schedule};

const TRANSACTIONS_MAX: usize = 64;
const MODES: [AccessMode; 3] = [AccessMode::Read, AccessMode::Credit, AccessMode::Write];

/// Each transaction is in the batch behind the last one that it conflicts with, it waits for
/// nothing else, and what it waits for is before it, directly or not, if they conflict.
pub fn against_every_pair(bytes: &[u8]) {
    let mut source = Unstructured::new(bytes);
    let mut block = Vec::new();
    while !source.is_empty() && block.len() < TRANSACTIONS_MAX {
        let Ok(tx) = transaction(&mut source) else { break };
        block.push(tx);
    }
    let schedule = Schedule::new(&block);
    assert_eq!(schedule.len(), block.len());
    // By transaction: all that have to be done before, and all that are.
    let mut needed: Vec<u64> = Vec::new();
    let mut awaited: Vec<u64> = Vec::new();
    let mut finishes: Vec<u64> = Vec::new();
    for (tx, index) in (0..block.len()).zip(0..) {
        let conflicts = (0..tx).filter(|earlier| conflict(&block[*earlier].0, &block[tx].0));
        needed.push(conflicts.clone().fold(0, |all, earlier| all | 1 << earlier | needed[earlier]));
        let batch = conflicts.clone().map(|earlier| schedule.batch_of(earlier as u32) + 1).max();
        assert_eq!(schedule.batch_of(index), batch.unwrap_or(0), "batch of {tx}");
        let before = conflicts.map(|earlier| finishes[earlier]).max();
        finishes.push(before.unwrap_or(0) + block[tx].1.0);
        let waits = schedule.waits_for(index);
        awaited.push(waits.iter().fold(0, |all, dependency| {
            let earlier = dependency.transaction as usize;
            assert!(conflict(&block[earlier].0, &block[tx].0), "{tx} waits for {earlier}");
            all | 1 << earlier | awaited[earlier]
        }));
        assert_eq!(awaited[tx], needed[tx], "what {tx} waits for");
    }
    let longest = finishes.iter().copied().max().unwrap_or(0);
    assert_eq!(schedule.critical_path_gas(), Gas(longest));
    let path: u64 = schedule.critical_path().iter().map(|tx| block[*tx as usize].1.0).sum();
    assert_eq!(path, longest, "the critical path is not as long as it says");
}

fn transaction(source: &mut Unstructured<'_>) -> Result<(AccessSet, Gas)> {
    let gas = source.int_in_range(1..=100)?;
    let entries = (0..source.int_in_range(0..=5)?).map(|_| {
        let account = Address::Key(PublicKey([source.int_in_range(0..=9)?; 32]));
        Ok(AccessEntry::new(account, *source.choose(&MODES)?))
    });
    Ok((AccessSet::new(entries.collect::<Result<_>>()?), Gas(gas)))
}

/// Written out, so that a mistake in `AccessMode::conflicts_with` does not excuse itself.
fn conflict(a: &AccessSet, b: &AccessSet) -> bool {
    let clash = |a, b| {
        let both = |mode| a == mode && b == mode;
        !both(AccessMode::Read) && !both(AccessMode::Credit)
    };
    let with_b = |x: &AccessEntry| b.mode(&x.account).is_some_and(|mode| clash(x.mode, mode));
    a.entries().iter().any(with_b)
}
