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

use std::mem::take;
use std::ops::Range;
use std::sync::Arc;

use tos_host_api::{Address, TxIndex};

pub(crate) use self::parts::Part;
pub(crate) use self::ranges::NumberedRange;
use self::ranges::table_entries;
use super::check::{check_block, may_have_fault};
use super::prefetch::{ModuleTxs, load_accounts};
use crate::access;
use crate::config::ProtocolParams;
use crate::error::EngineError;
use crate::execute::{Terms, WorkerPool};
use crate::protocol::Rules;
use crate::schedule::{AccessTable, AccountIdx, TableBuilder, TableEntry, TableTx, index_u32};
use crate::state::{AccountCell, ChainState};
use crate::sync::Mutex;
use crate::types::Block;

/// Parts and ranges per worker: enough that workers finish at about the same time.
const PIECES_PER_WORKER: usize = 4;

/// The accounts of a block.
pub(crate) struct Resolved {
    pub(crate) table: AccessTable,
    /// By index of the table.
    pub(crate) cells: Vec<AccountCell>,
    pub(crate) beneficiary: Option<AccountIdx>,
    /// Transactions that between them name every module the block needs, ascending.
    pub(crate) contract_txs: Vec<TxIndex>,
    /// How the block was cut, if it was.
    pub(crate) cuts: Option<Arc<Cuts>>,
}

/// A block cut by transactions and by accounts.
pub(crate) struct Cuts {
    pub(crate) parts: Arc<Vec<Part>>,
    pub(crate) ranges: Vec<NumberedRange>,
}

/// Checks a block, derives the access sets of its transactions and loads their accounts. A block of
/// `cut_min` transactions and more is cut.
///
/// # Errors
/// [`EngineError::InvalidBlock`] with the first fault of the block, or the storage failed.
pub(crate) fn resolve(
    block: &Block,
    rules: &Rules,
    chain: &Arc<ChainState>,
    pool: &WorkerPool,
    cut_min: usize,
) -> Result<Resolved, EngineError> {
    if block.transactions().len() < cut_min {
        check_block(block, rules)?;
        resolve_at_once(block, chain)
    } else {
        resolve_in_parts(block, rules, chain, pool)
    }
}

fn resolve_at_once(block: &Block, chain: &ChainState) -> Result<Resolved, EngineError> {
    let mut builder = TableBuilder::with_capacity(block.transactions().len());
    let mut entries = Vec::new();
    let mut module_txs = ModuleTxs::default();
    for (index, tx) in (0..).zip(block.transactions()) {
        access::collect(tx, &mut entries);
        builder.push(&entries, TableTx::new(&entries, tx.gas_limit));
        module_txs.add(index, &tx.data);
    }
    let beneficiary = block.beneficiary().map(|account| builder.index(account));
    let table = builder.finish();
    let cells = load_accounts(chain, table.accounts())?;
    Ok(Resolved { table, cells, beneficiary, contract_txs: module_txs.txs, cuts: None })
}

fn resolve_in_parts(
    block: &Block,
    rules: &Rules,
    chain: &Arc<ChainState>,
    pool: &WorkerPool,
) -> Result<Resolved, EngineError> {
    let pieces = PIECES_PER_WORKER * pool.len();
    let parts = Arc::new(list_references(block, rules, chain, pool, pieces)?);
    let (suspect, ranges) = number_accounts(&parts, &rules.params, chain, pool, pieces)?;
    if suspect {
        check_block(block, rules)?;
    }
    let ranges = Arc::new(ranges);
    let numbered = {
        let (parts, ranges) = (Arc::clone(&parts), Arc::clone(&ranges));
        pool.map(parts.len(), move |part| table_entries(&parts, part, &ranges))?
    };
    let mut ranges = Arc::into_inner(ranges)
        .ok_or_else(|| EngineError::Bug("a worker kept a finished job".into()))?;
    let values =
        ranges.iter_mut().map(|range| (take(&mut range.addresses), take(&mut range.cells)));
    let (addresses, cells): (Vec<_>, Vec<_>) = values.unzip();
    let (joined, cells) = join(&parts, numbered, addresses, cells, pool)?;
    let Joined { table, beneficiary, contract_txs } = joined;
    let cuts = Some(Arc::new(Cuts { parts, ranges }));
    Ok(Resolved { table, cells, beneficiary, contract_txs, cuts })
}

/// What all transactions of a block name, put together again.
struct Joined {
    table: AccessTable,
    beneficiary: Option<AccountIdx>,
    contract_txs: Vec<TxIndex>,
}

