//! Compiled modules: each is checked, prepared and compiled once, kept in memory within a bound and
//! in the database across restarts. What is cached can change how long a block takes, never what
//! comes out.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tos_host_api::Hash;
use wasmtime::{Engine, InstancePre, Linker, Module, ModuleExport};

use super::call::HostState;
use super::call::with_stack;
use super::permits::CallPermits;
use super::prepare::{
    self, GAS_EXPORT, ModuleInfo, OperatorCosts, PREPARE_VERSION, PrepareError, Prepared,
    Rejection, STACK_EXPORT,
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
    /// Bytes of machine code.
    size: usize,
}

/// Where a prepared module exports its counters.
pub(super) struct CounterExports {
    pub(super) gas: ModuleExport,
    pub(super) stack: ModuleExport,
}

impl CounterExports {
    fn of(module: &Module) -> Result<Self, EngineError> {
        let index = |name| {
            module.get_export_index(name).ok_or_else(|| {
                EngineError::Bug(format!("a prepared module does not export {name}"))
            })
        };
        Ok(Self { gas: index(GAS_EXPORT)?, stack: index(STACK_EXPORT)? })
    }
}

/// The cache of compiled modules.
pub(crate) struct Modules {
    engine: Engine,
    permits: CallPermits,
    linker: Linker<HostState>,
    storage: Arc<dyn Storage>,
    costs: OperatorCosts,
    /// Names what preparation makes of a module.
    prepare_id: Hash,
    /// Bound of `Cache::bytes`.
    bytes_max: usize,
    /// Held for look-ups only, never while a module compiles.
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    entries: HashMap<Hash, Entry>,
    bytes: usize,
    clock: u64,
}

struct Entry {
    /// Held while the module compiles, so that everybody else who wants it waits for that one
    /// compilation. Taken only after the cache's own lock was released.
    verdict: Arc<Mutex<Option<Verdict>>>,
    size: usize,
    last_used: u64,
}

/// Bookkeeping bytes counted for every entry, so that refused modules are bounded too.
const ENTRY_OVERHEAD_BYTES: usize = 512;

