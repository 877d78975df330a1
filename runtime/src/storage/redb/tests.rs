//! Behaviour of [`RedbStorage`] beyond the shared suite: reopening, folding, pruning, corruption,
//! concurrent reads, refusal after errors.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use redb::{Key, ReadableTable, TableDefinition};
use tempfile::TempDir;
use tos_host_api::Hash;

use super::layout::{META, META_KEY, RECORDS, STATE};
use super::*;
use crate::storage::conformance;
use crate::storage::test_chain::{Step, TestChain, account, holding, seeded_writes};
use crate::testing::{SimulatedDisk, Survivors};

pub(super) const NEVER_FOLDS: RedbOptions = RedbOptions {
    fold_bytes: usize::MAX,
    cache_bytes: 1 << 20,
    keep_records: KeepRecords::All,
    quick_repair: true,
    fold_in_background: false,
    verify_on_open: false,
    free_bytes_min: 0,
};
pub(super) const ALWAYS_FOLDS: RedbOptions = RedbOptions { fold_bytes: 0, ..NEVER_FOLDS };
const FOLDS_AT_TIMES: RedbOptions = RedbOptions { fold_bytes: 40_000, ..NEVER_FOLDS };

/// A database in a directory that is removed with it.
struct Fixture {
    directory: TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("state.redb")
    }

    #[track_caller]
    fn open(&self, options: RedbOptions) -> RedbStorage {
        RedbStorage::with_options(self.path(), options).unwrap()
    }

    /// Flips one bit of a stored value, as a failing disk would: redb's own checksums agree.
    fn corrupt<'k, K: Key + 'static>(
        &self,
        table: TableDefinition<'_, K, &'static [u8]>,
        key: K::SelfType<'k>,
    ) {
        let db = Database::open(self.path()).unwrap();
        let transaction = db.begin_write().unwrap();
        {
            let mut table = transaction.open_table(table).unwrap();
            let mut value = table.get(&key).unwrap().unwrap().value().to_vec();
            *value.last_mut().unwrap() ^= 1;
            table.insert(&key, value.as_slice()).unwrap();
        }
        transaction.commit().unwrap();
    }
}

/// A chain of some blocks, committed.
fn chain_of(storage: &RedbStorage, blocks: u64) -> TestChain {
    let mut chain = TestChain::default();
    for seed in 0..blocks {
        commit_and_tidy(&chain.block(seeded_writes(seed, 12)), storage);
    }
    chain
}

fn folded_to(storage: &RedbStorage) -> Option<u64> {
    storage.shared.view.read().folded_to.map(|height| height.0)
}

/// A step, and the time after it that a node gives.
#[track_caller]
fn commit_and_tidy(step: &Step, storage: &RedbStorage) {
    step.commit(storage).unwrap();
    storage.tidy().unwrap();
}

#[test]
fn redb_conforms_however_often_it_folds() {
    for options in [NEVER_FOLDS, ALWAYS_FOLDS, FOLDS_AT_TIMES] {
        conformance::check(&RedbStorage::with_backend(SimulatedDisk::default(), options).unwrap());
        conformance::check(&Fixture::new().open(options));
    }
}

#[test]
fn reopening_finds_the_same_chain_with_and_without_folding() {
    for options in [NEVER_FOLDS, ALWAYS_FOLDS, FOLDS_AT_TIMES] {
        let fixture = Fixture::new();
        fixture.open(options).store_artifact(&Hash([1; 32]), b"compiled").unwrap();
        let mut chain = chain_of(&fixture.open(options), 20);
        for seed in 20..25 {
            let storage = fixture.open(options);
            chain.check(&storage);
            chain.block(seeded_writes(seed, 12)).commit(&storage).unwrap();
        }
        let storage = fixture.open(options);
        chain.check(&storage);
        assert_eq!(storage.artifact(&Hash([1; 32])).unwrap().unwrap(), b"compiled");
    }
}

