//! wasmi: an interpreter that shares no code with wasmtime.

use anyhow::{Context, Result, bail};
use tos_host_api::functions::{HOST_FUNCTIONS, HostFunctionSpec, ValueType};
use tos_host_api::limits::{IMPORT_MODULE, MEMORY_EXPORT};
use tos_runtime::prepare::{
    ENTER_EXPORT, EntryParams, GAS_EXPORT, ModuleInfo, Prepared, STACK_EXPORT, global_export,
};
use wasmi::{
    Caller, CompilationMode, Config, FuncType, Global, Linker, Memory, Module, Store, TrapCode,
    Val, ValType,
};

use super::{Call, Engine, NativeStack, Program, Run, WASM_STACK_BYTES};
use crate::host::{Crossing, MockHost};
use crate::observation::{After, Observation};

/// Calls that may be active at once. More than the logical stack allows.
const RECURSION_MAX: usize = 16_384;

/// wasmi.
pub struct Interpreter {
    engine: wasmi::Engine,
}

/// What a store carries.
struct State {
    host: MockHost,
    handles: Option<Handles>,
}

/// What host functions need of an instance.
#[derive(Clone, Copy)]
struct Handles {
    memory: Memory,
    gas: Global,
    stack: Global,
}

struct Loaded {
    module: Module,
    linker: Linker<State>,
    info: ModuleInfo,
}

impl Interpreter {
    /// wasmi with the language contracts may use.
    ///
    /// # Errors
    /// None so far; every engine may fail to start.
    pub fn new() -> Result<Self> {
        let mut config = Config::default();
        config
            .wasm_mutable_global(true)
            .wasm_sign_extension(true)
            // wasmi knows no smaller part of the proposal that has `memory.copy` and `fill`.
            .wasm_bulk_memory(true)
            .wasm_multi_value(false)
            .wasm_multi_memory(false)
            .wasm_reference_types(false)
            .wasm_saturating_float_to_int(false)
            .wasm_tail_call(false)
            .wasm_extended_const(false)
            .wasm_custom_page_sizes(false)
            .wasm_wide_arithmetic(false)
            .floats(false)
            .consume_fuel(false)
            .compilation_mode(CompilationMode::Eager)
            .set_max_recursion_depth(RECURSION_MAX)
            .set_max_stack_height(WASM_STACK_BYTES);
        Ok(Self { engine: wasmi::Engine::new(&config) })
    }
}

impl Engine for Interpreter {
    fn name(&self) -> String {
        "wasmi".to_owned()
    }

    fn load(&self, prepared: &Prepared) -> Result<Box<dyn Program>> {
        let module = Module::new(&self.engine, &prepared.module)?;
        let mut linker = Linker::new(&self.engine);
        for row in HOST_FUNCTIONS {
            let value = |ty: ValueType| match ty {
                ValueType::I32 => ValType::I32,
                ValueType::I64 => ValType::I64,
            };
            let ty =
                FuncType::new(row.params.iter().map(|&(_, ty)| value(ty)), row.result.map(value));
            linker.func_new(IMPORT_MODULE, row.name, ty, move |caller, arguments, results| {
                cross(caller, row, arguments, results)
            })?;
        }
        Ok(Box::new(Loaded { module, linker, info: prepared.info.clone() }))
    }
}

impl Program for Loaded {
    fn run(&self, call: &Call<'_>) -> Result<Run> {
        let state = State { host: MockHost::new(call.seed), handles: None };
        let mut store = Store::new(self.linker.engine(), state);
        let instance = self.linker.instantiate_and_start(&mut store, &self.module)?;
        let global = |name: &str| instance.get_global(&store, name).context("no counter");
        let (gas, stack) = (global(GAS_EXPORT)?, global(STACK_EXPORT)?);
        let globals: Vec<_> = self
            .info
            .mutable_globals
            .iter()
            .map(|&index| global(&global_export(index)))
            .collect::<Result<_>>()?;
        let memory = instance.get_memory(&store, MEMORY_EXPORT).context("no memory")?;
        stack.set(&mut store, Val::I32(call.stack))?;
        store.data_mut().handles = Some(Handles { memory, gas, stack });

        let entry = instance.get_typed_func::<EntryParams, i64>(&store, ENTER_EXPORT)?;
        let number = self.info.entry_number(call.entry).context("no such entry")?;
        let result = entry.call(&mut store, (number, call.gas, 0));
        if let Err(error) = &result
            && store.data().host.stopped.is_none()
        {
            expect_a_guests_trap(error)?;
        }
        let (gas, stack) = (raw(&gas.get(&store)) as i64, raw(&stack.get(&store)) as i32);
        let globals = globals.iter().map(|global| raw(&global.get(&store)));
        let globals = self.info.mutable_globals.iter().copied().zip(globals).collect();
        let host = std::mem::replace(&mut store.data_mut().host, MockHost::new(0));
        let memory = memory.data(&store);
        let returned = result.is_ok();
        let after = After { returned, gas, stack, memory, globals, host };
        Ok(Run { observation: Observation::of(after)?, native: NativeStack::default() })
    }
}

/// The traps that instructions of a guest can cause.
fn expect_a_guests_trap(error: &wasmi::Error) -> Result<()> {
    match error.as_trap_code() {
        Some(
            TrapCode::MemoryOutOfBounds
            | TrapCode::TableOutOfBounds
            | TrapCode::IndirectCallToNull
            | TrapCode::BadSignature
            | TrapCode::IntegerOverflow
            | TrapCode::IntegerDivisionByZero
            | TrapCode::UnreachableCodeReached,
        ) => Ok(()),
        _ => bail!("the guest ended unexpectedly: {error}"),
    }
}

fn cross(
    mut caller: Caller<'_, State>,
    row: &'static HostFunctionSpec,
    arguments: &[Val],
    results: &mut [Val],
) -> Result<(), wasmi::Error> {
    let Some(Handles { memory, gas, stack }) = caller.data().handles else {
        return Err(wasmi::Error::new("called before the instance exists"));
    };
    let words_left = raw(&stack.get(&caller)) as i32;
    let gas_left = raw(&gas.get(&caller)) as i64;
    let (bytes, state) = memory.data_and_store_mut(&mut caller);
    let (gas_left, result) = state.host.call(Crossing {
        row,
        arguments: arguments.iter().map(raw).collect(),
        gas: gas_left,
        stack: words_left,
        memory: bytes,
    });
    gas.set(&mut caller, Val::I64(gas_left))
        .map_err(|error| wasmi::Error::new(error.to_string()))?;
    let Some(result) = result else {
        return Err(wasmi::Error::new("stopped by the host"));
    };
    if let Some(place) = results.first_mut() {
        *place = match row.result {
            Some(ValueType::I64) => Val::I64(result as i64),
            _ => Val::I32(result as i32),
        };
    }
    Ok(())
}

fn raw(value: &Val) -> u64 {
    match value {
        Val::I32(value) => u64::from(*value as u32),
        Val::I64(value) => *value as u64,
        other => unreachable!("the gate admits integers only: {other:?}"),
    }
}
