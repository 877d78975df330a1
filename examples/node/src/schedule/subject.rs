//! The block a schedule is asked about, the engine it runs on, and names for what is in it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use tos_benches::chain;
use tos_runtime::{Address, Block, ContractEngine, TransactionType, TxIndex};

use crate::block_file::{self, Prepared, shown};
use crate::seeded;

/// Characters of an address without a name.
const ADDRESS_SHOWN: usize = 16;

/// A block to look at.
pub(crate) struct Subject {
    /// The engine; the block follows its tip.
    pub engine: ContractEngine,
    /// The block.
    pub block: Block,
    /// What it is, in words.
    pub title: String,
    /// Transactions of a file that are not in the block because they are not valid.
    pub refused: usize,
    names: BTreeMap<Address, String>,
    /// By transaction: its number in the file. Empty when there is no file.
    positions: Vec<usize>,
}

impl Subject {
    /// The block of a file.
    pub(crate) fn of_file(path: &Path, threads: usize) -> Result<Self> {
        let Prepared { engine, block, about, names, positions, refused } =
            block_file::prepare(path, threads)?;
        let file = path.display().to_string();
        let title = match about {
            Some(about) => format!("{}: {}", shown(&file), shown(&about)),
            None => shown(&file),
        };
        Ok(Self { engine, block, title, refused, names: names.into_iter().collect(), positions })
    }

    /// A seeded mixed block.
    pub(crate) fn seeded(options: &seeded::Options, threads: usize) -> Result<Self> {
        let mut world = options.world();
        let engine = seeded::engine(&mut world, threads)?;
        let transactions = options.mixed_block(&mut world);
        let block = chain::next_block(&engine, &world, transactions)?;
        let names = seeded::names(&world).collect();
        let seeded::Options { seed, contracts, conflicts, accounts, .. } = options;
        let title = format!(
            "seed {seed}: {contracts} % contract calls, {conflicts} % conflicts, \
             {accounts} accounts"
        );
        Ok(Self { engine, block, title, refused: 0, names, positions: Vec::new() })
    }

    /// The name of an account, or the beginning of its address.
    pub(crate) fn name(&self, account: &Address) -> String {
        self.names.get(account).cloned().unwrap_or_else(|| {
            let text = account.to_string();
            text.chars().take(ADDRESS_SHOWN).chain(['…']).collect()
        })
    }

    /// The number under which a transaction is known: its position in the file, or in the block.
    pub(crate) fn number(&self, tx: TxIndex) -> usize {
        self.positions.get(tx as usize).copied().unwrap_or(tx as usize)
    }

    /// What a transaction does, without the details: transactions of one kind take about as long.
    pub(crate) fn kind(&self, tx: TxIndex) -> String {
        match &self.block.transactions()[tx as usize].data {
            TransactionType::Transfers(transfers) if transfers.len() == 1 => "transfer".to_owned(),
            TransactionType::Transfers(_) => "transfers".to_owned(),
            TransactionType::Burn { .. } => "burn".to_owned(),
            TransactionType::DeployContract { .. } => "deploy".to_owned(),
            TransactionType::UpgradeContract { .. } => "upgrade".to_owned(),
            TransactionType::InvokeContract { contract, entry, .. } => {
                format!("{}.{}", self.name(&Address::Contract(*contract)), shown(entry))
            }
        }
    }

    /// Who sends a transaction.
    pub(crate) fn sender(&self, tx: TxIndex) -> String {
        self.name(&Address::Key(self.block.transactions()[tx as usize].source))
    }

    /// Number, kind and sender of a transaction.
    pub(crate) fn describe(&self, tx: TxIndex) -> String {
        format!("#{} {} by {}", self.number(tx), self.kind(tx), self.sender(tx))
    }
}
