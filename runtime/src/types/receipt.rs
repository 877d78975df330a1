//! Receipts: what a block records about each included transaction. Consensus data, so numbers only:
//! no text that a library could word differently tomorrow.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tos_host_api::{AccessMode, Address, Amount, AssetId, ContractId, Gas, Hash, HostFunction};

/// The consensus record of one included transaction.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Receipt {
    /// How it ended.
    pub status: ExecutionStatus,
    /// Gas paid for: gas used on success and revert, the whole limit on halt.
    pub gas_used: Gas,
    /// `gas_used x gas_price`, in native units.
    pub fee: Amount,
    /// The contract a successful deployment created.
    pub contract: Option<ContractId>,
    /// What the contract returned; kept when it reverted, empty when it halted.
    pub return_data: Vec<u8>,
    /// Events in the order they were emitted; none unless successful.
    pub events: Vec<Event>,
}

/// A fact a contract emitted.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Event {
    /// Who emitted it.
    pub contract: ContractId,
    /// What it can be found by.
    pub topics: Vec<Hash>,
    /// Everything else.
    pub data: Vec<u8>,
}

/// How an included transaction ended.
#[derive(
    Debug, Clone, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ExecutionStatus {
    /// Its writes are part of the state.
    #[error("success")]
    Success = 0,
    /// It chose to fail, or could not be carried out; pays gas used, its writes are dropped.
    #[error("reverted: {0}")]
    Reverted(RevertReason) = 1,
    /// The engine stopped it; pays its whole gas limit, its writes are dropped.
    #[error("halted: {0}")]
    Halted(HaltReason) = 2,
}

impl ExecutionStatus {
    /// Whether the transaction's writes are part of the state.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Success)
    }

    /// A stable number: 0 success, 1xx reverted, 2xx halted.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::Success => 0,
            Self::Reverted(reason) => 100 + reason.number(),
            Self::Halted(reason) => 200 + reason.number(),
        }
    }
}

/// Why a transaction reverted.
#[derive(
    Debug, Clone, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum RevertReason {
    /// The contract called `abort` with this code.
    #[error("contract aborted with code {0}")]
    Contract(u32) = 0,
    /// No contract with this id was callable at the start of the block.
    #[error("no contract {0}")]
    NoSuchContract(ContractId) = 1,
    /// The contract exports no such entry, or it may not be invoked.
    #[error("the contract has no such entry")]
    NoSuchEntry = 2,
    /// A balance was smaller than the amount to move.
    #[error("balance of asset {asset} too small: needed {needed}, found {found}")]
    InsufficientBalance {
        /// Which asset.
        asset: AssetId,
        /// Sum to be debited.
        needed: u128,
        /// Balance.
        found: Amount,
    } = 3,
    /// No asset has this id.
    #[error("no asset {0}")]
    UnknownAsset(AssetId) = 4,
    /// The module may not be deployed.
    #[error("module refused: {0}")]
    ModuleRefused(ModuleFault) = 5,
    /// The source is not the contract's upgrade authority.
    #[error("the source is not the upgrade authority")]
    NotAuthority = 6,
    /// The contract to create exists already.
    #[error("contract {0} exists already")]
    ContractExists(ContractId) = 7,
}

impl RevertReason {
    fn number(&self) -> u32 {
        match self {
            Self::Contract(_) => 0,
            Self::NoSuchContract(_) => 1,
            Self::NoSuchEntry => 2,
            Self::InsufficientBalance { .. } => 3,
            Self::UnknownAsset(_) => 4,
            Self::ModuleRefused(_) => 5,
            Self::NotAuthority => 6,
            Self::ContractExists(_) => 7,
        }
    }
}

/// Why the module gate refused a module. The gate's error text, for the author, says more.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Error,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ModuleFault {
    /// Not a WebAssembly binary, or an invalid one.
    #[error("malformed")]
    Malformed = 0,
    /// Uses a feature outside the pinned set.
    #[error("feature not allowed")]
    Feature = 1,
    /// Larger than a limit: bytes, functions, locals, nesting.
    #[error("limit exceeded")]
    Limit = 2,
    /// No memory, more than one, imported, shared, or too large.
    #[error("memory not allowed")]
    Memory = 3,
    /// More than one table, or too large.
    #[error("table not allowed")]
    Table = 4,
    /// Has a start function.
    #[error("start function not allowed")]
    Start = 5,
    /// Imports something that does not exist, or with another type.
    #[error("import not available")]
    Import = 6,
    /// An export is missing, duplicated or of another kind.
    #[error("export not allowed")]
    Export = 7,
    /// A data or element segment does not fit where it goes.
    #[error("segment out of range")]
    Segment = 8,
}

/// Why the engine stopped a transaction.
#[derive(
    Debug, Clone, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum HaltReason {
    /// The gas limit was reached.
    #[error("out of gas")]
    OutOfGas = 0,
    /// Touched an account outside the access set, or in a stronger mode than declared.
    #[error("{host_function} needs {needed} access to {account}, which is not declared")]
    UndeclaredAccess {
        /// The account touched.
        account: Address,
        /// The mode the operation needs.
        needed: AccessMode,
        /// The operation.
        host_function: HostFunction,
    } = 1,
    /// The module executed an instruction that traps.
    #[error("trap")]
    Trap = 2,
    /// A pointer or length handed to a host function lies outside the memory.
    #[error("{0} was given memory that does not exist")]
    MemoryOutOfBounds(HostFunction) = 3,
    /// The logical stack limit was reached.
    #[error("stack limit reached")]
    StackLimit = 4,
    /// A read-only call tried to change state.
    #[error("{0} is not available in a read-only call")]
    ReadOnly(HostFunction) = 5,
    /// A host function was given bytes that are no address.
    #[error("{0} was given bytes that are no address")]
    InvalidAddress(HostFunction) = 6,
}

impl HaltReason {
    fn number(&self) -> u32 {
        match self {
            Self::OutOfGas => 0,
            Self::UndeclaredAccess { .. } => 1,
            Self::Trap => 2,
            Self::MemoryOutOfBounds(_) => 3,
            Self::StackLimit => 4,
            Self::ReadOnly(_) => 5,
            Self::InvalidAddress(_) => 6,
        }
    }
}
