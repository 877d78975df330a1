//! What a mistake in a block file looks like to its author. Each case is one mistake in a file that
//! is right otherwise.

use std::path::Path;

use super::model::BlockFile;
use super::parse;
use super::source::Source;

const RIGHT: &str = r#"{
  "assets": ["gold"],
  "accounts": {
    "alice": { "native": 1000000, "gold": 5 },
    "bob": {}
  },
  "contracts": {
    "token": { "file": "wat/token.wat", "owner": "alice", "input": [{ "u64": 100 }] }
  },
  "transactions": [
    { "from": "alice", "transfer": { "to": "bob", "asset": "gold", "amount": 1 } },
    {
      "from": "alice",
      "call": {
        "contract": "token",
        "entry": "transfer",
        "input": [{ "address": "bob" }, { "u64": 5 }]
      },
      "access": { "bob": "credit" },
      "expect": "success"
    }
  ]
}
"#;

fn parse_text(text: &str) -> Result<BlockFile, String> {
    let source = Source::new("block.json", text);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts");
    parse::parse(&source, &folder).map_err(|fault| source.describe(&fault).to_string())
}

/// The file above with one mistake in it.
struct Mistake(String);

#[track_caller]
fn mistake(right: &str, wrong: &str) -> Mistake {
    assert_eq!(RIGHT.matches(right).count(), 1, "{right:?} stands once in the file");
    Mistake(RIGHT.replace(right, wrong))
}

impl Mistake {
    /// The message names the field and the mistake, and marks this text at its line and column.
    #[track_caller]
    fn gives(&self, marked: &str, expected: &str) {
        let message = parse_text(&self.0).expect_err("the file is wrong");
        let [first, _, marks] = message.lines().collect::<Vec<_>>()[..] else {
            panic!("expected three lines, found {message}");
        };
        let [_, line, column, what] = first.splitn(4, ':').collect::<Vec<_>>()[..] else {
            panic!("expected file, line, column and message, found {first}");
        };
        assert_eq!(what.trim_start(), expected);
        let line = self.0.lines().nth(line.parse::<usize>().unwrap() - 1).unwrap();
        let found = line.get(column.parse::<usize>().unwrap() - 1..).unwrap();
        assert!(found.starts_with(marked), "expected a mark at {marked}, found it at {found}");
        assert_eq!(marks.matches('^').count(), marked.len(), "{message}");
    }
}

#[test]
fn the_file_without_a_mistake_is_read() {
    let file = parse_text(RIGHT).unwrap();
    assert_eq!((file.accounts.len(), file.contracts.len(), file.transactions.len()), (2, 1, 2));
}

