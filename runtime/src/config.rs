//! Local choices (`EngineConfig`) and what every node must agree on (`ProtocolParams`).

use borsh::{BorshDeserialize, BorshSerialize};
use tos_host_api::functions::HOST_FUNCTIONS;
use tos_host_api::{ChainId, Gas, Hash, limits};

use crate::error::OpenError;
use crate::gas::CostTable;
use crate::sandbox::prepare::{self, OperatorCosts};

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
    /// payments are settled account by account. Below, doing that takes longer than it gains.
    pub large_block_txs: usize,
    /// `true` keeps instances of contracts from call to call, restored to what a fresh one is;
    /// `false` makes a fresh one for each call, which takes several times as long.
    pub reuse_instances: bool,
    /// Most gas one run of [`crate::ContractEngine::view`] may use. Commits wait for the run that is
    /// going on, so this bounds how long strangers who ask questions hold up a node: about a
    /// nanosecond of one core per gas. A transaction's own maximum holds as well.
    pub view_gas_limit: Gas,
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
            large_block_txs: 1_024,
            reuse_instances: true,
            view_gas_limit: Gas(100_000_000),
        }
    }
}

/// What every node of a chain must agree on. Fixed at genesis and stored with the chain; opening a
/// database with other parameters is refused.
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

    /// Checks the prices of operators, so that no sum or product of them overflows the counter.
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let limit = OperatorCosts::PRICE_MAX;
        match self.costs.operators.all().into_iter().find(|(_, price)| *price > limit) {
            Some((price, found)) => Err(OpenError::PriceTooHigh { price, limit, found }),
            None => Ok(()),
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
        for limit in [
            limits::KEY_LEN_MAX as u64,
            limits::VALUE_LEN_MAX as u64,
            limits::RETURN_LEN_MAX as u64,
            limits::EVENT_TOPICS_MAX as u64,
            limits::EVENT_DATA_LEN_MAX as u64,
            limits::EVENTS_MAX as u64,
            limits::ACCESS_ENTRIES_MAX as u64,
            limits::TRANSFERS_MAX as u64,
            limits::DEPOSITS_MAX as u64,
            limits::INPUT_LEN_MAX as u64,
            limits::ENTRY_LEN_MAX as u64,
            limits::CODE_LEN_MAX as u64,
            limits::MEMORY_PAGES_MAX,
            limits::TABLE_ELEMENTS_MAX,
            limits::CALL_DEPTH_MAX as u64,
            limits::RANDOM_LEN_MAX as u64,
        ] {
            hasher.update(&limit.to_le_bytes());
        }
        for (name, limit) in prepare::limits::ALL {
            hasher.update(name.as_bytes());
            hasher.update(&limit.to_le_bytes());
        }
        for spec in HOST_FUNCTIONS {
            hasher.update(spec.name.as_bytes());
            hasher.update(&spec.gas.base.to_le_bytes());
            hasher.update(&spec.gas.per_byte.to_le_bytes());
        }
        Hash(*hasher.finalize().as_bytes())
    }
}
