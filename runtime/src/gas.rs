//! What things cost.

use borsh::{BorshDeserialize, BorshSerialize};
use tos_host_api::Gas;

use crate::sandbox::prepare::OperatorCosts;
use crate::types::{TransactionType, UnsignedTransaction};

/// Prices of everything that is not a host function (those stand in `host-api/src/functions.rs`).
///
/// One gas is meant to be about a nanosecond of one core. First values, to be moved by measurement;
/// see `CHANGELOG.md`.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CostTable {
    /// Any transaction: signature, nonce, receipt.
    pub transaction: u64,
    /// Each transfer. Its destination is priced as if it had to be created, because whether it
    /// exists may not be looked up under `Credit`.
    pub transfer: u64,
    /// Each entry of the declared access list, used or not.
    pub access_entry: u64,
    /// Each byte of input and each byte of an entry's name.
    pub input_byte: u64,
    /// Each deposit.
    pub deposit: u64,
    /// Each call: instance and stack.
    pub call: u64,
    /// Each byte of code: checking, compiling and keeping it.
    ///
    /// The gate bounds what compilation takes: at most about 5 microseconds of one core and a
    /// kilobyte of memory for each byte of code and for 8 KiB on top, which any module has free
    /// (`prepare::limits::COMPILE_WORK_FREE` times `CODE_BYTES_PER_COMPILE_WORK`). So a price that
    /// always covers it has a part per byte and a part per module, the same as for 8 KiB. Contracts
    /// take 1 to 2 microseconds a byte. To measure again: `cargo bench -p tos-benches --bench
    /// compile`.
    pub code_byte: u64,
    /// What a contract's own instructions cost.
    pub operators: OperatorCosts,
}

impl Default for CostTable {
    fn default() -> Self {
        Self {
            transaction: 5_000,
            transfer: 1_000,
            access_entry: 500,
            input_byte: 10,
            deposit: 1_000,
            call: 5_000,
            code_byte: 500,
            operators: OperatorCosts::default(),
        }
    }
}

impl CostTable {
    /// Gas charged before anything runs, from the transaction's size and shape alone. `None` when
    /// it exceeds `u64`, which no transaction within the limits reaches.
    #[must_use]
    pub fn intrinsic(&self, tx: &UnsignedTransaction) -> Option<Gas> {
        let access = self.access_entry.checked_mul(tx.access.len() as u64)?;
        let kind = match &tx.data {
            TransactionType::Transfers(transfers) => {
                self.transfer.checked_mul(transfers.len() as u64)?
            }
            TransactionType::Burn { .. } => self.transfer,
            TransactionType::DeployContract { code, input, deposits } => {
                self.call_with(input.len(), deposits.len(), code.len())?
            }
            TransactionType::InvokeContract { entry, input, deposits, .. } => {
                self.call_with(input.len().checked_add(entry.len())?, deposits.len(), 0)?
            }
            TransactionType::UpgradeContract { code, input, .. } => {
                self.call_with(input.len(), 0, code.len())?
            }
        };
        self.transaction.checked_add(access)?.checked_add(kind).map(Gas)
    }

    fn call_with(&self, input_len: usize, deposits: usize, code_len: usize) -> Option<u64> {
        self.call
            .checked_add(self.input_byte.checked_mul(input_len as u64)?)?
            .checked_add(self.deposit.checked_mul(deposits as u64)?)?
            .checked_add(self.code_byte.checked_mul(code_len as u64)?)
    }
}
