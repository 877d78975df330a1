//! The digests of a block, for which all workers hash.

use std::sync::Arc;

use blake3::hazmat::ChainingValue;
use tos_host_api::Hash;

use super::Crew;
use crate::digest::Rope;
use crate::error::EngineError;
use crate::outcome::{Digests, HeaderParts, TxResult, seal};
use crate::protocol::Rules;
use crate::storage::BlockRecord;
use crate::types::Block;

use super::merge::Merged;

/// What one worker made.
enum Part {
    Block(Hash),
    SubTree(ChainingValue),
}

/// A block's record and its results.
///
/// # Errors
/// [`EngineError::ChangeSetOrder`], or a worker panicked.
pub(super) fn seal_block(
    block: &Block,
    rules: &Rules,
    merged: Merged,
    crew: Crew<'_>,
) -> Result<(BlockRecord, Vec<TxResult>), EngineError> {
    let Merged { change_set, results, .. } = merged;
    let delta = change_set.encoding_in_pieces();
    let receipts = Arc::new(Rope::new(vec![results.encoded]));
    let of_delta = delta.subtrees();
    let parts = 1 + of_delta + receipts.subtrees();
    let made = crew.map(parts, {
        let (block, changes) = (block.clone(), change_set.clone());
        let receipts = Arc::clone(&receipts);
        move |part| match part.checked_sub(1) {
            None => Part::Block(block.hash()),
            Some(part) => Part::SubTree(match part.checked_sub(of_delta) {
                None => changes.encoding_in_pieces().subtree(part),
                Some(subtree) => receipts.subtree(subtree),
            }),
        }
    })?;
    let missing = || EngineError::Bug("a worker left out its part".into());
    let mut block_hash = None;
    let mut subtrees = Vec::with_capacity(parts);
    for part in made {
        match part {
            Part::Block(hash) => block_hash = Some(hash),
            Part::SubTree(value) => subtrees.push(value),
        }
    }
    let of_receipts = subtrees.split_off(of_delta);
    let digests = Digests { delta: delta.hash(subtrees), receipts: receipts.hash(of_receipts) };
    let header = HeaderParts {
        context: block.context().clone(),
        beneficiary: block.beneficiary(),
        block_hash: block_hash.ok_or_else(missing)?,
        announced: rules.announced_at(block.context().topoheight),
    };
    let encoded = Arc::into_inner(receipts).ok_or_else(missing)?.into_bytes();
    let record = seal(header, digests, change_set, encoded);
    Ok((record, results.list))
}
