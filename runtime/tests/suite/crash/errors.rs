//! Disks that fail once: what has an unknown outcome is not tried again, nothing is acknowledged
//! after it, and the database is found whole when it is opened anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tos_runtime::testing::{DiskCall, DiskFault, Operation, SimulatedDisk, Survivors};
use tos_runtime::{
    Block, ContractEngine, EngineError, ExecutionObserver, NoSpace, RedbOptions, RedbStorage,
    Storage, TopoHeight, TxIndex,
};

use super::images::Then;
use super::recorded::Recorded;
use super::story::{Mark, Step};
use crate::support::{Chain, FailingStorage, Order, Rng, account, genesis, setting};

/// Faults that are tried with one story.
const FAULTS_PER_STORY: u64 = 500;
/// Fewest stories: one for each kind of machine.
const STORIES_MIN: u64 = 5;

const EINTR: i32 = 4;
const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// What came of a fault.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum Outcome {
    /// The engine could not be opened.
    NotOpened,
    /// A call returned an error, and so did every later one.
    Refused,
    /// It was met after the last block, while closing or tidying.
    Unnoticed,
    /// redb wanted to write a page earlier than it had to, and wrote it later.
    WrittenLater,
}

/// An engine and its storage after an error.
struct Failed {
    engine: ContractEngine,
    storage: Arc<RedbStorage>,
    /// Steps that had been done.
    done: usize,
}

/// How far a story got on a disk.
struct Played {
    result: Result<ContractEngine, (Option<Failed>, EngineError)>,
    done: usize,
    begun: usize,
}

fn play(recorded: &Recorded, disk: &SimulatedDisk) -> Played {
    let (mut done, mut begun) = (0, 1);
    let opened = recorded.machine.storage(disk).map(Arc::new).map_err(EngineError::from);
    let opened = opened.and_then(|storage| {
        let engine = recorded.machine.open_shared(Arc::clone(&storage))?;
        Ok((engine, storage))
    });
    let (engine, storage) = match opened {
        Ok(opened) => opened,
        Err(error) => return Played { result: Err((None, error)), done, begun },
    };
    done = 1;
    let steps = recorded.story.steps.len();
    let result = recorded.story.play(&engine, 1..steps, |mark| match mark {
        Mark::Began(step) => begun = step + 1,
        Mark::Done(step) => done = step + 1,
    });
    let result = match result {
        Ok(()) => Ok(engine),
        Err(error) => Err((Some(Failed { engine, storage, done }), error)),
    };
    Played { result, done, begun }
}

/// What an engine and its storage must be after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refuses {
    /// Nothing can be written any more: redb sees to that after any error of the disk.
    Writes,
    /// Nothing is answered any more, on each one's own account: something was written halfway.
    Everything,
}

/// Demands that an engine commits nothing any more, whatever it is asked.
#[track_caller]
fn assert_refuses(failed: &Failed, refuses: Refuses, recorded: &Recorded, what: &str) {
    let Failed { engine, storage, done } = failed;
    let everything = refuses == Refuses::Everything;
    // Not even what it has in memory.
    match storage.meta() {
        Err(error) => assert!(error.to_string().contains("refuses work since"), "{what}: {error}"),
        Ok(_) => assert!(!everything, "{what}: the storage goes on"),
    }
    let tip = engine.tip();
    let mut errors = Vec::new();
    for step in recorded.story.steps[*done..].iter().take(3) {
        if let Step::Block { block, .. } = step
            && let Ok(outcome) = engine.execute_block(block)
        {
            // Executing needs no disk if everything is in memory. Committing does.
            errors.push(match engine.commit_in_background(outcome) {
                Ok(pending) => pending.wait().expect_err("it was written after an error"),
                Err(error) => error,
            });
        }
    }
    let back = TopoHeight(tip.stable_topoheight.0);
    if back < tip.topoheight {
        errors.push(engine.rollback_to(back).expect_err("it rolled back after an error"));
    }
    for (idx, error) in errors.iter().enumerate() {
        assert!(!matches!(error, EngineError::Bug(_)), "{what}: {error}");
        // The first may be the one from which the engine learns what the storage knew.
        let knows = matches!(error, EngineError::Poisoned(_)) || idx == 0;
        assert!(knows || !everything, "{what}: the engine asks its storage again: {error}");
    }
}

