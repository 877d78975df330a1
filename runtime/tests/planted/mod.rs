//! Shows that the tests notice mistakes. `src/planted.rs` has the mistakes, `caught.rs` says which
//! test notices each: here that test is run with its mistake planted, in a process of its own, and
//! has to fail.
//!
//! A test binary can run its own tests only, and there are two: this is part of both.
//!
//! A few mistakes are planted whenever the tests run. For all of them, and to write
//! `PLANTED.md` anew:
//!
//! ```text
//! TOS_PLANTED_BUGS=all cargo test -p tos-runtime planted
//! ```

mod caught;

use std::io::{Read, Seek};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) use caught::Binary;
use caught::Caught;

/// A bug that can be planted: its name, what it does, the number of the law it breaks.
pub(crate) type Bug = (&'static str, &'static str, &'static str);

/// Longer than any of the named tests takes on a busy machine: beyond it a test hangs, which tells
/// nobody what is wrong.
const TIME_MAX: Duration = Duration::from_secs(120);

/// What has been measured.
const TABLE: &str = "tests/planted/PLANTED.md";

/// Plants the bugs whose tests are in this binary, each in a process of its own, and checks that
/// their tests fail.
#[allow(clippy::disallowed_methods, reason = "the length of a run comes from the environment")]
pub(crate) fn check(binary: Binary, bugs: &[Bug]) {
    check_list(bugs);
    check_names(binary);
    let is_all = std::env::var("TOS_PLANTED_BUGS").is_ok_and(|which| which == "all");
    let mut rows = Vec::new();
    let mut escaped = Vec::new();
    for caught in caught::all().filter(|it| it.binary == binary && (is_all || it.always)) {
        match run(caught.by, Some(caught.bug)) {
            Ok(Ended { failed: true, took }) => rows.push((caught, took)),
            Ok(_) => escaped.push(format!("{caught:?}: the test passes all the same")),
            Err(why) => escaped.push(format!("{caught:?}: {why}")),
        }
        // In the test command these tests run anyway.
        if is_all && !matches!(run(caught.by, None), Ok(Ended { failed: false, .. })) {
            escaped.push(format!("{caught:?}: the test fails without the bug, too"));
        }
    }
    assert!(escaped.is_empty(), "{}", escaped.join("\n"));
    assert!(!rows.is_empty(), "nothing was planted");
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join(TABLE);
    let recorded = std::fs::read_to_string(&table).unwrap_or_default();
    if is_all {
        let text = written(bugs, binary, &rows, &recorded);
        std::fs::write(table, text).expect("the table can be written");
    } else {
        for (bug, what, law) in bugs {
            let row = format!("| `{bug}` |{what} | {law} | `{}` |", named(bug).by);
            assert!(recorded.contains(&row), "{TABLE} does not have {row}");
        }
    }
}

/// Checks that every bug has a test, and every test a bug.
fn check_list(bugs: &[Bug]) {
    for (bug, ..) in bugs {
        assert_eq!(caught::all().filter(|it| it.bug == *bug).count(), 1, "tests that catch {bug}");
    }
    for it in caught::all() {
        assert!(bugs.iter().any(|(bug, ..)| it.bug == *bug), "{it:?}: there is no such bug");
    }
}

/// Checks that this binary has all tests that are named.
fn check_names(binary: Binary) {
    let exe = std::env::current_exe().expect("this is one");
    let listed = Command::new(exe).arg("--list").output().expect("it lists its tests");
    let listed = String::from_utf8(listed.stdout).expect("names are text");
    for it in caught::all().filter(|it| it.binary == binary) {
        let line = format!("{}: test", it.by);
        assert!(listed.lines().any(|listed| listed == line), "{it:?}: there is no such test");
    }
}

fn named(bug: &str) -> &'static Caught {
    caught::all().find(|it| it.bug == bug).expect("every bug has a test")
}

/// How a test ended.
struct Ended {
    failed: bool,
    took: Duration,
}

/// Runs one test of this binary, and nothing else, in a process of its own.
fn run(test: &str, bug: Option<&str>) -> Result<Ended, String> {
    let mut output = tempfile::tempfile().map_err(|error| error.to_string())?;
    let stdout = output.try_clone().map_err(|error| error.to_string())?;
    let mut command = Command::new(std::env::current_exe().map_err(|error| error.to_string())?);
    command.args(["--exact", test]);
    // Finding the lines of a backtrace would take longer than most of the tests.
    command.env("RUST_BACKTRACE", "0").env_remove("TOS_PLANTED_BUG");
    command.envs(bug.map(|bug| ("TOS_PLANTED_BUG", bug)));
    // What a planted bug fails on is nothing to try again.
    command.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true");
    command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::null());
    let start = Instant::now();
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    while child.try_wait().map_err(|error| error.to_string())?.is_none() {
        if start.elapsed() > TIME_MAX {
            child.kill().and_then(|()| child.wait()).map_err(|error| error.to_string())?;
            return Err(format!("{test} does not end"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let took = start.elapsed();
    let mut text = String::new();
    output.rewind().and_then(|()| output.read_to_string(&mut text)).map_err(|e| e.to_string())?;
    // One test ran and failed, or passed: a name that is no test's, or a process that was ended,
    // is neither.
    match (text.contains(" 0 passed; 1 failed;"), text.contains(" 1 passed; 0 failed;")) {
        (true, false) => Ok(Ended { failed: true, took }),
        (false, true) => Ok(Ended { failed: false, took }),
        _ => Err(format!("{test} neither passed nor failed: {text}")),
    }
}

/// The table with the rows of this binary replaced.
fn written(
    bugs: &[Bug],
    binary: Binary,
    rows: &[(&'static Caught, Duration)],
    recorded: &str,
) -> String {
    let mut text = String::from(HEAD);
    let mut sum = 0;
    for (bug, what, law) in bugs {
        let by = named(bug).by;
        let measured = rows.iter().find(|(it, _)| it.bug == *bug);
        let milliseconds = match measured {
            Some((_, took)) => took.as_millis().to_string(),
            // The other binary's.
            None => {
                assert!(named(bug).binary != binary, "{bug} was not planted");
                let found = recorded.lines().find(|line| line.starts_with(&format!("| `{bug}` |")));
                let last = found.and_then(|line| line.trim_end_matches(" |").rsplit("| ").next());
                last.unwrap_or("?").to_owned()
            }
        };
        sum += milliseconds.parse::<u64>().unwrap_or(0);
        text += &format!("| `{bug}` |{what} | {law} | `{by}` | {milliseconds} |\n");
    }
    text + &format!("\n{} bugs, {sum} milliseconds together.\n", bugs.len())
}

const HEAD: &str = "\
# Planted bugs, and the tests that catch them

Written by `TOS_PLANTED_BUGS=all cargo test -p tos-runtime planted`, which plants one bug after the
other (`src/planted.rs`), each in a process of its own, and fails if the test named here passes all
the same. Milliseconds are those from starting the process of the test to its failure, in the dev
profile; they depend on the machine and on what else it does.

| Bug | What it does | Law | Caught by | Milliseconds |
|---|---|---|---|---|
";
