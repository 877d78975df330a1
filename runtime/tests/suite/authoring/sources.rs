//! The committed bytes are those of the committed sources: `contracts/wasm/SHA256SUMS` names both.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

const REMEDY: &str = "run contracts/build.sh and commit contracts/wasm";

fn contracts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts")
}

/// Hashes by path, as `sha256sum` writes them.
fn noted() -> BTreeMap<String, String> {
    let sums = fs::read_to_string(contracts().join("wasm/SHA256SUMS")).expect("it is there");
    let line = |line: &str| {
        let (hash, path) = line.split_once("  ").expect("hash and path");
        (path.to_owned(), hash.to_owned())
    };
    sums.lines().map(line).collect()
}

/// Names of the contracts in Rust.
fn names() -> Vec<String> {
    let entries = fs::read_dir(contracts()).expect("a folder");
    let names = entries.map(|entry| entry.expect("it is read").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    let is_contract =
        |name: &String| name != "host-api" && contracts().join(name).join("Cargo.toml").exists();
    let names: Vec<_> = names.filter(is_contract).collect();
    assert!(names.contains(&"token".to_owned()), "{names:?}");
    names
}

/// Paths of the files below a folder that a build reads.
fn sources(folder: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(contracts().join(folder)).expect("a folder") {
        let entry = entry.expect("it is read");
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        match entry.path() {
            inner if inner.is_dir() && !path.ends_with("/tests") => sources(&path, found),
            _ if path.ends_with(".rs") || path.ends_with("/Cargo.toml") => found.push(path),
            _ => {}
        }
    }
}

#[test]
fn every_noted_file_is_as_it_was() {
    for (path, expected) in noted() {
        let bytes = fs::read(contracts().join(&path));
        let bytes = bytes.unwrap_or_else(|error| panic!("{path}: {error}: {REMEDY}"));
        let found: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(found, expected, "{path} has changed: {REMEDY}");
    }
}

#[test]
fn no_source_is_missing_from_the_note() {
    let noted = noted();
    let mut found = Vec::new();
    for name in ["host-api/src", "host-api/sdk", "host-api/macros"] {
        sources(name, &mut found);
    }
    for name in names() {
        sources(&name, &mut found);
    }
    assert!(found.len() > 30, "{found:?}");
    for path in found {
        assert!(noted.contains_key(&path), "{path} is not noted: {REMEDY}");
    }
    for name in names() {
        assert!(noted.contains_key(&format!("wasm/{name}.wasm")), "{name}: {REMEDY}");
    }
    for path in ["c/greeter.c", "wasm/greeter.wasm"] {
        assert!(
            noted.contains_key(path),
            "{path} is not noted: build it as it says, then {REMEDY}"
        );
    }
}

#[test]
fn contracts_are_small_and_have_no_path_of_the_machine() {
    for name in names() {
        let code = fs::read(contracts().join(format!("wasm/{name}.wasm"))).expect("it is built");
        let len_max = if name == "token" { 12 * 1024 } else { 32 * 1024 };
        assert!(code.len() <= len_max, "{name} has {} bytes, at most {len_max}", code.len());
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
        let folder = folder.to_string_lossy();
        let named = code.windows(folder.len()).any(|window| window == folder.as_bytes());
        assert!(!named, "{name} names {folder}");
    }
}
