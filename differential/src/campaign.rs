//! Many modules, one seed each, on as many threads as there are cores.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::compare::{Difference, compare};
use crate::engines::{Engine, on_threads};
use crate::report::{Report, Tally};
use crate::sources::draw;

/// Which modules.
#[derive(Debug, Clone, Copy)]
pub struct Campaign {
    /// The seed of the first; the others follow one by one.
    pub seed: u64,
    /// How many seeds.
    pub modules: u64,
    /// Threads that run them.
    pub threads: usize,
}

/// A module on which engines differ.
#[derive(Debug)]
pub struct Finding {
    /// The seed that gives it.
    pub seed: u64,
    /// The module as deployed.
    pub code: Vec<u8>,
    /// What differs.
    pub difference: Difference,
}

impl Campaign {
    /// Compares all modules. `progress` is called with the number done so far.
    ///
    /// # Errors
    /// The finding with the lowest seed among those met before the threads stopped.
    pub fn run(
        self,
        engines: &[Box<dyn Engine>],
        progress: impl Fn(u64) + Sync,
    ) -> Result<Report, Box<Finding>> {
        let (next, done, stop) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        let finding: Mutex<Option<Box<Finding>>> = Mutex::new(None);
        let reports = on_threads(self.threads, |_| {
            let mut report = Report::default();
            while !stop.load(Ordering::Relaxed) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= self.modules {
                    break;
                }
                if let Err(found) = count(engines, self.seed + index, &mut report) {
                    stop.store(true, Ordering::Relaxed);
                    let mut finding = finding.lock().unwrap_or_else(|error| error.into_inner());
                    if finding.as_ref().is_none_or(|other| found.seed < other.seed) {
                        *finding = Some(found);
                    }
                }
                progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            }
            report
        });
        if let Some(finding) = finding.into_inner().unwrap_or_else(|error| error.into_inner()) {
            return Err(finding);
        }
        let mut total = Report::default();
        reports.iter().for_each(|report| total.add(report));
        Ok(total)
    }
}

fn count(engines: &[Box<dyn Engine>], seed: u64, report: &mut Report) -> Result<(), Box<Finding>> {
    let draw = draw(seed);
    let tally = match &draw.subject {
        None => Tally::default(),
        Some(subject) => compare(engines, subject, seed).map_err(|difference| {
            Box::new(Finding { seed, code: subject.code.clone(), difference })
        })?,
    };
    report.count(&draw, &tally);
    Ok(())
}