#[test]
fn a_fold_writes_the_newest_value_of_each_key_once() {
    let fixture = Fixture::new();
    let storage = fixture.open(NEVER_FOLDS);
    let mut chain = TestChain::default();
    for amount in 1..=50 {
        let other = if amount % 2 == 0 { None } else { holding(1) };
        let writes = vec![(account(1), holding(amount)), (account(2), other)];
        chain.block(writes).commit(&storage).unwrap();
    }
    assert_eq!(folded_to(&storage), None);
    drop(storage);

    let storage = fixture.open(ALWAYS_FOLDS);
    chain.check(&storage);
    commit_and_tidy(&chain.block(vec![(account(3), holding(3))]), &storage);
    assert_eq!(folded_to(&storage), Some(50));
    let table = storage.shared.db.begin_read().unwrap().open_table(STATE).unwrap();
    let keys: Vec<_> = table.iter().unwrap().map(|row| row.unwrap().0.value().to_vec()).collect();
    assert_eq!(keys, [account(1).to_bytes(), account(3).to_bytes()]);
    chain.check(&storage);
}

#[test]
fn rollback_crosses_folded_and_unfolded_records() {
    for target in [3, 9, 10, 15, 19] {
        let fixture = Fixture::new();
        let mut chain = chain_of(&fixture.open(ALWAYS_FOLDS), 11);
        let storage = fixture.open(NEVER_FOLDS);
        for seed in 50..59 {
            chain.block(seeded_writes(seed, 12)).commit(&storage).unwrap();
        }
        assert_eq!(folded_to(&storage), Some(10));
        chain.rollback(target).commit(&storage).unwrap();
        assert_eq!(folded_to(&storage), Some(target.min(10)), "what is in memory is forgotten");
        chain.check(&storage);
        drop(storage);
        let storage = fixture.open(NEVER_FOLDS);
        chain.check(&storage);
        chain.block(seeded_writes(70, 12)).commit(&storage).unwrap();
        chain.check(&storage);
    }
}

/// The state table then holds values of blocks that are undone; those of blocks that are not must
/// come out all the same, whether the process remembers how far it folded or has been restarted.
#[test]
fn rollback_into_a_half_folded_span() {
    let options = RedbOptions { fold_bytes: 60_000, ..NEVER_FOLDS };
    for restart in [false, true] {
        let (mut inside, mut above) = (0, 0);
        for back in 1..12 {
            let fixture = Fixture::new();
            let mut storage = fixture.open(options);
            let mut chain = TestChain::default();
            let to = loop {
                chain
                    .block(seeded_writes(chain.records.len() as u64, 12))
                    .commit(&storage)
                    .unwrap();
                let view = storage.shared.view.read();
                let Some(fold) = &view.frozen else { continue };
                if fold.done > fold.frozen.len() / 2 && fold.done < fold.frozen.len() {
                    break fold.frozen.to;
                }
            };
            if restart {
                drop(storage);
                storage = fixture.open(options);
                chain.check(&storage);
            }
            let Some(target) = (chain.records.len() - 1).checked_sub(back) else { break };
            if target as u64 >= to.0 {
                above += 1
            } else {
                inside += 1
            }
            chain.rollback(target as u64).commit(&storage).unwrap();
            chain.check(&storage);
            for seed in 70..80 {
                chain.block(seeded_writes(seed, 12)).commit(&storage).unwrap();
                chain.check_state(&storage);
            }
            drop(storage);
            chain.check(&fixture.open(options));
        }
        assert!(inside >= 2 && above >= 1, "{inside} into the span, {above} above it");
    }
}

#[test]
fn a_fold_never_waits_for_one_commit_if_there_is_time_between_commits() {
    let storage = RedbStorage::with_backend(SimulatedDisk::default(), FOLDS_AT_TIMES).unwrap();
    let mut chain = TestChain::default();
    for seed in 0..60 {
        let step = chain.block(seeded_writes(seed, 12));
        let before = folded_to(&storage);
        step.commit(&storage).unwrap();
        assert_eq!(folded_to(&storage), before, "the commit of block {seed} had to fold");
        storage.tidy().unwrap();
        chain.check_state(&storage);
    }
    assert!(folded_to(&storage) > Some(40));
}

