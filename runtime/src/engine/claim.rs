//! Blocks that arrive with a claim: their header says which state they lead to. Compares; what is
//! executed and committed is others' business.

use tos_host_api::Hash;

use super::ContractEngine;
use crate::bundle::ReplayBundle;
use crate::error::{EngineError, InvalidBlock};
use crate::outcome::BlockOutcome;
use crate::planted::{Bug, planted};
use crate::types::Block;

impl ContractEngine {
    /// Executes a block like [`ContractEngine::execute_block`] and compares the digest of the state
    /// after it with what its proposer claims. The claim is no part of the block: it is where the
    /// chain keeps it, such as in a header, and nothing stored or hashed here depends on it.
    ///
    /// Where [`crate::EngineConfig::shadow_folder`] is set, the [`ReplayBundle`] of a block that
    /// leads elsewhere is written there. It is of no use to a node that takes blocks from anybody:
    /// whoever makes wrong claims would fill its disk.
    ///
    /// # Errors
    /// [`InvalidBlock::ClaimedState`] when the block leads elsewhere, with both digests; the state
    /// is what it was, and the engine goes on. Otherwise those of
    /// [`ContractEngine::execute_block`].
    pub fn execute_claimed_block(
        &self,
        block: &Block,
        claimed: Hash,
    ) -> Result<BlockOutcome, EngineError> {
        let outcome = self.execute_block(block)?;
        let computed = outcome.state_digest();
        if computed == claimed || planted(Bug::ClaimsUnchecked) {
            return Ok(outcome);
        }
        let advice = match &self.inner.config.shadow_folder {
            Some(folder) => ReplayBundle::report(self, block, &outcome, folder),
            None => "no replay bundle was written, since shadow_folder is not set".into(),
        };
        let topoheight = block.context().topoheight;
        Err(InvalidBlock::ClaimedState { topoheight, claimed, computed, advice }.into())
    }
}
