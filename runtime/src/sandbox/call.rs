//! One call of a contract: a fresh instance, an entry, and what came of it.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tos_host_api::{Address, ContractId, Gas, Hash, limits};
use wasmtime::{Engine, Instance, Memory, PoolConcurrencyLimitError, Store, Trap};

use super::limiter::Limiter;
use super::profile::WASM_STACK_BYTES;
use super::{CompiledModule, Meter};
use crate::error::EngineError;
use crate::execute::{GuestMessage, Interrupt};
use crate::state::Journal;
use crate::types::{BlockContext, Deposit, HaltReason};

/// How long to wait before asking an exhausted pool again: about the time of a short call.
const POOL_RETRY: Duration = Duration::from_micros(50);

/// Stack a call needs in bytes: the guest's, and room for host functions above and below it.
const STACK_BYTES_MIN: usize = WASM_STACK_BYTES + (1 << 20);
/// Stack in bytes that is set up where less is left. The engine's own workers have enough.
const STACK_BYTES_NEW: usize = 2 * STACK_BYTES_MIN;

/// What is called, by whom, with what.
pub(crate) struct CallRequest<'a> {
    pub(crate) module: &'a CompiledModule,
    pub(crate) entry: &'a str,
    pub(crate) gas: Gas,
    pub(crate) frame: Frame,
}

/// The facts a contract can ask for about its own call.
pub(crate) struct Frame {
    pub(crate) block: Arc<BlockContext>,
    pub(crate) source: Address,
    pub(crate) transaction_id: Hash,
    pub(crate) caller: Address,
    pub(crate) contract: ContractId,
    pub(crate) input: Vec<u8>,
    pub(crate) deposits: Vec<Deposit>,
    /// Whether host functions that change state are refused.
    pub(crate) read_only: bool,
}

/// What a store carries: the frame, the journal, and what the call has produced so far.
pub(crate) struct HostState {
    pub(crate) frame: Frame,
    pub(crate) journal: Journal,
    pub(crate) return_data: Vec<u8>,
    pub(crate) messages: Vec<GuestMessage>,
    /// Why a host function stopped the guest; wasmtime only carries the fact that one did.
    pub(crate) interrupt: Option<Interrupt>,
    /// `None` before the instance exists.
    pub(crate) instance: Option<InstanceFacts>,
    limiter: Limiter,
}

/// Where an instance keeps what host functions need.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InstanceFacts {
    pub(crate) memory: Memory,
    pub(crate) meter: Meter,
}

/// How a call ended.
pub(crate) struct CallEnd {
    /// `Ok` when the entry returned.
    pub(crate) result: Result<(), Interrupt>,
    pub(crate) gas_left: Gas,
    pub(crate) return_data: Vec<u8>,
    pub(crate) messages: Vec<GuestMessage>,
}

/// Calls an entry that the module exports. The journal goes in and comes back with what the guest
/// wrote; rolling it back after a failure is the caller's business.
///
/// Runs on a stack that holds the deepest recursion the logical limit allows, whatever thread it is
/// called on; see [`with_stack_if`].
pub(crate) fn call(
    engine: &Engine,
    request: CallRequest<'_>,
    journal: Journal,
) -> (CallEnd, Journal) {
    with_stack_if(true, || call_here(engine, request, journal))
}

/// Runs `work` on a stack that is large enough for calls, if it makes any.
///
/// Setting a stack up takes longer than a short call and interrupts all cores when it goes, so
/// whoever makes many calls does it once around all of them; within, it costs a comparison.
pub(crate) fn with_stack_if<R>(makes_calls: bool, work: impl FnOnce() -> R) -> R {
    if makes_calls { stacker::maybe_grow(STACK_BYTES_MIN, STACK_BYTES_NEW, work) } else { work() }
}

fn call_here(engine: &Engine, request: CallRequest<'_>, journal: Journal) -> (CallEnd, Journal) {
    let CallRequest { module, entry, gas, frame } = request;
    let state = HostState {
        frame,
        journal,
        return_data: Vec::new(),
        messages: Vec::new(),
        interrupt: None,
        instance: None,
        limiter: Limiter,
    };
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limiter);
    let result = enter(&mut store, module, entry, gas);
    let gas_left = match store.data().instance {
        Some(_) => Meter::left(&mut store),
        None => Ok(gas),
    };
    let HostState { journal, return_data, messages, .. } = store.into_data();
    let (result, gas_left) = match gas_left {
        Ok(gas_left) => (result, gas_left),
        Err(error) => (Err(error.into()), Gas::ZERO),
    };
    (CallEnd { result, gas_left, return_data, messages }, journal)
}

fn enter(
    store: &mut Store<HostState>,
    module: &CompiledModule,
    entry: &str,
    gas: Gas,
) -> Result<(), Interrupt> {
    // Instantiation runs no code of the guest's; its price is part of the call's.
    let instance = instantiate(store, module)?;
    let meter = Meter::start(&mut *store, &instance, &module.counters, gas)?;
    let memory = instance
        .get_memory(&mut *store, limits::MEMORY_EXPORT)
        .ok_or_else(|| EngineError::Bug("a prepared module does not export its memory".into()))?;
    store.data_mut().instance = Some(InstanceFacts { memory, meter });
    let function =
        instance.get_typed_func::<(), ()>(&mut *store, entry).map_err(not_instantiated)?;
    match function.call(&mut *store, ()) {
        Ok(()) => Ok(()),
        Err(error) => Err(interrupt_of(store, &error)),
    }
}

/// A fresh instance. When the pool is exhausted, by many concurrent queries, this waits for one to
/// come back: no call holds more than one instance, so somebody always finishes.
fn instantiate(
    store: &mut Store<HostState>,
    module: &CompiledModule,
) -> Result<Instance, Interrupt> {
    loop {
        match module.instance_pre.instantiate(&mut *store) {
            Ok(instance) => return Ok(instance),
            Err(error) if error.is::<PoolConcurrencyLimitError>() => thread::sleep(POOL_RETRY),
            Err(error) => return Err(not_instantiated(error)),
        }
    }
}

/// Our limits are below the pool's, segments were checked by the gate, and there is no start
/// function: an instance that cannot be made is the engine's fault.
fn not_instantiated(error: wasmtime::Error) -> Interrupt {
    EngineError::Sandbox(format!("cannot instantiate: {error:#}")).into()
}

/// Tells apart why a guest did not return.
fn interrupt_of(store: &mut Store<HostState>, error: &wasmtime::Error) -> Interrupt {
    if let Some(interrupt) = store.data_mut().interrupt.take() {
        return interrupt;
    }
    match Meter::exhausted(&mut *store) {
        Ok(Some(reason)) => return reason.into(),
        Ok(None) => {}
        Err(error) => return error.into(),
    }
    match error.downcast_ref::<Trap>() {
        Some(
            Trap::MemoryOutOfBounds
            | Trap::TableOutOfBounds
            | Trap::IndirectCallToNull
            | Trap::BadSignature
            | Trap::IntegerOverflow
            | Trap::IntegerDivisionByZero
            | Trap::UnreachableCodeReached,
        ) => HaltReason::Trap.into(),
        // Anything else is not a consequence of the module's instructions; an overflow of the
        // native stack in particular means that the logical one is not small enough.
        _ => EngineError::Sandbox(format!("the guest ended unexpectedly: {error:#}")).into(),
    }
}
