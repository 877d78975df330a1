//! What a benchmark has to say at its end: a table of its figures with the machine, and a chart.
#![allow(clippy::float_arithmetic, reason = "figures for readers, no part of a result")]

use std::fmt::Write as _;
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

    /// The same as tables for a page in Markdown: a table per chart, a column per line.
    #[must_use]
    pub fn to_markdown(&self, machine: &Machine) -> String {
        let chart = self.to_chart(machine);
        let mut text = format!("### {}\n\n{}\n", chart.title, chart.subtitle);
        for panel in &chart.panels {
            let names: Vec<&str> = panel.series.iter().map(|series| &*series.name).collect();
            let _ = write!(text, "\n{}, {}:\n\n", panel.title, panel.y);
            let _ = writeln!(text, "| {} | {} |", panel.x, names.join(" | "));
            let _ = writeln!(text, "|---|{}", "---|".repeat(names.len()));
            for (place, name) in panel.places.iter().enumerate() {
                let figure = |series: &Series| series.values[place].map_or("-".into(), digits);
                let figures: Vec<String> = panel.series.iter().map(figure).collect();
                let _ = writeln!(text, "| {name} | {} |", figures.join(" | "));
            }
        }
        text
    }

    /// Writes the chart and the tables to a folder; returns their paths.
    ///
    /// # Errors
    /// The folder or a file cannot be written.
    pub fn write(&self, machine: &Machine, folder: &Path) -> io::Result<[PathBuf; 2]> {
        std::fs::create_dir_all(folder)?;
        let paths = ["svg", "md"].map(|kind| folder.join(format!("{}.{kind}", self.name)));
        std::fs::write(&paths[0], self.to_chart(machine).to_svg())?;
        std::fs::write(&paths[1], self.to_markdown(machine))?;
        Ok(paths)
    }
}

impl Case {
    /// Median time of a run, per transaction.
    fn us_each(&self) -> f64 {
        let run = if self.times.is_empty() { us(Duration::ZERO) } else { median_us(&self.times) };
        run / self.txs.max(1) as f64
    }
}

/// Two digits that say something, more of a large number.
fn digits(us: f64) -> String {
    match us {
        us if us >= 10.0 => format!("{us:.0}"),
        us if us >= 1.0 => format!("{us:.1}"),
        us => format!("{us:.2}"),
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
    fn the_page_has_a_row_per_place_and_a_column_per_line() {
        let page = summary().to_markdown(&machine());
        let expected = "### parallel\n\nA processor, 2 cores, unknown memory, linux; commit abc\n\n\
                        transfers, us per transaction:\n\n\
                        | conflicts | 1 thread | 2 threads |\n|---|---|---|\n\
                        | 0 % | 10 | 6.0 |\n| 50 % | 8.0 | - |\n";
        assert_eq!(page, expected);
    }

    #[test]
    fn chart_and_page_are_written_under_their_name() {
        let folder = tempfile::tempdir().unwrap();
        let [chart, page] = summary().write(&machine(), &folder.path().join("deep/down")).unwrap();
        assert!(chart.ends_with("deep/down/parallel.svg") && page.ends_with("parallel.md"));
        assert!(std::fs::read_to_string(chart).unwrap().starts_with("<svg"));
        assert!(std::fs::read_to_string(page).unwrap().starts_with("### parallel"));
    }
}
