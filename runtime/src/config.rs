//! Local choices (`EngineConfig`) and what every node must agree on (`ProtocolParams`).

use std::path::PathBuf;

use borsh::{BorshDeserialize, BorshSerialize};
use tos_host_api::{ChainId, Gas, Hash};

use crate::error::OpenError;
use crate::gas::CostTable;
use crate::protocol::{add_guest_limits, add_host_prices, add_module_limits};

/// Local choices of one node. None of them can change a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineConfig {
    /// Threads that execute a block, the caller's included. Default: the machine's cores, at most
    /// [`EngineConfig::THREADS_MAX`].
    pub max_parallel_threads: usize,
    /// `false` executes every block with the sequential executor.
    pub enable_parallel_execution: bool,
    /// Compiled modules kept in memory, in bytes of compiled code.
    pub module_cache_bytes: usize,
    /// Accounts and slots kept in memory between blocks; beyond it the longest unused ones go.
    pub state_cache_entries: usize,
    /// Transactions from which on a block is cut into pieces that all threads resolve, and its
    /// payments are settled account by account. Below, doing that takes longer than it gains; the
    /// bench `block_size` shows both.
    pub large_block_txs: usize,
    /// `true` keeps instances of contracts from call to call, restored to what a fresh one is;
    /// `false` makes a fresh one for each call, which takes several times as long.
    pub reuse_instances: bool,
    /// Most gas one run of [`crate::ContractEngine::view`] may use. Commits wait for the run that is
    /// going on, so this bounds how long strangers who ask questions hold up a node: about a
    /// nanosecond of one core per gas. A transaction's own maximum holds as well.
    pub view_gas_limit: Gas,
    /// Every block whose height is a multiple of this is executed once more after its commit,
    /// sequentially, on a thread of its own, and compared to the last byte; 0 for none. If the
    /// results differ, this engine or the machine under it is broken: every later call is refused
    /// with [`crate::EngineError::Diverged`], and the node has to stop.
    ///
    /// Takes about the time of a sequential execution on one core. Nobody waits for it: a block is
    /// skipped when two are under way already, see [`crate::ContractEngine::shadow_counts`].
    pub shadow_sample: u32,
    /// Where the [`crate::ReplayBundle`] of a block is written that came out otherwise, or that does
    /// not lead to the state its proposer claims. The folder is made if it is not there.
    pub shadow_folder: Option<PathBuf>,
}

impl EngineConfig {
    /// The most threads an engine uses; beyond it the memory reserved for instances grows without
    /// a gain.
    pub const THREADS_MAX: usize = 256;

    /// Checks ranges.
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        if !(1..=Self::THREADS_MAX).contains(&self.max_parallel_threads) {
            return Err(OpenError::Config {
                field: "max_parallel_threads",
                expected: format!("1 to {}", Self::THREADS_MAX),
                found: self.max_parallel_threads.to_string(),
            });
        }
        Ok(())
    }
}

impl Default for EngineConfig {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            max_parallel_threads: cores.min(Self::THREADS_MAX),
            enable_parallel_execution: true,
            module_cache_bytes: 256 << 20,
            state_cache_entries: 4_000_000,
            large_block_txs: 256,
            reuse_instances: true,
            view_gas_limit: Gas(100_000_000),
            shadow_sample: 0,
            shadow_folder: None,
        }
    }
}

/// What every node of a chain must agree on. Stored with the chain, from genesis on; opening a
/// database with other parameters is refused. Others can take over at a height that is stated
/// before it is reached, see [`crate::ProtocolSchedule`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ProtocolParams {
    /// The network.
    pub chain_id: ChainId,
    /// Version of the execution rules in this library.
    pub engine_version: u32,
    /// Most transactions in a block.
    pub block_transactions_max: u32,
    /// Most bytes of transactions in a block.
    pub block_bytes_max: u64,
    /// Most gas a block's transactions may declare together.
    pub block_gas_limit: Gas,
    /// Most gas one transaction may declare.
    pub transaction_gas_limit: Gas,
    /// What everything costs.
    pub costs: CostTable,
}

impl ProtocolParams {
    /// The version of the execution rules this library implements.
    pub const ENGINE_VERSION: u32 = 1;

    /// Default parameters of a network.
    #[must_use]
    pub fn new(chain_id: ChainId) -> Self {
        Self {
            chain_id,
            engine_version: Self::ENGINE_VERSION,
            block_transactions_max: 200_000,
            block_bytes_max: 128 << 20,
            block_gas_limit: Gas(20_000_000_000),
            transaction_gas_limit: Gas(1_000_000_000),
            costs: CostTable::default(),
        }
    }

    /// The canonical encoding.
    ///
    /// # Panics
    /// Never: writing to a `Vec` cannot fail.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("writing to a Vec cannot fail")
    }

    /// BLAKE3 of the parameters and of the limits and host function prices compiled into this
    /// library, so that two nodes with equal ids accept the same transactions at the same price.
    #[must_use]
    pub fn id(&self) -> Hash {
        let mut hasher = blake3::Hasher::new_derive_key("tos-runtime protocol parameters v1");
        hasher.update(&self.encode());
        add_guest_limits(&mut hasher);
        add_module_limits(&mut hasher);
        add_host_prices(&mut hasher);
        Hash(*hasher.finalize().as_bytes())
    }
}
