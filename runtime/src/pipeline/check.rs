//! Which blocks may run: static checks of a whole block, before anything of it is executed.

use std::collections::{HashMap, HashSet};

use tos_host_api::{Hash, TxIndex};

use crate::config::ProtocolParams;
use crate::error::InvalidBlock;
use crate::planted::{Bug, planted};
use crate::protocol::Rules;
use crate::types::Block;
use crate::verify::VerifiedTransaction;

/// Static checks of a whole block.
///
/// # Errors
/// The first fault found; nothing has run.
pub(crate) fn check_block(block: &Block, rules: &Rules) -> Result<(), InvalidBlock> {
    let Rules { params, params_id, .. } = rules;
    let txs = block.transactions();
    check_count(txs.len(), params)?;
    let (mut bytes, mut gas) = (0_u64, 0_u128);
    let mut ids = HashMap::<Hash, TxIndex, foldhash::fast::RandomState>::default();
    ids.reserve(txs.len());
    for (index, tx) in (0..).zip(txs) {
        if tx.params_id() != *params_id {
            return Err(InvalidBlock::ForeignVerification { index });
        }
        if let Some(first) = ids.insert(tx.id(), index)
            && !planted(Bug::DuplicatesAccepted)
        {
            return Err(InvalidBlock::DuplicateTransaction { first, second: index });
        }
        // Sizes are below 2^32 and there are fewer than 2^32 transactions.
        bytes += tx.size();
        gas += u128::from(tx.gas_limit.0);
    }
    if bytes > params.block_bytes_max {
        return Err(InvalidBlock::TooManyBytes { limit: params.block_bytes_max, found: bytes });
    }
    if gas > u128::from(params.block_gas_limit.0) && !planted(Bug::GasOfBlocksUnchecked) {
        return Err(InvalidBlock::TooMuchGas { limit: params.block_gas_limit, found: gas });
    }
    Ok(())
}

/// Checks how many transactions a block has.
///
/// # Errors
/// [`InvalidBlock::TooManyTransactions`].
pub(crate) fn check_count(txs: usize, params: &ProtocolParams) -> Result<(), InvalidBlock> {
    let (limit, found) = (u64::from(params.block_transactions_max), txs as u64);
    if found > limit {
        return Err(InvalidBlock::TooManyTransactions { limit, found });
    }
    Ok(())
}

/// What checking a block needs to know about some of its transactions.
pub(crate) struct PartFacts {
    /// The first bytes of each id.
    ids: Vec<u64>,
    bytes: u64,
    gas: u128,
    /// Whether all were verified under the parameters of the chain.
    all_verified: bool,
}

impl PartFacts {
    pub(crate) fn with_capacity(txs: usize) -> Self {
        Self { ids: Vec::with_capacity(txs), bytes: 0, gas: 0, all_verified: true }
    }

    /// Adds a transaction.
    pub(crate) fn add(&mut self, tx: &VerifiedTransaction, params_id: Hash) {
        let [a, b, c, d, e, f, g, h, ..] = tx.id().0;
        self.ids.push(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
        // Sizes are below 2^32 and there are fewer than 2^32 transactions.
        self.bytes += tx.size();
        self.gas += u128::from(tx.gas_limit.0);
        self.all_verified &= tx.params_id() == params_id;
    }
}

/// Whether [`check_block`] may find a fault in a block of these parts. Never wrong when it says no;
/// parts can be looked at on several workers, which the check, whose word is final, cannot.
pub(crate) fn may_have_fault<'a>(
    parts: impl Iterator<Item = &'a PartFacts> + Clone,
    params: &ProtocolParams,
) -> bool {
    let count = parts.clone().map(|part| part.ids.len()).sum();
    let mut ids = HashSet::<u64, foldhash::fast::RandomState>::default();
    ids.reserve(count);
    let bytes: u64 = parts.clone().map(|part| part.bytes).sum();
    let gas: u128 = parts.clone().map(|part| part.gas).sum();
    check_count(count, params).is_err()
        || bytes > params.block_bytes_max
        || gas > u128::from(params.block_gas_limit.0)
        || parts.clone().any(|part| !part.all_verified)
        || !parts.flat_map(|part| &part.ids).all(|id| ids.insert(*id))
}
