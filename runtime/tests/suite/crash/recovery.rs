//! Crashes while an engine recovers from a crash, one inside the other.

use tos_runtime::Storage;
use tos_runtime::testing::{Moment, SimulatedDisk, Survivors};

use super::images::Then;
use super::recorded::Recorded;
use crate::support::Rng;
use crate::support::setting;

/// Most crashes inside one another.
const NESTED_MAX: u64 = 10;
/// Chains of crashes that begin in one story.
const CHAINS_PER_STORY: u64 = 100;

#[test]
fn bad_s03_crashes_while_recovering_lose_nothing_however_many() {
    let wanted = setting("TOS_POWER_RECOVERIES", 100);
    let first_seed = setting("TOS_POWER_SEED", 1);
    let (mut crashes, mut deepest, mut recovered) = (0, 0, 0);
    for seed in first_seed.. {
        // A long search may be ended before its time.
        if seed > first_seed && (seed - first_seed).is_multiple_of(10) {
            println!("before seed {seed}: {crashes} crashes, up to {deepest} nested");
        }
        let recorded = Recorded::new(seed);
        let mut rng = Rng::new(seed ^ 0x5EC0);
        // The kinds of machines take turns.
        for chain in 0..CHAINS_PER_STORY.min(wanted.div_ceil(20)) {
            let what = format!("seed {seed}, chain {chain}");
            let (inside, whole) = crash_again_and_again(&recorded, &mut rng, &what);
            crashes += inside;
            recovered += whole;
            deepest = deepest.max(inside);
        }
        if crashes >= wanted {
            break;
        }
    }
    println!("{crashes} crashes inside recovery, up to {deepest} nested; {recovered} after one");
    assert!(deepest >= 5 && recovered > 0);
}

/// Crashes a story somewhere, then every attempt to open what is left, then checks everything.
/// Returns how many crashes were inside an opening, and how many after one that had ended.
fn crash_again_and_again(recorded: &Recorded, rng: &mut Rng, what: &str) -> (u64, u64) {
    let cut = rng.below(recorded.cuts() as u64) as usize;
    let mut legal = recorded.legal(cut);
    let mut moment = recorded.recording.start();
    moment.advance(cut);
    let (mut inside, mut after) = (0, 0);
    let mut path = format!("{what}, cut at {cut}");
    let mut disk = crash(&moment, rng, &mut path);
    for _ in 0..1 + rng.below(NESTED_MAX) {
        let first = disk.operations();
        let storage = recorded.machine.storage(&disk);
        let storage = storage.unwrap_or_else(|error| panic!("{path}: {error}"));
        let open = disk.operations();
        let digest = storage.meta().expect("it answers").map(|meta| meta.state_digest);
        // Closing can be cut as well.
        drop(storage);
        let recording = disk.recording();
        let last = recording.operations().len();
        let inside_it = open > first && rng.percent(60);
        let end = if inside_it { open - 1 } else { last };
        let cut = first + rng.below((end - first) as u64 + 1) as usize;
        if cut < open {
            inside += 1;
        } else {
            // Somebody may have been told what was found: from here on it must not be lost.
            after += 1;
            let is_found = |point: &usize| {
                recorded.story.points[*point].tip.map(|tip| tip.state_digest) == digest
            };
            let found = legal.clone().find(is_found);
            let found = found.unwrap_or_else(|| panic!("{path}: found {digest:?}"));
            legal = found..=found;
        }
        let mut moment = recording.start();
        moment.advance(cut);
        path += &format!(", then at {cut} of {first} to {last}");
        disk = crash(&moment, rng, &mut path);
    }
    let then = if rng.percent(50) { Then::Finish } else { Then::RollBack };
    recorded.check(&disk, legal, then, &path);
    (inside, after)
}

/// The disk after a crash: the process was killed, or the power failed.
fn crash(moment: &Moment<'_>, rng: &mut Rng, path: &mut String) -> SimulatedDisk {
    if rng.percent(25) {
        *path += " (killed)";
        return moment.killed();
    }
    let survivors = match rng.below(5) {
        0 => Survivors::All,
        1 => Survivors::None,
        _ => Survivors::Some(rng.next()),
    };
    *path += &format!(" ({survivors:?})");
    SimulatedDisk::holding(moment.image(survivors))
}
