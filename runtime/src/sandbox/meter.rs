//! Gas and stack of a running call: two counters inside the prepared module, see `prepare/`. The
//! only place that reads and writes them.

use tos_host_api::Gas;
use wasmtime::{AsContext, AsContextMut, Global, Instance, Val};

use super::prepare::UNITS_PER_GAS;
use super::{CompiledModule, HostState, InstanceFacts};
use crate::error::EngineError;
use crate::execute::Interrupt;
use crate::planted::{Bug, planted};
use crate::types::HaltReason;

/// The counters of one instance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meter {
    gas: Global,
    stack: Global,
}

/// The gas of a call while the guest is not running. Reaching a counter takes longer than most
/// host functions do, so it is read once and written once, however many charges are in between.
#[derive(Debug)]
pub(crate) struct Purse {
    /// In units of the counter.
    units: u64,
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

    /// Sets the counters to this much gas, less the price of the start, and to this much stack.
    pub(super) fn start(
        self,
        mut store: impl AsContextMut<Data = HostState>,
        (gas, start_units): (Gas, u64),
        stack_words: u64,
    ) -> Result<(), Interrupt> {
        let mut purse = Purse { units: gas.min(Self::GAS_MAX).0 * UNITS_PER_GAS };
        let started = purse.charge_units(start_units);
        self.set_units(&mut store, purse.units)?;
        let words = i32::try_from(stack_words).unwrap_or(i32::MAX);
        self.stack.set(&mut store, Val::I32(words)).map_err(failed)?;
        started
    }

    /// The counters of the instance that a store runs.
    fn of(store: impl AsContext<Data = HostState>) -> Result<Self, EngineError> {
        let facts: Option<InstanceFacts> = store.as_context().data().instance;
        facts.map(|facts| facts.meter).ok_or_else(missing)
    }

    /// Gas used of what [`Meter::start`] was given.
    pub(super) fn used(
        store: impl AsContextMut<Data = HostState>,
        given: Gas,
    ) -> Result<Gas, EngineError> {
        let left = Self::take(store)?.left();
        // What the counter does not hold, no guest lives long enough to use.
        given.min(Self::GAS_MAX).checked_sub(left).ok_or_else(|| {
            EngineError::Bug(format!("{left} gas is left of a call that was given {given}"))
        })
    }

    /// What the counter holds, to be [put back](Meter::put_back); nothing when the guest asked for
    /// more than there was.
    pub(crate) fn take(
        mut store: impl AsContextMut<Data = HostState>,
    ) -> Result<Purse, EngineError> {
        let left = Self::of(&store)?.gas.get(&mut store).i64().ok_or_else(missing)?;
        Ok(Purse { units: u64::try_from(left).unwrap_or(0) })
    }

    /// Sets the counter to what is left.
    pub(crate) fn put_back(
        store: impl AsContextMut<Data = HostState>,
        purse: &Purse,
    ) -> Result<(), EngineError> {
        if planted(Bug::HostCallsAreFree) {
            return Ok(());
        }
        Self::of(&store)?.set_units(store, purse.units)
    }

    /// Words of stack left.
    pub(crate) fn stack_words_left(
        mut store: impl AsContextMut<Data = HostState>,
    ) -> Result<u64, EngineError> {
        let left = Self::of(&store)?.stack.get(&mut store).i32().ok_or_else(missing)?;
        Ok(u64::try_from(left).unwrap_or(0))
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

impl Purse {
    /// Gas left, in whole gas.
    pub(crate) fn left(&self) -> Gas {
        Gas(self.units / UNITS_PER_GAS)
    }

    /// Takes gas; halts when there is not enough, and nothing is left then.
    pub(crate) fn charge(&mut self, gas: u64) -> Result<(), Interrupt> {
        // Saturates above what a counter holds: nobody has that much.
        self.charge_units(gas.saturating_mul(UNITS_PER_GAS))
    }

    fn charge_units(&mut self, units: u64) -> Result<(), Interrupt> {
        let left = self.units.checked_sub(units);
        self.units = left.unwrap_or(0);
        left.map(|_| ()).ok_or_else(|| HaltReason::OutOfGas.into())
    }
}

fn missing() -> EngineError {
    EngineError::Bug("a prepared module does not export its counters".into())
}

fn failed(error: wasmtime::Error) -> EngineError {
    EngineError::Bug(format!("counter of a prepared module: {error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purse_gives_what_it_has_and_is_empty_after_it_was_asked_for_more() {
        let mut purse = Purse { units: 3 * UNITS_PER_GAS - 1 };
        assert_eq!(purse.left(), Gas(2));
        assert!(purse.charge(1).is_ok());
        assert_eq!((purse.left(), purse.units), (Gas(1), 2 * UNITS_PER_GAS - 1));
        assert!(purse.charge(0).is_ok());
        for gas in [2, u64::MAX] {
            let mut purse = Purse { units: purse.units };
            let charged = purse.charge(gas);
            assert!(matches!(charged, Err(Interrupt::Halt(HaltReason::OutOfGas))), "{gas}");
            assert_eq!(purse.units, 0);
        }
    }
}
