//! Power cuts: whatever operation of the disk is the last one, and whatever becomes of those that
//! were not synced.

use std::ops::RangeInclusive;

use tos_runtime::testing::{Operation, SimulatedDisk, Survivors};

use super::recorded::Recorded;
use crate::support::Rng;
use crate::support::setting;

/// Images of one story: each of its operations is the last one a few times.
const IMAGES_PER_STORY: u64 = 2_000;
/// Fewest stories: one for each kind of machine.
const STORIES_MIN: u64 = 5;

/// What came of the images.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Images in which only the last acknowledged block was found.
    before: u64,
    /// Those in which the block that was in flight was found, too.
    after: u64,
    /// Those of a first start that was cut off: opening has begun the chain.
    begun: u64,
}

/// What is done with an engine that has recovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// A few more steps of the story.
    GoOn,
    /// All of them, and opening it once more.
    Finish,
    /// As many blocks are undone as may be: the state table may hold values of blocks that are
    /// undone, since the crash can have been in the middle of a fold.
    RollBack,
}

impl Recorded {
    /// Opens what a crash has left, be it of a first start, demands one of the legal points, and
    /// does something with it. Returns the point.
    #[track_caller]
    pub(super) fn check(
        &self,
        disk: &SimulatedDisk,
        legal: RangeInclusive<usize>,
        then: Then,
        what: &str,
    ) -> usize {
        let engine = self.machine.open(disk).unwrap_or_else(|error| panic!("{what}: {error}"));
        // Where there was no chain, opening has begun it.
        let legal = (*legal.start()).max(1)..=(*legal.end()).max(1);
        let found = self.story.check(&engine, legal, what);
        let steps = self.story.steps.len();
        let play = |to| {
            let played = self.story.play(&engine, found..to, |_| ());
            played.unwrap_or_else(|error| panic!("{what}: playing on from point {found}: {error}"));
        };
        match then {
            Then::GoOn => play(steps.min(found + 2)),
            Then::Finish => {
                play(steps);
                self.story.check(&engine, steps..=steps, what);
                drop(engine);
                let again = self.machine.open(disk);
                let engine = again.unwrap_or_else(|error| panic!("{what}: again: {error}"));
                self.story.check(&engine, steps..=steps, what);
            }
            Then::RollBack => {
                let lowest = engine.tip().stable_topoheight;
                let undone = engine.rollback_to(lowest);
                undone.unwrap_or_else(|error| panic!("{what}: to {lowest}: {error}"));
                let what = format!("{what}, back at {lowest}");
                self.story.check_values(&engine, found, &what);
                // What was undone is in memory. What a disk holds shows when that is gone.
                drop(engine);
                let again = self.machine.open(disk);
                let engine = again.unwrap_or_else(|error| panic!("{what}: again: {error}"));
                self.story.check_values(&engine, found, &format!("{what}, opened again"));
            }
        }
        found
    }
}

#[test]
fn bad_s02_a_power_cut_leaves_the_last_acknowledged_block_or_the_one_in_flight() {
    let images = setting("TOS_POWER_CUTS", 1_000);
    let first_seed = setting("TOS_POWER_SEED", 1);
    let stories = images.div_ceil(IMAGES_PER_STORY).max(STORIES_MIN);
    let mut found = Found::default();
    let (mut operations, mut cut_in_flight) = (0, 0);
    for seed in first_seed..first_seed + stories {
        // A long search may be ended before its time.
        if seed > first_seed && (seed - first_seed).is_multiple_of(10) {
            println!("before seed {seed}: {found:?}");
        }
        let recorded = Recorded::new(seed);
        let cuts = recorded.cuts() as u64;
        operations += cuts - 1;
        let images = images / stories;
        let mut moment = recorded.recording.start();
        let mut rng = Rng::new(seed);
        for image in 0..images {
            // In order, evenly, and at random in between.
            let (low, high) = (image * cuts / images, (image + 1) * cuts / images);
            let cut = (low + rng.below(high - low)) as usize;
            moment.advance(cut);
            let survivors = match image % 4 {
                0 => Survivors::All,
                1 => Survivors::None,
                _ => Survivors::Some(rng.next()),
            };
            let what = format!("seed {seed}, cut after operation {cut}, survivors {survivors:?}");
            let disk = SimulatedDisk::holding(moment.image(survivors));
            let legal = recorded.legal(cut);
            let in_flight = legal.start() < legal.end();
            cut_in_flight += u64::from(in_flight);
            let then = match image % 16 {
                3 | 14 => Then::Finish,
                4 | 5 | 7 => Then::RollBack,
                _ => Then::GoOn,
            };
            match recorded.check(&disk, legal.clone(), then, &what) {
                _ if *legal.start() == 0 => found.begun += 1,
                point if in_flight && point == *legal.end() => found.after += 1,
                _ => found.before += 1,
            }
        }
    }
    println!(
        "{images} images of {stories} stories with {operations} operations, {cut_in_flight} of \
         them with a step in flight: {found:?}"
    );
    // Most of the operations belong to a commit, and its end is but one of them.
    assert!(cut_in_flight > images / 2 && found.after > 0, "{found:?}");
    assert!(found.begun > 0, "{found:?}");
}

#[test]
fn bad_s02_what_is_undone_after_a_crash_inside_a_fold_stays_undone() {
    // Some keys of the state table have values of blocks that are undone. Who does not know that a
    // fold was under way forgets the blocks and leaves the values.
    for seed in 1..=2 {
        let recorded = Recorded::new(seed);
        let cuts = recorded.cuts();
        let mut moment = recorded.recording.start();
        for image in 1..=24 {
            let cut = image * (cuts - 1) / 24;
            moment.advance(cut);
            let disk = SimulatedDisk::holding(moment.image(Survivors::All));
            let what = format!("seed {seed}, cut after operation {cut}");
            recorded.check(&disk, recorded.legal(cut), Then::RollBack, &what);
        }
    }
}

/// Where redb's header says which of its two commits is the newest, and the bit that does: behind
/// the nine bytes that every database begins with.
const NEWEST: (usize, u8) = (9, 1);

#[test]
fn bad_s02_a_commit_is_on_the_disk_before_the_header_says_that_it_is_the_newest() {
    // With one sync for both, what a power cut left of a commit would be judged by checksums that
    // whoever chooses the bytes of contracts can know beforehand. No image here shows it, since
    // nobody forges any: the order of operations does.
    for seed in 1..=STORIES_MIN {
        let recorded = Recorded::new(seed);
        let (mut newest, mut switches) = (None, 0);
        let operations = recorded.recording.operations();
        for (number, epoch) in operations.split(|it| *it == Operation::Sync).enumerate() {
            let (mut switched, mut writes) = (false, 0);
            for operation in epoch {
                let Operation::Write { offset, bytes } = operation else { continue };
                writes += 1;
                if *offset == 0 {
                    let found = bytes[NEWEST.0] & NEWEST.1;
                    switched |= newest.replace(found).is_some_and(|before| before != found);
                }
            }
            // Within an epoch a disk may do things in any order.
            let machine = recorded.machine;
            assert!(!switched || writes == 1, "seed {seed}, after sync {number}: {machine:?}");
            switches += usize::from(switched);
        }
        assert!(switches >= recorded.story.steps.len(), "seed {seed}: {switches} commits");
    }
}
