//! Modules that pass the engine's gate, in the engine's cache. Nothing is compiled.

#[path = "../../../runtime/src/sandbox/modules/cache.rs"]
mod cache;

use std::sync::Arc;

use tos_host_api::Hash;

use self::cache::{Cache, ModuleKey};
use super::counter_keys::CounterKeys;
use super::permits::{CallPermit, CallPermits};
use super::prepare::{self, ModuleInfo, OperatorCosts, Rejection};
use crate::error::EngineError;
use crate::storage::Storage;

pub(crate) type Verdict = Result<Arc<CompiledModule>, Arc<Rejection>>;

/// What is known about a module.
pub(crate) struct CompiledModule {
    pub(crate) info: ModuleInfo,
    pub(crate) counter_keys: CounterKeys,
    size: usize,
}

/// See the engine's `sandbox/modules.rs`. Prices are not part of what is cached here.
pub(crate) struct Preparation;

impl Preparation {
    pub(crate) fn new(_: OperatorCosts) -> Self {
        Self
    }
}

/// See the engine's `sandbox/modules.rs`.
pub(crate) struct ModulesConfig {
    pub(crate) bytes_max: usize,
    pub(crate) workers: usize,
    pub(crate) reuse_instances: bool,
}

/// See the engine's `sandbox/modules.rs`.
pub(crate) struct Modules {
    permits: Arc<CallPermits>,
    cache: Cache,
}

impl Modules {
    pub(crate) fn new(_: Arc<dyn Storage>, config: ModulesConfig) -> Result<Self, EngineError> {
        // Fewer than there are workers, if they are more than two: somebody has to wait.
        let count = config.workers.saturating_sub(1).max(2);
        let permits = CallPermits::new(count, config.reuse_instances);
        Ok(Self { permits: Arc::new(permits), cache: Cache::new(config.bytes_max) })
    }

    pub(crate) fn with_calls<R>(
        &self,
        makes_calls: bool,
        work: impl FnOnce(Option<CallPermit>) -> R,
    ) -> R {
        work(makes_calls.then(|| self.permits.acquire()))
    }

    pub(crate) fn get(
        &self,
        _: &Preparation,
        code_hash: &Hash,
        code: impl FnOnce() -> Result<Arc<[u8]>, EngineError>,
    ) -> Result<Verdict, EngineError> {
        let key = ModuleKey { code: *code_hash, preparation: Hash::default() };
        self.cache.get(&key, || match prepare::check(&code()?) {
            Ok(info) => Ok(Ok(Arc::new(CompiledModule {
                info,
                counter_keys: CounterKeys::default(),
                size: 1,
            }))),
            Err(rejection) => Ok(Err(Arc::new(rejection))),
        })
    }
}
