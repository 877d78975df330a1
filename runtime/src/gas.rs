//! What things cost.

use borsh::{BorshDeserialize, BorshSerialize};
use tos_host_api::Gas;

use crate::planted::{Bug, planted};
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
    /// Each transfer, besides its credit; see [`CostTable::credit`].
    pub transfer: u64,
    /// Each entry of the declared access list, used or not.
    pub access_entry: u64,
    /// Each byte of input and each byte of an entry's name.
    pub input_byte: u64,
    /// Each deposit, besides its credit; see [`CostTable::credit`].
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
    /// Each byte by which the state grows, for as long as the chain lives: nothing is paid back when
    /// it shrinks. At the default block limit of 20 billion gas a block adds at most 200 MB.
    pub state_byte: u64,
    /// What a contract's own instructions cost.
    pub operators: OperatorCosts,
}

impl Default for CostTable {
    fn default() -> Self {
        Self {
            transaction: 15_000,
            transfer: 1_000,
            access_entry: 500,
            input_byte: 10,
            deposit: 1_000,
            call: 5_000,
            code_byte: 1_500,
            state_byte: 100,
            operators: OperatorCosts::default(),
        }
    }
}

impl CostTable {
    /// What a deployment pays for beside its length, as bytes of code: the part of compiling that
    /// does not depend on it. The bound of `prepare` is in proportion to the sum of both.
    pub const DEPLOYMENT_BYTES: u64 = 8 * 1024;
    /// Bytes an account with a balance takes in the database, framing included.
    pub const ACCOUNT_BYTES: u64 = 100;
    /// Bytes a slot takes in the database besides its key and its value.
    pub const SLOT_BYTES: u64 = 90;
    /// Bytes of a counter's value.
    pub const COUNTER_BYTES: u64 = 16;

    /// What state growth each credit of an account pays for: that of a new account, because whether
    /// it exists may not be looked up under `Credit`. `None` when it exceeds `u64`.
    #[must_use]
    pub fn credit(&self) -> Option<u64> {
        self.state_byte.checked_mul(Self::ACCOUNT_BYTES)
    }

    /// What a new slot with a key and a value of these lengths costs on top of writing it. `None`
    /// when it exceeds `u64`.
    #[must_use]
    pub fn new_slot(&self, key_len: u64, value_len: u64) -> Option<u64> {
        let bytes = Self::SLOT_BYTES.checked_add(key_len)?.checked_add(value_len)?;
        self.state_byte.checked_mul(bytes)
    }

    /// Gas charged before anything runs, from the transaction's size and shape alone. `None` when
    /// it exceeds `u64`, which no transaction within the limits reaches.
    #[must_use]
    pub fn intrinsic(&self, tx: &UnsignedTransaction) -> Option<Gas> {
        let access = self.access_entry.checked_mul(tx.access.len() as u64)?;
        let kind = match &tx.data {
            TransactionType::Transfers(transfers) => {
                self.transfer.checked_add(self.credit()?)?.checked_mul(transfers.len() as u64)?
            }
            TransactionType::Burn { .. } => self.transfer,
            TransactionType::DeployContract { code, input, deposits } => {
                // The record of the contract counts as an account.
                self.call_with(input.len(), deposits.len())?
                    .checked_add(self.code(code.len())?)?
                    .checked_add(self.credit()?)?
            }
            TransactionType::InvokeContract { entry, input, deposits, .. } => {
                self.call_with(input.len().checked_add(entry.len())?, deposits.len())?
            }
            TransactionType::UpgradeContract { code, input, .. } => {
                self.call_with(input.len(), 0)?.checked_add(self.code(code.len())?)?
            }
        };
        let one = u64::from(planted(Bug::GasOffByOne));
        self.transaction.checked_add(access)?.checked_add(kind)?.checked_sub(one).map(Gas)
    }

    fn call_with(&self, input_len: usize, deposits: usize) -> Option<u64> {
        self.call
            .checked_add(self.input_byte.checked_mul(input_len as u64)?)?
            .checked_add(self.deposit.checked_add(self.credit()?)?.checked_mul(deposits as u64)?)
    }

    /// What deploying or upgrading to a module of so many bytes costs besides the call.
    fn code(&self, code_len: usize) -> Option<u64> {
        self.code_byte.checked_mul(Self::DEPLOYMENT_BYTES.checked_add(code_len as u64)?)
    }
}
