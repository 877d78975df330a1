//! What the command tells about small blocks of which everything is known.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::{Options, run};
use crate::seeded;

fn seeded_options(txs: u32) -> seeded::Options {
    seeded::Options { seed: 3, txs, contracts: 50, conflicts: 40, accounts: 200 }
}

fn options(file: Option<&Path>) -> Options {
    Options {
        file: file.map(Path::to_path_buf),
        seeded: seeded_options(120),
        threads: 2,
        top: 10,
        all: false,
        html: None,
        perfetto: None,
        json: false,
    }
}

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data").join(name).with_extension("json")
}

fn json(options: Options) -> Json {
    let output = run(&Options { json: true, ..options }).unwrap().output;
    serde_json::from_str(&output).unwrap()
}

/// A block in which everything is declared as `Write`.
const WIDE: &str = r#"{
    "accounts": {
        "alice": { "native": 100000000 }, "bob": { "native": 100000000 },
        "carol": { "native": 100000000 }, "shop": {}, "nobody": {}
    },
    "contracts": { "counter": { "file": "COUNTER", "owner": "alice" } },
    "transactions": [
        { "from": "alice", "call": { "contract": "counter", "entry": "add", "input": [{ "u64": 1 }] },
          "access": { "counter": "write" } },
        { "from": "bob", "call": { "contract": "counter", "entry": "add", "input": [{ "u64": 2 }] },
          "access": { "counter": "write", "nobody": "read" } },
        { "from": "carol", "transfer": { "to": "shop", "amount": 5 } }
    ]
}"#;

fn wide(folder: &Path) -> PathBuf {
    let path = folder.join("wide.json");
    let counter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/wat/counter.wat");
    std::fs::write(&path, WIDE.replace("COUNTER", counter.to_str().unwrap())).unwrap();
    path
}

#[test]
fn a_small_block_shows_who_is_in_which_batch_and_why() {
    let output = run(&options(Some(&shipped("token")))).unwrap().output;
    for expected in [
        "6 transactions in 4 batches, 5 wait for an earlier one",
        "    0  #0 token.transfer by alice\n",
        "    1  #1 token.transfer by alice, #2 token.transfer by bob\n",
        "    2  #3 token.transfer by carol, #5 counter.add by bob\n",
        "    3  #4 token.transfer by carol\n",
        "  #2 token.transfer by bob\n      #0 token.transfer by alice: bob, write after credit\n",
        "everything that is declared is needed as declared",
    ] {
        assert!(output.contains(expected), "no {expected:?} in\n{output}");
    }
}

#[test]
fn credits_to_a_hot_receiver_take_one_step_together() {
    let json = json(options(Some(&shipped("hot_receiver"))));
    let hottest = &json["accounts"][0];
    let figures = ["touches", "credits", "writes", "chain"].map(|field| &hottest[field]);
    // Credits, the receiver's own payment, credits.
    assert_eq!(figures, [10, 9, 1, 3].map(Json::from).each_ref());
    let causes = json["causes"].as_array().unwrap().iter();
    let modes = causes.filter(|cause| cause["name"] == "exchange");
    let modes: Vec<_> = modes.map(|cause| (&cause["later"], &cause["earlier"])).collect();
    assert!(modes.iter().all(|(later, earlier)| later != earlier) && modes.len() == 2, "{modes:?}");
}

#[test]
fn declarations_wider_than_needed_are_named_with_what_narrower_ones_gain() {
    let folder = tempfile::tempdir().unwrap();
    let path = wide(folder.path());
    let found = json(options(Some(&path)));
    let wide: Vec<_> = found["overdeclared"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let text = |field: &str| entry[field].as_str().unwrap_or("nothing").to_owned();
            (entry["transaction"].as_u64().unwrap(), text("name"), text("declared"), text("needed"))
        })
        .collect();
    let entry = |tx, name: &str, declared: &str, needed: &str| {
        (tx, name.to_owned(), declared.to_owned(), needed.to_owned())
    };
    let mut expected = vec![
        entry(0, "counter", "write", "credit"),
        entry(1, "counter", "write", "credit"),
        entry(1, "nobody", "read", "nothing"),
    ];
    expected.sort();
    let mut sorted = wide;
    sorted.sort();
    assert_eq!(sorted, expected);
    let (before, after) = (&found["finer"]["before"], &found["finer"]["after"]);
    assert_eq!((&before["batches"], &before["waiting"]), (&2.into(), &1.into()));
    assert_eq!((&after["batches"], &after["waiting"]), (&1.into(), &0.into()));
    assert!(after["slowest_chain_ns"].as_u64() < before["slowest_chain_ns"].as_u64());

    let text = run(&options(Some(&path))).unwrap().output;
    for expected in [
        "#0 counter.add by alice: counter, write: credit is enough",
        "#1 counter.add by bob: nobody, read: not touched",
        "#1 counter.add by bob\n      #0 counter.add by alice: counter, write after write",
    ] {
        assert!(text.contains(expected), "no {expected:?} in\n{text}");
    }
}

