//! Starts the engines, has them take turns, and prints what it took them. Knows nothing of engines
//! but their names.

mod args;
mod peer_process;
mod report;

use anyhow::Context;
use clap::Parser;
use peer::{Case, Request, Work};

use args::Args;
use peer_process::PeerProcess;
use report::{Report, Standing};

/// The engines, ours first: the others are compared with it.
const PEERS: [&str; 6] = ["tos", "revm", "litesvm", "near", "soroban", "cosmwasm"];

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let asked = |name: &&str| args.only.is_empty() || args.only.iter().any(|it| it == name);
    let mut standings = Vec::new();
    for name in PEERS.into_iter().filter(asked) {
        standings.push(match PeerProcess::start(name) {
            Ok((process, description)) => Standing::of(name, description, process),
            Err(error) => Standing::absent(name, &format!("{error:#}")),
        });
    }
    // The first round opens ledgers and fills caches; it does not count.
    for round in 0..=args.rounds {
        for case in cases(args.threads) {
            for standing in &mut standings {
                let request = Request { case, txs: args.txs, round: round as u64 };
                let took = standing.round(&request);
                if let (Some(micros), true) = (took, round > 0) {
                    standing.record(case, micros / args.txs as f64);
                }
            }
        }
        if !args.json {
            eprint!("\r{round} of {} rounds", args.rounds);
        }
    }
    if !args.json {
        eprintln!();
    }
    let report = Report::new(&args, standings);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report.json()).context("no JSON")?);
    } else {
        print!("{report}");
    }
    anyhow::ensure!(report.complete(), "not everybody who started finished");
    Ok(())
}

fn cases(threads_max: usize) -> impl Iterator<Item = Case> {
    let works = [Work::Token, Work::Plain];
    works
        .into_iter()
        .flat_map(move |work| (1..=threads_max).map(move |threads| Case { work, threads }))
}
