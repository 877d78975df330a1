//! `scale`: how fast blocks would be on more cores than this machine has. The scheduling rule is played
//! through with costs measured on one thread, and checked against reality at one and two threads.
//!
//! `shapes` makes the blocks, `costs` measures them and keeps the measurements, `predict` computes,
//! `text` and `svg` show. With kept measurements everything is computed again to the same digit.

mod costs;
mod predict;
mod shapes;
mod svg;
mod text;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::{Finished, seeded};
use costs::Costs;
pub(crate) use costs::quartiles;

/// Options of `scale`.
#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// The blocks: the mixed one follows all of these, the others their size.
    #[command(flatten)]
    pub seeded: seeded::Options,
    /// File of measured costs: read if it is there, and then nothing is measured and the blocks are
    /// those of the file; written otherwise.
    #[arg(long, value_name = "PATH")]
    pub costs: Option<PathBuf>,
    /// Writes a picture of the speed-ups.
    #[arg(long, value_name = "PATH")]
    pub svg: Option<PathBuf>,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Predicts and checks.
pub(crate) fn run(options: &Options) -> Result<Finished> {
    let costs = match &options.costs {
        Some(path) if path.exists() => Costs::read(path)?,
        Some(path) => {
            let costs = Costs::measure(&options.seeded)?;
            costs.write(path)?;
            costs
        }
        None => Costs::measure(&options.seeded)?,
    };
    let predictions = predict::all(&costs);
    if let Some(path) = &options.svg {
        std::fs::write(path, svg::picture(&predictions))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let output = if options.json {
        text::json(&costs, &predictions)
    } else {
        text::page(&costs, &predictions)
    };
    Ok(Finished { output, success: true })
}
