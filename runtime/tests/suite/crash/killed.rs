//! Processes that are killed while they commit to a real file. The test runs its own program again
//! to have something to kill; that process says what it has done on its standard output.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::ops::Bound;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};
use tos_runtime::RedbStorage;

use super::machine::Machine;
use super::recorded::BLOCKS;
use super::story::{Mark, Story};
use crate::support::Rng;
use crate::support::setting;

/// The name of the test below that is the process to be killed.
const VICTIM: &str = "crash::killed::a_process_plays_its_story_on_a_file";
/// What every line that the victim says begins with; the harness says things of its own.
const SAYS: &str = "@";

/// What the victim is to do, in its environment.
mod told {
    pub(super) const FILE: &str = "TOS_VICTIM_FILE";
    pub(super) const SEED: &str = "TOS_VICTIM_SEED";
    pub(super) const POINT: &str = "TOS_VICTIM_POINT";
    pub(super) const PLACE: &str = "TOS_VICTIM_PLACE";
    pub(super) const TIMES: &str = "TOS_VICTIM_TIMES";
}

/// The kinds of operations. A commit is some pages, a sync, the header, and a sync.
const LENGTH: &str = "a new length";
const PAGE: &str = "a page";
const HEADER: &str = "the header";
const SYNC: &str = "a sync";

/// A file that stops at an operation, before or after it, and waits to be killed.
#[derive(Debug)]
struct Stopping {
    file: FileBackend,
    /// Where it stops: "before" or "after", and the kind of operation. Nothing: nowhere.
    place: String,
    /// How many times it comes there and goes on.
    left: AtomicU64,
}

impl Stopping {
    fn at<T>(
        &self,
        what: &str,
        operation: impl FnOnce() -> std::io::Result<T>,
    ) -> std::io::Result<T> {
        self.wait_for_the_end("before", what);
        let result = operation();
        self.wait_for_the_end("after", what);
        result
    }

    fn wait_for_the_end(&self, when: &str, what: &str) {
        let is_there = self.place.split_once(' ') == Some((when, what));
        if is_there && self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            say(&format!("stopped {when} {what}"));
            loop {
                std::thread::park();
            }
        }
    }
}

impl StorageBackend for Stopping {
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn close(&self) -> std::io::Result<()> {
        self.file.close()
    }

    fn len(&self) -> std::io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.at(LENGTH, || self.file.set_len(len))
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.at(SYNC, || self.file.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        let what = if offset == 0 { HEADER } else { PAGE };
        self.at(what, || self.file.write(offset, data))
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{SAYS}{line}").and_then(|()| out.flush()).expect("somebody listens");
}

/// Plays a story on a file from a point on, and says so.
fn play_on_file(path: &Path, seed: u64, point: usize, place: String, times: u64) {
    let (story, machine) = (Story::new(seed, BLOCKS), Machine::of(seed));
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path);
    let file = FileBackend::new(file.expect("the file opens")).expect("it is nobody else's");
    let backend = Stopping { file, place, left: AtomicU64::new(times) };
    if point == 0 {
        say("began 0");
    }
    let storage = RedbStorage::with_backend(backend, machine.options).expect("it opens");
    let engine = machine.open_on(storage).expect("it opens");
    let point = story.check(&engine, point.max(1)..=point.max(1), "in the victim");
    say(&format!("done {}", point - 1));
    let marks = |mark| match mark {
        Mark::Began(step) => say(&format!("began {step}")),
        Mark::Done(step) => say(&format!("done {step}")),
    };
    story.play(&engine, point..story.steps.len(), marks).expect("the disk works");
    let end = story.steps.len();
    story.check(&engine, end..=end, "in the victim");
    drop(engine);
    say("closed");
}

/// What the killed processes do. Run by itself it does the same on a file of its own, and lives.
#[test]
fn a_process_plays_its_story_on_a_file() {
    let told = |name| std::env::var(name).ok();
    if let Some(path) = told(told::FILE) {
        let number = |name| told(name).and_then(|text| text.parse().ok()).expect("a number");
        let (point, times) = (number(told::POINT) as usize, number(told::TIMES));
        let place = told(told::PLACE).expect("a place");
        play_on_file(path.as_ref(), number(told::SEED), point, place, times);
    } else {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("chain.redb");
        play_on_file(&path, 1, 0, String::new(), 0);
        let (story, machine) = (Story::new(1, BLOCKS), Machine::of(1));
        let storage = RedbStorage::with_options(&path, machine.options).expect("it opens");
        let engine = machine.open_on(storage).expect("it opens");
        let end = story.steps.len();
        story.check(&engine, end..=end, "a story that nobody ended");
    }
}

