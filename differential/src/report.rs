//! Counts of a comparison, and the table they are printed as.

use std::collections::BTreeMap;
use std::fmt;

use crate::observation::{End, Observation};
use crate::sources::{Draw, Source};

/// What happened in some runs. Each is counted once, not once per engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Runs, by how they ended.
    pub ends: BTreeMap<End, u64>,
    /// How entries ended that had plenty of gas and stack.
    pub plenty: BTreeMap<End, u64>,
    /// Calls of host functions.
    pub host_calls: u64,
    /// Gas used.
    pub gas: u64,
    /// Entries that used more gas than a few operators cost, given plenty.
    pub busy: u64,
    /// Entries that called the host, given plenty.
    pub calling: u64,
}

/// Gas from which on an entry counts as busy.
pub const BUSY_GAS: u64 = 200;

impl Tally {
    /// Counts a run.
    pub fn run(&mut self, granted: i64, observation: &Observation) {
        *self.ends.entry(observation.end).or_default() += 1;
        self.host_calls += observation.calls.len() as u64;
        self.gas += used(granted, observation);
    }

    /// Counts an entry that had plenty of everything.
    pub fn subjects_end(&mut self, observation: &Observation) {
        *self.plenty.entry(observation.end).or_default() += 1;
        self.busy += u64::from(used(crate::compare::GAS, observation) >= BUSY_GAS);
        self.calling += u64::from(!observation.calls.is_empty());
    }

    fn add(&mut self, other: &Self) {
        for (into, from) in [(&mut self.ends, &other.ends), (&mut self.plenty, &other.plenty)] {
            for (end, count) in from {
                *into.entry(*end).or_default() += count;
            }
        }
        self.host_calls += other.host_calls;
        self.gas += other.gas;
        self.busy += other.busy;
        self.calling += other.calling;
    }
}

fn used(granted: i64, observation: &Observation) -> u64 {
    u64::try_from(granted - observation.gas_left.max(0)).unwrap_or(0)
}

/// The counts of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// Modules that passed the gate and ran.
    pub accepted: u64,
    /// Modules that did not pass the gate.
    pub refused: u64,
    /// Their runs.
    pub tally: Tally,
}

/// The counts of a comparison by source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report(pub BTreeMap<Source, Row>);

impl Report {
    /// Counts what a seed gave, and the runs of its module.
    pub fn count(&mut self, draw: &Draw, tally: &Tally) {
        let row = self.0.entry(draw.source).or_default();
        row.accepted += u64::from(draw.subject.is_some());
        row.refused += draw.refused;
        row.tally.add(tally);
    }

    /// Adds another report.
    pub fn add(&mut self, other: &Self) {
        for (source, other) in &other.0 {
            let row = self.0.entry(*source).or_default();
            row.accepted += other.accepted;
            row.refused += other.refused;
            row.tally.add(&other.tally);
        }
    }

    /// All sources together.
    #[must_use]
    pub fn total(&self) -> Row {
        let mut total = Row::default();
        for row in self.0.values() {
            total.accepted += row.accepted;
            total.refused += row.refused;
            total.tally.add(&row.tally);
        }
        total
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut columns: Vec<(String, Row)> =
            self.0.iter().map(|(source, row)| (source.to_string(), row.clone())).collect();
        columns.push(("all".to_owned(), self.total()));
        let names: Vec<_> = columns.iter().map(|(name, _)| format!("{name:>15}")).collect();
        writeln!(f, "{:<34}{}", "", names.concat())?;
        let mut line = |name: &str, value: &dyn Fn(&Row) -> u64| {
            write!(f, "{name:<34}")?;
            for (_, row) in &columns {
                write!(f, "{:>15}", value(row))?;
            }
            writeln!(f)
        };
        line("modules accepted", &|row| row.accepted)?;
        line("modules refused by the gate", &|row| row.refused)?;
        line("entries called", &|row| row.tally.plenty.values().sum())?;
        for end in End::ALL {
            let count = move |row: &Row| row.tally.plenty.get(&end).copied().unwrap_or(0);
            line(&format!("  given plenty: {end}"), &count)?;
        }
        line(&format!("  at least {BUSY_GAS} gas used"), &|row| row.tally.busy)?;
        line("  host called", &|row| row.tally.calling)?;
        line("runs (on every engine)", &|row| row.tally.ends.values().sum())?;
        for end in End::ALL {
            let count = move |row: &Row| row.tally.ends.get(&end).copied().unwrap_or(0);
            line(&format!("  {end}"), &count)?;
        }
        line("host calls", &|row| row.tally.host_calls)?;
        line("gas used", &|row| row.tally.gas)?;
        Ok(())
    }
}
