//! Blocks: verified transactions in order, and the context they execute in.

use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use tos_host_api::{Address, Hash, TopoHeight};

use super::Transaction;
use crate::error::InvalidBlock;
use crate::planted::{Bug, planted};
use crate::verify::VerifiedTransaction;

/// Where a block stands. Contracts can read height, timestamp and version.
///
/// The engine treats `timestamp` and `block_version` as opaque numbers: what they may be is the
/// node's rule.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct BlockContext {
    /// Height of this block: the tip's height plus one.
    pub topoheight: TopoHeight,
    /// Height below which nothing is ever rolled back. Never decreases, never above `topoheight`.
    pub stable_topoheight: TopoHeight,
    /// Milliseconds as the producer stated them.
    pub timestamp: u64,
    /// The node's block version.
    pub block_version: u32,
    /// State digest of the tip this block builds on.
    pub parent: Hash,
}

/// A block ready to execute. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Block {
    context: BlockContext,
    beneficiary: Option<Address>,
    transactions: Arc<[VerifiedTransaction]>,
}

impl Block {
    /// A block of verified transactions. Its fees are burned unless a beneficiary is named.
    #[must_use]
    pub fn new(context: BlockContext, transactions: Vec<VerifiedTransaction>) -> Self {
        Self { context, beneficiary: None, transactions: transactions.into() }
    }

    /// Names the account that receives the block's fees after its last transaction.
    #[must_use]
    pub fn with_beneficiary(mut self, beneficiary: impl Into<Address>) -> Self {
        self.beneficiary = Some(beneficiary.into());
        self
    }

    /// Where the block stands.
    #[must_use]
    pub fn context(&self) -> &BlockContext {
        &self.context
    }

    /// Who receives the fees.
    #[must_use]
    pub fn beneficiary(&self) -> Option<Address> {
        self.beneficiary
    }

    /// The transactions, in order.
    #[must_use]
    pub fn transactions(&self) -> &[VerifiedTransaction] {
        &self.transactions
    }

    /// BLAKE3 over context, beneficiary and transaction ids: equal exactly for equal blocks.
    ///
    /// # Panics
    /// Never: writing to a hasher cannot fail.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let mut hasher = blake3::Hasher::new_derive_key("tos-runtime block v1");
        let forgotten = planted(Bug::BeneficiaryNotInTheHash);
        let beneficiary = self.beneficiary.filter(|_| !forgotten);
        borsh::to_writer(&mut HashWriter(&mut hasher), &(&self.context, &beneficiary))
            .expect("writing to a hasher cannot fail");
        // Many ids at a time: a hasher is at its best with inputs of some KiB.
        let mut bytes = Vec::with_capacity(self.transactions.len().min(IDS_AT_ONCE) * 32);
        for ids in self.transactions.chunks(IDS_AT_ONCE) {
            bytes.clear();
            ids.iter().for_each(|tx| bytes.extend_from_slice(&tx.id().0));
            hasher.update(&bytes);
        }
        Hash(*hasher.finalize().as_bytes())
    }
}

/// Transaction ids hashed at a time.
const IDS_AT_ONCE: usize = 2_048;

/// Feeds an encoding to a hasher without building it in memory.
struct HashWriter<'a>(&'a mut blake3::Hasher);

impl borsh::io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> borsh::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> borsh::io::Result<()> {
        Ok(())
    }
}

/// A block as it arrives from elsewhere: nothing in it has been checked.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct UnverifiedBlock {
    /// Where the block stands.
    pub context: BlockContext,
    /// Who receives the fees.
    pub beneficiary: Option<Address>,
    /// The transactions, in order.
    pub transactions: Vec<Transaction>,
}

impl UnverifiedBlock {
    /// The canonical encoding.
    ///
    /// # Panics
    /// Never: writing to a `Vec` cannot fail.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("writing to a Vec cannot fail")
    }

    /// Decodes [`UnverifiedBlock::encode`].
    ///
    /// # Errors
    /// [`InvalidBlock::Encoding`]: truncated bytes, trailing bytes, an unknown transaction kind. A
    /// stated count larger than the bytes can hold fails before anything of that size is allocated.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidBlock> {
        borsh::from_slice(bytes).map_err(InvalidBlock::Encoding)
    }
}
