//! What the engine is built from: where it comes from, what must be there once, what decides
//! results and so is pinned, and where `unsafe` may stand. `deny.toml` has the rest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Results depend on these: two versions side by side would be two sets of rules, and another one
/// is a decision, never an update.
const DECIDE_RESULTS: [&str; 10] = [
    "wasmtime",
    "wasmparser",
    "wasm-encoder",
    "borsh",
    "blake3",
    "ed25519-zebra",
    "k256",
    "sha2",
    "sha3",
    "redb",
];

/// Of those, the ones that tools and tests need in another version as well: wasmi brings a parser
/// of its own, `wat` an encoder, ed25519 a hash.
const TWICE: [&str; 3] = ["wasmparser", "wasm-encoder", "sha2"];

/// The files that may allow `unsafe`, each with its argument. One of the engine: loading compiled
/// code. The others are for guests, which import functions, export entries and bring an allocator.
const UNSAFE: [&str; 7] = [
    "host-api/macros/src/entries.rs",
    "host-api/sdk/src/buffer.rs",
    "host-api/sdk/src/guest.rs",
    "host-api/sdk/src/lib.rs",
    "host-api/sdk/src/sys.rs",
    "host-api/src/functions.rs",
    "runtime/src/sandbox/artifact.rs",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The packages of a lock file: name, version and where it comes from, which members do not say.
fn packages(lock: &str) -> Vec<(String, String, Option<String>)> {
    let field = |package: &str, name: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(&format!("{name} = \"")));
        line.and_then(|value| value.strip_suffix('"')).map(str::to_owned)
    };
    let packages = lock.split("[[package]]\n").skip(1).map(|package| {
        let name = field(package, "name").expect("a name");
        (name, field(package, "version").expect("a version"), field(package, "source"))
    });
    packages.collect()
}

#[test]
fn everything_comes_from_the_public_registry() {
    let packages = packages(&read("Cargo.lock"));
    assert!(packages.len() > 200, "{} packages", packages.len());
    for (name, version, source) in packages {
        let Some(source) = source else {
            assert!(name.starts_with("tos-"), "{name} {version} comes from a folder");
            continue;
        };
        assert!(source.ends_with("github.com/rust-lang/crates.io-index"), "{name}: {source}");
    }
}

#[test]
fn what_decides_results_is_pinned_and_there_once() {
    let mut versions = BTreeMap::<_, Vec<_>>::new();
    for (name, version, _) in packages(&read("Cargo.lock")) {
        versions.entry(name).or_default().push(version);
    }
    let manifest = read("Cargo.toml");
    for name in DECIDE_RESULTS {
        let line = manifest.lines().find(|line| line.starts_with(&format!("{name} = ")));
        let line = line.unwrap_or_else(|| panic!("{name} is in no manifest"));
        let pinned = line.split("\"=").nth(1).and_then(|rest| rest.split('"').next());
        let pinned = pinned.unwrap_or_else(|| panic!("{name} is not pinned: {line}")).to_owned();
        let found = &versions[name];
        assert!(found.contains(&pinned), "{name}: {found:?} instead of {pinned}");
        assert!(found.len() == 1 || TWICE.contains(&name), "{name} is there as {found:?}");
    }
}

#[test]
fn unsafe_code_is_denied_everywhere_and_allowed_in_named_files_only() {
    let manifest = read("Cargo.toml");
    assert!(manifest.contains("[workspace.lints.rust]\nunsafe_code = \"deny\"\n"));
    let members = manifest.split("members = [\n").nth(1).and_then(|rest| rest.split(']').next());
    let mut files = Vec::new();
    for member in members.expect("the members").lines().map(|line| line.trim()) {
        let member = member.trim_matches(|c| c == '"' || c == ',');
        let own = read(&format!("{member}/Cargo.toml"));
        assert!(own.contains("[lints]\nworkspace = true\n"), "{member} has lints of its own");
        rust_files(&root().join(member), &mut files);
    }
    assert!(files.len() > 200, "{} files", files.len());
    let allows = ["allow(unsafe", "expect(unsafe", "warn(unsafe"];
    let mut found = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("it is read");
        let name = file.strip_prefix(root()).expect("below the root").display().to_string();
        // This file names what it looks for.
        if !name.ends_with("laws/supply.rs") && allows.iter().any(|allow| text.contains(allow)) {
            found.push(name);
        }
    }
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, UNSAFE);
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("target") {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}
