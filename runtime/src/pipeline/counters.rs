//! Looks up the counters that the calls of a large block will probably use, before it runs.
//!
//! Calls of one contract use counters of the same few names in the partitions of the accounts that
//! they declare: a token's balances. What the names were in the last block is noted with the module
//! and is the guess for the next one. A call that uses others finds them one by one, waiting for
//! memory each time; here they are looked up shard by shard, as accounts are when a block is
//! resolved. A guess that is wrong costs time and changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use tos_host_api::{Address, ContractId};

use super::Crew;
use crate::error::EngineError;
use crate::execute::{BlockEnv, Contracts};
use crate::state::{ChangeSet, CounterName, KeyBytes, Kind, Overlay};
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
/// Loads what is guessed into the overlay.
///
/// # Errors
/// A worker panicked.
pub(super) fn load_counters(
    block: &Block,
    env: &BlockEnv,
    overlay: &Arc<Overlay>,
    crew: Crew<'_>,
) -> Result<(), EngineError> {
    let names = guess(block, &env.contracts);
    if names.is_empty() {
        return Ok(());
    }
    overlay.load_counters(overlay.chain().columns(&names), crew)
}

/// Notes what the counters that a block changed are called.
pub(super) fn note_names(contracts: &Contracts, changes: &ChangeSet) {
    let mut sampled = BTreeMap::<ContractId, BTreeMap<KeyBytes, usize>>::new();
    // The first ones are as good as any: they are in the order of addresses, which are hashes.
    for change in changes.first_of_sections(CHANGES_SAMPLED) {
        if change.kind() == Kind::Counter {
            change.with_slot(|slot| {
                // A contract's own partition is one account.
                if *slot.partition != Address::Contract(slot.contract) {
                    let of_contract = sampled.entry(slot.contract).or_default();
                    *of_contract.entry(slot.key.into()).or_default() += 1;
                }
            });
        }
    }
    for (contract, keys) in sampled {
        let Some(callable) = contracts.get(&contract) else { continue };
        let all: usize = keys.values().sum();
        let usual = keys.iter().filter(|(_, count)| *count * NAME_SHARE_MIN >= all);
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