/// When a victim is killed.
#[derive(Debug, Clone, Copy)]
enum When {
    /// So many microseconds after it has said so many things.
    Random(u64, u64),
    /// At a place, when it comes there after having been there so many times.
    At(&'static str, &'static str, u64),
    /// Not at all.
    Never,
}

impl When {
    /// At any operation of a story, every kind as often as the others; or at any instant.
    fn any(rng: &mut Rng) -> Self {
        let (what, times) = match rng.below(8) {
            0 => (SYNC, rng.below(30)),
            1 => (HEADER, rng.below(30)),
            2 => (PAGE, rng.below(200)),
            3 => (LENGTH, rng.below(3)),
            _ => return Self::Random(rng.below(20), rng.below(3_000)),
        };
        Self::At(if rng.percent(50) { "before" } else { "after" }, what, times)
    }
}

/// What a victim said before it ended.
#[derive(Debug)]
struct Heard {
    done: usize,
    begun: usize,
    /// It went to the end of its story before it was killed.
    closed: bool,
    /// Where it stopped, if it was told to.
    stopped: Option<String>,
}

fn start(path: &Path, seed: u64, point: usize, when: When) -> Child {
    let (place, times) = match when {
        When::At(when, what, times) => (format!("{when} {what}"), times),
        When::Random(..) | When::Never => (String::new(), 0),
    };
    let program = std::env::current_exe().expect("this program has a path");
    Command::new(program)
        .args(["--exact", VICTIM, "--nocapture", "--test-threads=1"])
        .env(told::FILE, path)
        .env(told::SEED, seed.to_string())
        .env(told::POINT, point.to_string())
        .env(told::PLACE, place)
        .env(told::TIMES, times.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts")
}

/// Starts a victim, listens, and kills it.
fn kill(path: &Path, seed: u64, point: usize, when: When) -> Heard {
    let mut child = start(path, seed, point, when);
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut heard = Heard { done: point, begun: point, closed: false, stopped: None };
    let mut said = 0;
    let mut killed = false;
    let mut line = String::new();
    // What it said before it died is in the pipe: an acknowledgement counts however late it is
    // read.
    while lines.read_line(&mut line).expect("it is text") > 0 {
        let whole = line.strip_suffix('\n').and_then(|line| line.split_once(SAYS));
        if let Some((_, what)) = whole {
            said += 1;
            match what.split_once(' ') {
                Some(("began", step)) => heard.begun = step.parse::<usize>().expect("a step") + 1,
                Some(("done", step)) => heard.done = step.parse::<usize>().expect("a step") + 1,
                Some(("stopped", place)) => heard.stopped = Some(place.to_owned()),
                _ => heard.closed = true,
            }
        }
        let now = match when {
            When::Random(after, _) => said >= after,
            When::At(..) => heard.stopped.is_some(),
            When::Never => false,
        };
        if now && !killed {
            if let When::Random(_, micros) = when {
                std::thread::sleep(Duration::from_micros(micros));
            }
            child.kill().expect("it can be killed");
            killed = true;
        }
        line.clear();
    }
    let status = child.wait().expect("it ends");
    assert!(killed || status.success(), "seed {seed}, {when:?}: the victim failed by itself");
    heard
}

#[test]
fn bad_s01_a_killed_process_loses_no_block_that_it_has_acknowledged() {
    let wanted = setting("TOS_POWER_KILLS", 20);
    let first_seed = setting("TOS_POWER_SEED", 1);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut kills, mut acknowledged, mut in_flight) = (0, 0, 0);
    let mut places = std::collections::BTreeMap::<String, u32>::new();
    for seed in first_seed.. {
        // A long search may be ended before its time.
        if seed > first_seed && (seed - first_seed).is_multiple_of(10) {
            println!("before seed {seed}: {kills} kills, {acknowledged} steps acknowledged");
        }
        let (story, machine) = (Story::new(seed, BLOCKS), Machine::of(seed));
        let path = folder.path().join(format!("{seed}.redb"));
        let copy = folder.path().join("copy.redb");
        let mut rng = Rng::new(seed);
        let mut point = 0;
        // The same file again and again, until its story has been told or there have been enough.
        while kills < wanted {
            let when = When::any(&mut rng);
            let heard = kill(&path, seed, point, when);
            let what = format!("seed {seed}, from point {point}, {when:?}: {heard:?}");
            acknowledged += heard.done - point;
            if heard.closed {
                point = story.steps.len();
            }
            let legal = heard.done.max(point)..=heard.begun.max(heard.done).max(point);
            // The victim that comes next is to find the file as this one has left it.
            match std::fs::copy(&path, &copy) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound && *legal.start() == 0 => {
                    // Killed before there was a file.
                    kills += 1;
                    continue;
                }
                Err(error) => panic!("{what}: {error}"),
            }
            let storage = RedbStorage::with_options(&copy, machine.options);
            let storage = storage.unwrap_or_else(|error| panic!("{what}: {error}"));
            let engine = machine.open_on(storage).unwrap_or_else(|e| panic!("{what}: {e}"));
            let found =
                story.check(&engine, (*legal.start()).max(1)..=(*legal.end()).max(1), &what);
            let played = story.play(&engine, found..story.steps.len(), |_| ());
            played.unwrap_or_else(|error| panic!("{what}: {error}"));
            if heard.closed {
                break;
            }
            in_flight += u32::from(legal.start() < legal.end());
            *places.entry(heard.stopped.unwrap_or("at random".into())).or_default() += 1;
            kills += 1;
            // Where there was no chain, the victim has to begin it.
            point = if *legal.start() == 0 { 0 } else { found };
        }
        let _ = std::fs::remove_file(&path);
        if kills >= wanted {
            break;
        }
    }
    println!(
        "{kills} kills, {in_flight} of them with a step in flight, {acknowledged} steps \
         acknowledged, none lost; {places:?}"
    );
    assert!(in_flight > 0 && acknowledged > 0 && places.len() > 1);
}