/// Plays a story on a disk with a fault, and whatever is left to the end.
#[track_caller]
fn check_fault(recorded: &Recorded, fault: DiskFault, rng: &mut Rng, what: &str) -> Outcome {
    let disk = SimulatedDisk::default();
    disk.fail(fault);
    let Played { result, done, begun } = play(recorded, &disk);
    let failed = result.is_err();
    let outcome = match result {
        Err((None, error)) => {
            assert!(matches!(error, EngineError::Storage(_)), "{what}: {error}");
            Outcome::NotOpened
        }
        Err((Some(failed), error)) => {
            let expected = matches!(error, EngineError::Storage(_) | EngineError::Poisoned(_));
            assert!(expected, "{what}: {error}");
            let refuses = match fault.call {
                DiskCall::Len | DiskCall::Read => Refuses::Writes,
                DiskCall::SetLen | DiskCall::Sync | DiskCall::Write => Refuses::Everything,
            };
            assert_refuses(&failed, refuses, recorded, what);
            Outcome::Refused
        }
        Ok(engine) if disk.since_fault().is_some_and(|since| !since.is_empty()) => {
            recorded.story.check(&engine, done..=done, what);
            Outcome::WrittenLater
        }
        Ok(_) => Outcome::Unnoticed,
    };
    // The engine is closed by now, and has not tried again while it was.
    let since = disk.since_fault();
    let changes = since
        .iter()
        .flatten()
        .filter(|call| matches!(call, DiskCall::SetLen | DiskCall::Sync | DiskCall::Write));
    if failed || fault.call == DiskCall::Sync {
        assert_eq!(changes.count(), 0, "{what}: changes after the error: {since:?}");
    }
    for survivors in [Survivors::All, Survivors::None, Survivors::Some(rng.next())] {
        let what = format!("{what}, survivors {survivors:?}");
        let image = SimulatedDisk::holding(disk.image(survivors));
        let then = match survivors {
            Survivors::All => Then::Finish,
            Survivors::None => Then::GoOn,
            Survivors::Some(_) => Then::RollBack,
        };
        recorded.check(&image, done..=begun.max(done), then, &what);
    }
    outcome
}

#[test]
fn bad_s04_after_an_error_of_the_disk_nothing_is_tried_again_and_nothing_is_lost() {
    let faults = setting("TOS_POWER_FAULTS", 150);
    let first_seed = setting("TOS_POWER_SEED", 1);
    let stories = faults.div_ceil(FAULTS_PER_STORY).max(STORIES_MIN);
    let mut outcomes = std::collections::BTreeMap::<_, u32>::new();
    for seed in first_seed..first_seed + stories {
        // A long search may be ended before its time.
        if seed > first_seed && (seed - first_seed).is_multiple_of(10) {
            println!("before seed {seed}: {outcomes:?}");
        }
        let recorded = Recorded::new(seed);
        let disk = SimulatedDisk::default();
        assert!(play(&recorded, &disk).result.is_ok(), "the disk works");
        let kinds = [DiskCall::Len, DiskCall::Read, DiskCall::SetLen, DiskCall::Sync];
        let kinds: Vec<_> = kinds.into_iter().chain([DiskCall::Write; 3]).collect();
        let mut rng = Rng::new(seed ^ 0xFA17);
        for idx in 0..faults / stories {
            let call = kinds[idx as usize % kinds.len()];
            let nth = rng.below(disk.calls(call));
            let code = *rng.pick(&[EINTR, EIO, ENOSPC]);
            let fault = DiskFault { call, nth, code, short: rng.percent(50) };
            let what = format!("seed {seed}, {fault:?}");
            let outcome = check_fault(&recorded, fault, &mut rng, &what);
            if outcome == Outcome::WrittenLater {
                assert_eq!(call, DiskCall::Write, "{what}: went on after an error");
            }
            *outcomes.entry((call, outcome)).or_default() += 1;
        }
    }
    println!("{faults} faults in {stories} stories: {outcomes:?}");
    for call in [DiskCall::Len, DiskCall::Read, DiskCall::SetLen, DiskCall::Sync, DiskCall::Write] {
        let noticed = [Outcome::NotOpened, Outcome::Refused];
        let noticed = noticed.iter().filter_map(|outcome| outcomes.get(&(call, *outcome)));
        assert!(noticed.sum::<u32>() > 0, "no {call:?} failed: {outcomes:?}");
    }
}

#[test]
fn bad_s10_a_block_that_finds_no_space_is_refused_and_commits_when_there_is_some() {
    let mut refused = 0;
    for seed in 1..=STORIES_MIN {
        let recorded = Recorded::new(seed);
        let mut lengths: Vec<usize> = recorded
            .recording
            .operations()
            .iter()
            .filter_map(|operation| match operation {
                Operation::SetLen(len) => Some(*len),
                _ => None,
            })
            .collect();
        lengths.sort_unstable();
        lengths.dedup();
        // The smallest file there is holds no block at all.
        for len in lengths.into_iter().skip(1) {
            let what = format!("seed {seed}, less than {len} bytes");
            let disk = SimulatedDisk::default();
            disk.limit(Some(len - 1));
            let Played { result, done, begun } = play(&recorded, &disk);
            match result {
                Ok(_) => continue,
                Err((failed, error)) => {
                    let text = format!("{error:?}{error}");
                    assert!(text.contains("No space left"), "{what}: {text}");
                    if let Some(failed) = failed {
                        assert_refuses(&failed, Refuses::Everything, &recorded, &what);
                    }
                }
            }
            refused += 1;
            // While there is no space it opens where it was, or says why it does not.
            let legal = done..=begun.max(done);
            if let Ok(engine) = recorded.machine.open(&disk) {
                recorded.story.check(&engine, legal.clone(), &what);
            }
            disk.limit(None);
            recorded.check(&disk, legal, Then::Finish, &what);
        }
    }
    assert!(refused > 0, "no file had to grow");
    println!("{refused} times there was no space");
}

