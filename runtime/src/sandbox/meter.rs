//! Gas and stack of a running call: two counters inside the prepared module, see `prepare/`. The
//! only place that reads and writes them.

use tos_host_api::Gas;
use wasmtime::{AsContext, AsContextMut, Global, Instance, Val};

use super::prepare::UNITS_PER_GAS;
use super::{CompiledModule, HostState, InstanceFacts};
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
    /// The most gas a counter holds: above it, gas could not be told from exhaustion.
    pub(super) const GAS_MAX: Gas = Gas(i64::MAX as u64 / UNITS_PER_GAS);

    /// The counters of an instance.
    pub(super) fn of_instance(
        mut store: impl AsContextMut<Data = HostState>,
        instance: &Instance,
        module: &CompiledModule,
    ) -> Result<Self, EngineError> {
        let exports = &module.counters;
        let mut global = |export| {
            let export = instance.get_module_export(&mut store, export);
            export.and_then(wasmtime::Extern::into_global).ok_or_else(missing)
        };
        Ok(Self { gas: global(&exports.gas)?, stack: global(&exports.stack)? })
    }

    /// Sets the counters to this much gas and stack.
    pub(super) fn start(
        self,
        mut store: impl AsContextMut<Data = HostState>,
        gas: Gas,
        stack_words: u64,
    ) -> Result<(), EngineError> {
        self.set_units(&mut store, gas.min(Self::GAS_MAX).0 * UNITS_PER_GAS)?;
        let words = i32::try_from(stack_words).unwrap_or(i32::MAX);
        self.stack.set(&mut store, Val::I32(words)).map_err(failed)
    }

    /// The counters of the instance that a store runs.
    fn of(store: impl AsContext<Data = HostState>) -> Result<Self, EngineError> {
        let facts: Option<InstanceFacts> = store.as_context().data().instance;
        facts.map(|facts| facts.meter).ok_or_else(missing)
    }

    /// Gas left, in whole gas; zero when the guest asked for more than there was.
    pub(crate) fn left(store: impl AsContextMut<Data = HostState>) -> Result<Gas, EngineError> {
        Ok(Gas(Self::units_left(store)? / UNITS_PER_GAS))
    }

    /// Gas used of what [`Meter::start`] was given.
    pub(super) fn used(
        store: impl AsContextMut<Data = HostState>,
        given: Gas,
    ) -> Result<Gas, EngineError> {
        let left = Self::left(store)?;
        // What the counter does not hold, no guest lives long enough to use.
        given.min(Self::GAS_MAX).checked_sub(left).ok_or_else(|| {
            EngineError::Bug(format!("{left} gas is left of a call that was given {given}"))
        })
    }

    fn units_left(mut store: impl AsContextMut<Data = HostState>) -> Result<u64, EngineError> {
        let left = Self::of(&store)?.gas.get(&mut store).i64().ok_or_else(missing)?;
        Ok(u64::try_from(left).unwrap_or(0))
    }

    /// Words of stack left.
    pub(crate) fn stack_words_left(
        mut store: impl AsContextMut<Data = HostState>,
    ) -> Result<u64, EngineError> {
        let left = Self::of(&store)?.stack.get(&mut store).i32().ok_or_else(missing)?;
        Ok(u64::try_from(left).unwrap_or(0))
    }

    /// Takes gas, or halts when there is not enough.
    pub(crate) fn charge(
        store: impl AsContextMut<Data = HostState>,
        gas: u64,
    ) -> Result<(), Interrupt> {
        // Saturates above what a counter holds: nobody has that much.
        Self::charge_units(store, gas.saturating_mul(UNITS_PER_GAS))
    }

    /// Takes units of the counter, or halts when there are not enough.
    pub(super) fn charge_units(
        mut store: impl AsContextMut<Data = HostState>,
        units: u64,
    ) -> Result<(), Interrupt> {
        let meter = Self::of(&store)?;
        match Self::units_left(&mut store)?.checked_sub(units) {
            Some(rest) => Ok(meter.set_units(store, rest)?),
            None => {
                meter.set_units(store, 0)?;
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

    fn set_units(
        self,
        mut store: impl AsContextMut<Data = HostState>,
        units: u64,
    ) -> Result<(), EngineError> {
        let value = i64::try_from(units).unwrap_or(i64::MAX);
        self.gas.set(&mut store, Val::I64(value)).map_err(failed)
    }
}

fn missing() -> EngineError {
    EngineError::Bug("a prepared module does not export its counters".into())
}

fn failed(error: wasmtime::Error) -> EngineError {
    EngineError::Bug(format!("counter of a prepared module: {error:#}"))
}
