//! What a benchmark has to say at its end: a table of its figures with the machine, and a chart.
#![allow(clippy::float_arithmetic, reason = "figures for readers, no part of a result")]

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::machine::Machine;
use crate::stats::{median_us, us};
use crate::svg::{Chart, Panel, Series};
use crate::table::Table;

/// One measured case.
#[derive(Debug, Clone)]
pub struct Case {
    /// The chart it belongs to.
    pub panel: String,
    /// The line it belongs to.
    pub series: String,
    /// Its place on the line.
    pub place: String,
    /// Transactions per run.
    pub txs: usize,
    /// What single runs took.
    pub times: Vec<Duration>,
    /// How much of its threads' time the process was running, 0 to 1, if the system tells.
    pub utilisation: Option<f64>,
    /// By how much resident memory grew from before the first run to after the last, in bytes, if
    /// the system tells.
    pub memory: Option<i64>,
}

/// The cases of a benchmark.
#[derive(Debug, Clone)]
pub struct Summary {
    name: String,
    x: String,
    cases: Vec<Case>,
}

impl Summary {
    /// An empty one. `x` is what the places of its charts say.
    #[must_use]
    pub fn new(name: &str, x: &str) -> Self {
        Self { name: name.to_owned(), x: x.to_owned(), cases: Vec::new() }
    }

    /// Adds a case.
    pub fn add(&mut self, case: Case) {
        self.cases.push(case);
    }

    /// Whether nothing was measured, as when all cases are filtered out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty()
    }

    /// The figures as text.
    #[must_use]
    pub fn to_text(&self, machine: &Machine) -> String {
        let header =
            ["case", "line", self.x.as_str(), "transactions/s", "us each", "CPU", "memory"];
        let mut table = Table::new(2, header);
        for case in &self.cases {
            let each = case.us_each();
            table.row([
                case.panel.clone(),
                case.series.clone(),
                case.place.clone(),
                format!("{:.0}", 1e6 / each),
                format!("{each:.3}"),
                case.utilisation.map_or("?".into(), |share| format!("{:.0} %", share * 100.0)),
                case.memory.map_or("?".into(), |bytes| format!("{:+.1} MiB", mib(bytes))),
            ]);
        }
        format!("{}\n{machine}\n\n{table}", self.name)
    }

    /// Latency per transaction, as a chart.
    #[must_use]
    pub fn to_chart(&self, machine: &Machine) -> Chart {
        let mut panels: Vec<Panel> = Vec::new();
        for case in &self.cases {
            let at = panels.iter().position(|panel| panel.title == case.panel);
            let at = at.unwrap_or_else(|| {
                panels.push(self.panel(&case.panel));
                panels.len() - 1
            });
            let panel = &mut panels[at];
            if panel.series.iter().all(|series| series.name != case.series) {
                let values = vec![None; panel.places.len()];
                panel.series.push(Series { name: case.series.clone(), values });
            }
            let place = panel.places.iter().position(|place| *place == case.place);
            let series = panel.series.iter_mut().find(|series| series.name == case.series);
            if let (Some(place), Some(series)) = (place, series) {
                series.values[place] = Some(case.us_each());
            }
        }
        Chart { title: self.name.clone(), subtitle: machine.to_string(), panels }
    }

    /// An empty panel with all places that its cases have, in the order of measuring.
    fn panel(&self, title: &str) -> Panel {
        let mut places: Vec<String> = Vec::new();
        for case in self.cases.iter().filter(|case| case.panel == title) {
            if !places.contains(&case.place) {
                places.push(case.place.clone());
            }
        }
        Panel {
            title: title.to_owned(),
            x: self.x.clone(),
            y: "us per transaction".to_owned(),
            places,
            series: Vec::new(),
        }
    }

    /// Writes the chart to a folder; returns its path.
    ///
    /// # Errors
    /// The folder or the file cannot be written.
    pub fn write_chart(&self, machine: &Machine, folder: &Path) -> io::Result<PathBuf> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(format!("{}.svg", self.name));
        std::fs::write(&path, self.to_chart(machine).to_svg())?;
        Ok(path)
    }
}

impl Case {
    /// Median time of a run, per transaction.
    fn us_each(&self) -> f64 {
        let run = if self.times.is_empty() { us(Duration::ZERO) } else { median_us(&self.times) };
        run / self.txs.max(1) as f64
    }
}

fn mib(bytes: i64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine {
            cpu: "A processor".into(),
            cores: 2,
            ram_mib: 0,
            system: "linux".into(),
            commit: "commit abc".into(),
        }
    }

    fn summary() -> Summary {
        let mut summary = Summary::new("parallel", "conflicts");
        for (series, place, us) in
            [("1 thread", "0 %", 100), ("2 threads", "0 %", 60), ("1 thread", "50 %", 80)]
        {
            summary.add(Case {
                panel: "transfers".into(),
                series: series.into(),
                place: place.into(),
                txs: 10,
                times: [us - 1, us + 50, us].map(Duration::from_micros).into(),
                utilisation: Some(0.5),
                memory: Some(3 << 20),
            });
        }
        summary
    }

    #[test]
    fn the_table_has_the_figures_of_every_case_and_the_machine() {
        let text = summary().to_text(&machine());
        assert!(text.contains("A processor, 2 cores") && text.contains("commit abc"), "{text}");
        assert!(text.contains("100000   10.000  50 %  +3.0 MiB"), "{text}");
        assert_eq!(text.lines().count(), 3 + 1 + 3, "{text}");
    }

    #[test]
    fn the_chart_has_a_line_per_series_and_gaps_where_nothing_was_measured() {
        let chart = summary().to_chart(&machine());
        assert_eq!(chart.panels.len(), 1);
        let panel = &chart.panels[0];
        assert_eq!(panel.places, ["0 %", "50 %"]);
        assert_eq!(panel.series[0].values, [Some(10.0), Some(8.0)]);
        assert_eq!(panel.series[1].values, [Some(6.0), None]);
    }

    #[test]
    fn the_chart_is_written_under_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = summary().write_chart(&machine(), &folder.path().join("deep/down")).unwrap();
        assert!(path.ends_with("deep/down/parallel.svg"));
        assert!(std::fs::read_to_string(path).unwrap().starts_with("<svg"));
    }
}