/// Puts together what workers found out. Copying the cells takes as long as everything else, so one
/// worker does that while another makes the table.
fn join(
    parts: &Arc<Vec<Part>>,
    numbered: Vec<Vec<TableEntry>>,
    addresses: Vec<Vec<Address>>,
    cells: Vec<Vec<AccountCell>>,
    pool: &WorkerPool,
) -> Result<(Joined, Vec<AccountCell>), EngineError> {
    enum Piece {
        Joined(Joined),
        Cells(Vec<AccountCell>),
    }
    let parts = Arc::clone(parts);
    let (named, cells) = (Mutex::new((numbered, addresses)), Mutex::new(cells));
    let pieces = pool.map(2, move |piece| {
        if piece == 0 {
            let cells = take(&mut *cells.lock());
            return Piece::Cells(in_one(cells));
        }
        let (numbered, addresses) = take(&mut *named.lock());
        Piece::Joined(join_table(&parts, &numbered, addresses))
    })?;
    let mut made = (None, None);
    for piece in pieces {
        match piece {
            Piece::Joined(joined) => made.0 = Some(joined),
            Piece::Cells(cells) => made.1 = Some(cells),
        }
    }
    let missing = || EngineError::Bug("a worker left out its part".into());
    made.0.zip(made.1).ok_or_else(missing)
}

fn join_table(
    parts: &[Part],
    numbered: &[Vec<TableEntry>],
    addresses: Vec<Vec<Address>>,
) -> Joined {
    let mut table = TableBuilder::with_capacity(parts.iter().map(|part| part.txs.len()).sum());
    let (mut beneficiary, mut contract_txs) = (None, Vec::new());
    for (part, entries) in parts.iter().zip(numbered) {
        // What is left over at the end of the last part is no transaction's.
        let rest = table.append(&part.txs, entries);
        beneficiary = rest.first().map(|entry| entry.account);
        contract_txs.extend_from_slice(&part.module_txs.txs);
    }
    Joined { table: table.finish_with(in_one(addresses)), beneficiary, contract_txs }
}

/// Lists one after the other.
fn in_one<T>(lists: Vec<Vec<T>>) -> Vec<T> {
    let mut all = Vec::with_capacity(lists.iter().map(Vec::len).sum());
    lists.into_iter().for_each(|mut list| all.append(&mut list));
    all
}

/// First cut: the transactions into parts.
fn list_references(
    block: &Block,
    rules: &Rules,
    chain: &Arc<ChainState>,
    pool: &WorkerPool,
    pieces: usize,
) -> Result<Vec<Part>, EngineError> {
    let (block, chain) = (block.clone(), Arc::clone(chain));
    let params_id = rules.params_id;
    let terms = Terms { chain_id: rules.params.chain_id, topoheight: block.context().topoheight };
    pool.map(pieces, move |piece| {
        let range = piece_of(block.transactions().len(), piece, pieces);
        let extra = block.beneficiary().filter(|_| piece + 1 == pieces);
        Part::list(&block, params_id, terms, range, extra, &chain)
    })
}

/// Second cut: the shards into ranges. The accounts of a range get the indices behind those of the
/// ranges before it. Whether the block may have a fault is found out beside it.
fn number_accounts(
    parts: &Arc<Vec<Part>>,
    params: &Arc<ProtocolParams>,
    chain: &Arc<ChainState>,
    pool: &WorkerPool,
    pieces: usize,
) -> Result<(bool, Vec<NumberedRange>), EngineError> {
    enum Piece {
        Check(bool),
        Range(Result<NumberedRange, EngineError>),
    }
    let (parts, params, chain) = (Arc::clone(parts), Arc::clone(params), Arc::clone(chain));
    let numbering = chain.numbering();
    let results = pool.map(1 + pieces, move |piece| {
        let Some(range) = piece.checked_sub(1) else {
            return Piece::Check(may_have_fault(parts.iter().map(|part| &part.facts), &params));
        };
        let shards = piece_of(ChainState::ACCOUNT_SHARDS, range, pieces);
        Piece::Range(NumberedRange::number(&parts, shards, &chain, numbering))
    })?;
    let mut suspect = false;
    let mut ranges = Vec::with_capacity(pieces);
    let mut start = 0_usize;
    for result in results {
        match result {
            Piece::Check(found) => suspect = found,
            Piece::Range(range) => {
                let mut range = range?;
                range.start = index_u32(start);
                start += range.cells.len();
                ranges.push(range);
            }
        }
    }
    Ok((suspect, ranges))
}

/// Piece `piece` of `len` things cut into `pieces` of about the same size.
pub(super) fn piece_of(len: usize, piece: usize, pieces: usize) -> Range<usize> {
    len * piece / pieces..len * (piece + 1) / pieces
}
