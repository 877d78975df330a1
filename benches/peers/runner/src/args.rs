//! The options.

use clap::Parser;

/// Measures engines on the same work, in one run.
#[derive(Debug, Parser)]
#[command(name = "peers")]
pub(crate) struct Args {
    /// Transfers per round, all from different senders.
    #[arg(long, default_value_t = 20_000, value_parser = at_least_two)]
    pub(crate) txs: usize,
    /// Rounds that count; one before them does not.
    #[arg(long, default_value_t = 7, value_parser = at_least_one)]
    pub(crate) rounds: usize,
    /// From one up to this many threads.
    #[arg(long, default_value_t = 2, value_parser = at_least_one)]
    pub(crate) threads: usize,
    /// Only these engines: tos, revm, litesvm, near, soroban, cosmwasm.
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// One JSON object instead of the tables.
    #[arg(long)]
    pub(crate) json: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    at_least(1, text)
}

fn at_least_two(text: &str) -> Result<usize, String> {
    at_least(2, text)
}

fn at_least(min: usize, text: &str) -> Result<usize, String> {
    let number: usize = text.parse().map_err(|_| "no number".to_owned())?;
    if number < min { Err(format!("at least {min}")) } else { Ok(number) }
}
