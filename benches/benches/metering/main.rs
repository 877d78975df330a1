//! What does metering cost? The same programs as they are, metered by preparation, and with
//! wasmtime's fuel, on machine code of the sandbox's settings.
//!
//! ```text
//! cargo bench -p tos-benches --bench metering
//! ```
//!
//! The three builds run in turn; *least* is the fastest run of each, *median* the one in the
//! middle.
//!
//! # Result
//!
//! On 2 cores of an AMD EPYC, least of 60 runs, microseconds:
//!
//! | | As it is | Metered | With fuel | Metering over none | over fuel |
//! |---|---|---|---|---|---|
//! | compute loop | 147 | 158 | 165 | +8 % | -4 % |
//! | memory loop (sieve) | 379 | 480 | 511 | +27 % | -6 % |
//! | SHA-256 of 16 KiB | 223 | 209 | 258 | -6 % | -19 % |
//! | token transfer x 5,000 | 759 | 788 | 767 | +4 % | +3 % |
//!
//! The sieve's inner loop is one store, one addition and one comparison. A charge adds a
//! subtraction and a test fused with its branch to each pass, in a register: the machine code has
//! nothing more that could go, as long as gas is counted exactly on every pass.
#![allow(clippy::float_arithmetic, reason = "times and ratios for readers, no part of a result")]

#[path = "../shared/machine.rs"]
#[allow(dead_code, reason = "shared with another bench, which uses the rest")]
mod machine;
mod token;

use std::time::Duration;

use machine::{Build, Machine, Sandbox};
use tos_benches::guests::{COMPUTE_WAT, SHA256_WAT, SIEVE_WAT};
use tos_benches::{TOKEN_WAT, assemble, bench};

/// How often each build runs.
const ROUNDS: usize = 60;
const BUILDS: [Build; 3] = [Build::Plain, Build::Metered, Build::Fuelled];

/// A program and what it is given.
struct Program {
    name: &'static str,
    wat: &'static str,
    entry: &'static str,
    /// How often the entry is called to make one run.
    calls: u32,
    memory: Vec<(usize, Vec<u8>)>,
}

fn programs() -> Vec<Program> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let looped = |name, wat, memory| Program { name, wat, entry: "run", calls: 1, memory };
    vec![
        looped("compute loop", COMPUTE_WAT, vec![(0, words(&[2_000]))]),
        looped("memory loop (sieve)", SIEVE_WAT, vec![(0, words(&[4]))]),
        looped(
            "SHA-256 of 16 KiB",
            SHA256_WAT,
            vec![(0, words(&[4, 16_384])), (1024, vec![7; 16_384])],
        ),
        Program {
            name: "token transfer",
            wat: TOKEN_WAT,
            entry: "transfer",
            calls: 5_000,
            memory: Vec::new(),
        },
    ]
}

fn main() {
    bench::print_machine();
    println!(
        "\n{:<22} {:>10} {:>10} {:>10} {:>9} {:>9} {:>9}",
        "least of runs", "plain us", "metered us", "fuel us", "metered", "fuel", "to fuel"
    );
    let sandbox = Sandbox::new();
    let measured: Vec<_> =
        programs().iter().map(|program| (program.name, runs(&sandbox, program))).collect();
    let mut overheads = Vec::new();
    for (name, runs) in &measured {
        overheads.push(print(name, runs.each_ref().map(|runs| runs[0])));
    }
    overheads.sort_by(f64::total_cmp);
    // The mean of the two in the middle: there are four programs.
    let middle = [overheads[(overheads.len() - 1) / 2], overheads[overheads.len() / 2]];
    println!("median overhead of metering {:+.1} %", 50.0 * (middle[0] + middle[1]));
    println!("\nmedian of runs");
    for (name, runs) in &measured {
        print(name, runs.each_ref().map(|runs| runs[runs.len() / 2]));
    }
}

/// Prints one line; returns the overhead of metering over the plain build.
fn print(name: &str, times: [Duration; 3]) -> f64 {
    let [plain, metered, fuelled] = times.map(|time| time.as_nanos() as f64 / 1e3);
    let over = |time: f64, base: f64| 100.0 * (time / base - 1.0);
    println!(
        "{name:<22} {plain:>10.1} {metered:>10.1} {fuelled:>10.1} {:>+8.1}% {:>+8.1}% {:>+8.1}%",
        over(metered, plain),
        over(fuelled, plain),
        over(metered, fuelled)
    );
    metered / plain - 1.0
}

/// The times of every build, in ascending order.
fn runs(sandbox: &Sandbox, program: &Program) -> [Vec<Duration>; 3] {
    let wasm = assemble(program.wat);
    let info = tos_runtime::prepare::check(&wasm).expect("it is accepted");
    let number = info.entry_number(program.entry).expect("an entry");
    let mut machines = BUILDS.map(|build| {
        let module = sandbox.compile(build, &wasm);
        Machine::new(&module, (program.entry, number), token::link)
    });
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (machine, times) in machines.iter_mut().zip(&mut times) {
            for (offset, bytes) in &program.memory {
                machine.write(*offset, bytes);
            }
            times.push((0..program.calls).map(|_| machine.run()).sum());
        }
    }
    for times in &mut times {
        times.sort_unstable();
    }
    times
}
