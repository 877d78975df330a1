//! A story, and everything a disk was asked to do while it was played.

use std::ops::RangeInclusive;

use tos_runtime::testing::{Recording, SimulatedDisk};

use super::machine::Machine;
use super::story::{Mark, Story};
use crate::support::Rng;

/// Blocks of a story.
pub(super) const BLOCKS: usize = 16;

pub(super) struct Recorded {
    pub(super) story: Story,
    pub(super) machine: Machine,
    pub(super) recording: Recording,
    /// What was known after so many operations.
    marks: Vec<(usize, Mark)>,
}

impl Recorded {
    /// Plays the story of a seed, closing and opening the database once in between.
    pub(super) fn new(seed: u64) -> Self {
        let story = Story::new(seed, BLOCKS);
        let machine = Machine::of(seed);
        let disk = SimulatedDisk::default();
        let mut marks = vec![(0, Mark::Began(0))];
        let steps = story.steps.len();
        let pause = 1 + Rng::new(seed).below(steps as u64 - 1) as usize;
        for part in [1..pause, pause..steps] {
            let engine = machine.open(&disk).expect("the disk works");
            if part.start == 1 {
                marks.push((disk.operations(), Mark::Done(0)));
            }
            let mark = |mark| marks.push((disk.operations(), mark));
            story.play(&engine, part, mark).expect("the disk works");
        }
        Self { story, machine, recording: disk.recording(), marks }
    }

    /// The operations that can be cut off: none to all.
    pub(super) fn cuts(&self) -> usize {
        self.recording.operations().len() + 1
    }

    /// The points at which a database may stand that was cut after so many operations.
    pub(super) fn legal(&self, cut: usize) -> RangeInclusive<usize> {
        let (mut done, mut begun) = (0, 0);
        for (at, mark) in &self.marks {
            match mark {
                Mark::Done(step) if *at <= cut => done = step + 1,
                // Nothing of it can be there before its first operation.
                Mark::Began(step) if *at < cut => begun = step + 1,
                _ => {}
            }
        }
        assert!((done..=done + 1).contains(&begun.max(done)), "one block at a time is in flight");
        done..=begun.max(done)
    }
}
