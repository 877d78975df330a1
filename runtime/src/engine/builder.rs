//! Opens an engine: checks the configuration, starts a chain or continues one.

use std::collections::VecDeque;
use std::sync::Arc;

use tos_host_api::{Hash, TopoHeight};

use super::shadow::Shadow;
use super::{Background, ContractEngine, Inner, TipState};
use crate::config::{EngineConfig, ProtocolParams};
use crate::error::{EngineError, OpenError};
use crate::execute::{ExecutionObserver, Observer, WorkerPool};
use crate::genesis::Genesis;
use crate::pipeline::Pipeline;
use crate::protocol::{ProtocolSchedule, RuleBook};
use crate::sandbox::{Modules, ModulesConfig};
use crate::state::{ChainState, ChangeSet};
use crate::storage::{ChainMeta, CommitBatch, MemoryStorage, STORAGE_FORMAT, Storage};
use crate::sync::{Mutex, OnceLock, RwLock};

/// Collects what an engine needs. Without a storage it keeps the chain in memory.
#[derive(Default)]
pub struct ContractEngineBuilder {
    storage: Option<Arc<dyn Storage>>,
    config: EngineConfig,
    genesis: Option<Genesis>,
    changes: Vec<(TopoHeight, ProtocolParams)>,
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

    /// Lets other parameters hold from a height on: blocks of that height and above are executed
    /// under them, blocks below under those that held before, whenever that is.
    ///
    /// A change is stored with the chain, so it need not be given again, but may be. It has to be
    /// given before the tip has reached the height, and by every node. Until then it can be
    /// replaced by giving others for its height, and taken back by giving those that hold before.
    #[must_use]
    pub fn params_at(mut self, topoheight: TopoHeight, params: ProtocolParams) -> Self {
        self.changes.push((topoheight, params));
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
        let Self { storage, config, genesis, changes, observer } = self;
        config.check()?;
        let storage = storage.unwrap_or_else(|| Arc::new(MemoryStorage::new()));
        let (meta, schedule) = match storage.meta()? {
            Some(meta) => {
                let schedule = check_compatible(&meta, genesis.as_ref())?;
                continue_with(&*storage, meta, schedule, changes)?
            }
            None => begin(&*storage, &genesis.ok_or(OpenError::NoGenesis)?, changes)?,
        };
        let tip = storage.record(meta.topoheight)?.ok_or_else(|| {
            EngineError::Corrupt(format!("the record of the tip {} is missing", meta.topoheight))
        })?;
        let tip = TipState::of(&tip).with_stable(meta.stable_topoheight);
        if tip.tip.state_digest != meta.state_digest {
            let text = "the tip's record and the database's own account of it disagree";
            return Err(EngineError::Corrupt(text.into()));
        }
        let modules = ModulesConfig {
            bytes_max: config.module_cache_bytes,
            workers: config.max_parallel_threads,
            reuse_instances: config.reuse_instances,
        };
        let modules = Modules::new(Arc::clone(&storage), modules)?;
        let pipeline = Pipeline {
            chain: Arc::new(ChainState::new(storage)),
            rules: RuleBook::new(schedule),
            modules: Arc::new(modules),
            pool: WorkerPool::new(config.max_parallel_threads)?,
            cut_min: config.large_block_txs,
            observer,
        };
        let shadow = Shadow::start(&config)?;
        Ok(ContractEngine {
            inner: Arc::new(Inner {
                config,
                pipeline,
                genesis: meta.genesis,
                tip: RwLock::new(tip),
                staged: Mutex::new(VecDeque::new()),
                writer: Mutex::new(meta.stable_topoheight),
                persister: Background::start("tos-persist")?,
                shadow,
                poisoned: OnceLock::new(),
            }),
        })
    }
}

/// Changes of parameters, as they were given.
type Changes = Vec<(TopoHeight, ProtocolParams)>;

/// Writes the genesis into an empty storage.
fn begin(
    storage: &dyn Storage,
    genesis: &Genesis,
    changes: Changes,
) -> Result<(ChainMeta, ProtocolSchedule), EngineError> {
    genesis.params.check()?;
    let mut schedule = ProtocolSchedule::new(genesis.params.clone());
    for (since, params) in changes {
        schedule.change(since, params, TopoHeight::ZERO)?;
    }
    let record = Arc::new(genesis.record()?);
    let meta = ChainMeta {
        format: STORAGE_FORMAT,
        genesis: record.header.state_digest,
        params: schedule.encode(),
        topoheight: record.header.context.topoheight,
        stable_topoheight: record.header.context.stable_topoheight,
        state_digest: record.header.state_digest,
    };
    let changes = &record.change_set;
    storage.commit(&CommitBatch { meta: &meta, record: Some(&record), changes })?;
    Ok((meta, schedule))
}

/// Adds changes of parameters to a stored chain, durably: the node may have been told of them once.
fn continue_with(
    storage: &dyn Storage,
    meta: ChainMeta,
    mut schedule: ProtocolSchedule,
    changes: Changes,
) -> Result<(ChainMeta, ProtocolSchedule), EngineError> {
    for (since, params) in changes {
        schedule.change(since, params, meta.topoheight)?;
    }
    let changed = ChainMeta { params: schedule.encode(), ..meta.clone() };
    if changed != meta {
        // A rollback to where the chain is: nothing else changes.
        let changes = &ChangeSet::default();
        storage.commit(&CommitBatch { meta: &changed, record: None, changes })?;
    }
    Ok((changed, schedule))
}

/// Checks a stored chain against this library and against the genesis given.
fn check_compatible(
    meta: &ChainMeta,
    genesis: Option<&Genesis>,
) -> Result<ProtocolSchedule, EngineError> {
    let incompatible = |what, stored: String, given: String| {
        Err(OpenError::Incompatible { what, stored, given }.into())
    };
    if meta.format != STORAGE_FORMAT {
        return incompatible("format", meta.format.to_string(), STORAGE_FORMAT.to_string());
    }
    let schedule = ProtocolSchedule::decode(&meta.params)?;
    let stored = schedule.at(TopoHeight::ZERO);
    let Some(genesis) = genesis else { return Ok(schedule) };
    let given = &genesis.params;
    if stored.chain_id != given.chain_id {
        return incompatible("chain id", stored.chain_id.to_string(), given.chain_id.to_string());
    }
    if stored != given {
        let (stored, given) = stored.difference(given);
        return incompatible("protocol parameters", stored, given);
    }
    let given: Hash = genesis.record()?.header.state_digest;
    if given != meta.genesis {
        return Err(OpenError::GenesisMismatch { stored: meta.genesis, given }.into());
    }
    Ok(schedule)
}
