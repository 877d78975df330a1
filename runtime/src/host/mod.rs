//! Host functions: what a contract can ask of the engine. One file per theme of the table in
//! `host-api/src/functions.rs`; this one holds the crossing itself.

mod account;
mod calls;
mod context;
mod crypto;
mod output;
mod random;
mod storage;

use tos_host_api::functions::HostFunctionSpec;
use tos_host_api::limits::IMPORT_MODULE;
use tos_host_api::{Address, Gas, HostFunction, Status};
use wasmtime::{Caller, Engine, Linker};

use crate::error::EngineError;
use crate::execute::Interrupt;
use crate::gas::CostTable;
use crate::planted::{Bug, planted};
use crate::sandbox::{GuestMemory, HostState, InstanceFacts, Meter, Purse, Unknown, Written};
use crate::types::HaltReason;

/// A linker with every host function.
///
/// # Errors
/// Two host functions share a name, which the test of the table rules out.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<HostState>, EngineError> {
    let mut linker = Linker::new(engine);
    let registered = context::link(&mut linker)
        .and_then(|()| storage::link(&mut linker))
        .and_then(|()| account::link(&mut linker))
        .and_then(|()| calls::link(&mut linker))
        .and_then(|()| output::link(&mut linker))
        .and_then(|()| crypto::link(&mut linker))
        .and_then(|()| random::link(&mut linker));
    match registered {
        Ok(()) => Ok(linker),
        Err(error) => Err(EngineError::Sandbox(format!("host functions: {error:#}"))),
    }
}

/// One host function while it runs.
pub(crate) struct HostCall<'a, 'b> {
    caller: &'a mut Caller<'b, HostState>,
    function: HostFunction,
    /// Its row in the table.
    spec: &'static HostFunctionSpec,
    /// Where it has written into the guest's memory.
    written: Written,
    /// The guest's gas until it runs on.
    gas: Purse,
}

/// Registers a host function under its name in the table.
macro_rules! host_function {
    ($linker:ident, $function:ident, |$call:ident $(, $arg:ident : $ty:ty)*| -> $result:ty $body:block) => {
        $linker.func_wrap(
            $crate::host::IMPORT_MODULE,
            tos_host_api::HostFunction::$function.spec().name,
            |mut caller: wasmtime::Caller<'_, $crate::sandbox::HostState> $(, $arg: $ty)*|
                -> wasmtime::Result<$result> {
                $crate::host::cross(
                    &mut caller,
                    const { tos_host_api::HostFunction::$function.spec() },
                    |$call| -> Result<$result, $crate::execute::Interrupt> { $body },
                )
            },
        )?;
    };
}
use host_function;

/// The crossing from guest to host, the same for every function:
/// 1. take the guest's gas, or rather what it owes, see `sandbox/meter.rs`;
/// 2. refuse what a read-only call may not do;
/// 3. charge the base price, so that no call is free;
/// 4. run the function, which charges per byte before it reads or copies;
/// 5. put back the gas that is left;
/// 6. on an early end keep the reason, and stop the guest.
fn cross<R>(
    caller: &mut Caller<'_, HostState>,
    spec: &'static HostFunctionSpec,
    body: impl FnOnce(&mut HostCall<'_, '_>) -> Result<R, Interrupt>,
) -> wasmtime::Result<R> {
    let result = within(caller, spec, body);
    result.map_err(|interrupt| {
        std::hint::cold_path();
        caller.data_mut().interrupt = Some(interrupt);
        wasmtime::Error::new(Stopped)
    })
}

fn within<R>(
    caller: &mut Caller<'_, HostState>,
    spec: &'static HostFunctionSpec,
    body: impl FnOnce(&mut HostCall<'_, '_>) -> Result<R, Interrupt>,
) -> Result<R, Interrupt> {
    let gas = Purse::Owed(caller.data().owed_units);
    let mut call =
        HostCall { caller, function: spec.function, spec, written: Written::default(), gas };
    let result = call.enter().and_then(|()| body(&mut call));
    let HostCall { written, gas, .. } = call;
    caller.data_mut().written.unite(written);
    Meter::keep(caller, &gas)?;
    result
}

/// What wasmtime is told when a host function stops its guest; the reason is in the store.
#[derive(Debug, thiserror::Error)]
#[error("stopped by a host function")]
struct Stopped;