impl Modules {
    pub(crate) fn new(
        storage: Arc<dyn Storage>,
        costs: OperatorCosts,
        bytes_max: usize,
        workers: usize,
    ) -> Result<Self, EngineError> {
        let permits = CallPermits::count(workers);
        let engine = profile::engine(CallPermits::instances(permits))?;
        let permits = CallPermits::new(permits);
        let linker = host::linker(&engine)?;
        let prepare_id = prepare_id(&costs);
        Ok(Self {
            engine,
            permits,
            linker,
            storage,
            costs,
            prepare_id,
            bytes_max,
            cache: Mutex::default(),
        })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Runs work that makes calls, if it makes any: with a permit, on a stack that is large enough.
    /// Within `work` nobody may ask again.
    pub(crate) fn with_calls<R>(&self, makes_calls: bool, work: impl FnOnce() -> R) -> R {
        if !makes_calls {
            return work();
        }
        let _permit = self.permits.acquire();
        with_stack(work)
    }

    /// The module with this hash; `code` is asked for its bytes only if they are needed.
    ///
    /// # Errors
    /// Storage failed, or wasmtime refused what the gate let through, which is a bug of ours and
    /// never a verdict on the module.
    pub(crate) fn get(
        &self,
        code_hash: &Hash,
        code: impl FnOnce() -> Result<Arc<[u8]>, EngineError>,
    ) -> Result<Verdict, EngineError> {
        let slot = self.slot(code_hash);
        let mut verdict = slot.lock();
        if let Some(verdict) = &*verdict {
            return Ok(verdict.clone());
        }
        let found = self.compile(code_hash, &code()?)?;
        *verdict = Some(found.clone());
        drop(verdict);
        self.account_for(code_hash, found.as_ref().map_or(0, |module| module.size));
        Ok(found)
    }

    fn slot(&self, code_hash: &Hash) -> Arc<Mutex<Option<Verdict>>> {
        let mut cache = self.cache.lock();
        cache.clock += 1;
        let clock = cache.clock;
        let entry = cache.entries.entry(*code_hash).or_insert_with(|| Entry {
            verdict: Arc::default(),
            size: 0,
            last_used: 0,
        });
        entry.last_used = clock;
        entry.verdict.clone()
    }

    /// Prepares, then loads the compiled form from the database or compiles. A module that comes
    /// from the database is prepared all the same: its facts are needed, and preparing takes a
    /// fraction of compiling.
    fn compile(&self, code_hash: &Hash, code: &[u8]) -> Result<Verdict, EngineError> {
        let Prepared { module: prepared, info } = match prepare::prepare(code, &self.costs) {
            Ok(prepared) => prepared,
            Err(PrepareError::Rejected(rejection)) => return Ok(Err(Arc::new(rejection))),
            Err(PrepareError::Broken(text)) => return Err(EngineError::Bug(text)),
        };
        let key = artifact::key(&self.engine, code_hash, &self.prepare_id);
        let stored = self.storage.artifact(&key)?;
        let loaded = stored.and_then(|bytes| artifact::decode(&self.engine, &bytes, &key));
        let module = match loaded {
            Some(module) => module,
            None => {
                let module =
                    Module::from_binary(&self.engine, &prepared).map_err(compiler_failed)?;
                if let Some(bytes) = artifact::encode(&module, &key) {
                    self.storage.store_artifact(&key, &bytes)?;
                }
                module
            }
        };
        let image = module.image_range();
        let size = (image.end as usize).saturating_sub(image.start as usize);
        let instance_pre = self.linker.instantiate_pre(&module).map_err(compiler_failed)?;
        let counters = CounterExports::of(&module)?;
        Ok(Ok(Arc::new(CompiledModule { instance_pre, info, counters, size })))
    }

    /// Enters a compiled module's size and evicts the longest unused others beyond the bound.
    fn account_for(&self, code_hash: &Hash, size: usize) {
        let mut cache = self.cache.lock();
        let size = size + ENTRY_OVERHEAD_BYTES;
        let Some(entry) = cache.entries.get_mut(code_hash) else { return };
        let before = std::mem::replace(&mut entry.size, size);
        cache.bytes = cache.bytes - before + size;
        while cache.bytes > self.bytes_max {
            let oldest = cache
                .entries
                .iter()
                .filter(|(hash, entry)| entry.size > 0 && *hash != code_hash)
                .min_by_key(|(_, entry)| entry.last_used)
                .map(|(hash, _)| *hash);
            let Some(entry) = oldest.and_then(|hash| cache.entries.remove(&hash)) else { break };
            cache.bytes -= entry.size;
        }
    }
}

/// Names a version of preparation under these prices.
fn prepare_id(costs: &OperatorCosts) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key("tos-runtime preparation v1");
    hasher.update(&PREPARE_VERSION.to_le_bytes());
    hasher.update(&borsh::to_vec(costs).expect("writing to a Vec cannot fail"));
    Hash(*hasher.finalize().as_bytes())
}

fn compiler_failed(error: wasmtime::Error) -> EngineError {
    EngineError::Sandbox(format!("a module that passed the gate does not compile: {error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::MemoryStorage;

    const ASKS: &str = r#"(module
        (import "tos_v1" "gas_left" (func (result i64)))
        (memory (export "memory") 1)
        (func (export "run")))"#;

    #[test]
    fn m24_a_module_that_passes_the_gate_and_fails_behind_it_is_the_engines_fault() {
        // No module known to us gets that far, so the engine is broken on purpose: it links
        // nothing. A refusal would be a receipt that other nodes do not have.
        let storage = Arc::new(MemoryStorage::new());
        let mut modules =
            Modules::new(storage, OperatorCosts::default(), usize::MAX, 1).expect("it starts");
        let whole = std::mem::replace(&mut modules.linker, Linker::new(&modules.engine));
        let code = wat::parse_str(ASKS).expect("valid wat");
        let hash = Hash(*blake3::hash(&code).as_bytes());
        let get = |modules: &Modules| modules.get(&hash, || Ok(code.as_slice().into()));
        for attempt in 0..2 {
            match get(&modules) {
                Err(EngineError::Sandbox(text)) => {
                    assert!(text.contains("passed the gate"), "{text}");
                }
                Err(error) => panic!("attempt {attempt}: {error}"),
                Ok(verdict) => panic!("attempt {attempt}: a verdict, ok: {}", verdict.is_ok()),
            }
        }
        // Nothing was remembered that would outlive the fault.
        modules.linker = whole;
        assert!(get(&modules).is_ok_and(|verdict| verdict.is_ok()));
    }
}