#[test]
fn a_thread_that_folds_and_prunes_changes_nothing_but_the_tables() {
    let options = RedbOptions {
        fold_bytes: 10_000,
        fold_in_background: true,
        keep_records: KeepRecords::FromStable,
        ..NEVER_FOLDS
    };
    let fixture = Fixture::new();
    let mut chain = TestChain::default();
    for _ in 0..10 {
        // Dropping it at once closes the file: otherwise it could not be opened again.
        let storage = fixture.open(options);
        chain.check_state(&storage);
        for _ in 0..10 {
            let height = chain.records.len() as u64;
            chain.stable = TopoHeight(height.saturating_sub(3));
            chain.block(seeded_writes(height, 12)).commit(&storage).unwrap();
            chain.check_state(&storage);
        }
    }
    let storage = fixture.open(options);
    assert!(folded_to(&storage) > Some(80));
    while storage.record(TopoHeight(50)).unwrap().is_some() {
        storage.tidy().unwrap();
    }
    chain.check_state(&storage);
}

#[test]
fn a_database_of_format_1_is_refused_with_advice() {
    let fixture = Fixture::new();
    let db = Database::create(fixture.path()).unwrap();
    let transaction = db.begin_write().unwrap();
    transaction.open_table(META).unwrap();
    transaction.open_table(TableDefinition::<u64, &[u8]>::new("blocks")).unwrap();
    transaction.commit().unwrap();
    drop(db);
    let error = RedbStorage::open(fixture.path()).unwrap_err().to_string();
    assert!(error.contains("format 1, this version reads format 4"), "{error}");
}

#[test]
fn pruning_keeps_genesis_and_what_may_be_rolled_back() {
    let fixture = Fixture::new();
    let options = RedbOptions { keep_records: KeepRecords::FromStable, ..NEVER_FOLDS };
    let storage = fixture.open(options);
    let mut chain = TestChain::default();
    for seed in 0..20 {
        chain.stable = TopoHeight(seed / 2);
        chain.block(seeded_writes(seed, 12)).commit(&storage).unwrap();
    }
    chain.check(&storage);
    drop(storage);

    let storage = fixture.open(RedbOptions { fold_bytes: 0, ..options });
    chain.stable = TopoHeight(10);
    commit_and_tidy(&chain.block(seeded_writes(20, 12)), &storage);
    // A few at a time.
    for removed in [2, 4, 6, 8, 9] {
        assert_eq!(storage.record(TopoHeight(removed)).unwrap(), None);
        assert!(storage.record(TopoHeight(removed + 1)).unwrap().is_some());
        storage.tidy().unwrap();
    }
    for height in 0..=20 {
        let record = storage.record(TopoHeight(height)).unwrap();
        assert_eq!(record.is_some(), height == 0 || height >= 10, "height {height}");
    }
    chain.rollback(10).commit(&storage).unwrap();
    chain.check_state(&storage);
    drop(storage);
    chain.check_state(&fixture.open(options));
}

/// Every block sets two accounts to its height. Whatever a reader looks at after it has found one
/// height, be it the tip or an account, must not stand at a lower one.
#[test]
fn readers_see_exactly_the_commits_that_have_returned() {
    const BLOCKS: u64 = 300;
    let options = RedbOptions { fold_bytes: 4000, ..NEVER_FOLDS };
    let storage = RedbStorage::with_backend(SimulatedDisk::default(), options).unwrap();
    let mut chain = TestChain::default();
    let mut write = |height| {
        let both = vec![(account(1), holding(height)), (account(2), holding(height))];
        let step = chain.block(both);
        step.commit(&storage).unwrap();
        if height % 3 == 0 {
            storage.tidy().unwrap();
        }
    };
    write(0);
    let returned = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    let read = |idx| match storage.read(&account(idx)).unwrap() {
        Some(StateValue::Account(account)) => account.native.0,
        other => panic!("found {other:?}"),
    };
    let tip = || storage.meta().unwrap().unwrap().topoheight.0;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    let lowest = returned.load(Ordering::Acquire);
                    // Each sees what the one before it saw, or a later commit.
                    let seen = [lowest, tip(), read(1), read(2), tip()];
                    assert!(seen.is_sorted(), "returned, tip, first, second, tip: {seen:?}");
                    assert!(storage.record(TopoHeight(seen[4])).unwrap().is_some());
                }
            });
        }
        for height in 1..BLOCKS {
            write(height);
            returned.store(height, Ordering::Release);
            if height % 50 == 0 {
                storage.store_artifact(&Hash([1; 32]), &[1; 100]).unwrap();
            }
        }
        done.store(true, Ordering::Release);
    });
    assert!(folded_to(&storage) > Some(0), "folds happened while threads were reading");
}

