//! The failures that are not part of a receipt: transactions that may not be included, and errors
//! of the engine itself. How an included transaction ended is `ExecutionStatus` in
//! `types/receipt.rs`.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tos_host_api::{
    Address, Amount, AssetId, ChainId, ContractId, Gas, Hash, Nonce, TopoHeight, TxIndex,
};

use crate::state::StateKey;
use crate::storage::NoSpace;

/// Why a transaction may not be included: nothing changes and nobody pays.
///
/// Variants stand in order of precedence: the first that applies is reported. Those up to
/// [`InvalidTransaction::BadSignature`] are static; verification reports them and a block
/// containing such a transaction cannot even be built. The others depend on the state and are
/// reported as the transaction's result in its block.
#[derive(
    Debug, Clone, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum InvalidTransaction {
    /// Signed for another network.
    #[error("signed for chain {found}, expected chain {expected}")]
    WrongChain {
        /// This network.
        expected: ChainId,
        /// The network signed for.
        found: ChainId,
    } = 0,
    /// A list or a byte string is longer than its limit.
    #[error("{what:?} has {found} items or bytes, at most {limit} are allowed")]
    TooLong {
        /// Which part.
        what: TransactionPart,
        /// Its limit.
        limit: u64,
        /// Its length.
        found: u64,
    } = 1,
    /// The access list is not in canonical form at this entry.
    #[error("access list entry {index} is {fault}")]
    AccessList {
        /// The first entry that is wrong.
        index: u32,
        /// What is wrong with it.
        fault: AccessFault,
    } = 2,
    /// Deposits are not in ascending order of asset, repeat one, or are zero.
    #[error("deposit {index} is zero or not in ascending order of asset")]
    Deposits {
        /// The first deposit that is wrong.
        index: u32,
    } = 3,
    /// The gas limit does not even cover what is charged before anything runs.
    #[error("gas limit {found} is below the intrinsic gas {intrinsic}")]
    GasLimitTooLow {
        /// Gas charged for the transaction's size and shape.
        intrinsic: Gas,
        /// The gas limit.
        found: Gas,
    } = 4,
    /// The gas limit is above what one transaction may use.
    #[error("gas limit {found} is above the maximum {limit}")]
    GasLimitTooHigh {
        /// The most a transaction may ask for.
        limit: Gas,
        /// The gas limit.
        found: Gas,
    } = 5,
    /// The source is no ed25519 key, or the signature does not verify under ZIP-215.
    #[error("the signature does not verify")]
    BadSignature = 6,
    /// The last height at which it may be included has passed.
    #[error("expired at height {expiry}, the block has height {topoheight}")]
    Expired {
        /// Last height allowed.
        expiry: TopoHeight,
        /// The block's height.
        topoheight: TopoHeight,
    } = 7,
    /// The nonce was used already.
    #[error("nonce {found} was used already, expected {expected}")]
    NonceTooLow {
        /// The account's nonce.
        expected: Nonce,
        /// The transaction's nonce.
        found: Nonce,
    } = 8,
    /// An earlier transaction of this source is missing.
    #[error("nonce {found} is too high, expected {expected}")]
    NonceTooHigh {
        /// The account's nonce.
        expected: Nonce,
        /// The transaction's nonce.
        found: Nonce,
    } = 9,
    /// The account has sent as many transactions as a nonce can count.
    #[error("the account's nonce is exhausted")]
    NonceExhausted = 10,
    /// The native balance does not cover `gas_limit x gas_price` plus the native value moved.
    #[error("native balance {found} does not cover fee reserve plus value {needed}")]
    Unaffordable {
        /// Reserve plus value.
        needed: u128,
        /// Native balance.
        found: Amount,
    } = 11,
}

/// The parts of a transaction whose length is limited.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum TransactionPart {
    /// Number of transfers.
    Transfers = 0,
    /// Number of access list entries.
    AccessList = 1,
    /// Number of deposits.
    Deposits = 2,
    /// Bytes of input.
    Input = 3,
    /// Bytes of code.
    Code = 4,
    /// Bytes of an entry's name.
    Entry = 5,
}

/// What is wrong with an access list entry.
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
pub enum AccessFault {
    /// The account sorts before its predecessor.
    #[error("not in ascending order of account")]
    NotSorted = 0,
    /// The account is listed twice.
    #[error("a duplicate")]
    Duplicate = 1,
    /// The transaction derives its access set; nothing may be declared.
    #[error("declared for a kind of transaction whose access set is derived")]
    NotDeclarable = 2,
}

