//! What all engines share: the work, how it is measured and checked, how they talk to the runner.
//!
//! An engine is an [`Engine`] that opens [`Ledger`]s; [`serve`] does the rest of its binary, and
//! [`rehearse`] of its test. Everybody gets the same transfers and the same allocator, and every
//! round of everybody is checked against a plain list of balances before its time counts.

mod measure;
mod protocol;
mod work;

use std::io::{BufRead, Write};

use anyhow::Context;

pub use measure::{Case, Engine, Ledger, Measurement};
pub use protocol::{Answer, Description, Request, Threads};
pub use work::{FUNDS, Transfer, Work};

/// The same for everybody.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The whole life of an engine's binary: says who it is, then answers requests, one per line, until
/// there are no more.
///
/// # Errors
/// When the runner cannot be understood or is gone. Failures of the engine are answers.
pub fn serve<E: Engine>() -> anyhow::Result<()> {
    answer(&Answer::Described(E::description()))?;
    let mut measurement = Measurement::<E>::new();
    for line in std::io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?).context("no request")?;
        let outcome = measurement.round(&request);
        answer(&match outcome {
            Ok(micros) => Answer::Round { micros },
            Err(error) => Answer::Failed { reason: format!("{error:#}") },
        })?;
    }
    Ok(())
}

fn answer(answer: &Answer) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(answer)?)?;
    Ok(out.flush()?)
}

/// Every work the engine has, in small, on one and two threads: two rounds of each, checked as all
/// rounds are.
///
/// # Errors
/// Those of the engine, and the first balance that is not what it should be.
pub fn rehearse<E: Engine>() -> anyhow::Result<()> {
    let mut measurement = Measurement::<E>::new();
    for &work in E::WORKS {
        for threads in [1, 2] {
            for round in 0..2 {
                let case = Case { work, threads };
                let request = Request { case, txs: 60, round };
                measurement.round(&request).with_context(|| format!("{case:?}"))?;
            }
        }
    }
    Ok(())
}
