//! The digests of a block. All workers hash, while one of them puts the change set together.

use std::sync::Arc;

use blake3::hazmat::ChainingValue;
use tos_host_api::Hash;

use super::Crew;
use crate::digest::Rope;
use crate::error::EngineError;
use crate::outcome::{Digests, HeaderParts, TxResult, seal};
use crate::state::{ChangeSet, Section};
use crate::storage::BlockRecord;
use crate::sync::Mutex;
use crate::types::Block;

use super::merge::Merged;

/// What one worker made.
enum Part {
    ChangeSet(Result<ChangeSet, EngineError>),
    Block(Hash),
    SubTree(ChainingValue),
}

/// A block's record and its results.
///
/// # Errors
/// [`EngineError::ChangeSetOrder`], or a worker panicked.
pub(super) fn seal_block(
    block: &Block,
    merged: Merged,
    crew: Crew<'_>,
) -> Result<(BlockRecord, Vec<TxResult>), EngineError> {
    let Merged { mut sections, results, .. } = merged;
    let delta = Arc::new(ChangeSet::encoding(&mut sections)?);
    let receipts = Arc::new(Rope::new(vec![results.encoded]));
    let of_delta = delta.subtrees();
    let parts = 2 + of_delta + receipts.subtrees();
    let made = crew.map(parts, {
        let (block, delta, receipts) = (block.clone(), Arc::clone(&delta), Arc::clone(&receipts));
        let sections = Mutex::new(sections);
        move |part| match part {
            // The longest part comes first, so that it is not the one waited for.
            0 => Part::ChangeSet(join(&sections, &delta)),
            1 => Part::Block(block.hash()),
            _ => Part::SubTree(match (part - 2).checked_sub(of_delta) {
                None => delta.subtree(part - 2),
                Some(subtree) => receipts.subtree(subtree),
            }),
        }
    })?;
    let missing = || EngineError::Bug("a worker left out its part".into());
    let (mut change_set, mut block_hash) = (None, None);
    let mut subtrees = Vec::with_capacity(parts);
    for part in made {
        match part {
            Part::ChangeSet(joined) => change_set = Some(joined?),
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
    };
    let encoded = Arc::into_inner(receipts).ok_or_else(missing)?.into_bytes();
    let record = seal(header, digests, change_set.ok_or_else(missing)?, encoded);
    Ok((record, results.list))
}

fn join(sections: &Mutex<Vec<Section>>, encoded: &Arc<Rope>) -> Result<ChangeSet, EngineError> {
    let sections = std::mem::take(&mut *sections.lock());
    ChangeSet::joined(sections, Arc::clone(encoded))
}