/// Why a whole block may not be executed: nothing changes and nobody pays.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InvalidBlock {
    /// The block does not follow the tip: a height is missing.
    #[error("block has height {found}, expected {expected}: earlier blocks are missing")]
    Gap {
        /// Height after the tip.
        expected: TopoHeight,
        /// The block's height.
        found: TopoHeight,
    },
    /// Another block was committed at this height.
    #[error("another block is committed at height {topoheight}")]
    Conflict {
        /// The height.
        topoheight: TopoHeight,
    },
    /// The block builds on another state than the tip's.
    #[error("block builds on state {found}, the tip is {expected}")]
    WrongParent {
        /// The tip's state digest.
        expected: Hash,
        /// The block's parent.
        found: Hash,
    },
    /// The stable height decreases or lies above the block's own height.
    #[error("stable height {found} is not between {lowest} and {topoheight}")]
    StableTopoheight {
        /// The tip's stable height.
        lowest: TopoHeight,
        /// The block's height.
        topoheight: TopoHeight,
        /// The block's stable height.
        found: TopoHeight,
    },
    /// More transactions than a block may hold.
    #[error("block has {found} transactions, at most {limit} are allowed")]
    TooManyTransactions {
        /// The limit.
        limit: u64,
        /// The count.
        found: u64,
    },
    /// More bytes than a block may hold.
    #[error("block has {found} bytes of transactions, at most {limit} are allowed")]
    TooManyBytes {
        /// The limit.
        limit: u64,
        /// The size.
        found: u64,
    },
    /// The declared gas limits add up to more than a block may use.
    #[error("declared gas adds up to {found}, at most {limit} is allowed")]
    TooMuchGas {
        /// The limit.
        limit: Gas,
        /// The sum.
        found: u128,
    },
    /// The same transaction stands in the block twice.
    #[error("transaction {second} repeats transaction {first}")]
    DuplicateTransaction {
        /// Index of the first.
        first: TxIndex,
        /// Index of its repetition.
        second: TxIndex,
    },
    /// A transaction was verified under other protocol parameters than this chain's.
    #[error("transaction {index} was verified under other protocol parameters")]
    ForeignVerification {
        /// Its index.
        index: TxIndex,
    },
    /// A transaction is malformed or its signature does not verify.
    #[error("transaction {index} is invalid: {reason}")]
    Transaction {
        /// Its index.
        index: TxIndex,
        /// Why.
        reason: InvalidTransaction,
    },
    /// The block does not lead to the state that its proposer claims. One of the two computed
    /// something else: if blocks that others agree on are refused with this, it is this node.
    #[error(
        "block {topoheight} is claimed to lead to state {claimed}, it leads to {computed}; {advice}"
    )]
    ClaimedState {
        /// Height of the block.
        topoheight: TopoHeight,
        /// State digest that its proposer claims.
        claimed: Hash,
        /// State digest that it has here.
        computed: Hash,
        /// Where the replay bundle is, or why there is none.
        advice: String,
    },
    /// The bytes are no block.
    #[error("block bytes cannot be decoded: {0}")]
    Encoding(#[source] std::io::Error),
}

/// Why an engine could not be opened: nothing was written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A value of `EngineConfig` is out of range.
    #[error("{field} is {found}, expected {expected}")]
    Config {
        /// The field.
        field: &'static str,
        /// What would be right.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The price of an operator is higher than the counter inside modules is made for.
    #[error("the price {price} of operators is {found}, at most {limit} is allowed")]
    PriceTooHigh {
        /// The field of `OperatorCosts`.
        price: &'static str,
        /// The highest price allowed.
        limit: u32,
        /// The price.
        found: u32,
    },
    /// Something that makes work is free: a loop of it would never run out of gas.
    #[error("the price {price} is 0, expected at least 1: what makes work has to cost something")]
    PriceZero {
        /// The field of `CostTable` or `OperatorCosts`.
        price: &'static str,
    },
    /// Parameters of the chain need rules that this library does not have.
    #[error(
        "from height {since} on the chain needs {what} {stored}, this engine has {known}: open it \
         with the version of the node that wrote it, or synchronise into a new database"
    )]
    UnknownEngine {
        /// Height at which those parameters begin to hold.
        since: TopoHeight,
        /// What differs.
        what: &'static str,
        /// What the chain needs.
        stored: String,
        /// What this library has.
        known: String,
    },
    /// Other parameters were given for a height that the chain has passed.
    #[error(
        "height {since} was executed with {stored}, {given} was given: the tip is {tip}, and \
         parameters can change at heights above it only"
    )]
    PastParameters {
        /// The height given.
        since: TopoHeight,
        /// Height of the tip.
        tip: TopoHeight,
        /// The first field that differs and its value in the chain.
        stored: String,
        /// The same field as given.
        given: String,
    },
    /// The storage is empty and no genesis was given.
    #[error("the storage is empty: a new chain needs a genesis")]
    NoGenesis,
    /// The genesis contradicts itself.
    #[error("genesis is inconsistent: {0}")]
    Genesis(String),
    /// The storage holds a chain that began otherwise.
    #[error("the storage holds a chain with genesis {stored}, the genesis given is {given}")]
    GenesisMismatch {
        /// State digest of the stored genesis.
        stored: Hash,
        /// State digest of the genesis given.
        given: Hash,
    },
    /// The storage holds a chain of another network, format or engine version.
    #[error(
        "the storage holds {what} {stored}, this engine has {given}: open it with the node and the \
         genesis it was made with, or choose another database"
    )]
    Incompatible {
        /// What differs.
        what: &'static str,
        /// What is stored.
        stored: String,
        /// What this engine has.
        given: String,
    },
}

