//! What surrounds a node changes no byte: the golden chain, replayed by processes of their own under
//! hostile environments, on one core and with many more threads than cores. Every process compares
//! each block with what is recorded; `.ci/run` has the release build do the same, and the README of
//! the benches tells the command for a build made for one processor only.
#![allow(missing_docs, reason = "tests have sentences for names")]

use std::process::Command;

/// Blocks that every variable on its own is tried with: those that deploy everything, and some more.
const FEW: u32 = 20;
/// The whole chain.
const ALL: u32 = 500;

/// What may surround a node, by name.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("RUST_LOG", "trace"),
    ("RUST_BACKTRACE", "full"),
    ("WASMTIME_BACKTRACE_DETAILS", "1"),
    ("LC_ALL", "C"),
    ("LC_ALL", "de_DE.UTF-8"),
    ("TZ", "Pacific/Kiritimati"),
    ("RAYON_NUM_THREADS", "1"),
    ("RUST_MIN_STACK", "262144"),
];

/// `tos-node golden`, with nothing around it yet.
fn golden(blocks: u32, threads: u32) -> Command {
    with_options(Command::new(env!("CARGO_BIN_EXE_tos-node")), blocks, threads)
}

fn with_options(mut command: Command, blocks: u32, threads: u32) -> Command {
    let (blocks, threads) = (blocks.to_string(), threads.to_string());
    command.env_clear().args(["golden", "--blocks", &blocks, "--threads", &threads]);
    command
}

/// Demands that the chain came out as recorded, and says what the process printed otherwise.
#[track_caller]
fn assert_recorded(command: &mut Command, what: &str) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{what}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (printed, errors) = (text(&output.stdout), text(&output.stderr));
    let recorded = output.status.success() && printed.ends_with("\nas recorded\n");
    assert!(recorded, "{what}: {}\n{printed}{errors}", output.status);
    printed
}

#[test]
fn bad_c05_no_variable_of_the_environment_changes_a_byte() {
    for (name, value) in ENVIRONMENT {
        assert_recorded(golden(FEW, 2).env(name, value), &format!("{name}={value}"));
    }
    let mut all = golden(ALL, 2);
    all.arg("--cut").envs(ENVIRONMENT.iter().copied());
    assert_recorded(&mut all, "all of them");
}

#[test]
fn bad_c06_a_debug_build_computes_what_every_other_build_computes() {
    // The test command tries the build for debugging, `.ci/run` the one for release.
    let printed = assert_recorded(&mut golden(ALL, 4), "this build");
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    assert!(printed.contains(&format!("{profile} build")), "{printed}");
}

#[test]
fn bad_s13_more_threads_than_cores_and_a_single_core_give_the_same_bytes() {
    assert_recorded(&mut golden(ALL, 16), "16 threads");
    assert_recorded(golden(FEW, 16).arg("--cut"), "16 threads on blocks cut in pieces");
    let node = env!("CARGO_BIN_EXE_tos-node");
    let Some(core) = first_core() else { return };
    for threads in [1, 16] {
        let mut command = Command::new("taskset");
        command.args(["-c", &core, node]);
        let mut command = with_options(command, FEW, threads);
        // Not every system has the tool; the engine then had as many cores as there are.
        if Command::new("taskset").arg("--version").output().is_ok() {
            assert_recorded(&mut command, &format!("{threads} threads on core {core}"));
        }
    }
}

#[test]
fn a_chain_that_is_recorded_can_be_told_from_one_that_is_not() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("chain.txt");
    let output = golden(3, 1).arg("--record").arg(&file).output().expect("it runs");
    assert!(output.status.success());
    let recorded = std::fs::read_to_string(&file).expect("it was written");
    assert_eq!(recorded.lines().filter(|line| !line.starts_with('#')).count(), 3);
    // More blocks than there are in the chain are not asked for by accident.
    assert!(!golden(ALL + 1, 1).output().expect("it runs").status.success());
}

/// A core this process may run on.
fn first_core() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    Some(allowed.trim().split([',', '-']).next()?.to_owned())
}
