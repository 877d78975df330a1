//! TOS Runtime: the contract engine that a blockchain node embeds.
//!
//! It executes blocks of asset transfers and WebAssembly contract calls **in parallel, with results
//! bit-identical to executing them one after the other**, and commits each block to an embedded
//! database in one atomic step.
//!
//! # The nouns
//!
//! - A [`Transaction`] is signed by its source. [Verified](VerifiedTransaction) transactions and a
//!   [`BlockContext`] make a [`Block`].
//! - Every transaction has an [`AccessSet`]: which accounts it touches, each to
//!   [read, credit or write](AccessMode). Transfers derive theirs, contract calls declare it, and
//!   [`ContractEngine::simulate`] finds it. Touching anything else halts the transaction.
//! - The access sets give a [`Schedule`]: which transaction waits for which earlier one, and why.
//!   Everything else runs at the same time.
//! - Executing a block gives a [`BlockOutcome`]: a [`Receipt`] (or an [`InvalidTransaction`]) per
//!   transaction, a sorted [`ChangeSet`], and digests. It is a value: nothing has happened until it
//!   is [committed](ContractEngine::commit).
//! - A [`Storage`] keeps committed blocks: [`RedbStorage`], [`MemoryStorage`], or a node's own.
//! - Failures come in three families that are never mixed: [`InvalidTransaction`] (not included,
//!   nobody pays), [`ExecutionStatus`] (included and paid for), [`EngineError`] (nothing happened,
//!   the node has to act).
//!
//! # A complete program
//!
//! ```
//! use tos_runtime::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let alice = SigningKey::from([1; 32]);
//! let alice_key = PublicKey(alice.verification_key().into());
//! let bob = PublicKey(SigningKey::from([2; 32]).verification_key().into());
//!
//! // A chain on which Alice has a million units.
//! let genesis = Genesis::new(ProtocolParams::new(ChainId(1)))
//!     .with_balance(alice_key, AssetId::NATIVE, Amount(1_000_000));
//! let engine = ContractEngine::builder().storage(MemoryStorage::new()).genesis(genesis).build()?;
//!
//! // Alice pays Bob.
//! let payment = UnsignedTransaction {
//!     chain_id: ChainId(1),
//!     source: alice_key,
//!     nonce: Nonce(0),
//!     gas_limit: Gas(30_000),
//!     gas_price: Amount(1),
//!     expiry: TopoHeight(100),
//!     access: vec![],
//!     data: TransactionType::Transfers(vec![Transfer {
//!         destination: bob.into(),
//!         asset: AssetId::NATIVE,
//!         amount: Amount(500),
//!     }]),
//! };
//! let payment = engine.verify(payment.sign(&alice))?;
//!
//! // Execute a block, look at it, commit it.
//! let block = Block::new(engine.next_context(1_700_000_000_000), vec![payment]);
//! let outcome = engine.execute_block(&block)?;
//! let receipt = outcome.results()[0].as_ref().map_err(Clone::clone)?;
//! assert!(receipt.status.is_success());
//! engine.commit(outcome)?;
//!
//! assert_eq!(engine.balance(&bob.into(), AssetId::NATIVE)?, Amount(500));
//! # Ok(())
//! # }
//! ```
//!
//! A node on tokio wraps the engine in an [`AsyncEngine`]. How the insides fit together is told in
//! `ARCHITECTURE.md`.

// What all of them stand on.
mod grain;
mod sync;

// In the order in which a block meets them.
mod types;
mod verify;

mod access;
pub mod description;
pub mod explain;
mod schedule;

mod config;
mod digest;
mod gas;
mod genesis;
mod protocol;

mod state;

mod sandbox;

mod host;

mod execute;
mod outcome;
mod pipeline;

mod storage;

mod bundle;
mod engine;

#[cfg(feature = "tokio")]
mod async_engine;

mod error;
mod metrics;

mod planted;

#[cfg(feature = "testing")]
pub mod testing;

/// What the fuzzer calls that is no part of the interface; see `runtime/fuzz`.
#[cfg(fuzzing)]
pub mod fuzzing {
    /// Transactions that follow from bytes, on a journal and on a model of it.
    pub fn journal(bytes: &[u8]) {
        crate::state::journal_and_model(bytes);
    }
}

pub use access::AccessSet;
#[cfg(feature = "tokio")]
pub use async_engine::AsyncEngine;
pub use bundle::{BUNDLE_BYTES_MAX, BUNDLE_FORMAT, BundleError, Difference, Replay, ReplayBundle};
pub use config::{EngineConfig, ProtocolParams};
pub use description::{CallAccessError, Description, TemplateError};
pub use ed25519_zebra::SigningKey;
pub use engine::{
    ContractEngine, ContractEngineBuilder, PendingCommit, ShadowCounts, Simulation, Tip, View,
};
pub use error::{
    AccessFault, EngineError, InvalidBlock, InvalidTransaction, OpenError, StorageError,
    TransactionPart,
};
pub use execute::{ExecutionObserver, GuestMessage};
pub use gas::CostTable;
pub use genesis::{Allocation, Genesis};
pub use metrics::{ExecutionMetrics, StageTimes};
pub use outcome::BlockOutcome;
#[cfg(feature = "planted-bugs")]
pub use planted::{PLANTABLE_BUGS, PlantableBug};
pub use protocol::{EngineId, ProtocolPeriod, ProtocolSchedule};
pub use sandbox::prepare;
pub use schedule::{Batch, Dependency, Schedule, Wait};
pub use state::{
    Account, AssetBalances, AssetRecord, Change, ChangeSet, ContractRecord, KeyBytes, SlotKey,
    StateKey, StateValue,
};
pub use storage::{
    BlockHeader, BlockRecord, ChainMeta, CommitBatch, KeepRecords, MemoryStorage, NoSpace,
    RedbOptions, RedbStorage, STORAGE_FORMAT, Storage,
};
pub use tos_host_api::{
    AccessEntry, AccessMode, Address, Amount, AssetId, ChainId, ContractId, Gas, Hash,
    HostFunction, Nonce, ParseTextError, PublicKey, TopoHeight, TxIndex, limits,
};
pub use types::{
    AccessList, Block, BlockContext, Deposit, Event, ExecutionStatus, HaltReason, ModuleFault,
    Receipt, RevertReason, Signature, Transaction, TransactionType, Transfer, UnsignedTransaction,
    UnverifiedBlock,
};
pub use verify::{VerifiedTransaction, verify_batch};