#[test]
fn a_corrupt_state_value_is_an_error_that_names_its_key() {
    let fixture = Fixture::new();
    let mut chain = TestChain::default();
    let writes = vec![(account(1), holding(1)), (account(2), holding(2))];
    commit_and_tidy(&chain.block(writes), &fixture.open(ALWAYS_FOLDS));
    fixture.corrupt(STATE, account(1).to_bytes().as_slice());
    let storage = fixture.open(ALWAYS_FOLDS);
    let error = storage.read(&account(1)).unwrap_err().to_string();
    assert!(error.contains("state value of Account"), "{error}");
    assert!(error.contains("checksum"), "{error}");
    assert_eq!(storage.read(&account(2)).unwrap(), holding(2), "other values are still readable");
}

#[test]
fn a_value_stored_under_another_key_is_corrupt() {
    let fixture = Fixture::new();
    let storage = fixture.open(ALWAYS_FOLDS);
    let writes = vec![(account(1), holding(1)), (account(2), holding(2))];
    commit_and_tidy(&TestChain::default().block(writes), &storage);
    let transaction = storage.shared.db.begin_write().unwrap();
    {
        let mut state = transaction.open_table(STATE).unwrap();
        let other = state.get(account(2).to_bytes().as_slice()).unwrap().unwrap().value().to_vec();
        state.insert(account(1).to_bytes().as_slice(), other.as_slice()).unwrap();
    }
    transaction.commit().unwrap();
    drop(storage);
    assert!(fixture.open(ALWAYS_FOLDS).read(&account(1)).is_err());
}

#[test]
fn a_corrupt_record_is_an_error_that_names_its_height() {
    let fixture = Fixture::new();
    chain_of(&fixture.open(ALWAYS_FOLDS), 5);
    fixture.corrupt(RECORDS, (3, 0));
    let storage = fixture.open(ALWAYS_FOLDS);
    let error = storage.record(TopoHeight(3)).unwrap_err().to_string();
    assert!(error.contains("record of height 3 is corrupt"), "{error}");
    assert!(storage.record(TopoHeight(2)).unwrap().is_some());
}

#[test]
fn a_record_needed_for_replay_that_is_corrupt_or_missing_prevents_opening() {
    let fixture = Fixture::new();
    chain_of(&fixture.open(NEVER_FOLDS), 5);
    fixture.corrupt(RECORDS, (3, 0));
    let error = RedbStorage::open(fixture.path()).unwrap_err().to_string();
    assert!(error.contains("state.redb"), "{error}");
    assert!(error.contains("record of height 3 is corrupt"), "{error}");

    let db = Database::open(fixture.path()).unwrap();
    let transaction = db.begin_write().unwrap();
    transaction.open_table(RECORDS).unwrap().remove((3, 0)).unwrap();
    transaction.commit().unwrap();
    drop(db);
    let error = RedbStorage::open(fixture.path()).unwrap_err().to_string();
    assert!(error.contains("record of height 3 is missing"), "{error}");
}

#[test]
fn a_corrupt_meta_prevents_opening() {
    let fixture = Fixture::new();
    chain_of(&fixture.open(NEVER_FOLDS), 2);
    fixture.corrupt(META, META_KEY);
    let error = RedbStorage::open(fixture.path()).unwrap_err().to_string();
    assert!(error.contains("chain meta is corrupt"), "{error}");
}

