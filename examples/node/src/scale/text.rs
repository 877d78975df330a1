//! Predictions as tables and as JSON.

use std::fmt::{self, Write as _};

use serde_json::json;

use super::costs::Costs;
use super::predict::{Check, Prediction, Row};
use crate::schedule::time;

/// A page for people.
pub(super) fn page(costs: &Costs, predictions: &[Prediction]) -> String {
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let _ = write_page(&mut out, costs, predictions);
    out
}

fn write_page(out: &mut String, costs: &Costs, predictions: &[Prediction]) -> fmt::Result {
    let options = costs.options();
    writeln!(
        out,
        "blocks of {} transactions, {} accounts, seed {}; calling a worker takes {}",
        options.txs,
        options.accounts,
        options.seed,
        time(costs.wake_ns)
    )?;
    writeln!(out, "computed from times on one thread; workers do not slow each other down here")?;
    writeln!(
        out,
        "payments wait for their turn here; a large block settles them account by account"
    )?;
    for prediction in predictions {
        write_prediction(out, prediction)?;
    }
    Ok(())
}

fn write_prediction(out: &mut String, prediction: &Prediction) -> fmt::Result {
    writeln!(
        out,
        "\n{}: {} one after the other, longest chain {} of {}",
        prediction.shape.name(),
        time(prediction.total_ns),
        time(prediction.chain_ns),
        if prediction.chain == 1 {
            "1 transaction".to_owned()
        } else {
            format!("{} transactions", prediction.chain)
        },
    )?;
    writeln!(
        out,
        "{:>9}{:>6}{:>12}{:>10}{:>12}{:>12}{:>16}{:>10}",
        "workers", "used", "execute", "speed-up", "bound", "of bound", "whole pipeline", "speed-up"
    )?;
    for row in &prediction.rows {
        writeln!(
            out,
            "{:>9}{:>6}{:>12}{:>10.2}{:>12}{:>10.1} %{:>16}{:>10.2}",
            row.workers,
            row.used,
            time(row.execute_ns),
            prediction.speed_up(row, executing),
            time(row.bound_ns),
            of_bound(row),
            time(row.pipeline_ns),
            prediction.speed_up(row, whole),
        )?;
    }
    for check in &prediction.checks {
        let Check { threads, predicted_ns, measured_ns, .. } = check;
        let threads = if *threads == 1 { "1 thread".into() } else { format!("{threads} threads") };
        writeln!(
            out,
            "  execute on {threads}: predicted {}, measured {}, error {:+.1} %; \
             recording it costs {:+.1} %",
            time(*predicted_ns),
            time(*measured_ns),
            check.error_percent(),
            check.recording_percent(),
        )?;
    }
    Ok(())
}

/// One JSON object on one line.
pub(super) fn json(costs: &Costs, predictions: &[Prediction]) -> String {
    let options = costs.options();
    let row = |prediction: &Prediction, row: &Row| {
        json!({
            "workers": row.workers,
            "used": row.used,
            "execute_ns": row.execute_ns,
            "execute_speedup": prediction.speed_up(row, executing),
            "bound_ns": row.bound_ns,
            "pipeline_ns": row.pipeline_ns,
            "pipeline_speedup": prediction.speed_up(row, whole),
        })
    };
    let check = |check: &Check| {
        json!({
            "threads": check.threads,
            "predicted_ns": check.predicted_ns,
            "measured_ns": check.measured_ns,
            "error_percent": check.error_percent(),
            "recording_percent": check.recording_percent(),
        })
    };
    let shapes = predictions.iter().map(|prediction| {
        json!({
            "shape": prediction.shape.name(),
            "total_ns": prediction.total_ns,
            "chain": prediction.chain,
            "chain_ns": prediction.chain_ns,
            "rows": prediction.rows.iter().map(|of| row(prediction, of)).collect::<Vec<_>>(),
            "checks": prediction.checks.iter().map(check).collect::<Vec<_>>(),
        })
    });
    let object = json!({
        "seed": options.seed,
        "txs": options.txs,
        "accounts": options.accounts,
        "wake_ns": costs.wake_ns,
        "shapes": shapes.collect::<Vec<_>>(),
    });
    format!("{object}\n")
}

/// Time of the executing stage.
pub(super) fn executing(row: &Row) -> u64 {
    row.execute_ns
}

/// Time of all stages.
pub(super) fn whole(row: &Row) -> u64 {
    row.pipeline_ns
}

/// How near a row comes to the fastest possible, in percent.
fn of_bound(row: &Row) -> f64 {
    100.0 * row.bound_ns as f64 / row.execute_ns.max(1) as f64
}
