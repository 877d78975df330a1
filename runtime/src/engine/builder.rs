//! Opens an engine: checks the configuration, starts a chain or continues one.

use std::collections::VecDeque;
use std::sync::Arc;

use tos_host_api::Hash;

use super::{Background, ContractEngine, Inner, TipState};
use crate::config::{EngineConfig, ProtocolParams};
use crate::error::{EngineError, OpenError};
use crate::execute::{ExecutionObserver, Observer, WorkerPool};
use crate::genesis::Genesis;
use crate::pipeline::Pipeline;
use crate::sandbox::{Modules, ModulesConfig};
use crate::state::ChainState;
use crate::storage::{ChainMeta, CommitBatch, MemoryStorage, STORAGE_FORMAT, Storage};
use crate::sync::{Mutex, OnceLock, RwLock};

/// Collects what an engine needs. Without a storage it keeps the chain in memory.
#[derive(Default)]
pub struct ContractEngineBuilder {
    storage: Option<Arc<dyn Storage>>,
    config: EngineConfig,
    genesis: Option<Genesis>,
    observer: Option<Observer>,
}

impl ContractEngineBuilder {
    /// Where the chain is kept.
    #[must_use]
    pub fn storage(mut self, storage: impl Storage) -> Self {
        self.storage = Some(Arc::new(storage));
        self
    }

    /// Local choices.
    #[must_use]
    pub fn config(mut self, config: EngineConfig) -> Self {
        self.config = config;
        self
    }

    /// How the chain begins. Needed for an empty storage; compared with what is stored otherwise.
    #[must_use]
    pub fn genesis(mut self, genesis: Genesis) -> Self {
        self.genesis = Some(genesis);
        self
    }

    /// Who is told what the engine does.
    #[must_use]
    pub fn observer(mut self, observer: impl ExecutionObserver) -> Self {
        self.observer = Some(Observer::new(observer));
        self
    }

    /// Opens the engine.
    ///
    /// # Errors
    /// [`EngineError::Open`] when configuration, genesis and storage do not fit together; nothing
    /// was written then. Any other error is the storage's or the machine's.
    pub fn build(self) -> Result<ContractEngine, EngineError> {
        let Self { storage, config, genesis, observer } = self;
        config.check()?;
        let storage = storage.unwrap_or_else(|| Arc::new(MemoryStorage::new()));
        let meta = match storage.meta()? {
            Some(meta) => {
                check_compatible(&meta, genesis.as_ref())?;
                meta
            }
            None => begin(&*storage, &genesis.ok_or(OpenError::NoGenesis)?)?,
        };
        let params = decode_params(&meta)?;
        let tip = storage.record(meta.topoheight)?.ok_or_else(|| {
            EngineError::Corrupt(format!("the record of the tip {} is missing", meta.topoheight))
        })?;
        let tip = TipState::of(&tip).with_stable(meta.stable_topoheight);
        if tip.tip.state_digest != meta.state_digest {
            let text = "the tip's record and the database's own account of it disagree";
            return Err(EngineError::Corrupt(text.into()));
        }
        let costs = params.costs.operators.clone();
        let modules = ModulesConfig {
            costs,
            bytes_max: config.module_cache_bytes,
            workers: config.max_parallel_threads,
            reuse_instances: config.reuse_instances,
        };
        let modules = Modules::new(Arc::clone(&storage), modules)?;
        let pipeline = Pipeline {
            chain: Arc::new(ChainState::new(storage)),
            params: Arc::new(params),
            modules: Arc::new(modules),
            pool: WorkerPool::new(config.max_parallel_threads)?,
            cut_min: config.large_block_txs,
            observer,
        };
        Ok(ContractEngine {
            inner: Arc::new(Inner {
                config,
                pipeline,
                genesis: meta.genesis,
                tip: RwLock::new(tip),
                staged: Mutex::new(VecDeque::new()),
                writer: Mutex::new(meta.stable_topoheight),
                persister: Background::start("tos-persist")?,
                poisoned: OnceLock::new(),
            }),
        })
    }
}

/// Writes the genesis into an empty storage.
fn begin(storage: &dyn Storage, genesis: &Genesis) -> Result<ChainMeta, EngineError> {
    check_version(&genesis.params)?;
    genesis.params.check()?;
    let record = genesis.record()?;
    let meta = ChainMeta {
        format: STORAGE_FORMAT,
        genesis: record.header.state_digest,
        params: genesis.params.encode(),
        topoheight: record.header.context.topoheight,
        stable_topoheight: record.header.context.stable_topoheight,
        state_digest: record.header.state_digest,
    };
    let changes = &record.change_set;
    storage.commit(&CommitBatch { meta: &meta, record: Some(&record), changes })?;
    Ok(meta)
}

/// Checks a stored chain against this library and against the genesis given.
fn check_compatible(meta: &ChainMeta, genesis: Option<&Genesis>) -> Result<(), EngineError> {
    let incompatible = |what, stored: String, given: String| {
        Err(OpenError::Incompatible { what, stored, given }.into())
    };
    if meta.format != STORAGE_FORMAT {
        return incompatible("format", meta.format.to_string(), STORAGE_FORMAT.to_string());
    }
    let stored = decode_params(meta)?;
    check_version(&stored)?;
    stored.check()?;
    let Some(genesis) = genesis else { return Ok(()) };
    let given = &genesis.params;
    if stored.chain_id != given.chain_id {
        return incompatible("chain id", stored.chain_id.to_string(), given.chain_id.to_string());
    }
    if stored.id() != given.id() {
        let (stored, given) = (stored.id().to_string(), given.id().to_string());
        return incompatible("protocol parameters", stored, given);
    }
    let given: Hash = genesis.record()?.header.state_digest;
    if given != meta.genesis {
        return Err(OpenError::GenesisMismatch { stored: meta.genesis, given }.into());
    }
    Ok(())
}

fn check_version(params: &ProtocolParams) -> Result<(), OpenError> {
    if params.engine_version == ProtocolParams::ENGINE_VERSION {
        return Ok(());
    }
    Err(OpenError::Incompatible {
        what: "engine version",
        stored: params.engine_version.to_string(),
        given: ProtocolParams::ENGINE_VERSION.to_string(),
    })
}

fn decode_params(meta: &ChainMeta) -> Result<ProtocolParams, EngineError> {
    borsh::from_slice(&meta.params)
        .map_err(|error| EngineError::Corrupt(format!("stored protocol parameters: {error}")))
}
