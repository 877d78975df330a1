//! Planted bugs that tests of this binary catch.

use std::path::Path;

use tos_runtime::PLANTABLE_BUGS;

#[path = "../planted/mod.rs"]
mod runner;

#[test]
fn planted_bugs_are_caught_by_the_tests_that_are_named() {
    let bugs: Vec<_> = PLANTABLE_BUGS.iter().map(|bug| (bug.name, bug.what, bug.law)).collect();
    runner::check(runner::Binary::Suite, &bugs);
}

/// How a manifest declares the feature.
const FEATURE: &str = "planted-bugs = []";

#[test]
fn nobody_but_the_tests_of_this_crate_can_plant_bugs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let manifest = |folder: &str| {
        let text = std::fs::read_to_string(root.join(folder).join("Cargo.toml"));
        text.unwrap_or_else(|error| panic!("{folder}: {error}"))
    };
    let workspace = manifest(".");
    let (_, members) = workspace.split_once("\nmembers = [").expect("there are members");
    let (members, _) = members.split_once(']').expect("the list ends");
    let members: Vec<_> = members.split('"').skip(1).step_by(2).collect();
    assert!(members.contains(&"runtime"), "{members:?}");
    let lines = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.filter(|line| line.contains("planted-bugs")).map(str::to_owned).collect::<Vec<_>>()
    };
    for member in members.into_iter().filter(|member| *member != "runtime") {
        // Whoever compiles the engine's files knows the feature, and does not switch it on.
        assert!(lines(&manifest(member)).iter().all(|line| line == FEATURE), "{member}");
    }
    let own = manifest("runtime");
    let (product, tests) = own.split_once("\n[dev-dependencies]\n").expect("tests need more");
    assert_eq!(lines(product), [FEATURE], "a feature that nothing implies");
    assert_eq!(lines(tests).len(), 1);
    assert!(lines(&workspace).is_empty());
}
