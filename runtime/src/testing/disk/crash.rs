//! What a disk may hold after a crash: operations that were recorded, and which of them survive.

use std::sync::Arc;

use super::SimulatedDisk;

/// What a disk was asked to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Bytes at an offset.
    Write {
        /// Where.
        offset: usize,
        /// What.
        bytes: Arc<[u8]>,
    },
    /// A new length; what is added is zero.
    SetLen(usize),
    /// Everything before it is durable.
    Sync,
    /// A sync that reported an error. Of what was not durable these survive, and no later sync
    /// brings the rest back: a kernel that could not write a page forgets that it is dirty.
    FailedSync(Survivors),
}

/// Which of the operations that were not synced survive a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survivors {
    /// All: the process was killed, the system stayed up.
    All,
    /// None: the power failed and nothing but synced data had reached the disk.
    None,
    /// A seeded choice, as if the disk had reordered them; a write may be torn at the border of a
    /// sector of 512 bytes or a page of 4 KiB.
    Some(u64),
}

/// What became of one operation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Lost,
    Torn,
    Kept,
}

impl Survivors {
    /// Applies the survivors among `pending` to the bytes that were durable before them.
    pub(super) fn apply(self, image: &mut Vec<u8>, pending: &[Operation]) {
        match self {
            Self::None => {}
            Self::All => pending.iter().for_each(|operation| keep(image, operation)),
            Self::Some(seed) => apply_some(image, pending, &mut Random(seed)),
        }
    }
}

fn apply_some(image: &mut Vec<u8>, pending: &[Operation], random: &mut Random) {
    let sector = if random.below(2) == 0 { 512 } else { 4096 };
    // Losing and keeping at random alone would hardly ever lose just one of many, or all but one.
    let style = random.below(6);
    let chosen = random.below(pending.len());
    for (idx, operation) in pending.iter().enumerate() {
        let fate = match style {
            0 => [Fate::Lost, Fate::Torn, Fate::Kept][random.below(3)],
            1 if idx == chosen => [Fate::Lost, Fate::Torn][random.below(2)],
            2 if idx == chosen => Fate::Kept,
            // The newest arrived first.
            3 if idx >= chosen => Fate::Kept,
            4 if idx < chosen => Fate::Kept,
            4 if idx == chosen => Fate::Torn,
            5 => [Fate::Torn, Fate::Kept][random.below(2)],
            1 => Fate::Kept,
            _ => Fate::Lost,
        };
        match (fate, operation) {
            (Fate::Lost, _) => {}
            (Fate::Torn, Operation::Write { offset, bytes }) => {
                tear(image, *offset, bytes, sector, random);
            }
            (Fate::Torn | Fate::Kept, operation) => keep(image, operation),
        }
    }
}

/// Applies an operation.
pub(super) fn keep(image: &mut Vec<u8>, operation: &Operation) {
    match operation {
        Operation::Write { offset, bytes } => put(image, *offset, bytes),
        Operation::SetLen(len) => image.resize(*len, 0),
        Operation::Sync | Operation::FailedSync(_) => {}
    }
}

/// Applies some of the sectors of a write: the first ones, the last ones, or any.
fn tear(image: &mut [u8], offset: usize, bytes: &[u8], sector: usize, random: &mut Random) {
    let first = offset / sector;
    let sectors = (offset + bytes.len()).div_ceil(sector) - first;
    let style = random.below(3);
    let border = random.below(sectors + 1);
    for number in 0..sectors {
        let arrived = match style {
            0 => number < border,
            1 => number >= border,
            _ => random.below(2) == 0,
        };
        if arrived {
            let start = ((first + number) * sector).max(offset) - offset;
            let end = ((first + number + 1) * sector).min(offset + bytes.len()) - offset;
            put(image, offset + start, &bytes[start..end]);
        }
    }
}

/// Writes what lies within the file: if the operation that made it longer is lost, what was written
/// to its end is lost with it.
fn put(image: &mut [u8], offset: usize, bytes: &[u8]) {
    let end = image.len().min(offset + bytes.len());
    if offset < end {
        image[offset..end].copy_from_slice(&bytes[..end - offset]);
    }
}

/// Everything a disk was asked to do, to be cut anywhere.
#[derive(Debug, Clone)]
pub struct Recording {
    pub(super) base: Arc<[u8]>,
    pub(super) operations: Vec<Operation>,
}

impl Recording {
    /// The operations, in order.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The moment before the first operation.
    #[must_use]
    pub fn start(&self) -> Moment<'_> {
        Moment { recording: self, durable: self.base.to_vec(), synced: 0, at: 0 }
    }
}

/// A moment of a [`Recording`]. It moves forwards only, so that going through a whole recording
/// applies each operation once.
#[derive(Debug, Clone)]
pub struct Moment<'a> {
    recording: &'a Recording,
    durable: Vec<u8>,
    /// Operations that are part of `durable`.
    synced: usize,
    at: usize,
}

impl Moment<'_> {
    /// Moves on until so many operations have been performed.
    ///
    /// # Panics
    /// That moment has passed or the recording is shorter.
    pub fn advance(&mut self, at: usize) {
        assert!(at >= self.at, "a moment that has passed");
        for (idx, operation) in self.recording.operations[..at].iter().enumerate().skip(self.at) {
            let survivors = match operation {
                Operation::Sync => Survivors::All,
                Operation::FailedSync(survivors) => *survivors,
                Operation::Write { .. } | Operation::SetLen(_) => continue,
            };
            survivors.apply(&mut self.durable, &self.recording.operations[self.synced..idx]);
            self.synced = idx + 1;
        }
        self.at = at;
    }

    /// Operations that would be lost if the power failed now and nothing had reached the disk.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.at - self.synced
    }

    /// The bytes found after a crash at this moment.
    #[must_use]
    pub fn image(&self, survivors: Survivors) -> Vec<u8> {
        let mut image = self.durable.clone();
        survivors.apply(&mut image, &self.recording.operations[self.synced..self.at]);
        image
    }

    /// The disk as a process finds it that starts after another one was killed at this moment: it
    /// reads everything, but what was not synced may still be lost.
    #[must_use]
    pub fn killed(&self) -> SimulatedDisk {
        let pending = &self.recording.operations[self.synced..self.at];
        SimulatedDisk::with_pending(self.durable.clone(), pending)
    }
}

/// SplitMix64: the choice of a seed is the same everywhere.
struct Random(u64);

impl Random {
    /// A number below `bound`; 0 if that is 0.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % bound.max(1) as u64) as usize
    }
}