#[test]
fn a_message_shows_the_line_and_marks_the_place() {
    let message = parse_text(&mistake(r#""to": "bob""#, r#""to": "bop""#).0).unwrap_err();
    let expected = r#"block.json:11:44: transactions[0].transfer.to: there is no account or contract "bop"; known are alice, bob, token
  11 |     { "from": "alice", "transfer": { "to": "bop", "asset": "gold", "amount": 1 } },
     |                                            ^^^^^"#;
    assert_eq!(message, expected);
}

#[test]
fn syntax_errors_say_where() {
    mistake("\"bob\": {}\n", "\"bob\": {},\n").gives("}", "this is not JSON: trailing comma");
    mistake(r#"["gold"],"#, r#"["gold"]"#).gives("\"", "this is not JSON: expected `,` or `}`");
    mistake("1000000", "01000000").gives("1", "this is not JSON: invalid number");
    mistake("100 }", "1e400 }").gives("0", "this is not JSON: number out of range");
}

#[test]
fn bad_q01_a_file_of_a_gibibyte_is_refused_after_its_first_bytes() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("large.json");
    // It takes no room on the disk, and would take all of it in memory.
    let file = std::fs::File::create(&path).expect("it is made");
    file.set_len(1 << 30).expect("it is made long");
    let error = Source::read(&path).err().expect("it is refused");
    assert!(format!("{error:#}").ends_with("it is larger than the 4194304 bytes allowed"));
}

#[test]
fn bad_q01_names_may_be_anything_and_are_shown_without_control_characters() {
    mistake(r#""amount": 1"#, r#""\u0000\u001b[2J": 1"#).gives(
        r#""\u0000\u001b[2J""#,
        "transactions[0].transfer.\u{fffd}\u{fffd}[2J: \
         unknown field; known here are to, asset, amount",
    );
    for number in ["NaN", "Infinity", "-0x10", "1e", "+1"] {
        let text = format!(r#"{{ "accounts": {{ "a": {{ "native": {number} }} }} }}"#);
        let message = parse_text(&text).unwrap_err();
        assert!(message.contains("this is not JSON"), "{number}: {message}");
    }
}

#[test]
fn bad_q01_deep_nesting_is_refused_before_it_costs_stack() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let message = parse_text(&deep).unwrap_err();
    let expected = "block.json:1:128: this is not JSON: recursion limit exceeded\n";
    assert!(message.starts_with(expected), "{message}");
}

#[test]
fn unknown_names_list_the_known_ones() {
    mistake(r#""owner": "alice""#, r#""owner": "alise""#).gives(
        r#""alise""#,
        r#"contracts.token.owner: there is no account "alise"; known are alice, bob"#,
    );
    mistake(r#""asset": "gold""#, r#""asset": "silver""#).gives(
        r#""silver""#,
        r#"transactions[0].transfer.asset: there is no asset "silver"; known are native, gold"#,
    );
    mistake(r#""contract": "token""#, r#""contract": "bob""#).gives(
        r#""bob""#,
        r#"transactions[1].call.contract: there is no contract "bob"; known are token"#,
    );
    mistake(r#""gold": 5"#, r#""golf": 5"#).gives(
        r#""golf""#,
        r#"accounts.alice.golf: there is no asset "golf"; known are native, gold"#,
    );
    mistake(r#"{ "bob": "credit" }"#, r#"{ "bo": "credit" }"#).gives(
        r#""bo""#,
        r#"transactions[1].access.bo: there is no account or contract "bo"; known are alice, bob, token"#,
    );
}

#[test]
fn unknown_missing_and_repeated_fields_are_named() {
    mistake(r#""amount": 1"#, r#""amuont": 1"#).gives(
        r#""amuont""#,
        "transactions[0].transfer.amuont: unknown field; known here are to, asset, amount",
    );
    mistake(r#", "amount": 1"#, "")
        .gives("{", r#"transactions[0].transfer: expected the field "amount", found none"#);
    mistake(r#""bob": {}"#, r#""bob": {}, "bob": {}"#)
        .gives(r#""bob""#, "accounts.bob: this name stands here twice");
    mistake(r#""token": {"#, r#""bob": {"#)
        .gives(r#""bob""#, "contracts.bob: an account has this name already");
    mistake(r#""from": "alice", "transfer""#, r#""from": "alice", "burn": {}, "transfer""#).gives(
        r#""transfer""#,
        r#"transactions[0].transfer: expected only one of the fields transfer, transfers, burn, call, deploy, upgrade, found "transfer" besides "burn""#,
    );
    mistake(r#""transfer": {"#, r#""note": {"#).gives(
        "{",
        "transactions[0]: expected one of the fields transfer, transfers, burn, call, deploy, upgrade, found none",
    );
}

#[test]
fn values_of_a_wrong_kind_say_what_was_expected() {
    let amount = "transactions[0].transfer.amount: \
                  expected a whole number from 0 to 18446744073709551615";
    for (wrong, found) in [
        ("\"one\"", "\"one\""),
        ("-1", "-1"),
        ("1.5", "1.5"),
        ("18446744073709551616", "18446744073709551616"),
        ("null", "null"),
        ("[1]", "a list"),
    ] {
        mistake(r#""amount": 1"#, &format!(r#""amount": {wrong}"#))
            .gives(wrong, &format!("{amount}, found {found}"));
    }
    mistake(r#"{ "u64": 5 }"#, r#"{ "u8": 256 }"#).gives(
        "256",
        "transactions[1].call.input[1].u8: expected a whole number from 0 to 255, found 256",
    );
    mistake(r#"{ "u64": 5 }"#, r#"{ "hex": "0g" }"#).gives(
        r#""0g""#,
        r#"transactions[1].call.input[1].hex: expected an even number of hexadecimal digits, found "0g""#,
    );
    mistake(r#""credit""#, r#""credits""#).gives(
        r#""credits""#,
        r#"transactions[1].access.bob: expected "read", "credit" or "write", found "credits""#,
    );
    mistake(r#""success""#, r#""sucess""#).gives(
        r#""sucess""#,
        r#"transactions[1].expect: expected an outcome such as "success", "reverted.contract.1" or "halted", found "sucess""#,
    );
}

#[test]
fn contract_files_that_cannot_be_used_say_why() {
    for (file, expected) in [
        ("wat/token.rs", "expected a .wat or .wasm file"),
        ("absent.wat", "No such file or directory"),
        ("wat", "expected a .wat or .wasm file"),
    ] {
        let message = parse_text(&mistake("wat/token.wat", file).0).unwrap_err();
        let first = message.lines().next().unwrap_or_default();
        assert!(first.contains("contracts.token.file: cannot use "), "{message}");
        assert!(first.contains(&format!("{file}: {expected}")), "{message}");
        assert!(message.ends_with(&"^".repeat(file.len() + 2)), "{message}");
    }
}

#[test]
fn what_is_declared_must_make_sense() {
    mistake(r#""gold": 5"#, r#""gold": 0"#).gives(
        r#""gold""#,
        "assets[0]: expected an account that holds some of this asset, found none",
    );
    mistake(r#""asset": "gold", "amount": 1 }"#, r#""amount": 1 }, "access": { "bob": "credit" }"#)
        .gives(
            r#"{ "bob": "credit" }"#,
            "transactions[0].access: transfers and burns declare nothing: their accounts are known",
        );
    mistake(r#""alice": { "native""#, r#""al ice": { "native""#).gives(
        r#""al ice""#,
        "accounts.al ice: expected a name of 1 to 32 letters, digits, '-' or '_'",
    );
}

/// The files a newcomer starts from state what becomes of each of their transactions.
#[test]
fn shipped_files_end_as_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data");
    for name in ["transfers", "token", "hot_receiver", "failures", "mistakes"] {
        let path = folder.join(name).with_extension("json");
        let text = super::run(&path, 2, false).unwrap();
        assert!(text.success, "{}", text.output);
        let json = super::run(&path, 2, true).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json.output).unwrap();
        assert_eq!(json["identical"], true, "{name}");
        assert_eq!(json["as_expected"], true, "{name}");
    }
}

/// Each mistake with a contract in Rust is told with its cause and its place.
#[test]
fn mistakes_come_with_cause_and_place() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/mistakes.json");
    let output = super::run(&path, 2, false).unwrap().output;
    let contracts = path.with_file_name("../../contracts");
    let line_of = |file: &str, text: &str| {
        let source = std::fs::read_to_string(contracts.join(file)).unwrap();
        source.lines().position(|line| line.contains(text)).unwrap() + 1
    };
    let (token, probe) = ("token/src/lib.rs", "probe/src/lib.rs");
    let transfer = line_of(token, "pub fn transfer(");
    let argument = "abort 4294967294: transfer: argument `amount`: expected 8 bytes, found";
    let overflow = "abort 4294967295: attempt to add with overflow";
    let index = "abort 4294967295: index out of bounds: the len is 3 but the index is 9";
    for expected in [
        format!("{argument} 4 ({token}:{transfer})"),
        format!("{argument} 0 ({token}:{transfer})"),
        "hint: the entry is transfer(to: Address, amount: u64) -> Result<(), TokenError>".into(),
        format!("abort 1: Insufficient: The balance is too small. ({token}:{transfer})"),
        "reverted.no_such_entry".into(),
        "hint: Probe has index, add, returned, ".into(),
        format!("abort 7: Zero: The amount is zero. ({probe}:{})", line_of(probe, "require!(")),
        format!("{overflow} ({probe}:{})", line_of(probe, "a + b")),
        format!("{index} ({probe}:{})", line_of(probe, "[1, 2, 3]")),
        "hint: wrong_template has the template access(to: read): correct that attribute".into(),
        "hint: floats in function 0 at byte 47: ".into(),
    ] {
        assert!(output.contains(&expected), "no {expected:?} in\n{output}");
    }
}

/// Where an author leaves the accounts out, the template decides, also when it is wrong; without one
/// they are found by simulation.
#[test]
fn accounts_left_out_come_from_the_template() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/mistakes.json");
    let output = super::run(&path, 2, true).unwrap().output;
    let json: serde_json::Value = serde_json::from_str(&output).unwrap();
    let lines = json["transactions"].as_array().unwrap();
    let of = |entry: &str| {
        let mut lines = lines.iter().filter(|line| line["does"].as_str().unwrap().contains(entry));
        let access = lines.next_back().unwrap()["access"].as_array().unwrap();
        access.iter().map(|entry| entry["mode"].as_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(of("probe.wrong_template"), ["read"]);
    assert_eq!(of("probe.vote("), ["credit"]);
}

#[test]
fn an_outcome_other_than_expected_fails_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("block.json");
    let text = r#"{
        "accounts": { "alice": { "native": 10000 }, "bob": {} },
        "transactions": [
            { "from": "alice", "transfer": { "to": "bob", "amount": 1 }, "expect": "halted" }
        ]
    }"#;
    std::fs::write(&path, text).unwrap();
    let finished = super::run(&path, 1, false).unwrap();
    assert!(!finished.success);
    assert!(finished.output.contains("NOT AS EXPECTED: the file expects halted"));
}

#[test]
fn a_contract_that_cannot_be_deployed_is_a_fault_at_its_name() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data");
    let text = RIGHT.replace("wat/token.wat", "floats.wat");
    let source = Source::new("block.json", &text);
    let file = parse::parse(&source, &folder).map_err(|fault| fault.message).unwrap();
    let message = super::execute(&file, &source, 1).map(|_| ()).unwrap_err().to_string();
    let expected = "block.json:8:5: contracts.token: this contract cannot be deployed: \
                    reverted: module refused: feature not allowed; \
                    floats in function 0 at byte 47: contracts have no floating point";
    let first = message.lines().next().unwrap_or_default();
    assert!(first.starts_with(expected), "{first}");
    assert!(first.ends_with("; function 0 is the export `half`"), "{first}");
}
