//! Power cuts: whatever operation of the disk is the last one, and whatever becomes of those that were
//! not synced.

use std::ops::RangeInclusive;

use tos_runtime::testing::{SimulatedDisk, Survivors};

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
    /// Those of a database that was never there: opening it says that it is none.
    refused: u64,
}

impl Recorded {
    /// Opens what a crash has left, demands one of the legal points, and plays on from there, all
    /// of it or a little.
    #[track_caller]
    pub(super) fn check(
        &self,
        disk: &SimulatedDisk,
        legal: RangeInclusive<usize>,
        all: bool,
        what: &str,
    ) -> Option<usize> {
        let engine = match self.machine.open(disk) {
            Ok(engine) => engine,
            // A first start that was interrupted leaves no database or half of one. No block can
            // be in it, and an operator deletes it.
            Err(_) if *legal.start() == 0 => return None,
            Err(error) => panic!("{what}: {error}"),
        };
        // Where there was no chain, opening has begun it.
        let legal = (*legal.start()).max(1)..=(*legal.end()).max(1);
        let found = self.story.check(&engine, legal, what);
        let steps = self.story.steps.len();
        let end = if all { steps } else { steps.min(found + 2) };
        self.story
            .play(&engine, found..end, |_| ())
            .unwrap_or_else(|error| panic!("{what}: playing on from point {found}: {error}"));
        if all {
            self.story.check(&engine, end..=end, what);
            drop(engine);
            let engine = self.machine.open(disk).unwrap_or_else(|error| panic!("{what}: {error}"));
            self.story.check(&engine, end..=end, what);
        }
        Some(found)
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
            match recorded.check(&disk, legal.clone(), image % 8 == 7, &what) {
                None => found.refused += 1,
                Some(point) if in_flight && point == *legal.end() => found.after += 1,
                Some(_) => found.before += 1,
            }
        }
    }
    println!(
        "{images} images of {stories} stories with {operations} operations, {cut_in_flight} of \
         them with a step in flight: {found:?}"
    );
    // Most of the operations belong to a commit, and its end is but one of them.
    assert!(cut_in_flight > images / 2 && found.after > 0, "{found:?}");
    assert!(found.refused < images / 20, "{found:?}");
}
