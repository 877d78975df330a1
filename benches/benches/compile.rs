//! How long does it take to compile a module, and how much memory, per byte of code? Deploys the
//! recipes of `tos_benches::bombs`, real contracts beside them, each in a process of its own, and
//! prints nanoseconds and peak memory per byte of deployed code, and per byte of the budget: the
//! code and the length that every module has free. What is measured is all that a deployment costs
//! before it runs: checking, metering, compiling, storing.
//!
//! ```text
//! cargo bench -p tos-benches --bench compile                        the table
//! cargo bench -p tos-benches --bench compile -- --recipe "..."      one recipe
//! cargo bench -p tos-benches --bench compile -- --search 600 1      ten minutes, seed 1
//! cargo bench -p tos-benches --bench compile -- --search 600 1 icall grow    without these pieces
//! ```

use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tos_benches::bombs::{self, AT_LIMIT, Bomb, Construct, Gene, OPERATORS, Piece, WORST};
use tos_benches::{COUNTER_WAT, Rng, TOKEN_WAT, assemble, bench};
use tos_runtime::{ExecutionStatus, RevertReason, prepare};

/// Deployments of a module are repeated until they took this long: the system counts a thread's
/// time in steps of some milliseconds.
const ENOUGH: Duration = Duration::from_millis(300);
/// About how large the modules of a search are.
const SEARCHED_BYTES: usize = 60_000;
/// Bytes of code for which the limits ask nothing: what a module may cost is in proportion to its
/// length and these.
const FREE_BYTES: usize =
    (prepare::limits::COMPILE_WORK_FREE * prepare::limits::CODE_BYTES_PER_COMPILE_WORK) as usize;
/// How often at most.
const DEPLOYMENTS_MAX: u32 = 100;

fn main() {
    let args: Vec<_> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    match args[..] {
        [] => table(),
        ["--recipe", recipe] => {
            header();
            row("recipe", recipe);
        }
        ["--measure", name] => measure_here(name),
        ["--search", seconds, seed, ref without @ ..] => {
            search(bench::must(seconds.parse()), bench::must(seed.parse()), without);
        }
        _ => panic!("see the head of this file for what can be asked"),
    }
}

/// The module a name stands for: a contract or a recipe.
fn module(name: &str) -> Vec<u8> {
    match name {
        "token" => assemble(TOKEN_WAT),
        "counter" => assemble(COUNTER_WAT),
        recipe => bench::must(recipe.parse::<Bomb>()).module(),
    }
}

fn table() {
    header();
    for name in ["counter", "token"] {
        row(name, name);
    }
    for known in AT_LIMIT {
        row(known.limit, known.recipe);
    }
    for (name, recipe) in WORST {
        row(name, recipe);
    }
}

fn header() {
    bench::print_machine();
    println!(
        "{:<50} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "module", "bytes", "us", "ns/byte", "ns/budget", "peak KiB", "B/budget"
    );
}

fn row(title: &str, name: &str) {
    let exe = bench::must(std::env::current_exe());
    let output = bench::must(Command::new(exe).args(["--measure", name]).output());
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<u64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [bytes, nanos, peak] = numbers[..] else {
        panic!("{title}: {}", String::from_utf8_lossy(&output.stderr))
    };
    println!(
        "{title:<50} {bytes:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        nanos / 1_000,
        nanos / bytes,
        per_budget(Duration::from_nanos(nanos), bytes as usize),
        peak / 1024,
        peak / (bytes + FREE_BYTES as u64)
    );
}

/// Prints length, nanoseconds and growth of the peak of resident memory, in a process of its own.
fn measure_here(name: &str) {
    let code = module(name);
    // What an engine takes by itself is not the module's.
    deploy(&module("functions=0:"));
    let before = status_bytes("VmHWM:");
    let mut total = deploy(&code);
    let peak = status_bytes("VmHWM:").saturating_sub(before);
    let mut deployments = 1;
    while deployments < DEPLOYMENTS_MAX && total < ENOUGH {
        total += deploy(&code);
        deployments += 1;
    }
    println!("{} {} {peak}", code.len(), total.as_nanos() / u128::from(deployments));
}

/// A field of this process's status; 0 where there is none.
fn status_bytes(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib: Option<u64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.unwrap_or(0) * 1024
}

/// Time this thread has run, which other processes do not disturb much; compilation is on one
/// thread. The time of day where the system does not tell.
fn processor_time() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let start = *START;
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|nanos| nanos.parse().ok());
    nanos.map_or_else(|| start.elapsed(), Duration::from_nanos)
}

