//! Looks at how a block executes: recorded executions, and what its transactions really touch.

use super::ContractEngine;
use crate::access::AccessSet;
use crate::error::EngineError;
use crate::explain::RecordingDetail;
use crate::outcome::BlockOutcome;
use crate::pipeline::Mode;
use crate::types::Block;

impl ContractEngine {
    /// Executes a block like [`ContractEngine::execute_block`] on at most `threads` of the engine's
    /// threads and records which worker executed what and when; see [`BlockOutcome::recording`].
    ///
    /// # Errors
    /// See [`ContractEngine::execute_block`].
    pub fn execute_block_recorded(
        &self,
        block: &Block,
        threads: usize,
        detail: RecordingDetail,
    ) -> Result<BlockOutcome, EngineError> {
        let recording = Some(detail);
        self.execute_as(block, Mode::Parallel { threads_max: threads.max(1), recording })
    }

    /// Which accounts of its access set each transaction of a block on the tip needs, and how; by
    /// transaction. At most what is declared, and always what follows from the kind of a
    /// transaction.
    ///
    /// The block is executed in order, contract calls several times each with a set that grows
    /// until nothing is missing. Touches nothing.
    ///
    /// # Errors
    /// [`EngineError::InvalidBlock`] when the block does not fit on the tip or breaks a limit of
    /// blocks; any other error is the engine's own.
    pub fn needed_access(&self, block: &Block) -> Result<Vec<AccessSet>, EngineError> {
        self.with_tip_of(block, |pipeline| pipeline.needed_access(block))
    }
}
