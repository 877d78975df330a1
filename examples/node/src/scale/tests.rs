//! Predictions from costs that are known.

use std::path::Path;

use serde_json::Value as Json;

use super::costs::Costs;
use super::{Options, predict, run, svg, text};
use crate::seeded;

fn small() -> seeded::Options {
    seeded::Options { seed: 3, txs: 400, contracts: 50, conflicts: 40, accounts: 900 }
}

fn options(costs: Option<&Path>) -> Options {
    Options { seeded: small(), costs: costs.map(Path::to_path_buf), svg: None, json: true }
}

#[test]
fn equal_costs_give_equal_answers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("costs.json");
    // The first run measures, the others read.
    let measured = run(&options(Some(&path))).unwrap().output;
    let foreign =
        Options { seeded: seeded::Options { seed: 4, ..small() }, ..options(Some(&path)) };
    assert_eq!(run(&options(Some(&path))).unwrap().output, measured);
    assert_eq!(run(&foreign).unwrap().output, measured, "the block is the file's");
    let json: Json = serde_json::from_str(&measured).unwrap();
    for shape in json["shapes"].as_array().unwrap() {
        assert_eq!(shape["rows"].as_array().unwrap().len(), predict::WORKERS.len());
        assert_eq!(shape["checks"].as_array().unwrap().len(), 2);
    }
}

#[test]
fn predictions_keep_to_their_bounds() {
    let costs = Costs::made_up(&small());
    for prediction in predict::all(&costs) {
        let name = prediction.shape.name();
        let one = prediction.rows[0];
        assert_eq!(one.execute_ns, prediction.total_ns + 1_000, "{name}: one worker is the sum");
        assert_eq!(one.pipeline_ns, one.execute_ns + 50_000);
        for pair in prediction.rows.windows(2) {
            assert!(pair[0].bound_ns >= pair[1].bound_ns, "{name}: more workers, lower bound");
        }
        for row in &prediction.rows {
            assert!(row.execute_ns >= row.bound_ns, "{name}: {row:?}");
            assert!(row.execute_ns >= prediction.chain_ns && row.used <= row.workers);
        }
        assert_eq!(prediction.checks[1].threads, 2);
    }
}

#[test]
fn a_chain_bounds_what_more_workers_bring() {
    let predictions = predict::all(&Costs::made_up(&small()));
    let by_name =
        |name: &str| predictions.iter().find(|prediction| prediction.shape.name() == name).unwrap();
    assert_eq!((by_name("transfers").chain, by_name("pool chain").chain), (1, 200));
    let pool = by_name("pool chain");
    assert!(pool.rows[6].execute_ns >= pool.total_ns / 2 - 10_000, "half of it is one chain");
}

#[test]
fn tables_and_pictures_show_every_block() {
    let costs = Costs::made_up(&small());
    let predictions = predict::all(&costs);
    let (page, picture) = (text::page(&costs, &predictions), svg::picture(&predictions));
    for name in ["transfers", "token calls", "pool chain", "mixed"] {
        assert!(page.contains(&format!("\n{name}: ")), "{page}");
        assert!(picture.contains(&format!(">{name}: ")), "{picture}");
    }
    assert_eq!(page.matches("execute on 2 threads: predicted ").count(), 4);
    assert_eq!(picture.matches("<polyline").count(), 12);
    assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
    assert!(!picture.contains("NaN") && !picture.contains("inf"));
    // The name of the format, and nothing that is loaded.
    assert_eq!(picture.matches("http").count(), 1);
    assert_eq!(picture.matches("<g ").count(), picture.matches("</g>").count());
}

#[test]
fn files_that_hold_no_costs_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("costs.json");
    let refused = |text: &str| {
        std::fs::write(&path, text).unwrap();
        format!("{:#}", run(&options(Some(&path))).map(|_| ()).unwrap_err())
    };
    assert!(refused("[]").contains("is no file of measured costs"));
    let mut json = serde_json::to_value(Costs::made_up(&small())).unwrap();
    json["version"] = 9.into();
    assert!(refused(&json.to_string()).contains("version 9, expected 1"));
    json["version"] = 1.into();
    json["txs"] = 300.into();
    assert!(refused(&json.to_string()).contains("transfers has 400 costs, expected 300"));
    json["txs"] = 4_000_000.into();
    assert!(refused(&json.to_string()).contains("not within the limits"));
    json["txs"] = 400.into();
    json["shapes"][0]["costs_ns"][0] = u64::MAX.into();
    json["shapes"][0]["costs_ns"][1] = u64::MAX.into();
    assert!(refused(&json.to_string()).contains("is no file of measured costs"));
}
