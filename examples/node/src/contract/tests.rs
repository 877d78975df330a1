//! What authors are told about modules that are fine and modules that are not.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Command, InspectOptions, run};

fn contracts(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts").join(file)
}

/// Inspects a file; whether it could be deployed, and what is printed.
#[track_caller]
fn inspect(file: &Path) -> (bool, String) {
    let options = |json| InspectOptions { file: file.to_owned(), json };
    let text = run(&Command::Inspect(options(false))).expect("it is read");
    let json = run(&Command::Inspect(options(true))).expect("it is read");
    let json: serde_json::Value = serde_json::from_str(&json.output).expect("one JSON object");
    assert_eq!(json["accepted"], text.success, "text and JSON agree");
    (text.success, text.output)
}

/// Inspects WAT as it stands in a file.
#[track_caller]
fn inspect_wat(text: &str) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("module.wat");
    fs::write(&file, text).expect("it is written");
    inspect(&file)
}

#[track_caller]
fn assert_lines(output: &str, expected: &[&str]) {
    for line in expected {
        assert!(output.lines().any(|found| found == *line), "no line {line:?} in\n{output}");
    }
}

#[test]
fn a_contract_shows_what_can_be_called_and_what_it_touches() {
    let (accepted, output) = inspect(&contracts("wasm/token.wasm"));
    assert!(accepted);
    let bytes = fs::read(contracts("wasm/token.wasm")).unwrap().len();
    // The price list: any transaction, call, record of the contract, and bytes of code.
    let gas = 15_000 + 5_000 + 10_000 + 1_500 * (8 * 1024 + bytes);
    assert!(output.contains(&format!("token.wasm: {bytes} bytes\n")), "{output}");
    assert_lines(
        &output,
        &[
            &format!(
                "  deployment: accepted, for {gas} gas and 10 for each byte of input, and what \
                 init uses"
            ),
            "  memory: 1 page of 64 KiB, may grow to 64",
            "Token: A token with one issuer.",
            "  error   1 TokenError::Insufficient: The balance is too small.",
            "  event   token.mint(#[topic] to: Address, amount: u64): Tokens have come into being.",
        ],
    );
    let line = |start: &str| output.lines().find(|line| line.trim_start().starts_with(start));
    let transfer = line("call    transfer(").expect("a line");
    assert!(transfer.contains("transfer(to: Address, amount: u64) -> Result<(), TokenError>"));
    assert!(transfer.ends_with("access(caller: write, to: credit)"), "{transfer}");
    let view = line("view    balance_of").expect("a line");
    assert!(view.ends_with("balance_of(holder: Address) -> u128"), "{view}");
}

#[test]
fn ways_into_arguments_are_shown_as_they_were_written() {
    let (_, output) = inspect(&contracts("wasm/probe.wasm"));
    assert!(output.contains("access(wages[..].to: credit, thanks: credit)"), "{output}");
    assert!(output.contains("access by simulation"), "{output}");
}

#[test]
fn the_object_has_what_the_page_has() {
    let options = InspectOptions { file: contracts("wasm/token.wasm"), json: true };
    let finished = run(&Command::Inspect(options)).unwrap();
    let json: serde_json::Value = serde_json::from_str(&finished.output).unwrap();
    let entries = json["description"]["entries"].as_array().unwrap();
    let transfer = entries.iter().find(|entry| entry["name"] == "transfer").unwrap();
    let expected = serde_json::json!([
        { "account": "caller", "mode": "write" },
        { "account": "to", "mode": "credit" },
    ]);
    assert_eq!(transfer["access"], expected);
    assert_eq!(transfer["arguments"][1]["type"], "u64");
    let sizes = json["sizes"].as_object().unwrap();
    let sum: u64 = sizes.values().map(|size| size.as_u64().unwrap()).sum();
    assert_eq!(json["bytes"], sum, "every byte is counted once");
}

#[test]
fn wat_without_a_description_lists_its_entries() {
    let (accepted, output) = inspect(&contracts("wat/counter.wat"));
    assert!(accepted);
    let imports = "contract, input, storage_read, storage_write, counter_add, counter_read, \
                   set_return, abort";
    assert_lines(
        &output,
        &["  entries: add, bump, get", &format!("  functions: 3; imports: {imports}")],
    );
}

const ADVICE: &str = "contracts have no floating point; use integers or fixed point, and look for \
                      floats in dependencies and in formatting";

#[test]
fn floats_are_refused_with_the_functions_name() {
    let (accepted, output) = inspect_wat(
        r#"(module (memory (export "memory") 1)
            (func (export "go") (call $bank::interest))
            (func $bank::interest (drop (f64.const 0.5))))"#,
    );
    assert!(!accepted);
    let found = output.lines().find(|line| line.contains("floats")).expect("a line");
    assert!(found.contains("in function 1 at byte"), "{found}");
    assert!(found.ends_with(ADVICE), "{found}");
    assert_lines(&output, &["  deployment: REFUSED", "    function 1 is `bank::interest`"]);
}

#[test]
fn names_of_rust_are_readable() {
    let mangled = "_RNvMs_CskDmTgTrWBx7_4bankNtB4_4Bank8interest";
    let (_, output) = inspect_wat(&format!(
        r#"(module (memory (export "memory") 1) (func (export "go"))
            (func ${mangled} (drop (f32.const 1))))"#
    ));
    assert_lines(&output, &["    function 1 is `<bank::Bank>::interest`"]);
}

#[test]
fn a_function_without_a_name_is_known_by_its_export() {
    let (_, output) = inspect_wat(
        r#"(module (memory (export "memory") 1) (func (export "go") (drop (f32.const 1))))"#,
    );
    assert_lines(&output, &["    function 0 is the export `go`"]);
    let (_, output) = inspect_wat(
        r#"(module (memory (export "memory") 1) (func (export "go")) (func (drop (f32.const 1))))"#,
    );
    assert!(
        output.contains("function 1 has no name in this file: build it with `strip"),
        "{output}"
    );
}

#[test]
fn what_is_wrong_with_the_module_as_a_whole_is_told_with_the_remedy() {
    let (_, output) = inspect_wat(r#"(module (func (export "go")))"#);
    assert!(output.contains("a contract has exactly one memory of its own"), "{output}");
    let (_, output) = inspect_wat(
        r#"(module (import "env" "log" (func)) (memory (export "memory") 1) (func (export "go")))"#,
    );
    assert!(
        output.contains("imports \"env\".\"log\", which does not exist; host functions"),
        "{output}"
    );
    assert!(!output.contains("function 0"), "no function is to blame: {output}");
}

#[test]
fn what_nobody_reads_is_pointed_out() {
    let wat = r#"(module (memory (export "memory") 1) (func $named (export "go")))"#;
    let (accepted, output) = inspect_wat(wat);
    assert!(accepted && output.contains("are names and the like, paid for and never read"));
    let (_, output) = inspect(&contracts("wasm/token.wasm"));
    assert!(!output.contains("never read"), "{output}");
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let error = |file: &Path| {
        let options = InspectOptions { file: file.to_owned(), json: false };
        let error = run(&Command::Inspect(options)).map(|_| ()).expect_err("it is refused");
        crate::with_causes(&error)
    };
    assert!(error(&contracts("wasm/absent.wasm")).starts_with("cannot inspect "));
    assert!(error(&contracts("Cargo.toml")).ends_with("expected a .wat or .wasm file"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken.wat");
    fs::write(&file, "(module").unwrap();
    assert!(error(&file).contains("cannot assemble it: "), "{}", error(&file));
}
