//! Gas of a running call. The only place where gas meets wasmtime's fuel: one unit is one unit.

use tos_host_api::Gas;
use wasmtime::{AsContext, AsContextMut};

use super::HostState;
use crate::error::EngineError;
use crate::execute::Interrupt;
use crate::types::HaltReason;

/// Reads and changes the gas left in a store.
pub(crate) struct Meter;

impl Meter {
    /// Gas left.
    pub(crate) fn left(store: impl AsContext<Data = HostState>) -> Result<Gas, EngineError> {
        store.as_context().get_fuel().map(Gas).map_err(failed)
    }

    /// Sets the gas left.
    pub(crate) fn set(
        mut store: impl AsContextMut<Data = HostState>,
        gas: Gas,
    ) -> Result<(), EngineError> {
        store.as_context_mut().set_fuel(gas.0).map_err(failed)
    }

    /// Takes gas, or halts when there is not enough.
    pub(crate) fn charge(
        mut store: impl AsContextMut<Data = HostState>,
        gas: u64,
    ) -> Result<(), Interrupt> {
        let left = Self::left(&mut store)?;
        match left.checked_sub(Gas(gas)) {
            Some(rest) => Ok(Self::set(store, rest)?),
            None => {
                Self::set(store, Gas::ZERO)?;
                Err(Interrupt::Halt(HaltReason::OutOfGas))
            }
        }
    }
}

fn failed(error: wasmtime::Error) -> EngineError {
    EngineError::Sandbox(format!("gas counter: {error:#}"))
}
