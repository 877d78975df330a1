//! The command `bench`: takes the tour of `tos-benches` and lays its figures out as a table or as
//! JSON. What is measured, and how, is told there.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use indicatif::ProgressBar;
use serde_json::{Map, Value, json};
use tos_benches::table::Table;
use tos_benches::tour::{self, Figure, Tour};

use crate::Finished;

/// Options of the tour.
#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// Prints one JSON object instead of a table.
    #[arg(long)]
    json: bool,
    /// Tiny sizes and few rounds, to see that everything runs. The figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// Rounds of each interleaved measurement.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// What accounts and blocks are drawn from.
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

/// Takes the tour.
pub(crate) fn run(options: &Options) -> Result<Finished> {
    let progress = ProgressBar::new_spinner();
    progress.enable_steady_tick(Duration::from_millis(200));
    let rounds = if options.quick { options.rounds.min(2) } else { options.rounds };
    let tour = tour::run(
        &tour::Options { rounds: rounds as usize, seed: options.seed, quick: options.quick },
        |step| progress.set_message(step.to_owned()),
    );
    progress.finish_and_clear();
    let tour = tour?;
    let output = if options.json { to_json(&tour) } else { to_text(&tour) };
    // A target that is missed is a fact about a machine, not a failure of the command.
    Ok(Finished { output, success: true })
}

fn to_json(tour: &Tour) -> String {
    let mut fields = Map::new();
    for figure in tour.figures.all() {
        fields.insert(figure.name.to_owned(), json!(figure.value));
    }
    let machine = &tour.machine;
    let times: Map<String, Value> =
        tour.figures.times_us().iter().map(|(what, us)| (what.clone(), json!(us))).collect();
    let met = |figure: &Figure| Some((figure.name.to_owned(), json!(is_met(figure)?)));
    let met: Map<String, Value> = tour.figures.all().iter().filter_map(met).collect();
    for (name, value) in [
        ("met", Value::Object(met)),
        ("times_us", Value::Object(times)),
        ("threads", json!(tour.threads)),
        ("rounds", json!(tour.options.rounds)),
        ("seed", json!(tour.options.seed)),
        ("comparable", json!(!tour.options.quick)),
        (
            "machine",
            json!({
                "cpu": machine.cpu,
                "cores": machine.cores,
                "ram_mib": machine.ram_mib,
                "system": machine.system,
            }),
        ),
        ("commit", json!(machine.commit)),
    ] {
        fields.insert(name.to_owned(), value);
    }
    format!("{:#}\n", Value::Object(fields))
}

fn to_text(tour: &Tour) -> String {
    let mut table = Table::new(2, ["", "what is measured", "figure", "target", "verdict"]);
    for figure in tour.figures.all() {
        let target = figure.target.map(|target| format!("{target} {}", figure.unit));
        let met = match is_met(figure) {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        table.row([
            figure.row,
            &figure.what,
            format!("{} {}", digits(figure.value), figure.unit).trim(),
            target.unwrap_or_default().trim(),
            met,
        ]);
    }
    let mut text = String::new();
    let Tour { machine, options, threads, .. } = tour;
    let _ = writeln!(text, "{machine}");
    let _ = writeln!(
        text,
        "seed {}, medians of {} interleaved rounds; all threads = {threads}",
        options.seed, options.rounds
    );
    if options.quick {
        let _ = writeln!(text, "QUICK: tiny sizes, these figures cannot be compared with anything");
    }
    let _ = write!(text, "\n{table}");
    let verdicts: Vec<bool> = tour.figures.all().iter().filter_map(is_met).collect();
    let met = verdicts.iter().filter(|met| **met).count();
    let _ = writeln!(
        text,
        "\n{met} of {} targets met. \"A by B\" is A divided by B and has no unit: a transfer at <= 1 by \
         the yardstick's\ntime is as fast as a bare single-threaded HashMap. Rows without a target say \
         what else there is\nto know. What each figure includes: benches/README.md. All times: --json.",
        verdicts.len()
    );
    text
}

fn is_met(figure: &Figure) -> Option<bool> {
    figure.target.map(|target| target.is_met_by(figure.value))
}

/// Three digits or so.
fn digits(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quick(json: bool) -> String {
        let options = Options { json, quick: true, rounds: 2, seed: 3 };
        let finished = run(&options).unwrap();
        assert!(finished.success);
        finished.output
    }

    #[test]
    fn the_tour_prints_every_promised_field_as_a_number() {
        let json: Value = serde_json::from_str(&quick(true)).unwrap();
        for field in [
            "yardstick_us",
            "p1_ratio",
            "p1_full_ratio",
            "p1_ratio_1_thread",
            "p1_full_ratio_1_thread",
            "p2_us",
            "p2_us_1_thread",
            "p3_contracts",
            "p3_transfers",
            "p2_floor_us",
            "p3_contracts_machine",
            "p3_transfers_machine",
            "p6_machine",
            "p7_ack_alone_ms",
            "p7_ack_floor_ms",
            "p7_ack_floor_alone_ms",
            "p4_worst",
            "p5_ratio",
            "p6_ratio",
            "p7_ratio",
            "p7_ack_ms",
            "p8_bytes_per_account",
            "p9_start_s",
            "p9_load_us",
            "p10_ratio",
        ] {
            // A figure that is not finite has no JSON and would be null.
            let value = json[field].as_f64();
            assert!(
                value.is_some_and(|value| value.is_finite() && value >= 0.0),
                "{field}: {json}"
            );
        }
        for field in ["met", "times_us", "threads", "rounds", "machine", "commit"] {
            assert!(!json[field].is_null(), "{field}: {json}");
        }
        assert_eq!((&json["seed"], &json["comparable"]), (&3.into(), &false.into()));
    }

    #[test]
    fn the_table_says_what_was_measured_on_what() {
        let text = quick(false);
        for part in ["QUICK", "seed 3", "P1", "P10", "core", "<= 1 ", "worst of "] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 130), "{text}");
    }
}
