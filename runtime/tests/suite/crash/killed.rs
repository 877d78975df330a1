//! Processes that are killed while they commit to a real file. The test runs its own program again to
//! have something to kill; that process says what it has done on its standard output.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redb::StorageBackend;
use redb::backends::FileBackend;
use tos_runtime::{RedbStorage, StorageError};

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
    pub(super) const STOP: &str = "TOS_VICTIM_STOP";
}

/// A file that stops at an operation, before or after it, and waits to be killed.
#[derive(Debug)]
struct Stopping {
    file: FileBackend,
    /// Twice the number of operations so far.
    moment: AtomicU64,
    /// Even: before an operation. Odd: after it.
    stop: u64,
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
        if self.moment.fetch_add(1, Ordering::SeqCst) == self.stop {
            say(&format!("stopped {when} {what}"));
            loop {
                std::thread::park();
            }
        }
    }
}

impl StorageBackend for Stopping {
    fn len(&self) -> std::io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.at("a new length", || self.file.set_len(len))
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.at("a sync", || self.file.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        let what = if offset == 0 { "a write of the header" } else { "a write of a page" };
        self.at(what, || self.file.write(offset, data))
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{SAYS}{line}").and_then(|()| out.flush()).expect("somebody listens");
}

/// Plays a story on a file from a point on, and says so.
fn play_on_file(path: &Path, seed: u64, point: usize, stop: u64) {
    let (story, machine) = (Story::new(seed, BLOCKS), Machine::of(seed));
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path);
    let file = FileBackend::new(file.expect("the file opens")).expect("it is nobody else's");
    let backend = Stopping { file, moment: AtomicU64::new(0), stop };
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
        let stop = number(told::STOP);
        play_on_file(path.as_ref(), number(told::SEED), number(told::POINT) as usize, stop);
    } else {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("chain.redb");
        play_on_file(&path, 1, 0, u64::MAX);
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
    /// At an operation of the file: see [`Stopping::stop`].
    At(u64),
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
    let stop = match when {
        When::At(moment) => moment,
        When::Random(..) => u64::MAX,
    };
    let program = std::env::current_exe().expect("this program has a path");
    Command::new(program)
        .args(["--exact", VICTIM, "--nocapture", "--test-threads=1"])
        .env(told::FILE, path)
        .env(told::SEED, seed.to_string())
        .env(told::POINT, point.to_string())
        .env(told::STOP, stop.to_string())
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
    // What it said before it died is in the pipe: an acknowledgement counts however late it is read.
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
            When::At(_) => heard.stopped.is_some(),
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
        let (story, machine) = (Story::new(seed, BLOCKS), Machine::of(seed));
        let path = folder.path().join(format!("{seed}.redb"));
        let copy = folder.path().join("copy.redb");
        let mut rng = Rng::new(seed);
        let mut point = 0;
        // The same file again and again, until its story has been told or there have been enough.
        while kills < wanted {
            let when = match kills % 2 {
                0 => When::Random(rng.below(20), rng.below(3_000)),
                _ => When::At(rng.below(300)),
            };
            let heard = kill(&path, seed, point, when);
            let what = format!("seed {seed}, from point {point}, {when:?}: {heard:?}");
            acknowledged += heard.done - point;
            if heard.closed {
                point = story.steps.len();
            }
            let legal = heard.done.max(point)..=heard.begun.max(heard.done).max(point);
            // The victim that comes next is to find the file as this one has left it.
            let copied = std::fs::copy(&path, &copy).map_err(StorageError::new);
            let opened = copied.and_then(|_| RedbStorage::with_options(&copy, machine.options));
            let storage = match opened {
                Ok(storage) => storage,
                // Killed before it had made the file, or while it did.
                Err(_) if *legal.start() == 0 => {
                    let _ = std::fs::remove_file(&path);
                    kills += 1;
                    continue;
                }
                Err(error) => panic!("{what}: {error}"),
            };
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
