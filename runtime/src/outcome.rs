//! The outcome of a block: a value that can be looked at, committed or dropped.

use std::sync::Arc;

use tos_host_api::{Amount, Hash};

use crate::error::{EngineError, InvalidTransaction};
use crate::explain::Recording;
use crate::metrics::ExecutionMetrics;
use crate::schedule::Schedule;
use crate::state::ChangeSet;
use crate::storage::{BlockHeader, BlockRecord};
use crate::types::{BlockContext, Receipt};

/// The result of a transaction in its block.
pub(crate) type TxResult = Result<Receipt, InvalidTransaction>;

/// What executing a block came to. Holds no lock and leaves no trace when dropped.
#[derive(Debug)]
pub struct BlockOutcome {
    pub(crate) record: Arc<BlockRecord>,
    pub(crate) results: Vec<TxResult>,
    pub(crate) gas_fee: Amount,
    pub(crate) burned_supply: Amount,
    pub(crate) schedule: Arc<Schedule>,
    pub(crate) metrics: ExecutionMetrics,
    pub(crate) recording: Option<Recording>,
}

impl BlockOutcome {
    /// By transaction index: the receipt, or why the transaction could not be included.
    pub fn results(&self) -> &[Result<Receipt, InvalidTransaction>] {
        &self.results
    }

    /// Every key that changes, with its value before and after.
    #[must_use]
    pub fn change_set(&self) -> &ChangeSet {
        &self.record.change_set
    }

    /// Digest of the whole history up to and including this block.
    #[must_use]
    pub fn state_digest(&self) -> Hash {
        self.record.header.state_digest
    }

    /// BLAKE3 of the encoded change set.
    #[must_use]
    pub fn delta_hash(&self) -> Hash {
        self.record.header.delta_hash
    }

    /// BLAKE3 of the encoded results.
    #[must_use]
    pub fn receipts_hash(&self) -> Hash {
        self.record.header.receipts_hash
    }

    /// The sum of all fees: credited to the beneficiary, burned without one.
    #[must_use]
    pub fn gas_fee(&self) -> Amount {
        self.gas_fee
    }

    /// Native units this block's transactions burned, fees not counted.
    #[must_use]
    pub fn burned_supply(&self) -> Amount {
        self.burned_supply
    }

    /// Where the block stands.
    #[must_use]
    pub fn context(&self) -> &BlockContext {
        &self.record.header.context
    }

    /// [`crate::Block::hash`] of the block.
    #[must_use]
    pub fn block_hash(&self) -> Hash {
        self.record.header.block_hash
    }

    /// Which transactions waited for which.
    #[must_use]
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// What it took.
    #[must_use]
    pub fn metrics(&self) -> &ExecutionMetrics {
        &self.metrics
    }

    /// Which worker executed what and when, if that was asked for with
    /// [`crate::ContractEngine::execute_block_recorded`].
    #[must_use]
    pub fn recording(&self) -> Option<&Recording> {
        self.recording.as_ref()
    }

    /// The outcome a committed block had, from its record. Schedule and metrics are empty: nothing
    /// was executed.
    pub(crate) fn of_record(record: BlockRecord) -> Result<Self, EngineError> {
        let results: Vec<TxResult> = borsh::from_slice(&record.results).map_err(|error| {
            let height = record.header.context.topoheight;
            EngineError::Corrupt(format!("results of block {height}: {error}"))
        })?;
        let gas_fee = total_fee(&results)?;
        Ok(Self {
            burned_supply: burned_by_transactions(&record, gas_fee),
            gas_fee,
            results,
            record: Arc::new(record),
            schedule: Arc::new(Schedule::new(&[])),
            metrics: ExecutionMetrics::default(),
            recording: None,
        })
    }
}

/// The sum of the fees in these results.
pub(crate) fn total_fee(results: &[TxResult]) -> Result<Amount, EngineError> {
    let mut total = Amount::ZERO;
    for receipt in results.iter().flatten() {
        total = total
            .checked_add(receipt.fee)
            .ok_or_else(|| EngineError::Bug("fees add up to more than the supply".into()))?;
    }
    Ok(total)
}

/// Native units burned according to a record, less the fees if those were burned too.
fn burned_by_transactions(record: &BlockRecord, gas_fee: Amount) -> Amount {
    use crate::state::{StateKey, StateValue};
    use tos_host_api::AssetId;
    let burned = |value: &Option<StateValue>| match value {
        Some(StateValue::Asset(asset)) => asset.burned,
        _ => Amount::ZERO,
    };
    let change = record.change_set.get(&StateKey::Asset(AssetId::NATIVE));
    let total = change.and_then(|change| burned(&change.new).checked_sub(burned(&change.old)));
    let fees = if record.header.beneficiary.is_some() { Amount::ZERO } else { gas_fee };
    total.and_then(|total| total.checked_sub(fees)).unwrap_or(Amount::ZERO)
}

/// The digests of a block.
pub(crate) fn seal(
    header: HeaderParts,
    change_set: ChangeSet,
    results: &[TxResult],
) -> BlockRecord {
    let HeaderParts { context, beneficiary, block_hash } = header;
    let encoded = borsh::to_vec(results).expect("writing to a Vec cannot fail");
    let delta_hash = change_set.hash();
    let receipts_hash = Hash(*blake3::hash(&encoded).as_bytes());
    let mut hasher = blake3::Hasher::new_derive_key("tos-runtime state digest v1");
    hasher.update(&context.parent.0);
    hasher.update(&delta_hash.0);
    hasher.update(&receipts_hash.0);
    hasher.update(&borsh::to_vec(&(&context, &beneficiary)).expect("writing to a Vec cannot fail"));
    let state_digest = Hash(*hasher.finalize().as_bytes());
    let header =
        BlockHeader { context, beneficiary, block_hash, delta_hash, receipts_hash, state_digest };
    BlockRecord { header, results: encoded, change_set }
}

/// What a header says besides the digests.
pub(crate) struct HeaderParts {
    pub(crate) context: BlockContext,
    pub(crate) beneficiary: Option<tos_host_api::Address>,
    pub(crate) block_hash: Hash,
}
