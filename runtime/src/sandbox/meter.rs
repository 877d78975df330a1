//! Gas and stack of a running call: two counters inside the prepared module, see `prepare/`. The
//! only place that reads and writes them.
//!
//! Reaching a counter takes longer than most host functions do. A call's gas is therefore the
//! entry's argument and its result, see `prepare/entry.rs`, and what host functions charge is owed
//! at first, up to [`OWED_GAS_MAX`]: it is taken from the counter when that is exceeded, when the
//! call ends, or before something happens that a rollback would not undo. Gas only ever becomes
//! less, and what is found missing then was missing before: a call from which more was charged than
//! it was given has run out of gas, whatever it did afterwards, and nothing of that stays. So this
//! changes no receipt; it lets a call that runs out of gas run on for as long as what it may owe is
//! worth.

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

/// Most gas that host functions charge a call before it is taken from its counter: about as much as
/// one of them may charge for a new slot, and as little as nobody could make a business of.
pub(crate) const OWED_GAS_MAX: u64 = 20_000;

/// The gas of a call while a host function runs, in units of the counter.
#[derive(Debug)]
pub(crate) enum Purse {
    /// The counter was not looked at; this much is to be taken from it.
    Owed(u64),
    /// This much is left; the counter is to be set to it.
    Left(u64),
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

    /// Makes ready for a call with this much gas and stack, unless the counter of the latter holds
    /// that; the units of gas that the call begins with, less the price of the start.
    pub(super) fn start(
        self,
        mut store: impl AsContextMut<Data = HostState>,
        (gas, start_units): (Gas, u64),
        stack_words: Option<u64>,
    ) -> Result<i64, Interrupt> {
        let units = gas.min(Self::GAS_MAX).0 * UNITS_PER_GAS;
        let Some(left) = units.checked_sub(start_units) else {
            self.set_units(&mut store, 0)?;
            return Err(HaltReason::OutOfGas.into());
        };
        if let Some(words) = stack_words {
            let words = i32::try_from(words).unwrap_or(i32::MAX);
            self.stack.set(&mut store, Val::I32(words)).map_err(failed)?;
        }
        Ok(in_counter(left))
    }

    /// The counters of the instance that a store runs.
    fn of(store: impl AsContext<Data = HostState>) -> Result<Self, EngineError> {
        let facts: Option<InstanceFacts> = store.as_context().data().instance;
        facts.map(|facts| facts.meter).ok_or_else(missing)
    }

    /// Gas used of what [`Meter::start`] was given; `None` when more was charged than there was.
    /// `held` are the units in the counter, if they are known.
    pub(super) fn used(
        mut store: impl AsContextMut<Data = HostState>,
        given: Gas,
        held: Option<u64>,
    ) -> Result<Option<Gas>, EngineError> {
        let held = match held {
            Some(held) => held,
            None => Self::held(&mut store)?,
        };
        let Some(left) = less_owed(store, held) else { return Ok(None) };
        let left = Gas(left / UNITS_PER_GAS);
        // What the counter does not hold, no guest lives long enough to use.
        let used = given.min(Self::GAS_MAX).checked_sub(left).ok_or_else(|| {
            EngineError::Bug(format!("{left} gas is left of a call that was given {given}"))
        });
        used.map(Some)
    }

    /// What the counter holds less what is owed, which is forgotten. `None` when host functions
    /// have charged more than there was; nothing when the guest asked for more.
    pub(crate) fn left(
        mut store: impl AsContextMut<Data = HostState>,
    ) -> Result<Option<u64>, EngineError> {
        let held = Self::held(&mut store)?;
        Ok(less_owed(store, held))
    }

    /// Units in the counter; none when the guest asked for more than there were.
    fn held(mut store: impl AsContextMut<Data = HostState>) -> Result<u64, EngineError> {
        let held = Self::of(&store)?.gas.get(&mut store).i64().ok_or_else(missing)?;
        Ok(u64::try_from(held).unwrap_or(0))
    }

