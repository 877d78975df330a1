//! `schedule FILE|--seed N`: a block's schedule explains itself.
//!
//! `subject` is the block, `facts` finds out what there is to say, `text` and `json` say it,
//! `timeline` and `perfetto` draw it.

mod facts;
mod json;
mod perfetto;
mod subject;
mod text;
mod timeline;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::{Finished, seeded};
use facts::Facts;
use subject::Subject;
pub(crate) use text::time;

/// Options of `schedule`.
#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// A block file, as for `block`; without one a seeded mixed block is made.
    #[arg(conflicts_with_all = ["seed", "txs", "contracts", "conflicts", "accounts"])]
    pub file: Option<PathBuf>,
    /// The seeded block.
    #[command(flatten)]
    pub seeded: seeded::Options,
    /// Threads that execute the block.
    #[arg(long, default_value_t = crate::default_threads())]
    pub threads: usize,
    /// Accounts, causes and waiting transactions that are listed.
    #[arg(long, default_value_t = 10, conflicts_with = "all")]
    pub top: usize,
    /// Lists everything.
    #[arg(long)]
    pub all: bool,
    /// Writes a timeline to look at in a browser: one file that needs nothing else.
    #[arg(long, value_name = "PATH")]
    pub html: Option<PathBuf>,
    /// Writes a trace for Perfetto or `chrome://tracing`.
    #[arg(long, value_name = "PATH")]
    pub perfetto: Option<PathBuf>,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Explains the schedule of a block.
pub(crate) fn run(options: &Options) -> Result<Finished> {
    let subject = match &options.file {
        Some(path) => Subject::of_file(path, options.threads)?,
        None => Subject::seeded(&options.seeded, options.threads)?,
    };
    let facts = Facts::of(&subject.engine, &subject.block, options.threads)?;
    let listed = if options.all { usize::MAX } else { options.top };
    let mut output = if options.json {
        json::object(&subject, &facts, listed)
    } else {
        text::page(&subject, &facts, listed)
    };
    for (path, content) in [
        (&options.html, timeline::page as fn(&Subject, &Facts) -> String),
        (&options.perfetto, perfetto::trace),
    ] {
        if let Some(path) = path {
            write(path, &content(&subject, &facts))?;
            if !options.json {
                output.push_str(&format!("written: {}\n", path.display()));
            }
        }
    }
    Ok(Finished { output, success: true })
}

fn write(path: &Path, content: &str) -> Result<()> {
    std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}
