//! What came out: medians, ratios, the tables and the JSON.

use std::collections::BTreeMap;
use std::fmt;

use peer::{Case, Description, Request, Threads, Work};
use serde_json::{Value, json};

use crate::args::Args;
use crate::peer_process::PeerProcess;

/// How an engine does.
pub(crate) struct Standing {
    /// Its short name.
    name: &'static str,
    /// Who it is, if it started.
    description: Option<Description>,
    /// As long as it runs.
    process: Option<PeerProcess>,
    /// Microseconds per transfer, of every round that counted.
    times: BTreeMap<(usize, usize), Vec<f64>>,
    /// Why there are no more figures.
    fault: Option<String>,
}

/// Cases in the order of the tables.
fn place(case: Case) -> (usize, usize) {
    (usize::from(case.work == Work::Plain), case.threads)
}

impl Standing {
    pub(crate) fn of(name: &'static str, description: Description, process: PeerProcess) -> Self {
        let (description, process) = (Some(description), Some(process));
        Self { name, description, process, times: BTreeMap::new(), fault: None }
    }

    /// An engine that is not there.
    pub(crate) fn absent(name: &'static str, fault: &str) -> Self {
        let fault = Some(fault.to_owned());
        Self { name, description: None, process: None, times: BTreeMap::new(), fault }
    }

    /// One round, unless the engine cannot or does not do it.
    pub(crate) fn round(&mut self, request: &Request) -> Option<f64> {
        let does = |it: &Description| it.works.contains(&request.case.work);
        if !self.description.as_ref().is_some_and(does) {
            return None;
        }
        match self.process.as_mut()?.round(request) {
            Ok(micros) => Some(micros),
            Err(error) => {
                self.fault = Some(format!("{:?}: {error:#}", request.case));
                self.process = None;
                None
            }
        }
    }

    pub(crate) fn record(&mut self, case: Case, micros: f64) {
        self.times.entry(place(case)).or_default().push(micros);
    }

    fn times(&self, case: Case) -> Option<Times> {
        Times::of(self.times.get(&place(case))?)
    }
}

/// The rounds of a case in three figures.
#[derive(Clone, Copy)]
struct Times {
    median: f64,
    least: f64,
    most: f64,
}

impl Times {
    fn of(times: &[f64]) -> Option<Self> {
        let mut sorted = times.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let even = sorted.len().is_multiple_of(2);
        let below = sorted[middle - usize::from(even)];
        Some(Self { median: f64::midpoint(below, sorted[middle]), least, most })
    }
}

/// Everything that was measured.
pub(crate) struct Report {
    machine: String,
    txs: usize,
    rounds: usize,
    threads: usize,
    standings: Vec<Standing>,
}

impl Report {
    pub(crate) fn new(args: &Args, standings: Vec<Standing>) -> Self {
        let &Args { txs, rounds, threads, .. } = args;
        Self { machine: machine(), txs, rounds, threads, standings }
    }

    /// Whether every engine that started has every figure.
    pub(crate) fn complete(&self) -> bool {
        self.standings.iter().all(|it| it.description.is_none() || it.fault.is_none())
    }

    /// How much longer an engine takes than the first one.
    fn ratio(&self, standing: &Standing, case: Case) -> Option<f64> {
        let ours = self.standings.first().filter(|it| it.name == crate::PEERS[0])?;
        Some(standing.times(case)?.median / ours.times(case)?.median)
    }

    pub(crate) fn json(&self) -> Value {
        let peers: Vec<_> = self.standings.iter().map(|it| self.json_of(it)).collect();
        json!({
            "machine": self.machine,
            "txs": self.txs,
            "rounds": self.rounds,
            "unit": "microseconds per transfer",
            "peers": peers,
        })
    }

    fn json_of(&self, standing: &Standing) -> Value {
        let figures = crate::cases(self.threads).filter_map(|case| {
            let Times { median, least, most } = standing.times(case)?;
            let ratio = self.ratio(standing, case);
            Some(json!({
                "work": case.work, "threads": case.threads,
                "median": median, "least": least, "most": most, "ratio": ratio,
            }))
        });
        json!({
            "peer": standing.name,
            "description": standing.description,
            "figures": figures.collect::<Vec<_>>(),
            "fault": standing.fault,
        })
    }

    fn table(&self, f: &mut fmt::Formatter<'_>, work: Work, title: &str) -> fmt::Result {
        write!(f, "\n{title:<40}")?;
        for threads in 1..=self.threads {
            write!(
                f,
                "{:>12}{:>8}",
                format!("{threads} thread{}", if threads == 1 { "" } else { "s" }),
                "ratio"
            )?;
        }
        writeln!(f)?;
        for standing in &self.standings {
            let Some(description) = &standing.description else { continue };
            if !description.works.contains(&work) {
                continue;
            }
            let engine = format!("{} {}", description.name, description.version);
            write!(f, "  {engine:<38}")?;
            for threads in 1..=self.threads {
                let case = Case { work, threads };
                match (standing.times(case), self.ratio(standing, case)) {
                    (Some(times), Some(ratio)) => write!(f, "{:>12.3}{ratio:>8.1}", times.median)?,
                    (Some(times), None) => write!(f, "{:>12.3}{:>8}", times.median, "")?,
                    (None, _) => write!(f, "{:>12}{:>8}", "-", "")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "machine: {}", self.machine)?;
        writeln!(
            f,
            "{} transfers per round by as many senders; microseconds per transfer, medians of {} \
             rounds that took turns;\nratio: over the first engine's. All balances of all rounds \
             were checked.",
            self.txs, self.rounds
        )?;
        self.table(f, Work::Token, "Token transfers through a contract")?;
        self.table(f, Work::Plain, "Plain transfers")?;
        for standing in &self.standings {
            if let Some(description) = &standing.description {
                writeln!(f, "\n{} {}", description.name, description.version)?;
                writeln!(f, "  token:    {}", description.token)?;
                writeln!(f, "  threads:  {}", meaning(description.threads))?;
                for line in &description.includes {
                    writeln!(f, "  includes: {line}")?;
                }
                for line in &description.excludes {
                    writeln!(f, "  excludes: {line}")?;
                }
            }
            if let Some(fault) = &standing.fault {
                writeln!(f, "\n{} has no (more) figures: {fault}", standing.name)?;
            }
        }
        Ok(())
    }
}

fn meaning(threads: Threads) -> &'static str {
    match threads {
        Threads::Native => "one block on one state, executed in parallel by the engine",
        Threads::Halves => {
            "not parallel by itself: an engine per thread, each with its share of the holders \
             (upper bound)"
        }
    }
}

/// Processor, system and commit.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = info.lines().find(|line| line.starts_with("model name"));
    let cpu = line.and_then(|line| line.split(':').nth(1)).unwrap_or("unknown processor").trim();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let commit = commit().unwrap_or_else(|| "unknown commit".into());
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("{cpu}, {cores} cores, {os} {arch}; {commit}")
}

/// What the sources were checked out at, if git knows; `-dirty` when they were changed since.
fn commit() -> Option<String> {
    let output = std::process::Command::new("git")
        .args(["describe", "--always", "--dirty", "--exclude", "*"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| format!("commit {}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle() {
        let median = |times: &[f64]| Times::of(times).map(|it| it.median);
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[5.0, 1.0, 3.0]), Some(3.0));
        assert_eq!(median(&[5.0, 1.0, 2.0, 4.0]), Some(3.0));
    }
}
