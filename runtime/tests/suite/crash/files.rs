//! Files that are not what was written: flipped bits, other lengths, older copies, other chains.
//! And files that cannot be had.

use std::path::Path;
use std::sync::Arc;

use tos_runtime::testing::{SimulatedDisk, Survivors};
use tos_runtime::{
    ChainId, CommitBatch, ContractEngine, EngineError, Genesis, InvalidBlock, KeepRecords,
    OpenError, RedbOptions, RedbStorage, STORAGE_FORMAT, Storage, TopoHeight,
};

use super::machine::Machine;
use super::recorded::BLOCKS;
use super::story::{PEOPLE, Step, Story};
use crate::support::{Rng, genesis};

/// Every block is folded, and every record kept.
fn folding() -> Machine {
    let options =
        RedbOptions { fold_bytes: 0, keep_records: KeepRecords::All, ..Machine::of(0).options };
    Machine { options, threads: 1 }
}

/// What a disk holds when a story has been played up to a step and the engine closed.
fn played(machine: Machine, story: &Story, steps: usize) -> Vec<u8> {
    let disk = SimulatedDisk::default();
    let engine = machine.open(&disk).expect("the disk works");
    story.play(&engine, 1..steps, |_| ()).expect("the disk works");
    drop(engine);
    disk.image(Survivors::None)
}

/// What became of a damaged file.
#[derive(Debug, Default)]
struct Seen {
    /// It was not opened.
    refused: u32,
    /// Something in it could not be read, which was said.
    reported: u32,
    /// Nothing of it was needed.
    harmless: u32,
    /// Values that were said to be absent.
    absent: u32,
}

impl Seen {
    /// Opens a damaged file and reads everything: what is not refused has to be what was written.
    #[track_caller]
    fn look(&mut self, options: RedbOptions, bytes: Vec<u8>, intact: &RedbStorage, what: &str) {
        let disk = SimulatedDisk::holding(bytes);
        let Ok(storage) = RedbStorage::with_backend(disk, options) else {
            self.refused += 1;
            return;
        };
        let meta = intact.meta().expect("it is read");
        assert_eq!(storage.meta().expect("it is in memory"), meta, "{what}");
        let tip = meta.expect("there is a chain").topoheight;
        let mut reported = false;
        for height in 0..=tip.0 {
            let expected = intact.record(TopoHeight(height)).expect("it is read");
            match storage.record(TopoHeight(height)) {
                Ok(None) => self.absent += u32::from(expected.is_some()),
                Ok(found) => assert_eq!(found, expected, "{what}: record of {height}"),
                Err(_) => reported = true,
            }
            for change in expected.iter().flat_map(|record| record.change_set.changes()) {
                let expected = intact.read(&change.key).expect("it is read");
                match storage.read(&change.key) {
                    Ok(None) => self.absent += u32::from(expected.is_some()),
                    Ok(found) => assert_eq!(found, expected, "{what}: {:?}", change.key),
                    Err(_) => reported = true,
                }
            }
        }
        match reported {
            true => self.reported += 1,
            false => self.harmless += 1,
        }
    }
}

#[test]
fn bad_s05_a_flipped_bit_is_refused_reported_or_harmless_never_another_value() {
    let story = Story::new(5, BLOCKS);
    let machine = folding();
    let image = played(machine, &story, story.steps.len());
    let intact = RedbStorage::with_backend(SimulatedDisk::holding(image.clone()), machine.options);
    let intact = intact.expect("it opens");
    let mut rng = Rng::new(5);
    // redb's own header, its two commit slots, both at once, and any page.
    let header = (0..64).map(|byte| vec![byte]);
    let slots = (64..320).step_by(3).map(|byte| vec![byte]);
    let both = (64..192).step_by(7).map(|byte| vec![byte, byte + 128]);
    let pages = (0..150).map(|_| vec![320 + rng.below(image.len() as u64 - 320) as usize]);
    let flips: Vec<Vec<usize>> = header.chain(slots).chain(both).chain(pages).collect();
    for verify in [false, true] {
        let mut seen = Seen::default();
        let options = RedbOptions { verify_on_open: verify, ..machine.options };
        for (number, bytes) in flips.iter().enumerate() {
            let mut image = image.clone();
            let bit = 1 << (number % 8);
            bytes.iter().for_each(|byte| image[*byte] ^= bit);
            let what = format!("bit {bit:#x} of bytes {bytes:?}, verified: {verify}");
            seen.look(options, image, &intact, &what);
        }
        println!("{} flips, verified: {verify}: {seen:?}", flips.len());
        assert!(seen.refused > 0 && seen.harmless > 0, "{seen:?}");
        if verify {
            assert_eq!((seen.absent, seen.reported), (0, 0), "opening finds it: {seen:?}");
        }
    }
}

