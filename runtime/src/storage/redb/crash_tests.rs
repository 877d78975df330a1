//! Crashes at every device operation of a commit sequence: opening again finds the block before or
//! the block after, never a mixture, and every block whose commit had returned.

use tos_host_api::Hash;

use super::tests::NEVER_FOLDS;
use super::{RedbOptions, RedbStorage};
use crate::storage::Storage;
use crate::storage::test_chain::{Step, TestChain, seeded_writes};
use crate::testing::{SimulatedDisk, Survivors};

/// Folds after a few blocks, so that the sequence below contains commits with and without one.
const OPTIONS: RedbOptions = RedbOptions { fold_bytes: 20_000, quick_repair: false, ..NEVER_FOLDS };

/// The chain after each commit of the sequence, and the commit itself.
fn sequence() -> Vec<(Step, TestChain)> {
    let mut chain = TestChain::default();
    let mut steps = Vec::new();
    for seed in 0..8 {
        let step = chain.block(seeded_writes(seed, 10));
        steps.push((step, chain.clone()));
    }
    let step = chain.rollback(5);
    steps.push((step, chain.clone()));
    let step = chain.rollback(2);
    steps.push((step, chain.clone()));
    for seed in 20..28 {
        let step = chain.block(seeded_writes(seed, 10));
        steps.push((step, chain.clone()));
    }
    steps
}

/// A device with a new, empty database.
fn formatted(options: RedbOptions) -> Vec<u8> {
    let device = SimulatedDisk::default();
    drop(RedbStorage::with_backend(device.clone(), options).unwrap());
    device.image(Survivors::All)
}

/// What happens between commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    /// Nothing: commits write the slices of folds themselves.
    Nothing,
    /// The storage is given time to fold ahead.
    Tidy,
}

/// Commits until the device stops. Says how many commits returned.
fn run(storage: &RedbStorage, steps: &[(Step, TestChain)], between: Between) -> usize {
    for (idx, (step, _)) in steps.iter().enumerate() {
        // An artifact in between, so that commits follow transactions that are not durable.
        let stored = storage.store_artifact(&Hash([idx as u8; 32]), &[1; 5000]);
        if stored.and_then(|()| step.commit(storage)).is_err() {
            return idx;
        }
        if between == Between::Tidy && storage.tidy().is_err() {
            return idx + 1;
        }
    }
    steps.len()
}

/// Opens what a crash has left and compares it with the model.
#[track_caller]
fn check_recovery(
    storage: &RedbStorage,
    acknowledged: usize,
    steps: &[(Step, TestChain)],
    crash: &str,
) {
    let meta = storage.meta().unwrap();
    let before = acknowledged.checked_sub(1).map(|idx| &steps[idx].1);
    let empty = TestChain::default();
    let before = before.unwrap_or(&empty);
    let after = steps.get(acknowledged).map(|step| &step.1);
    let found = [Some(before), after].into_iter().flatten().find(|chain| chain.meta() == meta);
    let Some(found) = found else {
        panic!("{crash}: acknowledged {acknowledged} commits, found {meta:?}");
    };
    found.check(storage);

    // And the database goes on from there: below what was being folded, and up again.
    let mut chain = found.clone();
    if let Some(target) = chain.records.len().checked_sub(4) {
        chain.rollback(target as u64).commit(storage).unwrap();
        chain.check(storage);
    }
    for seed in 90..92 {
        chain.block(seeded_writes(seed, 5)).commit(storage).unwrap();
    }
    chain.check(storage);
}

#[test]
fn crash_at_any_write_leaves_the_block_before_or_the_block_after() {
    crash_everywhere(OPTIONS, Between::Nothing);
}

#[test]
fn crash_at_any_write_while_folding_ahead_leaves_the_block_before_or_the_block_after() {
    crash_everywhere(OPTIONS, Between::Tidy);
}

#[test]
fn crash_at_any_write_with_quick_repair_leaves_the_block_before_or_the_block_after() {
    crash_everywhere(RedbOptions { quick_repair: true, ..OPTIONS }, Between::Nothing);
}

#[track_caller]
fn crash_everywhere(options: RedbOptions, between: Between) {
    let formatted = formatted(options);
    let steps = sequence();
    let probe = SimulatedDisk::holding(formatted.clone());
    let storage = RedbStorage::with_backend(probe.clone(), options).unwrap();
    let opened = probe.operations();
    assert_eq!(run(&storage, &steps, between), steps.len());
    let operations = probe.operations();
    assert!(operations > opened + 100, "a sequence that hardly writes proves nothing");
    drop(storage);

    for stop_at in opened..operations {
        let device = SimulatedDisk::holding(formatted.clone());
        let storage = RedbStorage::with_backend(device.clone(), options).unwrap();
        device.stop_at(stop_at);
        let acknowledged = run(&storage, &steps, between);
        // Only tidying after the last commit may still meet the stop.
        assert!(acknowledged < steps.len() || between == Between::Tidy);
        assert!(storage.meta().unwrap_err().to_string().contains("refuses work"));
        drop(storage);
        for survivors in [Survivors::All, Survivors::None, Survivors::Some(stop_at as u64)] {
            let crash = format!("stopped at operation {stop_at}, survivors {survivors:?}");
            let image = SimulatedDisk::holding(device.image(survivors));
            let storage = RedbStorage::with_backend(image, options)
                .unwrap_or_else(|error| panic!("{crash}: {error}"));
            check_recovery(&storage, acknowledged, &steps, &crash);
        }
    }
}

#[test]
fn a_commit_that_has_returned_survives_power_loss() {
    let device = SimulatedDisk::default();
    let storage = RedbStorage::with_backend(device.clone(), OPTIONS).unwrap();
    for (idx, (step, chain)) in sequence().into_iter().enumerate() {
        storage.store_artifact(&Hash([idx as u8; 32]), &[1; 5000]).unwrap();
        step.commit(&storage).unwrap();
        let image = SimulatedDisk::holding(device.image(Survivors::None));
        chain.check(&RedbStorage::with_backend(image, OPTIONS).unwrap());
    }
}

#[test]
fn the_crash_sequence_stops_in_half_folded_spans_and_rolls_back_into_one() {
    let storage = RedbStorage::with_backend(SimulatedDisk::default(), OPTIONS).unwrap();
    let half_folded = || {
        let view = storage.shared.view.read();
        let fold = view.frozen.as_ref()?;
        (1..fold.frozen.len()).contains(&fold.done).then_some(fold.frozen.to)
    };
    let (mut commits, mut rollbacks, mut folds) = (0, 0, 0);
    for (step, _) in sequence() {
        let (before, folded) = (half_folded(), storage.shared.view.read().folded_to);
        step.commit(&storage).unwrap();
        if step.record.is_some() {
            commits += u32::from(half_folded().is_some());
            folds += u32::from(storage.shared.view.read().folded_to != folded);
        } else {
            rollbacks += u32::from(before > Some(step.meta.topoheight));
        }
    }
    assert!(commits >= 2, "{commits} commits leave half a fold");
    assert!(folds >= 1, "{folds} folds are completed");
    assert!(rollbacks >= 1, "{rollbacks} rollbacks into half a fold");
}
