//! Which accounts each transaction of a block touches, numbered densely, with their values at the
//! tip.
//!
//! A small block is resolved in one go. A large one is cut twice: its transactions into parts, each
//! of which lists its references sorted by shard of the hot state (`parts.rs`), and the shards into
//! ranges, each of which numbers the accounts that fall into it (`ranges.rs`). Workers share
//! neither a lock nor a map in either step, and each account is looked up once.

mod parts;
mod ranges;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use tos_host_api::{Hash, TxIndex};

use self::parts::Part;
use self::ranges::{NumberedRange, table_entries};
use super::check::{check_block, may_have_fault};
use super::prefetch::load_accounts;
use crate::access;
use crate::config::ProtocolParams;
use crate::error::EngineError;
use crate::execute::WorkerPool;
use crate::schedule::{AccessTable, AccountIdx, TableBuilder, TableTx, index_u32};
use crate::state::{AccountCell, ChainState};
use crate::types::{Block, TransactionType};

/// Transactions below which cutting a block into parts costs more than it gains.
const PARTED_TXS_MIN: usize = 1_024;
/// Parts and ranges per worker: enough that workers finish at about the same time.
const PIECES_PER_WORKER: usize = 4;

/// The accounts of a block.
pub(crate) struct Resolved {
    pub(crate) table: AccessTable,
    /// By index of the table.
    pub(crate) cells: Vec<AccountCell>,
    pub(crate) beneficiary: Option<AccountIdx>,
    /// The transactions that need a module, ascending.
    pub(crate) contract_txs: Vec<TxIndex>,
}

/// Checks a block, derives the access sets of its transactions and loads their accounts.
///
/// # Errors
/// [`EngineError::InvalidBlock`] with the first fault of the block, or the storage failed.
pub(crate) fn resolve(
    block: &Block,
    params: &ProtocolParams,
    chain: &Arc<ChainState>,
    pool: &WorkerPool,
) -> Result<Resolved, EngineError> {
    if block.transactions().len() < PARTED_TXS_MIN {
        check_block(block, params)?;
        resolve_at_once(block, chain)
    } else {
        resolve_in_parts(block, params, chain, pool)
    }
}

/// Whether a transaction calls, deploys or upgrades a contract.
fn needs_module(data: &TransactionType) -> bool {
    match data {
        TransactionType::Transfers(_) | TransactionType::Burn { .. } => false,
        TransactionType::DeployContract { .. }
        | TransactionType::InvokeContract { .. }
        | TransactionType::UpgradeContract { .. } => true,
    }
}

fn resolve_at_once(block: &Block, chain: &ChainState) -> Result<Resolved, EngineError> {
    let mut builder = TableBuilder::with_capacity(block.transactions().len());
    let mut entries = Vec::new();
    let mut contract_txs = Vec::new();
    for (index, tx) in (0..).zip(block.transactions()) {
        access::collect(tx, &mut entries);
        builder.push(&entries, TableTx::new(&entries, tx.gas_limit));
        if needs_module(&tx.data) {
            contract_txs.push(index);
        }
    }
    let beneficiary = block.beneficiary().map(|account| builder.index(account));
    let table = builder.finish();
    let cells = load_accounts(chain, table.accounts())?;
    Ok(Resolved { table, cells, beneficiary, contract_txs })
}

fn resolve_in_parts(
    block: &Block,
    params: &ProtocolParams,
    chain: &Arc<ChainState>,
    pool: &WorkerPool,
) -> Result<Resolved, EngineError> {
    let pieces = PIECES_PER_WORKER * pool.len();
    let parts = Arc::new(list_references(block, params.id(), chain, pool, pieces)?);
    if may_have_fault(parts.iter().map(|part| &part.facts), params) {
        check_block(block, params)?;
    }
    let ranges = Arc::new(number_accounts(&parts, chain, pool, pieces)?);
    let numbered = {
        let (parts, ranges) = (Arc::clone(&parts), Arc::clone(&ranges));
        pool.map(parts.len(), move |part| table_entries(&parts, part, &ranges))?
    };
    let mut table = TableBuilder::with_capacity(block.transactions().len());
    let mut beneficiary = None;
    let mut contract_txs = Vec::new();
    for (part, entries) in parts.iter().zip(&numbered) {
        // What is left over at the end of the last part is no transaction's.
        let rest = table.append(&part.txs, entries);
        beneficiary = rest.first().map(|entry| entry.account);
        contract_txs.extend_from_slice(&part.contract_txs);
    }
    let ranges = Arc::into_inner(ranges)
        .ok_or_else(|| EngineError::Bug("a worker kept a finished job".into()))?;
    let count = ranges.iter().map(|range| range.cells.len()).sum();
    let mut cells = Vec::with_capacity(count);
    let mut addresses = Vec::with_capacity(count);
    for mut range in ranges {
        addresses.append(&mut range.addresses);
        cells.append(&mut range.cells);
    }
    Ok(Resolved { table: table.finish_with(addresses), cells, beneficiary, contract_txs })
}

/// First cut: the transactions into parts.
fn list_references(
    block: &Block,
    params_id: Hash,
    chain: &Arc<ChainState>,
    pool: &WorkerPool,
    pieces: usize,
) -> Result<Vec<Part>, EngineError> {
    let (block, chain) = (block.clone(), Arc::clone(chain));
    pool.map(pieces, move |piece| {
        let range = piece_of(block.transactions().len(), piece, pieces);
        let extra = block.beneficiary().filter(|_| piece + 1 == pieces);
        Part::list(&block, params_id, range, extra, &chain)
    })
}

/// Second cut: the shards into ranges. The accounts of a range get the numbers behind those of the
/// ranges before it.
fn number_accounts(
    parts: &Arc<Vec<Part>>,
    chain: &Arc<ChainState>,
    pool: &WorkerPool,
    pieces: usize,
) -> Result<Vec<NumberedRange>, EngineError> {
    let (parts, chain) = (Arc::clone(parts), Arc::clone(chain));
    let numbering = chain.numbering();
    let ranges = pool.map(pieces, move |piece| {
        let shards = piece_of(ChainState::ACCOUNT_SHARDS, piece, pieces);
        NumberedRange::number(&parts, shards, &chain, numbering)
    })?;
    let mut ranges = ranges.into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut start = 0_usize;
    for range in &mut ranges {
        range.start = index_u32(start);
        start += range.cells.len();
    }
    Ok(ranges)
}

/// Piece `piece` of `len` things cut into `pieces` of about the same size.
fn piece_of(len: usize, piece: usize, pieces: usize) -> Range<usize> {
    len * piece / pieces..len * (piece + 1) / pieces
}
