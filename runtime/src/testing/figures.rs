//! Figures that are recorded beside the tests and compared from then on: gas, sizes.
#![allow(clippy::disallowed_methods, reason = "whether to record comes from the environment")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Set to anything, this makes [`Figures::check`] record instead of compare.
const RECORD: &str = "TOS_RECORD_FIGURES";

/// Named numbers and the file they are recorded in, a line each: `name: number`.
///
/// ```no_run
/// use tos_runtime::testing::Figures;
///
/// let mut figures = Figures::in_file(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/figures.txt"));
/// figures.add("transfer, gas", 41_300_u64);
/// figures.check();
/// ```
#[derive(Debug)]
#[must_use = "nothing is compared until `check`"]
pub struct Figures {
    file: PathBuf,
    found: BTreeMap<String, u64>,
}

impl Figures {
    /// Figures that are recorded in this file.
    pub fn in_file(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), found: BTreeMap::new() }
    }

    /// Whether figures are recorded and not compared, for those who show them elsewhere too.
    #[must_use]
    pub fn recording() -> bool {
        std::env::var(RECORD).is_ok()
    }

    /// Adds a figure.
    pub fn add(&mut self, name: &str, figure: impl Into<u64>) {
        self.found.insert(name.into(), figure.into());
    }

    /// Compares with what is recorded, or records.
    ///
    /// # Panics
    /// When a figure is missing, new or different: all of them are listed, with the way to record
    /// them anew. When the file cannot be read or written.
    #[track_caller]
    pub fn check(self) {
        let file = self.file.display();
        let mut text = String::new();
        for (name, figure) in &self.found {
            let _ = writeln!(text, "{name}: {figure}");
        }
        if Self::recording() {
            std::fs::write(&self.file, text).unwrap_or_else(|error| panic!("{file}: {error}"));
            return;
        }
        let recorded = std::fs::read_to_string(&self.file).unwrap_or_else(|error| {
            panic!("{file}: {error}; set {RECORD}=1 to record the figures")
        });
        let differences = differences(&recorded, &text);
        assert!(
            differences.is_empty(),
            "figures differ from {file} (- recorded, + found); set {RECORD}=1 to record them:\n\
             {differences}"
        );
    }
}

fn differences(recorded: &str, found: &str) -> String {
    let mut text = String::new();
    let only_in = |a: &str, b: &str| -> Vec<String> {
        a.lines().filter(|line| b.lines().all(|other| other != *line)).map(Into::into).collect()
    };
    for line in only_in(recorded, found) {
        let _ = writeln!(text, "  - {line}");
    }
    for line in only_in(found, recorded) {
        let _ = writeln!(text, "  + {line}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_both_sides() {
        assert_eq!(differences("a: 1\nb: 2\n", "a: 1\nb: 2\n"), "");
        assert_eq!(differences("a: 1\nb: 2\n", "a: 1\nb: 3\n"), "  - b: 2\n  + b: 3\n");
        assert_eq!(differences("", "a: 1\n"), "  + a: 1\n");
    }

    #[test]
    #[should_panic(expected = "figures differ")]
    fn a_figure_that_moved_fails() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("figures.txt");
        std::fs::write(&file, "gas: 5\n").expect("it is written");
        let mut figures = Figures::in_file(file);
        figures.add("gas", 6_u64);
        figures.check();
    }
}
