//! One call of a contract: a fresh instance, an entry, and what came of it.

use tos_host_api::{Address, ContractId, Gas, limits};
use wasmtime::{Engine, Instance, Memory, Store, Trap};

use super::limiter::Limiter;
use super::profile::WASM_STACK_BYTES;
use super::{CompiledModule, Meter};
use crate::error::EngineError;
use crate::execute::{Interrupt, Lent, Scope};
use crate::types::{Deposit, HaltReason};

/// Stack a call needs in bytes: the guest's, and room for host functions above and below it.
const STACK_BYTES_MIN: usize = WASM_STACK_BYTES + (1 << 20);
/// Stack in bytes that is set up where less is left. The engine's own workers have enough.
const STACK_BYTES_NEW: usize = 2 * STACK_BYTES_MIN;

/// What is called, by whom, with what.
pub(crate) struct CallRequest<'a> {
    pub(crate) module: &'a CompiledModule,
    pub(crate) entry: &'a str,
    pub(crate) gas: Gas,
    /// Words of logical stack, shared by all frames of a transaction.
    pub(crate) stack_words: u64,
    pub(crate) frame: Frame,
}

/// The facts a contract can ask for about its own call.
pub(crate) struct Frame {
    pub(crate) caller: Address,
    pub(crate) contract: ContractId,
    pub(crate) input: Vec<u8>,
    pub(crate) deposits: Vec<Deposit>,
    /// Whether host functions that change state are refused.
    pub(crate) read_only: bool,
}

/// What a store carries: the frame, what all frames share, and what this one has produced so far.
pub(crate) struct HostState {
    pub(crate) frame: Frame,
    /// Lent on to a callee while that runs.
    pub(crate) scope: Lent<Scope>,
    pub(crate) return_data: Vec<u8>,
    pub(crate) last_callee: CalleeEnd,
    /// Why a host function stopped the guest; wasmtime only carries the fact that one did.
    pub(crate) interrupt: Option<Interrupt>,
    /// `None` before the instance exists.
    pub(crate) instance: Option<InstanceFacts>,
    limiter: Limiter,
}

/// What a frame can ask about the last contract it called.
#[derive(Default)]
pub(crate) struct CalleeEnd {
    pub(crate) return_data: Vec<u8>,
    /// What it aborted with; 0 if it did not.
    pub(crate) revert_code: u32,
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
    /// At most what it was given; a started gas counts whole.
    pub(crate) gas_used: Gas,
    pub(crate) return_data: Vec<u8>,
}

/// Calls an entry that the module exports. The scope goes in and comes back with what the guest
/// wrote into its journal; rolling that back after a failure is the caller's business.
///
/// Runs on a stack that holds the deepest recursion the logical limit allows, whatever thread it is
/// called on; see [`with_stack`].
pub(crate) fn call(
    engine: &Engine,
    request: CallRequest<'_>,
    scope: Box<Scope>,
) -> (CallEnd, Box<Scope>) {
    with_stack(|| call_here(engine, request, scope))
}

/// Runs `work` on a stack that is large enough for a call.
///
/// Setting a stack up takes longer than a short call and interrupts all cores when it goes, so
/// whoever makes many calls does it once around all of them; within, it costs a comparison.
pub(super) fn with_stack<R>(work: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(STACK_BYTES_MIN, STACK_BYTES_NEW, work)
}

fn call_here(
    engine: &Engine,
    request: CallRequest<'_>,
    mut scope: Box<Scope>,
) -> (CallEnd, Box<Scope>) {
    let CallRequest { module, entry, gas, stack_words, frame } = request;
    scope.frames.push(frame.contract);
    let state = HostState {
        frame,
        scope: Lent::holding(scope),
        return_data: Vec::new(),
        last_callee: CalleeEnd::default(),
        interrupt: None,
        instance: None,
        limiter: Limiter,
    };
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limiter);
    let result = enter(&mut store, module, entry, (gas, stack_words));
    let gas_used = match store.data().instance {
        Some(_) => Meter::used(&mut store, gas),
        None => Ok(Gas::ZERO),
    };
    let HostState { mut scope, return_data, .. } = store.into_data();
    let mut scope = scope.lend();
    scope.frames.pop();
    let (result, gas_used) = match gas_used {
        Ok(gas_used) => (result, gas_used),
        Err(error) => (Err(error.into()), Gas::ZERO),
    };
    (CallEnd { result, gas_used, return_data }, scope)
}

fn enter(
    store: &mut Store<HostState>,
    module: &CompiledModule,
    entry: &str,
    (gas, stack_words): (Gas, u64),
) -> Result<(), Interrupt> {
    // Instantiation runs no code of the guest's; its price is part of the call's.
    let instance = instantiate(store, module)?;
    let meter = Meter::start(&mut *store, &instance, module, gas, stack_words)?;
    let memory = instance
        .get_memory(&mut *store, limits::MEMORY_EXPORT)
        .ok_or_else(|| EngineError::Bug("a prepared module does not export its memory".into()))?;
    store.data_mut().instance = Some(InstanceFacts { memory, meter });
    Meter::charge_units(&mut *store, module.start_units)?;
    let function =
        instance.get_typed_func::<(), ()>(&mut *store, entry).map_err(not_instantiated)?;
    match function.call(&mut *store, ()) {
        Ok(()) => Ok(()),
        Err(error) => Err(interrupt_of(store, &error)),
    }
}

/// A fresh instance. The pool has room for every frame of everybody who holds a permit; see
/// `permits.rs`.
fn instantiate(
    store: &mut Store<HostState>,
    module: &CompiledModule,
) -> Result<Instance, Interrupt> {
    module.instance_pre.instantiate(&mut *store).map_err(not_instantiated)
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
