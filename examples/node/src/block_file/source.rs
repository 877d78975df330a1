//! The text of a block file, and faults that point into it. Knows nothing of what it means.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::module_file::read_bounded;

/// Characters of a source line that a fault shows, and of any text it quotes.
const SHOWN_MAX: usize = 100;
/// Characters of a message that is shown: what the host takes from a contract, and its place.
const MESSAGE_SHOWN_MAX: usize = 2_000;

/// A file's name and text.
pub(crate) struct Source {
    name: String,
    text: String,
}

/// A mistake in a block file: where, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Bytes of the text it is about.
    pub span: Range<usize>,
    /// The field, such as `transactions[2].call.input[0]`; empty for the file as a whole.
    pub path: String,
    /// What was expected and what was found.
    pub message: String,
}

impl Source {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let bytes = read_bounded(path).with_context(|| format!("cannot read {name}"))?;
        let text = String::from_utf8(bytes)
            .map_err(|error| error.utf8_error())
            .with_context(|| format!("{name} is not text in UTF-8"))?;
        Ok(Self { name, text })
    }

    /// A text that is not in a file.
    #[allow(dead_code, reason = "for tests and for fuzzing, which compile this file too")]
    pub(crate) fn new(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: text.to_owned() }
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The byte at a line and a column as serde_json counts them: lines from one, columns in bytes.
    pub(crate) fn offset(&self, line: usize, column: usize) -> usize {
        let before: usize =
            self.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        (before + column.saturating_sub(1)).min(self.text.len())
    }

    /// A fault for people: file, line, column, field, message, and the line with a mark under it.
    pub(crate) fn describe(&self, fault: &Fault) -> anyhow::Error {
        anyhow::Error::msg(Described { source: self, fault }.to_string())
    }
}

/// Text from a file as it may be shown on a terminal: without control characters, and not too long.
pub(crate) fn shown(text: &str) -> String {
    shown_up_to(text, SHOWN_MAX)
}

/// Like [`shown`], for what says at its end where it comes from.
pub(crate) fn shown_whole(text: &str) -> String {
    shown_up_to(text, MESSAGE_SHOWN_MAX)
}

fn shown_up_to(text: &str, max: usize) -> String {
    let mut shown: String = text
        .chars()
        .take(max)
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    if text.chars().nth(max).is_some() {
        shown.push('…');
    }
    shown
}

struct Described<'a> {
    source: &'a Source,
    fault: &'a Fault,
}

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.source.text;
        let Fault { span, path, message } = self.fault;
        let start = floor_boundary(text, span.start);
        let (before, after) = text.split_at(start);
        let line_number = before.matches('\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let lead = &before[line_start..];
        let column = lead.chars().count() + 1;
        let rest = after.lines().next().unwrap_or("");

        write!(f, "{}:{line_number}:{column}: ", self.source.name)?;
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        writeln!(f, "{message}")?;

        // A long lead is cut from the left, so that the mark stays in sight.
        let lead_shown: String = if column > SHOWN_MAX {
            format!("…{}", shown(&lead.chars().skip(column - SHOWN_MAX).collect::<String>()))
        } else {
            shown(&lead.replace('\t', " "))
        };
        let rest_shown = shown(&rest.replace('\t', " "));
        let marked = text.get(start..span.end).map_or(1, |text| text.chars().count());
        let marked = marked.clamp(1, rest_shown.chars().count().max(1));
        let number = line_number.to_string();
        writeln!(f, "  {number} | {lead_shown}{rest_shown}")?;
        let indent = lead_shown.chars().count();
        write!(f, "  {:width$} | {:indent$}{}", "", "", "^".repeat(marked), width = number.len())
    }
}

/// The start of the character that byte `at` belongs to, or the end of the text.
fn floor_boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn describe(text: &str, span: Range<usize>) -> String {
        let fault = Fault { span, path: "a.b".to_owned(), message: "expected c".to_owned() };
        Source::new("f.json", text).describe(&fault).to_string()
    }

    #[test]
    fn a_fault_shows_its_line_and_marks_the_place() {
        assert_eq!(
            describe("{\n  \"ä\": 12\n}", 10..12),
            "f.json:2:8: a.b: expected c\n  2 |   \"ä\": 12\n    |        ^^"
        );
    }

    #[test]
    fn places_outside_the_text_and_inside_characters_do_no_harm() {
        assert!(describe("", 5..9).starts_with("f.json:1:1:"));
        assert!(describe("ä", 1..2).starts_with("f.json:1:1:"));
        assert!(describe("a\n", 2..2).starts_with("f.json:2:1:"));
    }

    #[test]
    fn what_is_shown_is_short_and_without_control_characters() {
        assert_eq!(shown("a\u{1b}[31m"), "a\u{fffd}[31m");
        assert_eq!(shown(&"x".repeat(1_000)).chars().count(), SHOWN_MAX + 1);
        let long = format!("{}1", " ".repeat(5_000));
        let text = describe(&long, 5_000..5_001);
        assert!(text.lines().all(|line| line.chars().count() < 250), "{text}");
    }
}