#[test]
fn a_corrupt_artifact_is_absent_and_can_be_stored_again() {
    let fixture = Fixture::new();
    let key = Hash([1; 32]);
    fixture.open(NEVER_FOLDS).store_artifact(&key, b"compiled").unwrap();
    fixture.corrupt(ARTIFACTS, key.as_bytes());
    let storage = fixture.open(NEVER_FOLDS);
    assert_eq!(storage.artifact(&key).unwrap(), None);
    storage.store_artifact(&key, b"compiled").unwrap();
    assert_eq!(storage.artifact(&key).unwrap().unwrap(), b"compiled");
}

#[test]
fn after_a_failed_commit_the_handle_refuses_work_until_reopened() {
    let device = SimulatedDisk::default();
    let storage = RedbStorage::with_backend(device.clone(), NEVER_FOLDS).unwrap();
    let mut chain = chain_of(&storage, 3);
    device.stop_at(device.operations());
    let step = chain.clone().block(seeded_writes(9, 5));
    let first = step.commit(&storage).unwrap_err().to_string();
    assert!(first.contains("the device has stopped"), "{first}");

    let refusals = [
        storage.meta().err(),
        storage.read(&account(1)).err(),
        storage.record(TopoHeight::ZERO).err(),
        storage.artifact(&Hash([1; 32])).err(),
        storage.store_artifact(&Hash([1; 32]), b"").err(),
        step.commit(&storage).err(),
        storage.tidy().err(),
    ];
    for refusal in refusals {
        let refusal = refusal.expect("a poisoned handle answers nothing").to_string();
        assert!(refusal.contains("refuses work"), "{refusal}");
        assert!(refusal.contains("the device has stopped"), "{refusal}");
    }
    drop(storage);

    let image = device.image(Survivors::None);
    let storage = RedbStorage::with_backend(SimulatedDisk::holding(image), NEVER_FOLDS).unwrap();
    chain.check(&storage);
    chain.block(seeded_writes(9, 5)).commit(&storage).unwrap();
    chain.check(&storage);
}

#[test]
fn opening_says_what_is_wrong_and_what_to_do() {
    #[track_caller]
    fn check(path: &Path, expected: &str) {
        let error = RedbStorage::open(path).unwrap_err().to_string();
        assert!(error.contains(&path.display().to_string()), "{error}");
        assert!(error.contains(expected), "{error}");
    }
    let fixture = Fixture::new();
    let open = fixture.open(NEVER_FOLDS);
    check(&fixture.path(), "stop the other process");
    drop(open);
    check(&fixture.directory.path().join("missing/state.redb"), "create it");
    check(fixture.directory.path(), "name a file in it");

    let text = fixture.directory.path().join("notes.txt");
    std::fs::write(&text, "not a database, but long enough to be looked at").unwrap();
    check(&text, "not a database");

    let foreign = fixture.directory.path().join("foreign.redb");
    let db = Database::create(&foreign).unwrap();
    let transaction = db.begin_write().unwrap();
    transaction.open_table(TableDefinition::<u64, u64>::new("theirs")).unwrap();
    transaction.commit().unwrap();
    drop(db);
    check(&foreign, "another program's database");
}

/// No damage to a file may end a process or give a value that was never written. A key that cannot
/// be found any more because redb's own pages are damaged is beyond a checksum per value.
#[test]
fn a_damaged_file_gives_errors_not_values_nor_panics() {
    let fixture = Fixture::new();
    let chain = chain_of(&fixture.open(ALWAYS_FOLDS), 8);
    let intact = std::fs::read(fixture.path()).unwrap();
    for seed in 0..60_usize {
        let mut bytes = intact.clone();
        for hit in 0..20 {
            let at = (seed * 7919 + hit * 104_729 + seed * hit * 31) % bytes.len();
            bytes[at] ^= 1 << (seed % 8);
        }
        std::fs::write(fixture.path(), &bytes).unwrap();
        let Ok(storage) = RedbStorage::with_options(fixture.path(), ALWAYS_FOLDS) else { continue };
        for (key, value) in &chain.state {
            if let Ok(Some(found)) = storage.read(key) {
                assert_eq!(found, *value, "seed {seed}");
            }
        }
    }
}