/// An error of the engine: storage, corruption or a bug of ours. Nothing is committed; the node
/// must stop or retry. Never part of a receipt, so it can be neither cloned, compared nor stored.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The block may not be executed.
    #[error("invalid block: {0}")]
    InvalidBlock(#[from] InvalidBlock),
    /// The engine could not be opened.
    #[error("cannot open: {0}")]
    Open(#[from] OpenError),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// There is too little room to commit another block: it was not executed. With more room the
    /// same engine goes on.
    #[error(transparent)]
    NoSpace(#[from] NoSpace),
    /// Stored bytes are not what was written.
    #[error("corrupt state: {0}")]
    Corrupt(String),
    /// An outcome was executed on another state than the tip's.
    #[error(
        "outcome was executed on state {parent} at height {topoheight}, the tip is {tip} at height {tip_topoheight}"
    )]
    StaleOutcome {
        /// State digest the outcome was executed on.
        parent: Hash,
        /// Height of the outcome's block.
        topoheight: TopoHeight,
        /// State digest of the tip.
        tip: Hash,
        /// Height of the tip.
        tip_topoheight: TopoHeight,
    },
    /// A rollback was asked for a height that cannot be reached.
    #[error("cannot roll back to height {found}: expected a height from {lowest} to {tip}")]
    RollbackOutOfRange {
        /// Lowest height reachable.
        lowest: TopoHeight,
        /// The tip's height.
        tip: TopoHeight,
        /// The height asked for.
        found: TopoHeight,
    },
    /// Two transactions of one batch wrote the same key: the schedule or an access check is wrong.
    #[error(
        "transaction {tx} wrote {account} in batch {batch}, which an earlier transaction of the batch wrote too"
    )]
    ConflictingWrites {
        /// The transaction whose merge was refused.
        tx: TxIndex,
        /// The account both wrote.
        account: Address,
        /// Their batch.
        batch: u32,
    },
    /// A balance, counter or fee would exceed its type: the supply invariant is broken.
    #[error("{what} of {account} overflows")]
    Overflow {
        /// What would overflow.
        what: &'static str,
        /// Whose.
        account: Address,
    },
    /// Balances, fees and burned amounts do not add up.
    #[error("asset {asset} is not conserved: {before} before the block, {after} after it")]
    NotConserved {
        /// The asset.
        asset: AssetId,
        /// Sum of the changed balances before.
        before: u128,
        /// Sum of the changed balances after, plus what was burned.
        after: u128,
    },
    /// A change set is not sorted or not complete.
    #[error("change set is not in order at {0:?}")]
    ChangeSetOrder(StateKey),
    /// A worker thread panicked while it executed a transaction.
    #[error("worker panicked in transaction {tx:?}: {message}")]
    WorkerPanicked {
        /// The transaction, if known.
        tx: Option<TxIndex>,
        /// The panic's message.
        message: String,
    },
    /// The engine contradicts itself.
    #[error("engine bug: {0}")]
    Bug(String),
    /// The sandbox failed for a reason that is not the module's.
    #[error("sandbox: {0}")]
    Sandbox(String),
    /// An earlier error left the outcome of a commit unknown; reopen the database.
    #[error("the engine refuses work since an earlier commit failed: {0}; reopen the storage")]
    Poisoned(String),
    /// An observer asked the engine that is executing a block around it; nothing happened.
    #[error(
        "an execution observer called the engine, which executes a block meanwhile; \
         let it hand over what it heard and ask after the block"
    )]
    CalledFromObserver,
    /// A committed block came out otherwise when it was executed once more, sequentially: this
    /// engine or the machine under it is broken, and what it commits cannot be relied on. The node
    /// has to stop.
    #[error(
        "block {topoheight} comes out otherwise when it is executed sequentially: {difference}; \
         {advice}; stop this node"
    )]
    Diverged {
        /// Height of the block.
        topoheight: TopoHeight,
        /// The first difference.
        difference: String,
        /// Where the replay bundle is, or why there is none.
        advice: String,
    },
    /// A contract is not known to this node.
    #[error("no contract {0}")]
    NoSuchContract(ContractId),
}

impl EngineError {
    /// A thread that owes an answer has ended without one.
    pub(crate) fn thread_is_gone() -> Self {
        Self::WorkerPanicked { tx: None, message: "an engine thread is gone".into() }
    }
}

/// An error of a storage backend, opaque to the engine.
#[derive(Debug, Error)]
#[error("storage failed: {0:#}")]
pub struct StorageError(#[from] anyhow::Error);

impl StorageError {
    /// Wraps any error of a backend.
    pub fn new(error: impl Into<anyhow::Error>) -> Self {
        Self(error.into())
    }
}
