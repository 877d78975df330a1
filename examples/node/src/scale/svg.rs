//! Speed-ups as a picture: a panel per block, workers to the right, speed-up upwards, both doubling
//! from line to line. Legible on light and on dark ground.

use std::fmt::{self, Write as _};

use super::predict::{Prediction, Row, WORKERS};
use super::text::{executing, whole};

const PANEL_WIDTH: f64 = 400.0;
const PANEL_HEIGHT: f64 = 300.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 44.0;
const LEGEND: f64 = 40.0;
/// The highest speed-up drawn, as a power of two.
const TOP_POWER: f64 = 6.0;

const STYLE: &str = "text{font:12px sans-serif;fill:#24292e}.t{font-weight:bold;font-size:14px}\
.g{stroke:#d5dade;fill:none}.e{stroke:#1971c2;stroke-width:2.5;fill:none}\
.b{stroke:#868e96;stroke-width:1.5;stroke-dasharray:5 4;fill:none}\
.p{stroke:#e8590c;stroke-width:2;stroke-dasharray:2 3;fill:none}.m{fill:#c2255c}.bg{fill:#ffffff}\
@media (prefers-color-scheme:dark){text{fill:#e6e9ec}.bg{fill:#14171a}.g{stroke:#343a40}\
.e{stroke:#74c0fc}.b{stroke:#adb5bd}.p{stroke:#ffa94d}.m{fill:#ff8fab}}";

/// The picture.
pub(super) fn picture(predictions: &[Prediction]) -> String {
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let _ = write_picture(&mut out, predictions);
    out
}

fn write_picture(out: &mut String, predictions: &[Prediction]) -> fmt::Result {
    let lines = predictions.len().div_ceil(2) as f64;
    let (width, height) = (2.0 * PANEL_WIDTH, lines * PANEL_HEIGHT + LEGEND);
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">"#
    )?;
    writeln!(out, "<style>{STYLE}</style>")?;
    writeln!(out, r#"<rect class="bg" width="{width}" height="{height}"/>"#)?;
    for (idx, prediction) in predictions.iter().enumerate() {
        let (column, line) = ((idx % 2) as f64, (idx / 2) as f64);
        let (x, y) = (column * PANEL_WIDTH, line * PANEL_HEIGHT);
        writeln!(out, r#"<g transform="translate({x} {y})">"#)?;
        write_panel(out, prediction)?;
        writeln!(out, "</g>")?;
    }
    write_legend(out, lines * PANEL_HEIGHT + 16.0)?;
    writeln!(out, "</svg>")
}

fn write_panel(out: &mut String, prediction: &Prediction) -> fmt::Result {
    let name = prediction.shape.name();
    writeln!(out, r#"<text class="t" x="{LEFT}" y="24">{name}: speed-up by workers</text>"#)?;
    for workers in WORKERS {
        let (at, up) = (x(workers), y(workers as f64));
        let (top, bottom) = (y(64.0), y(1.0));
        writeln!(out, r#"<path class="g" d="M{at:.1} {top:.1}V{bottom:.1}"/>"#)?;
        writeln!(out, r#"<path class="g" d="M{LEFT} {up:.1}H{:.1}"/>"#, x(64))?;
        writeln!(
            out,
            r#"<text x="{at:.1}" y="{:.1}" text-anchor="middle">{workers}</text>"#,
            bottom + 18.0
        )?;
        writeln!(
            out,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="end">{workers}</text>"#,
            LEFT - 8.0,
            up + 4.0
        )?;
    }
    let bound = |row: &Row| prediction.total_ns as f64 / row.bound_ns.max(1) as f64;
    write_line(out, "b", prediction, bound)?;
    write_line(out, "p", prediction, |row| prediction.speed_up(row, whole))?;
    write_line(out, "e", prediction, |row| prediction.speed_up(row, executing))?;
    let one = prediction.checks.first().map_or(0, |check| check.measured_ns);
    for check in &prediction.checks {
        let up = one as f64 / check.measured_ns.max(1) as f64;
        let (x, y) = (x(check.threads), y(up));
        writeln!(out, r#"<circle class="m" cx="{x:.1}" cy="{y:.1}" r="4"/>"#)?;
    }
    Ok(())
}

fn write_line(
    out: &mut String,
    class: &str,
    prediction: &Prediction,
    speed_up: impl Fn(&Row) -> f64,
) -> fmt::Result {
    let points = prediction
        .rows
        .iter()
        .map(|row| format!("{:.1},{:.1}", x(row.workers), y(speed_up(row))))
        .collect::<Vec<_>>();
    writeln!(out, r#"<polyline class="{class}" points="{}"/>"#, points.join(" "))
}

fn write_legend(out: &mut String, y: f64) -> fmt::Result {
    let entries =
        [("e", "executing, computed"), ("p", "whole pipeline"), ("b", "no schedule is faster")];
    let mut x = LEFT;
    for (class, text) in entries {
        writeln!(out, r#"<path class="{class}" d="M{x} {y}h30"/>"#)?;
        writeln!(out, r#"<text x="{}" y="{}">{text}</text>"#, x + 36.0, y + 4.0)?;
        x += 190.0;
    }
    writeln!(out, r#"<circle class="m" cx="{}" cy="{y}" r="4"/>"#, x + 15.0)?;
    writeln!(out, r#"<text x="{}" y="{}">executing, measured</text>"#, x + 26.0, y + 4.0)
}

fn x(workers: usize) -> f64 {
    LEFT + (PANEL_WIDTH - LEFT - RIGHT) * (workers as f64).log2() / TOP_POWER
}

fn y(speed_up: f64) -> f64 {
    let power = speed_up.max(0.5).log2().min(TOP_POWER);
    PANEL_HEIGHT - BOTTOM - (PANEL_HEIGHT - TOP - BOTTOM) * power / TOP_POWER
}