#[test]
fn bad_s05_a_value_that_a_flipped_bit_hides_is_missed_by_who_verifies_on_opening_alone() {
    // Every value has a checksum, so a bit can make one unreadable or hard to find, never another
    // one. That a key is there and cannot be found any more is what reading the whole file tells,
    // and nothing else does.
    const HIDDEN: usize = 2;
    let story = Story::new(5, BLOCKS);
    let machine = folding();
    let image = played(machine, &story, story.steps.len());
    let intact = RedbStorage::with_backend(SimulatedDisk::holding(image.clone()), machine.options);
    let intact = intact.expect("it opens");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("chain.redb");
    let verify = RedbOptions { verify_on_open: true, ..machine.options };
    std::fs::write(&path, &image).expect("it is written");
    drop(RedbStorage::with_options(&path, verify).expect("nothing is wrong with it"));
    let (mut rng, mut hidden) = (Rng::new(50), 0);
    for tries in 0.. {
        assert!(tries < 10_000, "{hidden} of {tries} bits hid something");
        let mut image = image.clone();
        let byte = 320 + rng.below(image.len() as u64 - 320) as usize;
        image[byte] ^= 1 << rng.below(8);
        let what = format!("a bit of byte {byte}");
        let mut seen = Seen::default();
        seen.look(machine.options, image.clone(), &intact, &what);
        if seen.absent > 0 {
            hidden += 1;
            std::fs::write(&path, &image).expect("it is written");
            let error = RedbStorage::with_options(&path, verify).expect_err("it is damaged");
            let text = error.to_string();
            assert!(text.contains(&path.display().to_string()), "{what}: {text}");
            assert!(text.contains("it is damaged: restore a copy"), "{what}: {text}");
            assert_eq!(std::fs::read(&path).expect("it is read"), image, "{what}: left alone");
        }
        if hidden == HIDDEN {
            println!("{hidden} of {} bits hid something", tries + 1);
            return;
        }
    }
}

#[test]
fn bad_s06_a_file_of_another_length_is_refused_or_holds_what_was_written() {
    let story = Story::new(6, BLOCKS);
    let machine = folding();
    let image = played(machine, &story, story.steps.len());
    let intact = RedbStorage::with_backend(SimulatedDisk::holding(image.clone()), machine.options);
    let intact = intact.expect("it opens");
    let mut seen = Seen::default();
    let mut rng = Rng::new(6);
    for _ in 0..60 {
        let len = match rng.below(3) {
            0 => rng.below(image.len() as u64),
            1 => rng.below(image.len() as u64) / 4096 * 4096,
            _ => image.len() as u64 + rng.below(1 << 20) / 512 * 512,
        } as usize;
        let mut other = image.clone();
        other.resize(len, 0);
        seen.look(machine.options, other, &intact, &format!("{len} of {} bytes", image.len()));
    }
    println!("other lengths: {seen:?}");
    assert_eq!((seen.absent, seen.reported), (0, 0), "{seen:?}");
    assert!(seen.refused > 0, "{seen:?}");
}

