//! A block file as a block on an engine, not executed yet: for commands that look at its schedule.

use std::path::Path;

use anyhow::Result;
use tos_runtime::{Address, Block, ContractEngine};

use super::build::{self, Chain};
use super::source::Source;
use super::{owners, parse};

/// The block of a file and the engine it can be executed on.
pub(crate) struct Prepared {
    /// The engine; the block follows its tip.
    pub engine: ContractEngine,
    /// The block.
    pub block: Block,
    /// What the file shows.
    pub about: Option<String>,
    /// Names of accounts and contracts.
    pub names: Vec<(Address, String)>,
    /// By transaction of the block: its position in the file.
    pub positions: Vec<usize>,
    /// Transactions of the file that are malformed or not properly signed, and not in the block.
    pub refused: usize,
}

/// Reads a block file and makes its block.
pub(crate) fn prepare(path: &Path, threads: usize) -> Result<Prepared> {
    let source = Source::read(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let file = parse::parse(&source, folder).map_err(|fault| source.describe(&fault))?;
    let completed = build::transactions(&file, &source)?;
    let chain = Chain::open(&file, &source, threads)?;
    let (mut verified, mut positions, mut refused) = (Vec::new(), Vec::new(), 0);
    for (position, completed) in completed.into_iter().enumerate() {
        match chain.engine.verify(completed.transaction) {
            Ok(transaction) => {
                verified.push(transaction);
                positions.push(position);
            }
            Err(_) => refused += 1,
        }
    }
    let mut block = chain.block(verified);
    if let Some(beneficiary) = file.beneficiary {
        block = block.with_beneficiary(chain.address(beneficiary));
    }
    let names =
        owners(&file).map(|(name, party)| (chain.address(party), name.to_owned())).collect();
    let engine = chain.engine.clone();
    Ok(Prepared { engine, block, about: file.about.clone(), names, positions, refused })
}