/// How long the first deployment of a module takes.
fn deploy(code: &[u8]) -> Duration {
    let deployment = bombs::Deployment::new(code.to_vec());
    let start = processor_time();
    let receipt = bench::must(deployment.run());
    let time = processor_time().saturating_sub(start);
    // A constructor may well refuse an empty input.
    let refused =
        matches!(receipt.status, ExecutionStatus::Reverted(RevertReason::ModuleRefused(_)));
    assert!(!refused, "{:?}", receipt.status);
    time
}

/// Climbs from random recipes and prints every record.
fn search(seconds: u64, seed: u64, without: &[&str]) {
    bench::print_machine();
    let mut rng = Rng::new(seed);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut record = 0;
    while Instant::now() < end {
        let mut best = random(&mut rng);
        if names_any(&best, without) {
            continue;
        }
        let mut score = cost(&best);
        let mut failures = 0;
        while failures < 25 && Instant::now() < end {
            let next = mutate(&best, &mut rng);
            let Some(next) = next.filter(|next| !names_any(next, without)) else { continue };
            let next_score = cost(&next);
            failures += 1;
            if next_score > score {
                (best, score, failures) = (next, next_score, 0);
            }
            if score > record {
                record = score;
                println!("{record:>8} ns/byte  {best}");
            }
        }
        println!("{score:>8} end of climb  {best}");
    }
}

/// Whether a recipe contains one of these pieces.
fn names_any(bomb: &Bomb, pieces: &[&str]) -> bool {
    bomb.to_string().split_whitespace().any(|word| pieces.contains(&word))
}

/// Nanoseconds per byte and free byte.
fn per_budget(time: Duration, bytes: usize) -> u64 {
    time.as_nanos() as u64 / (bytes + FREE_BYTES) as u64
}

/// What a search maximises.
fn cost(bomb: &Bomb) -> u64 {
    let code = bomb.module();
    let (mut total, mut deployments) = (deploy(&code), 1);
    while total < ENOUGH / 4 && deployments < 20 {
        total += deploy(&code);
        deployments += 1;
    }
    per_budget(total / deployments, code.len())
}

fn random(rng: &mut Rng) -> Bomb {
    let empty = bench::must(":".parse::<Bomb>());
    loop {
        let mut bomb = empty.clone();
        for _ in 0..1 + rng.below(3) {
            bomb.unit.push(piece(rng));
        }
        if let Some(bomb) = filled(bomb, rng) {
            return bomb;
        }
    }
}

fn piece(rng: &mut Rng) -> Piece {
    match rng.below(12) {
        0 => Piece::Spin,
        1 => Piece::Switch(1 + rng.below(64)),
        2 | 3 => {
            let inner = (0..1 + rng.below(3)).map(|_| piece(rng)).collect();
            let construct = [Construct::Block, Construct::Loop, Construct::If][rng.below(3)];
            Piece::Nest(construct, inner)
        }
        _ => Piece::Op(rng.below(OPERATORS.len())),
    }
}

/// The recipe repeated as often as a limit allows, or a part of that, in as many functions as a
/// limit or our patience allows.
fn filled(bomb: Bomb, rng: &mut Rng) -> Option<Bomb> {
    let full = bomb.with(Gene::Functions, 1).fill(Gene::Repeats, 20_000)?;
    let repeats = full.get(Gene::Repeats);
    let part = [1, 1, 3, 30][rng.below(4)];
    let bomb = full.with(Gene::Repeats, repeats.div_ceil(part));
    let len = bomb.module().len();
    bomb.fill(Gene::Functions, (SEARCHED_BYTES / len).clamp(1, 9_999))
}

fn mutate(bomb: &Bomb, rng: &mut Rng) -> Option<Bomb> {
    let mut next = bomb.clone();
    for _ in 0..1 + rng.below(2) {
        let at = rng.below(next.unit.len().max(1));
        match rng.below(10) {
            0..=2 => next.unit.insert(at.min(next.unit.len()), piece(rng)),
            3 if next.unit.len() > 1 => drop(next.unit.remove(at)),
            4 if !next.unit.is_empty() => next.unit[at] = piece(rng),
            5 if !next.unit.is_empty() => {
                let construct = [Construct::Block, Construct::Loop, Construct::If][rng.below(3)];
                let inner = std::mem::take(&mut next.unit);
                next.unit = vec![Piece::Nest(construct, inner)];
            }
            6 => next = next.with(Gene::Locals, [0, 1, 4, 16, 64, 250][rng.below(6)]),
            7 => next = next.with(Gene::Width, [0, 1, 8, 40, 120, 280][rng.below(6)]),
            8 => next = next.with(Gene::Depth, [0, 1, 4, 32, 200][rng.below(5)]),
            _ => next = next.with(Gene::Params, [1, 2, 8, 32][rng.below(4)]),
        }
    }
    if next.unit.is_empty() { None } else { filled(next, rng) }
}