#[test]
fn bad_s06_an_older_copy_is_an_older_chain_and_refuses_what_does_not_follow_it() {
    let story = Story::new(7, BLOCKS);
    let machine = folding();
    let disk = SimulatedDisk::holding(played(machine, &story, 8));
    let engine = machine.open(&disk).expect("it opens");
    story.check(&engine, 8..=8, "an older copy");
    let later = story.steps[8..].iter().filter_map(|step| match step {
        Step::Block { block, .. } => Some(block),
        _ => None,
    });
    let tip = engine.tip().topoheight;
    let mut gaps = 0;
    for block in later.filter(|block| block.context().topoheight.0 > tip.0 + 1) {
        let error = engine.execute_block(block).map(|_| ()).expect_err("blocks are missing");
        assert!(matches!(error, EngineError::InvalidBlock(InvalidBlock::Gap { .. })), "{error}");
        gaps += 1;
    }
    assert!(gaps > 0, "no block is further up");
    let end = story.steps.len();
    story.play(&engine, 8..end, |_| ()).expect("with what is missing it goes on");
    story.check(&engine, end..=end, "an older copy that was brought up to date");
}

#[track_caller]
fn assert_refused(path: &Path, expected: &str) {
    let error = RedbStorage::open(path).expect_err("it is refused").to_string();
    assert!(error.contains(&path.display().to_string()), "{error}");
    assert!(error.contains(expected), "{error}");
}

#[test]
fn bad_s07_a_file_that_cannot_be_had_is_refused_with_the_cause() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    assert_refused(&folder.path().join("missing").join("chain.redb"), "directory does not exist");
    let path = folder.path().join("chain.redb");
    drop(RedbStorage::open(&path).expect("it is made"));
    let mut permissions = std::fs::metadata(&path).expect("it is there").permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&path, permissions).expect("it is ours");
    // Whoever may do everything may write it all the same.
    if std::fs::File::options().write(true).open(&path).is_err() {
        assert_refused(&path, "no permission");
    } else {
        RedbStorage::open(&path).expect("nothing keeps it from being opened");
    }
}

#[test]
fn bad_s08_a_file_of_a_newer_format_another_chain_or_other_rules_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("chain.redb");
    let open = |path: &Path, genesis: Genesis| {
        let storage = RedbStorage::open(path).expect("redb opens");
        ContractEngine::builder().storage(storage).genesis(genesis).build()
    };
    let tip = open(&path, genesis(PEOPLE)).expect("a new chain").tip();
    let refusal = |path: &Path, genesis: Genesis| match open(path, genesis).map(|it| it.tip()) {
        Err(EngineError::Open(OpenError::Incompatible { what, stored, given })) => {
            assert_ne!(stored, given, "{what}");
            what
        }
        other => panic!("expected a refusal, found {other:?}"),
    };
    let with = |change: fn(&mut Genesis)| {
        let mut genesis = genesis(PEOPLE);
        change(&mut genesis);
        genesis
    };
    let other_chain = with(|genesis| genesis.params.chain_id = ChainId(77));
    assert_eq!(refusal(&path, other_chain), "chain id");
    let other_rules = with(|genesis| genesis.params.costs.transfer += 1);
    assert_eq!(refusal(&path, other_rules), "protocol parameters");

    // The same chain, as a later version would write it.
    let storage = RedbStorage::open(&path).expect("redb opens");
    let mut meta = storage.meta().expect("it is read").expect("there is a chain");
    let record = storage.record(TopoHeight::ZERO).expect("it is read").expect("it is there");
    let record = Arc::new(record);
    drop(storage);
    meta.format = STORAGE_FORMAT + 1;
    let newer = folder.path().join("newer.redb");
    let batch = CommitBatch { meta: &meta, record: Some(&record), changes: &record.change_set };
    RedbStorage::open(&newer).and_then(|storage| storage.commit(&batch)).expect("it is written");
    assert_eq!(refusal(&newer, genesis(PEOPLE)), "format");
    assert_eq!(open(&path, genesis(PEOPLE)).expect("it is as it was").tip(), tip);
}

#[test]
fn bad_s13_sixteen_threads_on_any_number_of_cores_leave_the_same_chain() {
    let story = Story::new(13, BLOCKS);
    let end = story.steps.len();
    for threads in [1, 3, 16] {
        let machine = Machine { threads, ..Machine::of(0) };
        // Every digest is compared while it is played.
        let disk = SimulatedDisk::holding(played(machine, &story, end));
        let engine = folding().open(&disk).expect("it opens");
        story.check(&engine, end..=end, &format!("{threads} threads"));
    }
}
