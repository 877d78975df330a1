//! Figures, targets, and whether one meets the other.

use std::fmt;

/// What a figure has to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

impl Target {
    /// Whether a figure meets it.
    #[must_use]
    pub fn is_met_by(self, figure: f64) -> bool {
        match self {
            Self::AtMost(most) => figure <= most,
            Self::AtLeast(least) => figure >= least,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "<= {most}"),
            Self::AtLeast(least) => write!(f, ">= {least}"),
        }
    }
}

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Its name in machine-readable output.
    pub name: &'static str,
    /// The target's number, or nothing for what has no target of its own.
    pub row: &'static str,
    /// What it is, for readers.
    pub what: String,
    /// Itself.
    pub value: f64,
    /// Unit, empty for ratios.
    pub unit: &'static str,
    /// What it has to be.
    pub target: Option<Target>,
}

/// All figures of a tour, and the times they were computed from.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    figures: Vec<Figure>,
    times: Vec<(String, f64)>,
}

/// Order of the rows for readers.
const ROWS: [&str; 11] = ["", "P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10"];

impl Figures {
    /// Every figure.
    #[must_use]
    pub fn all(&self) -> &[Figure] {
        &self.figures
    }

    /// Median times in microseconds, by what took them.
    #[must_use]
    pub fn times_us(&self) -> &[(String, f64)] {
        &self.times
    }

    /// A figure by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.name == name).map(|figure| figure.value)
    }

    pub(super) fn add(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    pub(super) fn add_time(&mut self, what: impl Into<String>, us: f64) {
        self.times.push((what.into(), us));
    }

    /// By target; the order within one stays.
    pub(super) fn sort(&mut self) {
        self.figures.sort_by_key(|figure| ROWS.iter().position(|row| *row == figure.row));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_met_at_its_limit_and_not_beyond() {
        assert!(Target::AtMost(1.0).is_met_by(1.0) && !Target::AtMost(1.0).is_met_by(1.01));
        assert!(Target::AtLeast(0.97).is_met_by(0.97) && !Target::AtLeast(0.97).is_met_by(0.96));
        assert!(!Target::AtMost(1.0).is_met_by(f64::NAN));
        assert_eq!(Target::AtLeast(0.97).to_string(), ">= 0.97");
    }
}
