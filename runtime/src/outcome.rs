//! The outcome of a block: a value that can be looked at, committed or dropped.

use std::sync::Arc;

use tos_host_api::{Amount, Hash};

use crate::error::{EngineError, InvalidTransaction};
use crate::explain::Recording;
use crate::metrics::ExecutionMetrics;
use crate::planted::{Bug, planted};
use crate::schedule::Schedule;
use crate::state::ChangeSet;
use crate::storage::{BlockHeader, BlockRecord};
use crate::types::{Block, BlockContext, Event, Receipt};

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
    /// The block, if it is to be executed once more after its commit.
    pub(crate) sampled: Option<Block>,
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
            sampled: None,
        })
    }
}

/// The results of a block, by transaction index, and their encoding.
#[derive(Default)]
pub(crate) struct Results {
    pub(crate) list: Vec<TxResult>,
    /// `list` as a record holds it.
    pub(crate) encoded: Vec<u8>,
}

impl Results {
    /// Collects and encodes this many results.
    ///
    /// # Panics
    /// Never: a block has fewer than 2^32 transactions.
    pub(crate) fn of(len: usize, results: impl Iterator<Item = TxResult>) -> Self {
        let mut list = Vec::with_capacity(len);
        let mut encoded = Vec::with_capacity(4 + len * PLAIN_RESULT_LEN);
        let count = u32::try_from(len).expect("a block has fewer transactions");
        encoded.extend_from_slice(&count.to_le_bytes());
        for result in results {
            encode_result(&result, &mut encoded);
            list.push(result);
            if list.len() == RESULTS_SAMPLED {
                // The others are guessed to be like these: growing step by step copies all of them
                // several times. Most of a wrong guess is never touched, and takes no memory.
                let each = (encoded.len() / RESULTS_SAMPLED).min(RESULT_LEN_GUESS_MAX);
                encoded.reserve_exact((each + each / 8) * len.saturating_sub(RESULTS_SAMPLED));
            }
        }
        Self { list, encoded }
    }
}

/// Results after which it is guessed how long the others are.
const RESULTS_SAMPLED: usize = 64;

/// Bytes that a result is guessed to take at most.
const RESULT_LEN_GUESS_MAX: usize = 1_024;

/// Length of the receipt of a transaction that did what it said and returned nothing.
const PLAIN_RESULT_LEN: usize = 1 + 1 + 8 + 8 + 1 + 4 + 4;

/// Appends what `borsh` derives for a result. Most receipts say how much gas was used, at what
/// price, and nothing else but events; what there is of those is written in one go.
fn encode_result(result: &TxResult, out: &mut Vec<u8>) {
    if let Ok(Receipt { status, gas_used, fee, contract: None, return_data, events }) = result
        && status.is_success()
        && return_data.is_empty()
    {
        let mut bytes = [0; PLAIN_RESULT_LEN];
        bytes[0] = 1;
        bytes[2..10].copy_from_slice(&gas_used.0.to_le_bytes());
        bytes[10..18].copy_from_slice(&fee.0.to_le_bytes());
        bytes[PLAIN_RESULT_LEN - 4..].copy_from_slice(&count(events));
        out.extend_from_slice(&bytes);
        for Event { contract, topics, data } in events {
            out.extend_from_slice(&contract.0);
            out.extend_from_slice(&count(topics));
            topics.iter().for_each(|topic| out.extend_from_slice(&topic.0));
            out.extend_from_slice(&count(data));
            out.extend_from_slice(data);
        }
    } else {
        borsh::to_writer(out, result).expect("writing to a Vec cannot fail");
    }
}

/// The length of a list, as it is encoded.
///
/// # Panics
/// Never: what a contract can emit is limited to far less.
fn count<T>(list: &[T]) -> [u8; 4] {
    u32::try_from(list.len()).expect("events are limited").to_le_bytes()
}

/// The sum of the fees in these results.
pub(crate) fn total_fee<'a>(
    results: impl IntoIterator<Item = &'a TxResult>,
) -> Result<Amount, EngineError> {
    let mut total = Amount::ZERO;
    for receipt in results.into_iter().flatten() {
        total = total
            .checked_add(receipt.fee)
            .ok_or_else(|| EngineError::Bug("fees add up to more than the supply".into()))?;
    }
    Ok(total)
}

