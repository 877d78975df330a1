//! What fuzzing has found worth keeping, run through its targets.

use std::fs;
use std::path::PathBuf;

use tos_fuzz_targets::{ENGINES, TARGETS, Target};

/// Kept in all, in bytes, and files of one target: a corpus is read by people too.
const BYTES_MAX: u64 = 200 << 10;
const FILES_MAX: usize = 40;

fn corpora() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus"))
}

/// Runs a target on its corpus; a panic tells the file.
fn replay(name: &str, target: Target) {
    let folder = corpora().join(name);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut count = 0;
    for file in files {
        let path = file.expect("a file").path();
        let bytes = fs::read(&path).expect("it is read");
        let outcome = std::panic::catch_unwind(|| target(&bytes));
        assert!(outcome.is_ok(), "{name} fails on {}", path.display());
        count += 1;
    }
    assert!((5..=FILES_MAX).contains(&count), "{name} has {count} files");
    // And nothing at all.
    target(&[]);
}

#[test]
fn every_corpus_passes_its_target() {
    TARGETS.into_iter().for_each(|(name, target)| replay(name, target));
}

#[test]
fn engines_agree_on_their_corpus() {
    replay(ENGINES.0, ENGINES.1);
}

#[test]
fn corpora_are_small_and_each_has_a_target() {
    let mut bytes = 0;
    for folder in fs::read_dir(corpora()).expect("the corpora") {
        let folder = folder.expect("a folder");
        let name = folder.file_name().into_string().expect("a name");
        let known = TARGETS.iter().any(|(target, _)| *target == name);
        assert!(known || name == ENGINES.0 || name == "journal", "nobody reads corpus {name}");
        for file in fs::read_dir(folder.path()).expect("its files") {
            bytes += file.expect("a file").metadata().expect("its size").len();
        }
    }
    assert!(bytes <= BYTES_MAX, "{bytes} bytes");
}
