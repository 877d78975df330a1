//! Compiled modules: each is checked, prepared and compiled once, kept in memory within a bound and
//! in the database across restarts. What is cached can change how long a block takes, never what
//! comes out.

mod cache;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use tos_host_api::Hash;
use wasmtime::{Engine, InstancePre, Linker, Module, ModuleExport};

use self::cache::{Cache, ModuleKey};
use super::call::{HostState, with_stack};
use super::counter_keys::CounterKeys;
use super::image::Image;
use super::permits::{CallPermit, CallPermits};
use super::prepare::{
    self, ENTER_EXPORT, GAS_EXPORT, ModuleInfo, OperatorCosts, PREPARE_VERSION, PrepareError,
    Prepared, Rejection, STACK_EXPORT, WRITTEN_EXPORT,
};
use super::{artifact, profile};
use crate::error::EngineError;
use crate::host;
use crate::storage::Storage;

/// What the gate said about a module: ready to run, or refused.
pub(crate) type Verdict = Result<Arc<CompiledModule>, Arc<Rejection>>;

/// A module ready to be instantiated.
pub(crate) struct CompiledModule {
    /// Imports resolved once, not per call.
    pub(crate) instance_pre: InstancePre<HostState>,
    pub(crate) info: ModuleInfo,
    pub(super) counters: CounterExports,
    /// Its memory when a call begins.
    pub(super) image: Image,
    /// What its counters are called.
    pub(crate) counter_keys: CounterKeys,
    /// Tells it from other modules, and those who are not counted as its users that it is gone.
    pub(super) identity: Arc<()>,
    /// What starting a call of it costs, in units of the counter.
    pub(super) start_units: u64,
    /// Bytes it takes in memory.
    size: usize,
}

/// What is stored beside the compiled form, so that loading it prepares nothing.
#[derive(BorshSerialize, BorshDeserialize)]
struct Facts {
    info: ModuleInfo,
    image: Image,
}

/// Where a prepared module exports its counters, and the way in.
pub(super) struct CounterExports {
    pub(super) enter: ModuleExport,
    pub(super) gas: ModuleExport,
    pub(super) stack: ModuleExport,
    pub(super) written: ModuleExport,
}

impl CounterExports {
    fn of(module: &Module) -> Result<Self, EngineError> {
        let index = |name| {
            module.get_export_index(name).ok_or_else(|| {
                EngineError::Bug(format!("a prepared module does not export {name}"))
            })
        };
        Ok(Self {
            enter: index(ENTER_EXPORT)?,
            gas: index(GAS_EXPORT)?,
            stack: index(STACK_EXPORT)?,
            written: index(WRITTEN_EXPORT)?,
        })
    }
}

/// How modules are prepared at some heights: the rules of the gate, and these prices.
pub(crate) struct Preparation {
    costs: OperatorCosts,
    /// Names what preparation makes of a module.
    id: Hash,
}

impl Preparation {
    pub(crate) fn new(costs: OperatorCosts) -> Self {
        let id = prepare_id(&costs);
        Self { costs, id }
    }
}

/// How modules are kept and run.
pub(crate) struct ModulesConfig {
    /// Most bytes of modules in memory.
    pub(crate) bytes_max: usize,
    /// Workers that run calls.
    pub(crate) workers: usize,
    /// Whether instances are kept from call to call.
    pub(crate) reuse_instances: bool,
}

/// The cache of compiled modules.
pub(crate) struct Modules {
    pub(super) engine: Engine,
    permits: Arc<CallPermits>,
    linker: Linker<HostState>,
    storage: Arc<dyn Storage>,
    cache: Cache,
}

impl Modules {
    pub(crate) fn new(
        storage: Arc<dyn Storage>,
        config: ModulesConfig,
    ) -> Result<Self, EngineError> {
        let instances = CallPermits::instances(CallPermits::count(config.workers));
        Self::with_engine(profile::engine(instances)?, storage, config)
    }

    fn with_engine(
        engine: Engine,
        storage: Arc<dyn Storage>,
        config: ModulesConfig,
    ) -> Result<Self, EngineError> {
        let ModulesConfig { bytes_max, workers, reuse_instances } = config;
        let permits = CallPermits::new(CallPermits::count(workers), reuse_instances);
        let linker = host::linker(&engine)?;
        let cache = Cache::new(bytes_max);
        Ok(Self { engine, permits: Arc::new(permits), linker, storage, cache })
    }

