//! wasmtime with one of its compilers, set up like the runtime's own profile where results could
//! depend on it.

use std::fmt;

use anyhow::{Context, Result, anyhow, bail};
use tos_host_api::functions::{HOST_FUNCTIONS, HostFunctionSpec, ValueType};
use tos_host_api::limits::{IMPORT_MODULE, MEMORY_EXPORT, MEMORY_PAGES_MAX, TABLE_ELEMENTS_MAX};
use tos_runtime::prepare::{
    ENTER_EXPORT, EntryParams, GAS_EXPORT, ModuleInfo, Prepared, STACK_EXPORT, global_export,
};
use wasmtime::{
    Caller, Config, FuncType, Global, InstanceAllocationStrategy, InstancePre, Linker, Memory,
    Module, OptLevel, PoolingAllocationConfig, RegallocAlgorithm, Store, Trap, Val, ValType,
    WasmFeatures,
};

use super::{Call, Engine, NativeStack, Program, Run};
use crate::host::{Crossing, MockHost};
use crate::observation::{After, Observation};

/// Live instances at once; one per thread is needed.
const INSTANCES_MAX: u32 = 64;

/// A way wasmtime executes code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compiler {
    /// Cranelift as in production: optimising, with the backtracking register allocator.
    Optimising,
    /// Cranelift without optimisation, with the single-pass register allocator.
    Plain,
    /// Cranelift's bytecode and its interpreter.
    Pulley,
}

impl Compiler {
    /// All of them, the one of production first.
    pub const ALL: [Self; 3] = [Self::Optimising, Self::Plain, Self::Pulley];
}

impl fmt::Display for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Optimising => "cranelift speed, backtracking",
            Self::Plain => "cranelift none, single pass",
            Self::Pulley => "pulley",
        })
    }
}

/// wasmtime with one compiler.
pub struct Wasmtime {
    compiler: Compiler,
    linker: Linker<State>,
}

/// What a store carries.
struct State {
    host: MockHost,
    handles: Option<Handles>,
    native: NativeStack,
}

/// What host functions need of an instance.
#[derive(Clone, Copy)]
struct Handles {
    memory: Memory,
    gas: Global,
    stack: Global,
}

struct Loaded {
    instance: InstancePre<State>,
    info: ModuleInfo,
}

impl Wasmtime {
    /// wasmtime with this compiler and so much native stack for guests.
    ///
    /// # Errors
    /// wasmtime refuses the configuration on this machine.
    pub fn new(compiler: Compiler, stack_bytes: usize) -> Result<Self> {
        let engine = wasmtime::Engine::new(&config(compiler, stack_bytes)?).map_err(failed)?;
        if engine.is_pulley() != (compiler == Compiler::Pulley) {
            bail!("wasmtime chose another target than it was told");
        }
        let mut linker = Linker::new(&engine);
        for row in HOST_FUNCTIONS {
            let value = |ty: ValueType| match ty {
                ValueType::I32 => ValType::I32,
                ValueType::I64 => ValType::I64,
            };
            let params = row.params.iter().map(|&(_, ty)| value(ty));
            let ty = FuncType::new(&engine, params, row.result.map(value));
            let crossing =
                move |caller: Caller<'_, State>, arguments: &[Val], results: &mut [Val]| {
                    cross(caller, row, arguments, results)
                };
            linker.func_new(IMPORT_MODULE, row.name, ty, crossing).map_err(failed)?;
        }
        Ok(Self { compiler, linker })
    }
}

fn config(compiler: Compiler, stack_bytes: usize) -> Result<Config> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(INSTANCES_MAX)
        .total_memories(INSTANCES_MAX)
        .total_tables(INSTANCES_MAX)
        .max_memory_size(usize::try_from(MEMORY_PAGES_MAX << 16)?)
        .table_elements(usize::try_from(TABLE_ELEMENTS_MAX)?);
    let mut config = Config::new();
    config
        .wasm_features(WasmFeatures::all(), false)
        .wasm_features(WasmFeatures::MUTABLE_GLOBAL, true)
        .wasm_features(WasmFeatures::SIGN_EXTENSION, true)
        .wasm_features(WasmFeatures::BULK_MEMORY_OPT, true)
        .wasm_features(WasmFeatures::CALL_INDIRECT_OVERLONG, true)
        .compiler_inlining(wasmtime::Inlining::No)
        .max_wasm_stack(stack_bytes)
        .async_stack_size(stack_bytes)
        .wasm_backtrace_max_frames(None)
        .memory_reservation(1 << 32)
        .memory_reservation_for_growth(0)
        .memory_may_move(false)
        .guard_before_linear_memory(true)
        .memory_init_cow(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    match compiler {
        Compiler::Optimising => config
            .cranelift_opt_level(OptLevel::Speed)
            .cranelift_regalloc_algorithm(RegallocAlgorithm::Backtracking),
        Compiler::Plain => config
            .cranelift_opt_level(OptLevel::None)
            .cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass),
        Compiler::Pulley => config.target("pulley64").map_err(failed)?,
    };
    Ok(config)
}

