//! Law 8: nothing observable depends on map order, threads, caches, clock, environment, locale,
//! floats or addresses. What runs is compared elsewhere (law 1, the recorded chain of `golden.rs`);
//! here the sources are searched for what could make it differ, and observers are heard.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tos_runtime::{ContractEngine, EngineConfig, ExecutionObserver, GuestMessage, TxIndex};

use crate::support::{Chain, Generator, Order, assert_same, genesis, guest};

/// What results could depend on, and the files that may use it all the same: those whose use of it
/// provably ends before a result begins.
const DENIED: &[(&str, &[&str])] = &[
    ("SystemTime", &[]),
    // Figures for people.
    ("Instant", &["metrics.rs"]),
    ("chrono", &[]),
    ("thread_rng", &[]),
    ("rand::", &[]),
    ("getrandom", &[]),
    ("OsRng", &[]),
    ("SysRng", &[]),
    // Names the mistake that a test planted; not compiled into production builds.
    ("env::", &["planted.rs"]),
    ("env!", &[]),
    ("read_dir", &[]),
    ("process::", &[]),
    ("{:p}", &[]),
    (":p}", &[]),
    ("as *const", &[]),
    ("as_ptr()", &[]),
    ("addr_of", &[]),
    // Ratios for people.
    ("f32", &[]),
    ("f64", &["metrics.rs"]),
    ("thread::current", &[]),
    ("ThreadId", &[]),
    // A default of the local configuration.
    ("available_parallelism", &["config.rs"]),
    // Waits for an instance; what is computed then is the same.
    ("sleep", &["call.rs"]),
    ("tokio", &["async_engine.rs", "lib.rs"]),
    ("rayon", &[]),
    ("to_lowercase", &[]),
    ("to_uppercase", &[]),
    // Hash maps: looked up, or sorted before anybody sees their order.
    (
        "HashMap",
        &["cache.rs", "check.rs", "memory.rs", "prefetch.rs", "table.rs", "transaction.rs"],
    ),
    ("HashSet", &["check.rs", "prefetch.rs"]),
    ("HashTable", &["slot_table.rs", "unfolded.rs"]),
    ("DashMap", &["accounts.rs", "chain_state.rs", "slot_map.rs"]),
    // Iterating over one would need this exception from the lint.
    ("iter_over_hash_type", &[]),
];

/// Compiled for tests only, like everything in a folder `tests`.
const TEST_FILES: &[&str] =
    &["conformance.rs", "crash_tests.rs", "device.rs", "modelled.rs", "test_chain.rs", "tests.rs"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The code of a file: without comments and without the unit tests at its end.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Denied words in a file that may not use them.
fn faults(name: &str, text: &str) -> Vec<&'static str> {
    let code = code(text);
    let denied = |(word, allowed): &&(&'static str, &[&str])| {
        !allowed.contains(&name) && code.contains(*word)
    };
    DENIED.iter().filter(denied).map(|(word, _)| *word).collect()
}

#[test]
fn law_08_the_sources_use_nothing_that_differs_between_nodes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "../host-api/src"] {
        sources(&root.join(folder), &mut files);
    }
    let name = |path: &PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
    files.retain(|path| {
        let in_tests = path.parent().is_some_and(|folder| {
            // The kit for tests of contracts is compiled with its feature only.
            folder.ends_with("tests") || folder.ends_with("testing")
        });
        !in_tests && !TEST_FILES.contains(&name(path).as_str())
    });
    assert!(files.len() > 40, "only {} files found", files.len());
    for path in files {
        let text = std::fs::read_to_string(&path).expect("it is readable");
        let faults = faults(&name(&path), &text);
        assert!(faults.is_empty(), "{} uses {faults:?}", path.display());
    }
}

#[test]
fn law_08_the_search_finds_what_it_looks_for() {
    for (word, allowed) in DENIED {
        let text = format!("fn f() {{ let x = \"{word}\"; }}");
        assert!(faults("other.rs", &text).contains(word), "{word} is not found");
        for file in *allowed {
            assert!(!faults(file, &text).contains(word), "{word} is allowed in {file}");
        }
        assert_eq!(faults("other.rs", &format!("// {word}")), [""; 0], "in a comment");
    }
}

#[test]
fn law_08_receipts_have_no_room_for_free_text() {
    let text = include_str!("../../../src/types/receipt.rs");
    for word in ["String", "str>", "&str", "HashMap", "f64", "usize"] {
        assert!(!code(text).contains(word), "a receipt could hold {word}");
    }
    assert!(code(text).contains("pub struct Receipt"));
}

#[test]
fn law_08_iterating_over_a_hash_map_is_a_lint_error_everywhere() {
    let manifest = include_str!("../../../../Cargo.toml");
    for lint in ["iter_over_hash_type = ", "float_arithmetic = "] {
        assert!(manifest.contains(lint), "{lint} is not switched on for the workspace");
    }
}

/// Writes down everything it is told.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<(TxIndex, GuestMessage)>>>);

impl ExecutionObserver for Listener {
    fn guest_message(&self, tx: TxIndex, message: &GuestMessage) {
        self.0.lock().expect("nobody panics").push((tx, message.clone()));
    }
}

#[test]
fn law_08_an_engine_that_is_watched_computes_what_one_computes_that_is_not() {
    let people = 8;
    let listener = Listener::default();
    let build = |threads| {
        let config = EngineConfig { max_parallel_threads: threads, ..EngineConfig::default() };
        ContractEngine::builder().genesis(genesis(people)).config(config)
    };
    let watched = Chain::build(build(3).observer(listener.clone()));
    let alone = Chain::build(build(1));
    let mut generator = Generator::new(people, 23);
    let mut txs = generator.first_block();
    for round in 0..6 {
        let context = watched.engine.next_context(round);
        let block = tos_runtime::Block::new(context, watched.verified(txs));
        let a = watched.execute_block(&block);
        let b = alone.engine.execute_block(&block).expect("it executes");
        assert_same(&a, &b, "watched and not");
        watched.engine.commit(a).expect("it commits");
        alone.engine.commit(b).expect("it commits");
        txs = generator.block(&watched.engine, 50);
    }
    assert!(!listener.0.lock().expect("nobody panics").is_empty(), "nobody said anything");
}

#[test]
fn law_08_the_words_of_a_contract_reach_the_operator_and_no_result() {
    let listener = Listener::default();
    let builder = ContractEngine::builder().genesis(genesis(3)).observer(listener.clone());
    let mut chain = Chain::build(builder);
    let abort = chain.deploy(guest!("abort"), &[]);
    let receipt = chain.one(1, Order::invoke(abort, "abort", &9_u32.to_le_bytes()));
    let heard = listener.0.lock().expect("nobody panics")[0].1.text.clone();
    assert_eq!(heard, "abort 9: asked to (abort.wat:31)");
    let bytes = borsh::to_vec(&receipt).expect("it encodes");
    let contains = |word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
    assert!(contains(b"kept"), "the return data is part of the receipt");
    assert!(!contains(b"asked"), "the message is not");
}
