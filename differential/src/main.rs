//! The command line: long comparisons, and the repetition of what they find.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use tos_differential::campaign::{Campaign, Finding};
use tos_differential::compare::compare;
use tos_differential::engines::{self, Compiler, Engine, on_threads};
use tos_differential::reduce::reduce;
use tos_differential::report::Report;
use tos_differential::sources::{Draw, Source, Subject};
use tos_differential::stack::depth::{self, Depth};
use tos_differential::stack::measure::{self, LARGE, Modules};

/// Compares WebAssembly engines on prepared modules.
#[derive(Parser)]
struct Arguments {
    /// A module to compare on, instead of generated ones.
    file: Option<PathBuf>,
    /// Make the module of the file smaller while engines differ on it.
    #[arg(long, requires = "file")]
    reduce: bool,
    /// Modules to generate.
    #[arg(long, default_value_t = 1_000)]
    modules: u64,
    /// Seed of the first module; the others follow one by one.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run so many modules into the limit of the stack instead, and measure the native stack.
    #[arg(long)]
    stack: Option<u64>,
    /// Threads.
    #[arg(long, default_value_t = default_threads())]
    threads: usize,
}

fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let engines = engines::all()?;
    for engine in &engines {
        println!("engine: {}", engine.name());
    }
    if let Some(modules) = arguments.stack {
        return stack(&engines, modules, &arguments);
    }
    match &arguments.file {
        Some(file) if arguments.reduce => smaller(&engines, file, arguments.seed),
        Some(file) => replay(&engines, file, arguments.seed),
        None => generate(&engines, &arguments),
    }
}

fn generate(engines: &[Box<dyn Engine>], arguments: &Arguments) -> Result<ExitCode> {
    let &Arguments { seed, modules, threads, .. } = arguments;
    let start = Instant::now();
    let progress = |done: u64| {
        if done.is_multiple_of(1_000) {
            eprintln!("{done} of {modules} modules, {:.0} s", start.elapsed().as_secs_f64());
        }
    };
    let outcome = Campaign { seed, modules, threads }.run(engines, progress);
    let seconds = start.elapsed().as_secs_f64();
    match outcome {
        Ok(report) => {
            println!("{modules} seeds from {seed}, {seconds:.0} s: no difference\n\n{report}");
            Ok(ExitCode::SUCCESS)
        }
        Err(finding) => {
            let Finding { seed, code, difference } = *finding;
            let file = format!("differential-{seed}.wasm");
            std::fs::write(&file, code).with_context(|| file.clone())?;
            println!("DIFFERENCE, seed {seed}: {difference}");
            println!("module: {file}");
            println!(
                "again:  cargo run --release -p tos-differential -- --seed {seed} --modules 1"
            );
            println!("or:     cargo run --release -p tos-differential -- {file} --seed {seed}");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn stack(engines: &[Box<dyn Engine>], count: u64, arguments: &Arguments) -> Result<ExitCode> {
    for depths in on_threads(1, |_| depth::check(engines)) {
        for Depth { chain, stack, depth } in depths? {
            println!("{chain:<40} {stack:>6} words: {depth:>5} calls on every engine");
        }
    }
    let &Arguments { seed, threads, .. } = arguments;
    let modules = Modules { seed, count, size: LARGE, threads };
    let start = Instant::now();
    let measured = measure::measure(engines, modules)?;
    println!("\n{:.0} s: {measured}", start.elapsed().as_secs_f64());
    for (_, worst) in &measured.worst {
        for compiler in Compiler::ALL {
            let least = on_threads(1, |_| measure::least_stack(compiler, worst.seed, LARGE));
            for bytes in least {
                println!("seed {}: {} KiB suffice for {compiler}", worst.seed, bytes? / 1024);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn read(file: &PathBuf) -> Result<Vec<u8>> {
    let code = std::fs::read(file).with_context(|| file.display().to_string())?;
    // Text is welcome too: a failing module is easier to make smaller in that form.
    Ok(wat::parse_bytes(&code)?.into_owned())
}

fn smaller(engines: &[Box<dyn Engine>], file: &PathBuf, seed: u64) -> Result<ExitCode> {
    let code = read(file)?;
    let differs = |code: &[u8]| {
        let subject = Subject::new(Source::File, code.to_vec());
        subject.is_some_and(|subject| compare(engines, &subject, seed).is_err())
    };
    let reduced = on_threads(1, |_| differs(&code).then(|| reduce(&code, differs)));
    let reduced = reduced.into_iter().next().flatten().context("no difference to begin with")?;
    let to = file.with_extension("small.wasm");
    std::fs::write(&to, &reduced).with_context(|| to.display().to_string())?;
    println!("{} bytes of {} are left: {}", reduced.len(), code.len(), to.display());
    Ok(ExitCode::SUCCESS)
}

fn replay(engines: &[Box<dyn Engine>], file: &PathBuf, seed: u64) -> Result<ExitCode> {
    let subject = Subject::new(Source::File, read(file)?).context("the gate refuses the module")?;
    let outcomes = on_threads(1, |_| compare(engines, &subject, seed));
    let Some(outcome) = outcomes.into_iter().next() else { return Ok(ExitCode::FAILURE) };
    match outcome {
        Ok(tally) => {
            let mut report = Report::default();
            let draw = Draw { source: Source::File, refused: 0, subject: Some(subject) };
            report.count(&draw, &tally);
            println!("no difference\n\n{report}");
            Ok(ExitCode::SUCCESS)
        }
        Err(difference) => {
            println!("DIFFERENCE: {difference}");
            Ok(ExitCode::FAILURE)
        }
    }
}
