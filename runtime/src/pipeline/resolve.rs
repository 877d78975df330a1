//! Which blocks may run, and which accounts each of their transactions touches.

use std::collections::HashMap;

use tos_host_api::{Hash, TxIndex};

use crate::access;
use crate::config::ProtocolParams;
use crate::error::InvalidBlock;
use crate::schedule::{AccessTable, AccountIdx, TableBuilder};
use crate::types::Block;

/// The accounts of a block.
pub(crate) struct Resolved {
    pub(crate) table: AccessTable,
    pub(crate) beneficiary: Option<AccountIdx>,
}

/// Static checks of a whole block.
///
/// # Errors
/// The first fault found; nothing has run.
pub(crate) fn check_block(block: &Block, params: &ProtocolParams) -> Result<(), InvalidBlock> {
    let txs = block.transactions();
    check_count(txs.len(), params)?;
    let params_id = params.id();
    let (mut bytes, mut gas) = (0_u64, 0_u128);
    let mut ids = HashMap::<Hash, TxIndex, foldhash::fast::RandomState>::default();
    ids.reserve(txs.len());
    for (index, tx) in (0..).zip(txs) {
        if tx.params_id() != params_id {
            return Err(InvalidBlock::ForeignVerification { index });
        }
        if let Some(first) = ids.insert(tx.id(), index) {
            return Err(InvalidBlock::DuplicateTransaction { first, second: index });
        }
        // Sizes are below 2^32 and there are fewer than 2^32 transactions.
        bytes += tx.size();
        gas += u128::from(tx.gas_limit.0);
    }
    if bytes > params.block_bytes_max {
        return Err(InvalidBlock::TooManyBytes { limit: params.block_bytes_max, found: bytes });
    }
    if gas > u128::from(params.block_gas_limit.0) {
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

/// Derives the access sets of all transactions and numbers their accounts.
pub(crate) fn resolve(block: &Block) -> Resolved {
    let mut builder = TableBuilder::with_capacity(block.transactions().len());
    let mut entries = Vec::new();
    for tx in block.transactions() {
        access::collect(tx, &mut entries);
        builder.push(&entries, tx.gas_limit);
    }
    let beneficiary = block.beneficiary().map(|account| builder.index(account));
    Resolved { table: builder.finish(), beneficiary }
}
