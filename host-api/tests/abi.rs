//! `ABI.md` lists exactly the rows of the table of host functions.

use tos_host_api::functions::{HOST_FUNCTIONS, HostFunctionSpec, ValueType};
use tos_host_api::limits;

fn value_type(ty: ValueType) -> &'static str {
    match ty {
        ValueType::I32 => "i32",
        ValueType::I64 => "i64",
    }
}

fn row(spec: &HostFunctionSpec) -> String {
    let params: Vec<_> =
        spec.params.iter().map(|(name, ty)| format!("{name}: {}", value_type(*ty))).collect();
    let result = spec.result.map_or(String::new(), |ty| format!(" -> {}", value_type(ty)));
    let gas = match spec.gas.per_byte {
        0 => spec.gas.base.to_string(),
        per_byte => format!("{} + {per_byte} per byte", spec.gas.base),
    };
    let access: Vec<_> =
        spec.access.iter().map(|(account, mode)| format!("{account}: {mode}")).collect();
    let statuses: Vec<_> =
        spec.statuses.iter().map(|status| format!("{status:?} ({})", status.code())).collect();
    let or_none = |list: Vec<String>| {
        if list.is_empty() { "-".to_owned() } else { list.join(", ") }
    };
    format!(
        "| {} | `{}({}){result}` | {gas} | {} | {} | {} | {} |",
        spec.function.code(),
        spec.name,
        params.join(", "),
        or_none(access),
        or_none(statuses),
        if spec.in_view { "yes" } else { "no" },
        spec.summary,
    )
}

#[test]
fn the_document_lists_exactly_the_table() {
    let document = include_str!("../ABI.md");
    let listed: Vec<_> = document
        .lines()
        .filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit())
        .collect();
    let expected: Vec<_> = HOST_FUNCTIONS.iter().map(row).collect();
    assert_eq!(listed, expected, "the rows should be:\n{}", expected.join("\n"));
}

#[test]
fn the_document_states_the_limits() {
    let document = include_str!("../ABI.md");
    for (name, value) in [
        ("key", limits::KEY_LEN_MAX),
        ("value", limits::VALUE_LEN_MAX),
        ("return data", limits::RETURN_LEN_MAX),
        ("topics of an event", limits::EVENT_TOPICS_MAX),
        ("data of an event", limits::EVENT_DATA_LEN_MAX),
        ("events of a transaction", limits::EVENTS_MAX),
        ("message", limits::MESSAGE_LEN_MAX),
        ("input", limits::INPUT_LEN_MAX),
        ("name of an entry", limits::ENTRY_LEN_MAX),
        ("deposits of a call", limits::DEPOSITS_MAX),
        ("calls running at once", limits::CALL_DEPTH_MAX),
        ("random bytes at once", limits::RANDOM_LEN_MAX),
    ] {
        let line = format!("- {name}: {value}");
        assert!(document.contains(&line), "ABI.md should say {line:?}");
    }
}

#[test]
fn numbers_and_names_are_unique() {
    for (idx, spec) in HOST_FUNCTIONS.iter().enumerate() {
        assert!(HOST_FUNCTIONS[..idx].iter().all(|earlier| {
            earlier.name != spec.name && earlier.function.code() < spec.function.code()
        }));
    }
}
