//! The smallest honest node around TOS Runtime.
//!
//! Without a subcommand it runs the main job: seeded blocks of transfers and contract calls,
//! executed sequentially and in parallel, compared byte for byte, committed to a database that is
//! reopened at the end. `block FILE` executes one block described in a readable JSON file; `schedule`
//! explains why its transactions wait, `scale` what more cores would bring; `bundle` writes a block with
//! all it reads into a file and `replay` executes it again anywhere; `contract` builds contracts and
//! shows what is in them; `bench` measures what the engine promises about speed; `golden` replays the
//! recorded chain.
#![expect(clippy::float_arithmetic, reason = "rates and ratios for people; none enters a result")]

mod bench;
mod block_file;
mod contract;
mod golden;
mod module_file;
mod outcome;
mod replay;
mod report;
mod run;
mod scale;
mod schedule;
mod seeded;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tos_runtime::EngineConfig;

/// A block makes many small allocations that end on another thread than they began on; the system's
/// allocator takes about a quarter longer over a block.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Keeps the kernel from handing out memory in pages of 2 MiB. Every block leaves some memory
/// behind until it is folded, so the next one begins on memory that has to be cleared first; at 2
/// MiB a time that takes longer than the work it interrupts, while the other worker waits.
/// `benches/README.md` has figures.
fn refuse_huge_pages() {
    // Where it cannot be refused, blocks take longer and nothing else happens.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

/// Executes blocks in parallel and proves them identical to sequential execution.
#[derive(Parser)]
#[command(name = "tos-node", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    run: run::Options,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Executes one block described in a JSON file and prints its receipts.
    Block(BlockOptions),
    /// Measures every promise about speed beside a bare loop over a hash map, in about a minute.
    Bench(bench::Options),
    /// Explains the schedule of a block: who waits for whom, and what would gain.
    Schedule(schedule::Options),
    /// Computes how blocks scale to more cores than this machine has.
    Scale(scale::Options),
    /// Writes a block and everything it reads into one file, a bundle, to be replayed anywhere.
    Bundle(replay::BundleOptions),
    /// Executes the block of a bundle again and says what differs from what came out before.
    Replay(replay::ReplayOptions),
    /// Replays the recorded chain and compares every digest.
    Golden(golden::Options),
    /// Builds a contract, or shows what is in one.
    #[command(subcommand)]
    Contract(contract::Command),
}

#[derive(Args)]
struct BlockOptions {
    /// The block file; `examples/data` has some to start from.
    file: PathBuf,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
    /// Threads that execute the block.
    #[arg(long, default_value_t = default_threads())]
    threads: usize,
}

fn default_threads() -> usize {
    EngineConfig::default().max_parallel_threads
}

fn main() -> ExitCode {
    refuse_huge_pages();
    let cli = Cli::parse();
    let finished = match cli.command {
        None => run::run(&cli.run),
        Some(Command::Block(options)) => {
            block_file::run(&options.file, options.threads, options.json)
        }
        Some(Command::Bench(options)) => bench::run(&options),
        Some(Command::Schedule(options)) => schedule::run(&options),
        Some(Command::Scale(options)) => scale::run(&options),
        Some(Command::Bundle(options)) => replay::bundle(&options),
        Some(Command::Replay(options)) => replay::replay(&options),
        Some(Command::Golden(options)) => golden::run(&options),
        Some(Command::Contract(command)) => contract::run(&command),
    };
    match finished {
        Ok(Finished { output, success }) => {
            // A reader that has seen enough (`| head`) is no failure of ours.
            let _ = io::stdout().write_all(output.as_bytes());
            if success { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {}", with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes on one line. Some errors name their cause in their own text; what was
/// said already is not said again.
fn with_causes(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// What a command leaves behind.
struct Finished {
    /// For standard output.
    output: String,
    /// Whether what was to be shown is so.
    success: bool,
}
