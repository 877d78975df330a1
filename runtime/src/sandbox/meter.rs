//! Gas and stack of a running call: two counters inside the prepared module, see `prepare/`. The
//! only place that reads and writes them.

use tos_host_api::Gas;
use wasmtime::{AsContext, AsContextMut, Global, Instance, Val};

use super::modules::CounterExports;
use super::prepare::limits::STACK_WORDS_MAX;
use super::{HostState, InstanceFacts};
use crate::error::EngineError;
use crate::execute::Interrupt;
use crate::types::HaltReason;

/// The counters of one instance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meter {
    gas: Global,
    stack: Global,
}

impl Meter {
    /// The counters of an instance, set to this much gas and a full stack.
    pub(super) fn start(
        mut store: impl AsContextMut<Data = HostState>,
        instance: &Instance,
        exports: &CounterExports,
        gas: Gas,
    ) -> Result<Self, EngineError> {
        let mut global = |export| {
            let export = instance.get_module_export(&mut store, export);
            export.and_then(wasmtime::Extern::into_global).ok_or_else(missing)
        };
        let meter = Self { gas: global(&exports.gas)?, stack: global(&exports.stack)? };
        meter.set_gas(&mut store, gas)?;
        let words = i32::try_from(STACK_WORDS_MAX).unwrap_or(i32::MAX);
        meter.stack.set(&mut store, Val::I32(words)).map_err(failed)?;
        Ok(meter)
    }

    /// The counters of the instance that a store runs.
    fn of(store: impl AsContext<Data = HostState>) -> Result<Self, EngineError> {
        let facts: Option<InstanceFacts> = store.as_context().data().instance;
        facts.map(|facts| facts.meter).ok_or_else(missing)
    }

    /// Gas left; zero when the guest asked for more than there was.
    pub(crate) fn left(mut store: impl AsContextMut<Data = HostState>) -> Result<Gas, EngineError> {
        let left = Self::of(&store)?.gas.get(&mut store).i64().ok_or_else(missing)?;
        Ok(Gas(u64::try_from(left).unwrap_or(0)))
    }

    /// Takes gas, or halts when there is not enough.
    pub(crate) fn charge(
        mut store: impl AsContextMut<Data = HostState>,
        gas: u64,
    ) -> Result<(), Interrupt> {
        let meter = Self::of(&store)?;
        match Self::left(&mut store)?.checked_sub(Gas(gas)) {
            Some(rest) => Ok(meter.set_gas(store, rest)?),
            None => {
                meter.set_gas(store, Gas::ZERO)?;
                Err(Interrupt::Halt(HaltReason::OutOfGas))
            }
        }
    }

    /// Which counter stopped the guest, if one did.
    pub(crate) fn exhausted(
        mut store: impl AsContextMut<Data = HostState>,
    ) -> Result<Option<HaltReason>, EngineError> {
        let meter = Self::of(&store)?;
        let gas = meter.gas.get(&mut store).i64().ok_or_else(missing)?;
        let stack = meter.stack.get(&mut store).i32().ok_or_else(missing)?;
        Ok(match (gas < 0, stack < 0) {
            (true, _) => Some(HaltReason::OutOfGas),
            (_, true) => Some(HaltReason::StackLimit),
            (false, false) => None,
        })
    }

    fn set_gas(
        self,
        mut store: impl AsContextMut<Data = HostState>,
        gas: Gas,
    ) -> Result<(), EngineError> {
        // Gas limits are far below 2^63; more could not be told from exhaustion.
        let value = i64::try_from(gas.0).unwrap_or(i64::MAX);
        self.gas.set(&mut store, Val::I64(value)).map_err(failed)
    }
}

fn missing() -> EngineError {
    EngineError::Bug("a prepared module does not export its counters".into())
}

fn failed(error: wasmtime::Error) -> EngineError {
    EngineError::Bug(format!("counter of a prepared module: {error:#}"))
}