impl Engine for Wasmtime {
    fn name(&self) -> String {
        self.compiler.to_string()
    }

    fn load(&self, prepared: &Prepared) -> Result<Box<dyn Program>> {
        let module = Module::from_binary(self.linker.engine(), &prepared.module).map_err(failed)?;
        let instance = self.linker.instantiate_pre(&module).map_err(failed)?;
        Ok(Box::new(Loaded { instance, info: prepared.info.clone() }))
    }
}

impl Program for Loaded {
    fn run(&self, call: &Call<'_>) -> Result<Run> {
        let engine = self.instance.module().engine();
        let host = MockHost::new(call.seed);
        let state = State { host, handles: None, native: NativeStack::default() };
        let mut store = Store::new(engine, state);
        let instance = self.instance.instantiate(&mut store).map_err(failed)?;
        let mut global = |name: &str| instance.get_global(&mut store, name).context("no counter");
        let (gas, stack) = (global(GAS_EXPORT)?, global(STACK_EXPORT)?);
        let globals: Vec<_> = self
            .info
            .mutable_globals
            .iter()
            .map(|&index| global(&global_export(index)))
            .collect::<Result<_>>()?;
        let memory = instance.get_memory(&mut store, MEMORY_EXPORT).context("no memory")?;
        stack.set(&mut store, Val::I32(call.stack)).map_err(failed)?;
        store.data_mut().handles = Some(Handles { memory, gas, stack });

        let entry = instance.get_typed_func::<EntryParams, i64>(&mut store, ENTER_EXPORT);
        let entry = entry.map_err(failed)?;
        let number = self.info.entry_number(call.entry).context("no such entry")?;
        let result = entry.call(&mut store, (number, call.gas, 0));
        if let Err(error) = &result
            && store.data().host.stopped.is_none()
        {
            expect_a_guests_trap(error)?;
        }
        let (gas, stack) = (gas.get(&mut store).unwrap_i64(), stack.get(&mut store).unwrap_i32());
        let globals = globals.iter().map(|global| raw(&global.get(&mut store)));
        let globals = self.info.mutable_globals.iter().copied().zip(globals).collect();
        let native = store.data().native;
        let host = std::mem::replace(&mut store.data_mut().host, MockHost::new(0));
        let memory = memory.data(&store);
        let returned = result.is_ok();
        let after = After { returned, gas, stack, memory, globals, host };
        Ok(Run { observation: Observation::of(after)?, native })
    }
}

/// An error that has nothing to do with a guest.
fn failed(error: wasmtime::Error) -> anyhow::Error {
    anyhow!("wasmtime: {error:#}")
}

/// The traps that instructions of a guest can cause; see `runtime/src/sandbox/call.rs`.
fn expect_a_guests_trap(error: &wasmtime::Error) -> Result<()> {
    match error.downcast_ref::<Trap>() {
        Some(
            Trap::MemoryOutOfBounds
            | Trap::TableOutOfBounds
            | Trap::IndirectCallToNull
            | Trap::BadSignature
            | Trap::IntegerOverflow
            | Trap::IntegerDivisionByZero
            | Trap::UnreachableCodeReached,
        ) => Ok(()),
        _ => bail!("the guest ended unexpectedly: {error:#}"),
    }
}

fn cross(
    mut caller: Caller<'_, State>,
    row: &'static HostFunctionSpec,
    arguments: &[Val],
    results: &mut [Val],
) -> wasmtime::Result<()> {
    let Some(Handles { memory, gas, stack }) = caller.data().handles else {
        return Err(wasmtime::Error::msg("called before the instance exists"));
    };
    let words_left = stack.get(&mut caller).unwrap_i32();
    let gas_left = gas.get(&mut caller).unwrap_i64();
    let here = 0_u8;
    caller.data_mut().native.note(std::ptr::from_ref(&here).addr(), words_left);
    let (bytes, state) = memory.data_and_store_mut(&mut caller);
    let (gas_left, result) = state.host.call(Crossing {
        row,
        arguments: arguments.iter().map(raw).collect(),
        gas: gas_left,
        stack: words_left,
        memory: bytes,
    });
    gas.set(&mut caller, Val::I64(gas_left))?;
    let Some(result) = result else {
        return Err(wasmtime::Error::msg("stopped by the host"));
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