/// Executing a block on a disk that is nearly full.
#[track_caller]
fn assert_no_space(engine: &ContractEngine, block: &Block, place: &str) -> NoSpace {
    for executed in [engine.execute_block(block), engine.execute_block_sequentially(block)] {
        match executed.map(|outcome| outcome.block_hash()) {
            Err(EngineError::NoSpace(missing)) if missing.place.contains(place) => {}
            other => panic!("{place}: expected a refusal, found {other:?}"),
        }
    }
    match engine.execute_block(block) {
        Err(EngineError::NoSpace(missing)) => missing,
        _ => unreachable!("nothing has changed since"),
    }
}

#[test]
fn bad_s10_with_too_little_room_a_block_is_refused_before_it_is_executed_and_the_engine_goes_on() {
    let storage = FailingStorage::new();
    let started = Arc::new(AtomicUsize::new(0));
    let builder = ContractEngine::builder().storage(storage.clone()).genesis(genesis(2));
    let mut chain = Chain::build(builder.observer(Started(Arc::clone(&started))));
    chain.one(0, Order::transfer(account(1), 5));
    let (tip, commits) = (chain.engine.tip(), storage.commits());
    let txs = vec![chain.send(0, Order::transfer(account(1), 7))];
    let block = chain.block(txs);
    let balance = chain.balance(1);

    let before = started.load(Ordering::Relaxed);
    storage.leave_room(Some(FailingStorage::FREE_BYTES_MIN - 1));
    let missing = assert_no_space(&chain.engine, &block, "in memory");
    let expected = (FailingStorage::FREE_BYTES_MIN - 1, FailingStorage::FREE_BYTES_MIN);
    assert_eq!((missing.free_bytes, missing.free_bytes_min), expected);
    let text = EngineError::from(missing).to_string();
    assert!(text.contains("1048575 bytes are free"), "{text}");
    assert!(text.contains("expected at least 1048576: make room and try again"), "{text}");
    assert_eq!(started.load(Ordering::Relaxed), before, "something was executed");
    // Questions need no room, nor does undoing what is there.
    assert_eq!(chain.balance(1), balance);
    let question = chain.send(0, Order::transfer(account(1), 1));
    let question = chain.verified(vec![question]).remove(0);
    assert!(chain.engine.simulate(&question).is_ok());
    assert_eq!((chain.engine.tip(), storage.commits()), (tip, commits), "something has changed");

    // Exactly enough is enough.
    storage.leave_room(Some(FailingStorage::FREE_BYTES_MIN));
    let outcome = chain.engine.execute_block(&block).expect("there is room");
    // What has been executed is for the commit to decide.
    storage.leave_room(Some(0));
    chain.engine.commit(outcome).expect("there was room");
    assert_eq!(chain.balance(1), balance + 7);
    // A block that is committed is known without being executed.
    assert!(chain.engine.execute_block(&block).is_ok());
    chain.engine.rollback_to(tip.topoheight).expect("it needs no room");
    assert_eq!(chain.balance(1), balance);
}

/// Counts transactions that begin.
struct Started(Arc<AtomicUsize>);

impl ExecutionObserver for Started {
    fn transaction_started(&self, _worker: usize, _tx: TxIndex) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Elsewhere nobody is asked how much is free.
#[cfg(unix)]
#[test]
fn bad_s10_the_room_for_a_file_is_what_the_system_says_is_free() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("chain.redb");
    let open = |free_bytes_min| {
        let options = RedbOptions { free_bytes_min, ..RedbOptions::default() };
        Chain::on(RedbStorage::with_options(&path, options).expect("it opens"), 2)
    };
    // No disk has as much.
    let mut chain = open(u64::MAX);
    let txs = vec![chain.send(0, Order::transfer(account(1), 7))];
    let block = chain.block(txs);
    let missing = assert_no_space(&chain.engine, &block, "chain.redb");
    assert_eq!(missing.free_bytes_min, u64::MAX);
    assert!(missing.free_bytes > 0, "the test is running on it");
    drop(chain);
    for enough in [0, 1] {
        let mut chain = open(enough);
        chain.one(0, Order::transfer(account(1), 7));
    }
}