    /// Runs work that makes calls, if it makes any: with a permit, on a stack that is large enough.
    /// Within `work` nobody may ask again.
    pub(crate) fn with_calls<R>(
        &self,
        makes_calls: bool,
        work: impl FnOnce(Option<CallPermit>) -> R,
    ) -> R {
        if !makes_calls {
            return work(None);
        }
        let permit = self.permits.acquire();
        with_stack(|| work(Some(permit)))
    }

    /// The module with this hash, prepared like this; `code` is asked for its bytes only if they
    /// are needed.
    ///
    /// # Errors
    /// Storage failed, or wasmtime refused what the gate let through, which is a bug of ours and
    /// never a verdict on the module.
    pub(crate) fn get(
        &self,
        preparation: &Preparation,
        code_hash: &Hash,
        code: impl FnOnce() -> Result<Arc<[u8]>, EngineError>,
    ) -> Result<Verdict, EngineError> {
        let key = ModuleKey { code: *code_hash, preparation: preparation.id };
        self.cache.get(&key, || self.find(preparation, code_hash, code))
    }

    /// Loads the compiled form with its facts from the database, or prepares and compiles. What
    /// is stored has passed the gate: its key names the rules of the gate too.
    fn find(
        &self,
        Preparation { costs, id }: &Preparation,
        code_hash: &Hash,
        code: impl FnOnce() -> Result<Arc<[u8]>, EngineError>,
    ) -> Result<Verdict, EngineError> {
        let key = artifact::key(&self.engine, code_hash, id);
        if let Some((module, facts)) = self.load(&key)? {
            return Ok(Ok(Arc::new(self.link(&module, facts, costs)?)));
        }
        let Prepared { module: prepared, info } = match prepare::prepare(&code()?, costs) {
            Ok(prepared) => prepared,
            Err(PrepareError::Rejected(rejection)) => return Ok(Err(Arc::new(rejection))),
            Err(PrepareError::Broken(text)) => return Err(EngineError::Bug(text)),
        };
        let module = Module::from_binary(&self.engine, &prepared).map_err(compiler_failed)?;
        let facts = Facts { info, image: Image::of(&prepared)? };
        let encoded = borsh::to_vec(&facts).expect("writing to a Vec cannot fail");
        if let Some(bytes) = artifact::encode(&module, &encoded, &key) {
            self.storage.store_artifact(&key, &bytes)?;
        }
        Ok(Ok(Arc::new(self.link(&module, facts, costs)?)))
    }

    /// The stored module, if it is there and undamaged.
    fn load(&self, key: &Hash) -> Result<Option<(Module, Facts)>, EngineError> {
        let Some(bytes) = self.storage.artifact(key)? else { return Ok(None) };
        let Some((module, facts)) = artifact::decode(&self.engine, &bytes, key) else {
            return Ok(None);
        };
        Ok(borsh::from_slice(facts).ok().map(|facts| (module, facts)))
    }

    fn link(
        &self,
        module: &Module,
        facts: Facts,
        costs: &OperatorCosts,
    ) -> Result<CompiledModule, EngineError> {
        let Facts { info, image } = facts;
        let range = module.image_range();
        let machine_code = (range.end as usize).saturating_sub(range.start as usize);
        let size = machine_code + info.heap_bytes() + image.heap_bytes();
        let instance_pre = self.linker.instantiate_pre(module).map_err(compiler_failed)?;
        let counters = CounterExports::of(module)?;
        let start_units = costs.of_start(info.memory_pages_min);
        let identity = Arc::default();
        let counter_keys = CounterKeys::default();
        Ok(CompiledModule {
            instance_pre,
            info,
            counters,
            image,
            counter_keys,
            identity,
            start_units,
            size,
        })
    }
}

/// Names a version of preparation, its limits and these prices: everything that decides whether a
/// module is accepted and what is made of it.
fn prepare_id(costs: &OperatorCosts) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key("tos-runtime preparation v1");
    hasher.update(&PREPARE_VERSION.to_le_bytes());
    for (name, limit) in prepare::limits::ALL {
        hasher.update(name.as_bytes());
        hasher.update(&limit.to_le_bytes());
    }
    hasher.update(&borsh::to_vec(costs).expect("writing to a Vec cannot fail"));
    Hash(*hasher.finalize().as_bytes())
}

fn compiler_failed(error: wasmtime::Error) -> EngineError {
    EngineError::Sandbox(format!("a module that passed the gate does not compile: {error:#}"))
}