/// Native units burned according to a record, less the fees if those were burned too.
fn burned_by_transactions(record: &BlockRecord, gas_fee: Amount) -> Amount {
    use crate::state::{EncodedKey, StateKey, StateValue};
    use tos_host_api::AssetId;
    let burned = |value: &Option<StateValue>| match value {
        Some(StateValue::Asset(asset)) => asset.burned,
        _ => Amount::ZERO,
    };
    let key = EncodedKey::of(&StateKey::Asset(AssetId::NATIVE));
    let change = record.change_set.find(&key).map(|change| change.decode());
    let total = change.and_then(|change| burned(&change.new).checked_sub(burned(&change.old)));
    let fees = if record.header.beneficiary.is_some() { Amount::ZERO } else { gas_fee };
    total.and_then(|total| total.checked_sub(fees)).unwrap_or(Amount::ZERO)
}

/// The record of a block, with the digest of the state after it.
pub(crate) fn seal(
    header: HeaderParts,
    digests: Digests,
    change_set: ChangeSet,
    results: Vec<u8>,
) -> BlockRecord {
    let HeaderParts { context, beneficiary, block_hash, announced } = header;
    let Digests { delta: delta_hash, receipts: receipts_hash } = digests;
    let mut hasher = blake3::Hasher::new_derive_key("tos-runtime state digest v1");
    hasher.update(&context.parent.0);
    hasher.update(&delta_hash.0);
    if !planted(Bug::ReceiptsNotInTheDigest) {
        hasher.update(&receipts_hash.0);
    }
    hasher.update(&borsh::to_vec(&(&context, &beneficiary)).expect("writing to a Vec cannot fail"));
    if let Some(params) = announced {
        hasher.update(&params.0);
    }
    let state_digest = Hash(*hasher.finalize().as_bytes());
    let header =
        BlockHeader { context, beneficiary, block_hash, delta_hash, receipts_hash, state_digest };
    BlockRecord { header, results, change_set }
}

/// Digests of the two parts of a record.
pub(crate) struct Digests {
    pub(crate) delta: Hash,
    pub(crate) receipts: Hash,
}

/// What a header says besides the digests.
pub(crate) struct HeaderParts {
    pub(crate) context: BlockContext,
    pub(crate) beneficiary: Option<tos_host_api::Address>,
    pub(crate) block_hash: Hash,
    /// Id of the parameters that begin to hold with this block, if any do.
    pub(crate) announced: Option<Hash>,
}

#[cfg(test)]
mod tests {
    use tos_host_api::{ContractId, Gas};

    use super::*;
    use crate::types::{ExecutionStatus, RevertReason};

    #[test]
    fn results_are_encoded_as_borsh_does() {
        let plain = Receipt {
            status: ExecutionStatus::Success,
            gas_used: Gas(0x0102_0304_0506_0708),
            fee: Amount(0x1112_1314_1516_1718),
            contract: None,
            return_data: Vec::new(),
            events: Vec::new(),
        };
        let event = |topics: &[u8], data: &[u8]| Event {
            contract: ContractId([5; 32]),
            topics: topics.iter().map(|byte| Hash([*byte; 32])).collect(),
            data: data.to_vec(),
        };
        let results = [
            Ok(plain.clone()),
            Ok(Receipt { contract: Some(ContractId([4; 32])), ..plain.clone() }),
            Ok(Receipt { return_data: vec![0], ..plain.clone() }),
            Ok(Receipt { events: vec![event(&[], &[6])], ..plain.clone() }),
            Ok(Receipt {
                events: vec![event(&[7, 8], &[]), event(&[9], &[1; 300])],
                ..plain.clone()
            }),
            Ok(Receipt {
                status: ExecutionStatus::Reverted(RevertReason::NoSuchEntry),
                ..plain.clone()
            }),
            Err(InvalidTransaction::NonceExhausted),
            Ok(plain),
        ];
        for len in 0..=results.len() {
            let made = Results::of(len, results[..len].iter().cloned());
            assert_eq!(made.list, results[..len]);
            assert_eq!(made.encoded, borsh::to_vec(&results[..len]).expect("it encodes"));
        }
    }
}
