//! TOS Runtime.

mod access;
#[cfg(feature = "tokio")]
mod async_engine;
mod config;
mod engine;
mod error;
mod execute;
mod gas;
mod genesis;
mod host;
mod metrics;
mod outcome;
mod pipeline;
mod sandbox;
mod schedule;
mod state;
mod storage;
mod types;
mod verify;

pub use access::AccessSet;
#[cfg(feature = "tokio")]
pub use async_engine::AsyncEngine;
pub use config::{EngineConfig, ProtocolParams};
pub use ed25519_zebra::SigningKey;
pub use engine::{ContractEngine, ContractEngineBuilder, Simulation, Tip, View};
pub use error::{
    AccessFault, EngineError, InvalidBlock, InvalidTransaction, OpenError, StorageError,
    TransactionPart,
};
pub use execute::{ExecutionObserver, GuestMessage};
pub use gas::CostTable;
pub use genesis::{Allocation, Genesis};
pub use metrics::{ExecutionMetrics, StageTimes};
pub use outcome::BlockOutcome;
pub use sandbox::prepare;
pub use schedule::{Batch, Dependency, Schedule};
pub use state::{
    Account, AssetRecord, Change, ChangeSet, ContractRecord, SlotKey, StateKey, StateValue,
};
pub use storage::{
    BlockHeader, BlockRecord, ChainMeta, CommitBatch, KeepRecords, MemoryStorage, RedbOptions,
    RedbStorage, STORAGE_FORMAT, Storage,
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
