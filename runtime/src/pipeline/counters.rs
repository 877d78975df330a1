//! Looks up the counters that the calls of a large block will probably use, before it runs.
//!
//! Calls of one contract use counters of the same few names in the partitions of the accounts that
//! they declare: a token's balances. What the names were in the last block is noted with the module
//! and is the guess for the next one. A call that uses others finds them one by one, waiting for
//! memory each time; here they are looked up shard by shard, as accounts are when a block is
//! resolved. A guess that is wrong costs time and changes nothing.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use tos_host_api::{Address, ContractId};

use super::resolve::piece_of;
use crate::error::EngineError;
use crate::execute::{BlockEnv, Contracts, WorkerPool};
use crate::schedule::{AccessTable, AccountIdx, index_u32};
use crate::state::{
    ChainState, CounterName, KeyBytes, LoadedCounters, Overlay, Section, SlotRef, StateKey,
};
use crate::types::{Block, TransactionType};

/// Most names whose counters are loaded: each takes room on every account of the block.
const NAMES_MAX: usize = 4;
/// Transactions looked at to find out which contracts a block calls.
const TXS_SAMPLED: usize = 256;
/// One of so many of them have to call a contract.
const SHARE_MIN: usize = 16;
/// Changes of a section looked at to find out what a contract's counters are called.
const CHANGES_SAMPLED: usize = 16;
/// One of so many of them have to have a name.
const NAME_SHARE_MIN: usize = 4;
/// Parts and ranges per worker: enough that workers finish at about the same time.
const PIECES_PER_WORKER: usize = 4;

/// Loads what is guessed into the overlay.
///
/// # Errors
/// A worker panicked.
pub(super) fn load_counters(
    block: &Block,
    env: &BlockEnv,
    table: &Arc<AccessTable>,
    overlay: &Arc<Overlay>,
    pool: &WorkerPool,
) -> Result<(), EngineError> {
    let names = guess(block, &env.contracts);
    if names.is_empty() {
        return Ok(());
    }
    let counters = Arc::new(LoadedCounters::new(names, table.accounts().len()));
    let pieces = PIECES_PER_WORKER * pool.len();
    let parts = {
        let (block, table) = (block.clone(), Arc::clone(table));
        let (overlay, counters) = (Arc::clone(overlay), Arc::clone(&counters));
        pool.map(pieces, move |piece| {
            let txs = piece_of(block.transactions().len(), piece, pieces);
            Part::list(&block, &table, txs, overlay.chain(), &counters)
        })?
    };
    pool.map(pieces, {
        let (table, overlay) = (Arc::clone(table), Arc::clone(overlay));
        let counters = Arc::clone(&counters);
        move |piece| {
            let shards = piece_of(ChainState::COUNTER_SHARDS, piece, pieces);
            shards.for_each(|shard| load_shard(&parts, shard, &table, &overlay, &counters));
        }
    })?;
    let kept = || EngineError::Bug("a worker kept the counters of a block".into());
    overlay.set_counters(Arc::into_inner(counters).ok_or_else(kept)?);
    Ok(())
}

/// Notes what the counters that a block changed are called.
pub(super) fn note_names(contracts: &Contracts, sections: &[Section]) {
    let mut sampled = BTreeMap::<ContractId, BTreeMap<&KeyBytes, usize>>::new();
    for changes in sections.iter().map(Section::changes) {
        let step = (changes.len() / CHANGES_SAMPLED).max(1);
        for change in changes.iter().step_by(step) {
            let StateKey::Counter(slot) = &change.key else { break };
            // A contract's own partition is one account.
            if slot.partition != Address::Contract(slot.contract) {
                *sampled.entry(slot.contract).or_default().entry(&slot.key).or_default() += 1;
            }
        }
    }
    for (contract, keys) in sampled {
        let Some(callable) = contracts.get(&contract) else { continue };
        let all: usize = keys.values().sum();
        let usual = keys.into_iter().filter(|(_, count)| count * NAME_SHARE_MIN >= all);
        callable.module.counter_keys.note(usual.map(|(key, _)| key));
    }
}