    /// Keeps what a host function leaves of a purse until the next one.
    pub(crate) fn keep(
        mut store: impl AsContextMut<Data = HostState>,
        purse: &Purse,
    ) -> Result<(), EngineError> {
        if planted(Bug::HostCallsAreFree) {
            return Ok(());
        }
        match *purse {
            Purse::Owed(units) => store.as_context_mut().data_mut().owed_units = units,
            Purse::Left(units) => Self::of(&store)?.set_units(store, units)?,
        }
        Ok(())
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
        self.gas.set(&mut store, Val::I64(in_counter(units))).map_err(failed)
    }
}

/// Units as the counter holds them: [`Meter::GAS_MAX`] is less than it can hold.
fn in_counter(units: u64) -> i64 {
    i64::try_from(units).unwrap_or(i64::MAX)
}

/// What the counter holds less what is owed, which is forgotten.
fn less_owed(mut store: impl AsContextMut<Data = HostState>, held: u64) -> Option<u64> {
    let owed = std::mem::take(&mut store.as_context_mut().data_mut().owed_units);
    held.checked_sub(owed)
}

impl Purse {
    /// Takes gas; `Err` with nothing done when what the counter holds has to be known first.
    pub(crate) fn charge(&mut self, gas: u64) -> Result<Result<(), Interrupt>, Unknown> {
        // Saturates above what a counter holds: nobody has that much.
        let units = gas.saturating_mul(UNITS_PER_GAS);
        match self {
            Self::Owed(owed) => match owed.checked_add(units) {
                Some(sum) if sum <= OWED_GAS_MAX * UNITS_PER_GAS => {
                    *owed = sum;
                    Ok(Ok(()))
                }
                _ => Err(Unknown),
            },
            Self::Left(left) => {
                let rest = left.checked_sub(units);
                *left = rest.unwrap_or(0);
                Ok(rest.map(|_| ()).ok_or_else(|| HaltReason::OutOfGas.into()))
            }
        }
    }

    /// Gas left, in whole gas, if that is known.
    pub(crate) fn left(&self) -> Result<Gas, Unknown> {
        match self {
            Self::Owed(_) => Err(Unknown),
            Self::Left(units) => Ok(Gas(units / UNITS_PER_GAS)),
        }
    }
}

/// The counter was not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unknown;

#[cold]
fn missing() -> EngineError {
    EngineError::Bug("a prepared module does not export its counters".into())
}

#[cold]
fn failed(error: wasmtime::Error) -> EngineError {
    EngineError::Bug(format!("counter of a prepared module: {error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_out_of_gas(charged: Result<Result<(), Interrupt>, Unknown>) -> bool {
        matches!(charged, Ok(Err(Interrupt::Halt(HaltReason::OutOfGas))))
    }

    #[test]
    fn a_purse_gives_what_it_has_and_is_empty_after_it_was_asked_for_more() {
        let mut purse = Purse::Left(3 * UNITS_PER_GAS - 1);
        assert_eq!(purse.left(), Ok(Gas(2)));
        assert!(matches!(purse.charge(1), Ok(Ok(()))));
        assert_eq!(purse.left(), Ok(Gas(1)));
        assert!(matches!(purse.charge(0), Ok(Ok(()))));
        for gas in [2, u64::MAX] {
            let mut purse = Purse::Left(2 * UNITS_PER_GAS - 1);
            assert!(is_out_of_gas(purse.charge(gas)), "{gas}");
            assert!(matches!(purse, Purse::Left(0)));
        }
    }

    #[test]
    fn a_purse_owes_so_much_and_no_more() {
        let mut purse = Purse::Owed(0);
        for (gas, owed) in [(OWED_GAS_MAX - 1, OWED_GAS_MAX - 1), (0, OWED_GAS_MAX - 1)] {
            assert!(matches!(purse.charge(gas), Ok(Ok(()))));
            assert!(matches!(purse, Purse::Owed(units) if units == owed * UNITS_PER_GAS));
        }
        for gas in [2, u64::MAX] {
            assert_eq!(purse.charge(gas).err(), Some(Unknown));
        }
        assert_eq!(purse.left(), Err(Unknown));
        assert!(matches!(purse.charge(1), Ok(Ok(()))));
        assert!(matches!(purse, Purse::Owed(units) if units == OWED_GAS_MAX * UNITS_PER_GAS));
    }
}
