//! The short way for the most frequent transaction: native units from one account to another. It
//! works on the overlay's cells directly, and takes only transfers that are certain to succeed;
//! whatever could end otherwise goes the general way, so that failures come from one place.
//!
//! The sequential executor never goes this way, which makes every comparison with it a test of this
//! file.

use tos_host_api::{AccessMode, ChainId, TopoHeight};

use super::{BlockEnv, TxOutput};
use crate::schedule::{AccountIdx, TableEntry};
use crate::types::{ExecutionStatus, Receipt, TransactionType};
use crate::verify::VerifiedTransaction;

/// A transfer of native units to one other account, reduced to what moving them takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Payment {
    /// The source's nonce has to be this; below `u64::MAX`.
    pub(crate) nonce: u64,
    /// What the source has to have: the amount and the whole fee reserve.
    pub(crate) needed: u64,
    /// What leaves the source: the amount and the fee. At most `needed`.
    pub(crate) debit: u64,
    pub(crate) amount: u64,
}

/// A payment and the accounts it is between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlainTransfer {
    pub(crate) source: AccountIdx,
    pub(crate) destination: AccountIdx,
    pub(crate) payment: Payment,
}

/// What every transaction of a block has to agree with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) chain_id: ChainId,
    pub(crate) topoheight: TopoHeight,
}

impl Terms {
    pub(crate) fn of(env: &BlockEnv) -> Self {
        Self { chain_id: env.params.chain_id, topoheight: env.context.topoheight }
    }
}

impl Payment {
    /// A transaction as a payment, if it is one and nothing but the source's account can make it
    /// fail. `accounts` is how many accounts its access set has: a payment to oneself has one.
    pub(crate) fn of(tx: &VerifiedTransaction, accounts: usize, terms: Terms) -> Option<Self> {
        let TransactionType::Transfers(transfers) = &tx.data else { return None };
        let ([transfer], 2) = (transfers.as_slice(), accounts) else { return None };
        let on_terms = tx.chain_id == terms.chain_id && terms.topoheight <= tx.expiry;
        if !transfer.asset.is_native() || !on_terms || tx.nonce.0 == u64::MAX {
            return None;
        }
        let reserve = tx.gas_limit.0.checked_mul(tx.gas_price.0)?;
        let fee = tx.intrinsic_gas().0.checked_mul(tx.gas_price.0)?;
        if fee > reserve {
            return None;
        }
        let amount = transfer.amount.0;
        Some(Self {
            nonce: tx.nonce.0,
            needed: reserve.checked_add(amount)?,
            debit: fee.checked_add(amount)?,
            amount,
        })
    }
}

impl PlainTransfer {
    /// A transaction as a plain transfer, if it is one. `access` is its access set.
    pub(crate) fn of(
        tx: &VerifiedTransaction,
        access: &[TableEntry],
        terms: Terms,
    ) -> Option<Self> {
        let payment = Payment::of(tx, access.len(), terms)?;
        let [first, second] = access else { return None };
        let (source, destination) = match (first.mode, second.mode) {
            (AccessMode::Write, AccessMode::Credit) => (first.account, second.account),
            (AccessMode::Credit, AccessMode::Write) => (second.account, first.account),
            _ => return None,
        };
        Some(Self { source, destination, payment })
    }
}

impl TxOutput {
    /// The output of a plain transfer that succeeded.
    ///
    /// # Panics
    /// Never: the fee of such a transfer was computed before it was executed.
    pub(super) fn plain(tx: &VerifiedTransaction) -> Self {
        let gas_used = tx.intrinsic_gas();
        let fee = tx.gas_price.0.checked_mul(gas_used.0).map(tos_host_api::Amount);
        let receipt = Receipt {
            status: ExecutionStatus::Success,
            gas_used,
            fee: fee.expect("the fee of an executed transfer fits its type"),
            contract: None,
            return_data: Vec::new(),
            events: Vec::new(),
        };
        Self::of_result(Ok(receipt))
    }
}
