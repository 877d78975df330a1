//! `contract build PATH` and `contract inspect FILE`: what is in a contract's module, and what a
//! deployment would say to it.
//!
//! `cargo` builds a crate, `inspect` finds out about bytes, `names` knows what functions are called,
//! `print` shows it.

mod cargo;
mod inspect;
mod names;
mod print;

#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};

use crate::{Finished, module_file};
use cargo::Crate;
use inspect::Inspection;
pub(crate) use print::{access, signature};

/// What to do with a contract.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Builds a contract's crate with cargo and inspects the module.
    Build(BuildOptions),
    /// Shows what is in a module, and whether it could be deployed.
    Inspect(InspectOptions),
}

/// Options of `contract build`.
#[derive(Args)]
pub(crate) struct BuildOptions {
    /// The folder of the crate.
    path: PathBuf,
    /// Where the module goes; `target/NAME.wasm` of its workspace if left out.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Options of `contract inspect`.
#[derive(Args)]
pub(crate) struct InspectOptions {
    /// The module: a .wasm file, or .wat text.
    file: PathBuf,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Does it. The command fails when the module could not be deployed.
pub(crate) fn run(command: &Command) -> Result<Finished> {
    match command {
        Command::Build(options) => build(options),
        Command::Inspect(options) => {
            let file = &options.file;
            let code = module_file::read(file)
                .with_context(|| format!("cannot inspect {}", file.display()))?;
            let inspection = Inspection::of(&code);
            Ok(show(&inspection, &print::Origin::file(file), options.json))
        }
    }
}

fn build(options: &BuildOptions) -> Result<Finished> {
    let krate = Crate::at(&options.path)?;
    let code = krate.build()?;
    let out = options.out.clone().unwrap_or_else(|| krate.default_out());
    fs::write(&out, &code).with_context(|| format!("cannot write {}", out.display()))?;

    let mut inspection = Inspection::of(&code);
    if let Err(refusal) = &mut inspection.verdict
        && let Some(function) = refusal.function.as_mut().filter(|function| function.is_nameless())
    {
        // What is deployed has no names. The same crate built with them has the same functions in
        // the same order; should that once not be so, the name would mislead, so it is checked.
        if let Ok(named) = krate.build_with_names()
            && let Err(again) = Inspection::of(&named).verdict
            && let Some(known) = again.function.filter(|known| known.index == function.index)
        {
            *function = known;
        }
    }
    let shown = from_here(&out);
    Ok(show(&inspection, &print::Origin::built(&shown, &krate), options.json))
}

/// A path as one would type it.
fn from_here(path: &Path) -> PathBuf {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    let shown = here.ok().and_then(|here| path.strip_prefix(here).ok());
    shown.unwrap_or(path).to_owned()
}

fn show(inspection: &Inspection, origin: &print::Origin<'_>, json: bool) -> Finished {
    let output =
        if json { print::json(inspection, origin) } else { print::text(inspection, origin) };
    Finished { output, success: inspection.verdict.is_ok() }
}

/// Why a module could not be deployed, in a sentence; `None` when it could.
pub(crate) fn refusal(code: &[u8]) -> Option<String> {
    Inspection::of(code).verdict.err().map(|refusal| refusal.to_string())
}
