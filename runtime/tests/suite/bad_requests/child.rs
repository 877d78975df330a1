//! Tests that need a process of their own: this binary again, with one test.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Names the file that a child is to work on, and says that it is one.
const CHILD: &str = "TOS_TEST_CHILD";

/// The file to work on, in a child.
pub(super) fn child_file() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

/// A test of this folder again, in a process of its own, on this file. `before` is shell to run
/// first.
pub(super) fn start(test: &str, before: &str, file: &Path) -> Child {
    let this = std::env::current_exe().expect("the path of this binary");
    let test = format!("bad_requests::{test}");
    Command::new("sh")
        .args(["-c", &format!("{before} exec \"$0\" \"$@\""), &this.to_string_lossy()])
        .args(["--exact", &test, "--nocapture", "--test-threads=1"])
        .env(CHILD, file)
        // Printing one needs memory, and without it the standard library waits for its own lock.
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process starts")
}

/// What a child says in lines that begin with `said:`. The test runner writes lines of its own.
pub(super) fn said(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let text = |line: String| line.split_once("said: ").map(|(_, text)| text.to_owned());
    lines.map_while(Result::ok).filter_map(text)
}