#[test]
fn bad_s01_a_process_killed_anywhere_in_its_first_start_is_just_started_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (story, machine) = (Story::new(4, BLOCKS), Machine::of(4));
    let mut places = Vec::new();
    // Every new length and sync before there is a chain, and the headers that redb begins with.
    for (what, most) in [(LENGTH, 1), (HEADER, 3), (SYNC, 4), (PAGE, 1)] {
        for (times, when) in (0..most).flat_map(|times| [(times, "before"), (times, "after")]) {
            let path = folder.path().join(format!("{}.redb", places.len()));
            let heard = kill(&path, 4, 0, When::At(when, what, times));
            assert_eq!(heard.done, 0, "{when} {what}, {times} times: its first start was over");
            let place = heard.stopped.expect("it stopped");
            // In its place, as an operator would.
            let storage = RedbStorage::with_options(&path, machine.options);
            let storage = storage.unwrap_or_else(|error| panic!("{place}: {error}"));
            let engine = machine.open_on(storage).unwrap_or_else(|e| panic!("{place}: {e}"));
            let found = story.check(&engine, 1..=1, &place);
            let played = story.play(&engine, found..found + 2, |_| ());
            played.unwrap_or_else(|error| panic!("{place}: {error}"));
            places.push(place);
        }
    }
    println!("killed in the first start: {places:?}");
}

/// Starts a victim on a new file, and waits until it has stopped in the middle of its story.
fn start_and_stop(path: &Path, seed: u64) -> Child {
    let mut child = start(path, seed, 0, When::At("after", PAGE, 200));
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let stopped = lines.any(|line| line.expect("it is text").contains("@stopped"));
    assert!(stopped, "the story is shorter than that");
    child
}

#[test]
fn bad_s07_a_file_that_another_process_has_open_is_refused_until_that_is_gone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("chain.redb");
    let mut child = start_and_stop(&path, 2);
    let refused = RedbStorage::open(&path).expect_err("it is open elsewhere").to_string();
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    assert!(refused.contains("stop the other process"), "{refused}");
    let machine = Machine::of(2);
    let storage = RedbStorage::with_options(&path, machine.options).expect("nobody has it now");
    let engine = machine.open_on(storage).expect("it opens");
    let (story, tip) = (Story::new(2, BLOCKS), engine.tip());
    let legal = 2..=story.steps.len() - 1;
    assert!(story.check(&engine, legal, "of a killed process") > 1, "{tip:?}");
}

/// A process that is suspended sees the time jump when it goes on.
#[cfg(unix)]
#[test]
fn bad_s11_a_suspended_process_goes_on_as_if_nothing_had_happened() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("chain.redb");
    let mut child = start(&path, 3, 0, When::Never);
    let id = child.id().to_string();
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.expect("there is such a program").success(), "{name}");
    };
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut closed = false;
    for line in lines {
        let line = line.expect("it is text");
        closed |= line.contains("@closed");
        if line.contains("@done 5") || line.contains("@began 9") {
            signal("-STOP");
            std::thread::sleep(Duration::from_millis(50));
            signal("-CONT");
        }
    }
    // It has compared every digest and every value itself.
    assert!(child.wait().expect("it ends").success() && closed);
}
