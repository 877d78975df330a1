//! Replay bundles: one block with everything its execution reads, in one file, so that any machine
//! can execute it again and say what differs. Needs no chain; no execution needs it.

mod capture;
mod difference;
mod file;
mod replay;

use std::collections::BTreeMap;
use std::sync::Arc;

use tos_host_api::{Hash, TopoHeight};

pub(crate) use self::capture::{Capture, ReadState};
pub use self::difference::Difference;
pub use self::file::{BUNDLE_BYTES_MAX, BUNDLE_FORMAT, BundleError};
pub use self::replay::Replay;
use crate::config::ProtocolParams;
use crate::error::EngineError;
use crate::outcome::BlockOutcome;
use crate::protocol::EngineId;
use crate::state::{StateKey, StateValue};
use crate::storage::BlockRecord;
use crate::types::UnverifiedBlock;

/// A block, the state it reads, the parameters it executes under, and what the sequential executor
/// made of it.
///
/// ```
/// # use tos_runtime::{Block, ContractEngine, EngineConfig, ReplayBundle};
/// # type Error = Box<dyn std::error::Error>;
/// # fn look_into(engine: &ContractEngine, block: &Block) -> Result<(), Error> {
/// let bundle = ReplayBundle::capture(engine, block)?;
/// bundle.write("block.replay".as_ref())?;
/// // On another machine:
/// let bundle = ReplayBundle::read("block.replay".as_ref())?;
/// let replay = bundle.replay(&EngineConfig { max_parallel_threads: 8, ..Default::default() })?;
/// if let Some(difference) = replay.difference() {
///     println!("{difference}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ReplayBundle {
    /// First height of the parameters.
    since: TopoHeight,
    params: ProtocolParams,
    block: UnverifiedBlock,
    /// Every key that the block reads with its value before the block; `None` where there is none.
    /// Modules are among them.
    state: Arc<BTreeMap<StateKey, Option<StateValue>>>,
    expected: BlockRecord,
    /// What another execution made of it, if the bundle was written because of that.
    found: Option<BlockRecord>,
}

impl ReplayBundle {
    /// The block.
    #[must_use]
    pub fn block(&self) -> &UnverifiedBlock {
        &self.block
    }

    /// The parameters the block executes under.
    #[must_use]
    pub fn params(&self) -> &ProtocolParams {
        &self.params
    }

    /// Every key that the block reads, with its value before the block.
    #[must_use]
    pub fn state(&self) -> &BTreeMap<StateKey, Option<StateValue>> {
        &self.state
    }

    /// What the sequential executor made of the block on the machine that wrote the bundle.
    #[must_use]
    pub fn expected(&self) -> &BlockRecord {
        &self.expected
    }

    /// Adds what another execution of the block came to, for whoever looks into the difference.
    #[must_use]
    pub fn with_found(mut self, found: &BlockOutcome) -> Self {
        self.found = Some((*found.record).clone());
        self
    }

    /// In what the execution that the bundle was written because of differs from what is expected.
    ///
    /// # Errors
    /// One of the two is no record of a block.
    pub fn recorded_difference(&self) -> Result<Option<Difference>, EngineError> {
        let Some(found) = &self.found else { return Ok(None) };
        let expected = BlockOutcome::of_record(self.expected.clone())?;
        Ok(Difference::between(&expected, &BlockOutcome::of_record(found.clone())?))
    }

    /// A name for the file that tells the block.
    #[must_use]
    pub fn file_name(&self) -> String {
        let Hash(hash) = self.expected.header.block_hash;
        let [a, b, c, d, ..] = hash;
        let height = self.block.context.topoheight;
        format!("block-{height}-{a:02x}{b:02x}{c:02x}{d:02x}.replay")
    }

    fn engine_id(&self) -> EngineId {
        EngineId::of(&self.params)
    }
}