#[test]
fn transactions_kept_out_of_the_block_are_counted_and_keep_their_numbers() {
    let json = json(options(Some(&shipped("failures"))));
    let refused = json["refused"].as_u64().unwrap();
    let transactions = json["transactions"].as_array().unwrap();
    assert!(refused > 0);
    let numbers: Vec<_> = transactions.iter().map(|tx| tx["number"].as_u64().unwrap()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    assert!(numbers.last().unwrap() >= &(transactions.len() as u64), "{numbers:?}");
}

#[test]
fn a_seeded_block_is_told_whole_in_json() {
    let json = json(options(None));
    let transactions = json["transactions"].as_array().unwrap();
    let sizes = json["batches"].as_array().unwrap().iter();
    assert_eq!(transactions.len(), 120);
    assert_eq!(sizes.map(|size| size.as_u64().unwrap()).sum::<u64>(), 120);
    let waiting: Vec<_> =
        transactions.iter().filter(|tx| !tx["waits"].as_array().unwrap().is_empty()).collect();
    assert_eq!(json["waiting"], waiting.len());
    for tx in waiting {
        let awaited = tx["waited_for"].as_u64().unwrap();
        assert!(awaited < tx["index"].as_u64().unwrap(), "{tx}");
        let batch = &transactions[usize::try_from(awaited).unwrap()]["batch"];
        assert!(batch.as_u64() < tx["batch"].as_u64());
    }
}

#[test]
fn a_long_list_ends_unless_everything_is_asked_for() {
    let few = run(&Options { top: 2, ..options(None) }).unwrap().output;
    assert!(few.contains("more (--all lists them)"), "{few}");
    let all = run(&Options { all: true, ..options(None) }).unwrap().output;
    assert!(!all.contains("--all") && all.lines().count() > 3 * few.lines().count());
}

#[test]
fn a_trace_is_what_trace_viewers_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.json");
    let output = run(&Options { perfetto: Some(path.clone()), ..options(None) }).unwrap().output;
    assert!(output.contains("written: "));
    let trace: Json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let of_phase = |phase: &str| events.iter().filter(|event| event["ph"] == phase).count();
    assert_eq!(of_phase("X"), 120);
    assert!(of_phase("M") >= 2);
    assert!(of_phase("s") > 0 && of_phase("s") == of_phase("f"));
    for event in events.iter().filter(|event| event["ph"] == "X") {
        assert!(event["ts"].is_number() && event["dur"].as_f64().unwrap() >= 0.0, "{event}");
        assert!(event["args"]["batch"].is_u64() && event["tid"].is_u64(), "{event}");
    }
    for event in events.iter().filter(|event| event["ph"] == "f") {
        assert_eq!(event["bp"], "e");
    }
}

/// The page of a block, and the data in it.
fn page(options: Options) -> (String, Json) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.html");
    run(&Options { html: Some(path.clone()), ..options }).unwrap();
    let page = std::fs::read_to_string(&path).unwrap();
    let start = page.find(r#"type="application/json">"#).unwrap() + 24;
    let end = start + page[start..].find("</script>").unwrap();
    let data = serde_json::from_str(&page[start..end]).unwrap();
    (page, data)
}

#[test]
fn a_timeline_is_one_file_that_needs_nothing_else() {
    let (page, data) = page(options(None));
    for outside in ["http:", "https:", "//cdn", " src=", "@import", "url(", "<link", "fetch("] {
        assert!(!page.contains(outside), "the page contains {outside}");
    }
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    let rows = data["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 120);
    let workers = data["workers"].as_u64().unwrap();
    for row in rows {
        let row: Vec<_> = row.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
        assert!(row.len() == 8 || row.len() == 11, "{row:?}");
        assert!(row[0] < workers && row[1] + row[2] <= data["end"].as_u64().unwrap(), "{row:?}");
        assert!((row[3] as usize) < data["kinds"].as_array().unwrap().len(), "{row:?}");
    }
}

#[test]
fn texts_of_a_block_file_cannot_break_out_of_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("block.json");
    let text = r#"{
        "about": "</script><script>alert(1)</script><!-- &",
        "accounts": { "alice": { "native": 10000000 }, "bob": {} },
        "transactions": [{ "from": "alice", "transfer": { "to": "bob", "amount": 1 } }]
    }"#;
    std::fs::write(&path, text).unwrap();
    let (page, data) = page(options(Some(&path)));
    assert!(data["title"].as_str().unwrap().contains("</script><script>alert(1)"));
    assert!(!page.contains("alert(1)</script>"));
    assert_eq!(page.matches("</script>").count(), 2);
}

#[test]
fn mistakes_in_a_file_are_told_as_by_block() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("block.json");
    std::fs::write(&path, r#"{ "accounts": { "alice": 5 } }"#).unwrap();
    let ours = run(&options(Some(&path))).map(|_| ()).unwrap_err().to_string();
    let theirs = crate::block_file::run(&path, 2, false).map(|_| ()).unwrap_err().to_string();
    assert_eq!(ours, theirs);
    let absent = options(Some(&folder.path().join("absent.json")));
    let message = run(&absent).map(|_| ()).unwrap_err().to_string();
    assert!(message.starts_with("cannot read "), "{message}");
    let nowhere = folder.path().join("no/such/folder/page.html");
    let unwritable = Options { html: Some(nowhere), ..options(Some(&shipped("token"))) };
    let message = run(&unwritable).map(|_| ()).unwrap_err().to_string();
    assert!(message.starts_with("cannot write "), "{message}");
}