/// The names of counters that a block will probably use.
fn guess(block: &Block, contracts: &Contracts) -> Vec<CounterName> {
    let step = (block.transactions().len() / TXS_SAMPLED).max(1);
    let mut calls = BTreeMap::<ContractId, usize>::new();
    let mut sampled = 0;
    for tx in block.transactions().iter().step_by(step) {
        sampled += 1;
        if let TransactionType::InvokeContract { contract, .. } = &tx.data {
            *calls.entry(*contract).or_default() += 1;
        }
    }
    let mut calls: Vec<_> = calls.into_iter().map(|(contract, count)| (count, contract)).collect();
    calls.sort_unstable();
    let mut names = Vec::new();
    let common = calls.iter().rev().take_while(|(count, _)| count * SHARE_MIN >= sampled);
    for (_, contract) in common {
        let Some(callable) = contracts.get(contract) else { continue };
        let keys = callable.module.counter_keys.noted();
        names.extend(keys.iter().map(|key| CounterName { contract: *contract, key: key.clone() }));
    }
    names.truncate(NAMES_MAX);
    names
}

/// A counter to be looked up.
#[derive(Clone, Copy, Default)]
struct Wanted {
    hash: u64,
    account: AccountIdx,
    column: u16,
    shard: u16,
}

/// What the calls of a range of transactions want.
struct Part {
    /// Shard after shard.
    wanted: Vec<Wanted>,
    /// By shard: where it starts in `wanted`; one more element closes the last.
    shard_starts: Vec<u32>,
}

impl Part {
    /// Lists what these transactions want that nobody has listed.
    fn list(
        block: &Block,
        table: &AccessTable,
        txs: Range<usize>,
        chain: &ChainState,
        counters: &LoadedCounters,
    ) -> Self {
        let names: Vec<&CounterName> = counters.names().collect();
        let mut listed = Vec::with_capacity(2 * txs.len());
        let mut shard_starts = vec![0; ChainState::COUNTER_SHARDS + 1];
        for tx in txs {
            let TransactionType::InvokeContract { contract, .. } = &block.transactions()[tx].data
            else {
                continue;
            };
            for (column, name) in (0_u16..).zip(&names) {
                if name.contract != *contract {
                    continue;
                }
                for entry in table.of(tx) {
                    let account = entry.account;
                    let partition = &table.accounts()[account as usize];
                    if !counters.list(usize::from(column), account) {
                        continue;
                    }
                    let slot = SlotRef { contract: *contract, partition, key: &name.key };
                    let (hash, shard) = chain.counter_hash(slot);
                    shard_starts[shard + 1] += 1;
                    listed.push(Wanted { hash, account, column, shard: shard as u16 });
                }
            }
        }
        for shard in 0..ChainState::COUNTER_SHARDS {
            shard_starts[shard + 1] += shard_starts[shard];
        }
        let mut next = shard_starts.clone();
        let mut wanted = vec![Wanted::default(); listed.len()];
        for one in listed {
            let place = &mut next[usize::from(one.shard)];
            wanted[index(*place)] = one;
            *place = index_u32(index(*place) + 1);
        }
        Self { wanted, shard_starts }
    }

    fn of_shard(&self, shard: usize) -> &[Wanted] {
        &self.wanted[index(self.shard_starts[shard])..index(self.shard_starts[shard + 1])]
    }
}

fn load_shard(
    parts: &[Part],
    shard: usize,
    table: &AccessTable,
    overlay: &Overlay,
    counters: &LoadedCounters,
) {
    let names: Vec<&CounterName> = counters.names().collect();
    let wanted = parts.iter().flat_map(|part| part.of_shard(shard)).map(|wanted| {
        let CounterName { contract, key } = names[usize::from(wanted.column)];
        let partition = &table.accounts()[index(wanted.account)];
        let slot = SlotRef { contract: *contract, partition, key };
        (wanted.hash, slot, (wanted.column, wanted.account))
    });
    overlay.chain().copy_counters(shard, wanted, |(column, account), value| {
        counters.load(usize::from(column), account, value);
    });
}

fn index(position: u32) -> usize {
    position as usize
}
