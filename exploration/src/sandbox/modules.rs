//! Modules that pass the engine's gate, in the engine's cache. Nothing is compiled.

#[path = "../../../runtime/src/sandbox/modules/cache.rs"]
mod cache;

use std::sync::Arc;

use tos_host_api::Hash;

use self::cache::Cache;
use super::permits::{CallPermit, CallPermits};
use super::prepare::{self, ModuleInfo, OperatorCosts, Rejection};
use crate::error::EngineError;
use crate::storage::Storage;

pub(crate) type Verdict = Result<Arc<CompiledModule>, Arc<Rejection>>;

/// What is known about a module.
pub(crate) struct CompiledModule {
    pub(crate) info: ModuleInfo,
    size: usize,
}

/// See the engine's `sandbox/modules.rs`.
pub(crate) struct ModulesConfig {
    pub(crate) costs: OperatorCosts,
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
        // As few as the workers of one block need: who executes two at once has to wait.
        let permits = CallPermits::new(config.workers, config.reuse_instances);
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
        code_hash: &Hash,
        code: impl FnOnce() -> Result<Arc<[u8]>, EngineError>,
    ) -> Result<Verdict, EngineError> {
        self.cache.get(code_hash, || match prepare::check(&code()?) {
            Ok(info) => Ok(Ok(Arc::new(CompiledModule { info, size: 1 }))),
            Err(rejection) => Ok(Err(Arc::new(rejection))),
        })
    }
}
