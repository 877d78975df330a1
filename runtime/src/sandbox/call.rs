//! One call of a contract: an instance, an entry, and what came of it.

use tos_host_api::{Address, ContractId, Gas};
use wasmtime::{Memory, Store, Trap};

use super::limiter::Limiter;
use super::live::{Ended, Live};
use super::profile::WASM_STACK_BYTES;
use super::{CompiledModule, Meter, Written};
use crate::error::EngineError;
use crate::execute::{Interrupt, Lent, Scope};
use crate::planted::{Bug, planted};
use crate::types::{Deposit, HaltReason};

/// Stack a call needs in bytes: the guest's, and room for host functions above and below it.
const STACK_BYTES_MIN: usize = WASM_STACK_BYTES + (1 << 20);
/// Stack in bytes that is set up where less is left. The engine's own workers have enough.
const STACK_BYTES_NEW: usize = 2 * STACK_BYTES_MIN;

/// What is called, by whom, with what.
pub(crate) struct CallRequest<'a> {
    pub(crate) module: &'a CompiledModule,
    /// The number of an entry of the module, see `ModuleInfo::entry_number`.
    pub(crate) entry: i32,
    pub(crate) gas: Gas,
    /// Words of logical stack, shared by all frames of a transaction.
    pub(crate) stack_words: u64,
    pub(crate) caller: Address,
    pub(crate) contract: ContractId,
    pub(crate) input: &'a [u8],
    pub(crate) deposits: &'a [Deposit],
    /// Whether host functions that change state are refused.
    pub(crate) read_only: bool,
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
/// Lives as long as its instance; [`HostState::begin`] leaves nothing of the call before.
#[derive(Default)]
pub(crate) struct HostState {
    pub(crate) frame: Frame,
    /// Here while a call runs; lent on to a callee while that runs.
    pub(crate) scope: Lent<Scope>,
    pub(crate) return_data: Vec<u8>,
    pub(crate) last_callee: CalleeEnd,
    /// Why a host function stopped the guest; wasmtime only carries the fact that one did.
    pub(crate) interrupt: Option<Interrupt>,
    /// `None` before a call.
    pub(crate) instance: Option<InstanceFacts>,
    /// Where host functions have written into the guest's memory.
    pub(crate) written: Written,
    /// What host functions have charged and the counter has not lost yet, in its units.
    pub(crate) owed_units: u64,
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

impl Default for Frame {
    /// Nobody's: what an instance has before its first call.
    fn default() -> Self {
        Self {
            caller: Address::Key(Default::default()),
            contract: ContractId::default(),
            input: Vec::new(),
            deposits: Vec::new(),
            read_only: true,
        }
    }
}

impl HostState {
    pub(super) fn limiter(&mut self) -> &mut dyn wasmtime::ResourceLimiter {
        &mut self.limiter
    }

    /// Forgets the call before and takes in the next one. Buffers are filled anew, not made anew.
    fn begin(&mut self, request: &CallRequest<'_>, instance: InstanceFacts, scope: Box<Scope>) {
        let Self { frame, scope: lent, return_data, last_callee, interrupt, .. } = self;
        let Frame { caller, contract, input, deposits, read_only } = frame;
        (*caller, *contract, *read_only) = (request.caller, request.contract, request.read_only);
        input.clear();
        input.extend_from_slice(request.input);
        deposits.clear();
        deposits.extend_from_slice(request.deposits);
        lent.give_back(scope);
        return_data.clear();
        if !planted(Bug::ReturnDataOfTheLastCallKept) {
            *last_callee = CalleeEnd::default();
        }
        *interrupt = None;
        self.instance = Some(instance);
        self.written = Written::default();
        self.owed_units = 0;
    }
}

/// Calls an entry that the module exports. The scope goes in and comes back with what the guest
/// wrote into its journal; rolling that back after a failure is the caller's business.
///
/// Runs on a stack that holds the deepest recursion the logical limit allows, whatever thread it is
/// called on; see [`with_stack`].
pub(crate) fn call(request: CallRequest<'_>, scope: Box<Scope>) -> (CallEnd, Box<Scope>) {
    with_stack(|| call_here(request, scope))
}

/// Runs `work` on a stack that is large enough for a call.
///
/// Setting a stack up takes longer than a short call and interrupts all cores when it goes, so
/// whoever makes many calls does it once around all of them; within, it costs a comparison.
pub(super) fn with_stack<R>(work: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(STACK_BYTES_MIN, STACK_BYTES_NEW, work)
}

fn call_here(request: CallRequest<'_>, mut scope: Box<Scope>) -> (CallEnd, Box<Scope>) {
    let mut live = match find(&request, &mut scope) {
        Ok(live) => live,
        Err(error) => return (CallEnd::fault(error), scope),
    };
    scope.frames.push(request.contract);
    let facts = InstanceFacts { memory: live.memory, meter: live.meter };
    live.store.data_mut().begin(&request, facts, scope);
    let (held, result) = match enter(&mut live, &request) {
        Ok(units) => (Some(units), Ok(())),
        Err(interrupt) => (None, Err(interrupt)),
    };
    let used = Meter::used(&mut live.store, request.gas, held);
    let state = live.store.data_mut();
    let return_data = std::mem::take(&mut state.return_data);
    let mut scope = state.scope.lend();
    scope.frames.pop();
    let end = match (used, result) {
        (Ok(Some(gas_used)), result) => CallEnd { result, gas_used, return_data },
        (Ok(None), result @ Err(Interrupt::Fault(_))) => {
            CallEnd { result, gas_used: request.gas, return_data }
        }
        // It ran out of gas before whatever it did last.
        (Ok(None), _) => {
            let result = Err(HaltReason::OutOfGas.into());
            CallEnd { result, gas_used: request.gas, return_data: Vec::new() }
        }
        (Err(error), _) => CallEnd::fault(error),
    };
    live.stack_words = None;
    let ended = match &end.result {
        Ok(()) => {
            // Whoever returns gives back what it took.
            live.stack_words = Some(request.stack_words);
            Ended::Returned
        }
        Err(Interrupt::Revert(_)) => Ended::Stopped,
        // Rare, and paid for with the whole limit: not worth an argument that nothing is left.
        Err(Interrupt::Halt(_) | Interrupt::Fault(_)) => return (end, scope),
    };
    if let Some(permit) = &mut scope.permit {
        permit.kept.keep(live, request.module, ended);
    }
    (end, scope)
}

/// An instance of the module: a kept one, which is what a fresh one is, or a fresh one.
fn find(request: &CallRequest<'_>, scope: &mut Scope) -> Result<Box<Live>, EngineError> {
    let Some(permit) = &mut scope.permit else {
        return Err(EngineError::Bug("a call by somebody who has no permit".into()));
    };
    match permit.kept.take(request.module) {
        Some(live) => Ok(live),
        None => Live::new(request.module).map(Box::new),
    }
}

/// Runs the entry; the units of gas that the counter holds when it returns.
fn enter(live: &mut Live, request: &CallRequest<'_>) -> Result<u64, Interrupt> {
    let gas = (request.gas, request.module.start_units);
    let words = request.stack_words;
    let unset = (live.stack_words != Some(words)).then_some(words);
    let units = live.meter.start(&mut live.store, gas, unset)?;
    live.run(request.entry, units).map_err(|error| interrupt_of(&mut live.store, &error))
}

impl CallEnd {
    #[cold]
    fn fault(error: EngineError) -> Self {
        Self { result: Err(error.into()), gas_used: Gas::ZERO, return_data: Vec::new() }
    }
}

/// Tells apart why a guest did not return.
#[cold]
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