impl HostCall<'_, '_> {
    #[inline]
    fn enter(&mut self) -> Result<(), Interrupt> {
        let spec = self.spec;
        if self.caller.data().frame.read_only && !spec.in_view {
            return Err(HaltReason::ReadOnly(self.function).into());
        }
        self.charge(spec.gas.base)
    }

    /// Charges the guest.
    #[inline]
    fn charge(&mut self, gas: u64) -> Result<(), Interrupt> {
        loop {
            match self.gas.charge(gas) {
                Ok(charged) => return charged,
                Err(Unknown) => self.settle()?,
            }
        }
    }

    /// Takes what the guest owes from its counter; halts if it does not have that. Whoever is about
    /// to do what a rollback does not undo settles first.
    #[cold]
    fn settle(&mut self) -> Result<(), Interrupt> {
        let Purse::Owed(units) = self.gas else { return Ok(()) };
        self.caller.data_mut().owed_units = units;
        let left = Meter::left(&mut *self.caller)?;
        self.gas = Purse::Left(left.unwrap_or(0));
        left.map(|_| ()).ok_or_else(|| HaltReason::OutOfGas.into())
    }

    /// What the guest has left.
    fn gas_left(&mut self) -> Result<Gas, Interrupt> {
        self.settle()?;
        self.gas
            .left()
            .map_err(|Unknown| EngineError::Bug("gas is owed that was settled".into()).into())
    }

    /// Charges for bytes that are about to cross the boundary.
    fn charge_bytes(&mut self, len: u64) -> Result<(), Interrupt> {
        // A length is at most `u32::MAX` and a price a small constant: the product fits.
        let price = self.spec.gas.per_byte;
        self.charge(if planted(Bug::BytesAreFree) { 0 } else { price * len })
    }

    /// Charges for state that is about to grow; the price comes from the protocol's cost table.
    fn charge_growth(
        &mut self,
        price: impl FnOnce(&CostTable) -> Option<u64>,
    ) -> Result<(), Interrupt> {
        // What exceeds `u64` exceeds every gas limit.
        let gas = price(&self.caller.data().scope.env.params.costs).unwrap_or(u64::MAX);
        self.charge(if planted(Bug::GrowthIsFree) { 0 } else { gas })
    }

    fn state(&mut self) -> &mut HostState {
        self.caller.data_mut()
    }

    /// The guest's memory and, beside it, the state.
    #[inline]
    fn memory(&mut self) -> (GuestMemory<'_>, &mut HostState) {
        match self.caller.data().instance {
            Some(InstanceFacts { memory, .. }) => {
                let (bytes, state) = memory.data_and_store_mut(&mut *self.caller);
                (GuestMemory::new(bytes, &mut self.written, self.function), state)
            }
            // Not reachable: a guest runs only in an instance. An empty memory refuses everything.
            None => {
                let memory = GuestMemory::new(&mut [], &mut self.written, self.function);
                (memory, self.caller.data_mut())
            }
        }
    }

    fn own_address(&self) -> Address {
        Address::Contract(self.caller.data().frame.contract)
    }
}

fn code(status: Status) -> i32 {
    status.code()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tos_host_api::functions::{HOST_FUNCTIONS, ValueType};

    #[test]
    fn the_linker_offers_exactly_the_table() {
        let engine = Engine::default();
        let linker = linker(&engine).expect("host functions register");
        for spec in HOST_FUNCTIONS {
            let wat = import_module(spec.name, spec.params, spec.result);
            let wasm = wat::parse_str(&wat).expect("valid wat");
            let module = wasmtime::Module::new(&engine, wasm).expect("valid module");
            linker.instantiate_pre(&module).unwrap_or_else(|error| {
                panic!("{} does not match the table: {error:#}", spec.name)
            });
        }
    }

    fn import_module(
        name: &str,
        params: &[(&str, ValueType)],
        result: Option<ValueType>,
    ) -> String {
        let wasm = |ty: ValueType| match ty {
            ValueType::I32 => "i32",
            ValueType::I64 => "i64",
        };
        let params: Vec<_> = params.iter().map(|(_, ty)| wasm(*ty)).collect();
        let result = result.map_or(String::new(), |ty| format!("(result {})", wasm(ty)));
        format!(
            "(module (import \"{IMPORT_MODULE}\" \"{name}\" (func (param {}) {result})))",
            params.join(" ")
        )
    }
}
