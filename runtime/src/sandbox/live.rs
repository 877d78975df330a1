//! An instance that lives from call to call, with everything calls need of it, found once.
//!
//! Which worker runs which call differs from node to node, so nothing may be left of a call when
//! the next begins. What a guest can change is its memory and its mutable globals, nothing else:
//! the gate lets no operator through that writes tables or drops segments, and host functions keep
//! what they know in [`HostState`], which every call fills anew. Both are put back after a call
//! that returned: memory where the guest and host functions have told that they wrote, see
//! `prepare/writes.rs`, and globals if the entry has told that one is changed, see
//! `prepare/entry.rs`. After a call that reverted nothing was told, and all of both is put back. An
//! instance whose memory has grown, which cannot shrink, or whose call was halted, is dropped.

use std::sync::{Arc, Weak};

use tos_host_api::limits;
use wasmtime::{Global, Memory, Store, TypedFunc, Val};

use super::call::HostState;
use super::prepare::{EntryParams, EntryResult, WRITE_REACH, global_export};
use super::{CompiledModule, Meter, Written};
use crate::error::EngineError;
use crate::planted::{Bug, is_any_planted, planted};

/// Longest part of memory that is put back, in bytes: a fresh instance is not much dearer.
const RESTORED_BYTES_MAX: usize = 1 << 16;

/// Largest union of writes that stays for the next call. Setting a global takes longer than putting
/// back as much, and calls of one instance mostly write to the same places; the union only grows by
/// that, so it never hides a write.
const UNION_KEPT_MAX: i32 = (1 << 12) - 1;

/// How a call ended after which the instance might be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The guest has returned, and told where it wrote.
    Returned,
    /// A host function stopped the guest.
    Stopped,
}

/// An instance in a store of its own.
pub(super) struct Live {
    pub(super) store: Store<HostState>,
    pub(super) memory: Memory,
    pub(super) meter: Meter,
    /// The words of stack that the counter holds, if that is known.
    pub(super) stack_words: Option<u64>,
    /// Calls an entry.
    enter: TypedFunc<EntryParams, i64>,
    /// The guest's mutable globals with their initial values.
    globals: Vec<(Global, Val)>,
    /// Where the guest has written.
    written: Global,
    /// What `written` holds before a call.
    union: i32,
    /// Whether the last call may have changed what `globals` and `written` held before.
    globals_differ: bool,
    /// Pages of initial memory.
    pages: u64,
    /// Its module, as long as anybody has it.
    module: Weak<()>,
}

impl Live {
    /// A fresh instance. The pool has room for every frame of everybody who holds a permit; see
    /// `permits.rs`.
    ///
    /// # Errors
    /// Our limits are below the pool's, segments were checked by the gate, and there is no start
    /// function: an instance that cannot be made is the engine's fault.
    pub(super) fn new(module: &CompiledModule) -> Result<Self, EngineError> {
        let engine = module.instance_pre.module().engine();
        let mut store = Store::new(engine, HostState::default());
        store.limiter(HostState::limiter);
        // Instantiation runs no code of the guest's; its price is part of the call's.
        let instance = module.instance_pre.instantiate(&mut store).map_err(not_instantiated)?;
        let meter = Meter::of_instance(&mut store, &instance, module)?;
        let memory = instance.get_memory(&mut store, limits::MEMORY_EXPORT).ok_or_else(|| {
            EngineError::Bug("a prepared module does not export its memory".into())
        })?;
        let enter = instance.get_module_export(&mut store, &module.counters.enter);
        let enter = enter
            .and_then(wasmtime::Extern::into_func)
            .ok_or_else(|| EngineError::Bug("a prepared module has no way in".into()))?;
        let enter = enter.typed(&store).map_err(not_instantiated)?;
        let written = instance.get_module_export(&mut store, &module.counters.written);
        let written = written
            .and_then(wasmtime::Extern::into_global)
            .ok_or_else(|| EngineError::Bug("a prepared module does not tell its writes".into()))?;
        let mut globals = Vec::with_capacity(module.info.mutable_globals.len());
        for index in &module.info.mutable_globals {
            let export = instance.get_global(&mut store, &global_export(*index));
            let global = export
                .ok_or_else(|| EngineError::Bug(format!("global {index} is not exported")))?;
            globals.push((global, global.get(&mut store)));
        }
        debug_assert!(module.image.matches(memory.data(&store)), "the image is another module's");
        Ok(Self {
            store,
            memory,
            meter,
            stack_words: None,
            enter,
            globals,
            written,
            union: 0,
            globals_differ: false,
            pages: module.info.memory_pages_min,
            module: Arc::downgrade(&module.identity),
        })
    }

    /// Runs the entry of this number with so many units of gas; what is left of them. The function
    /// is not cloned for it: its type is counted by all workers together.
    ///
    /// # Errors
    /// How the guest was stopped.
    pub(super) fn run(&mut self, entry: i32, units: i64) -> wasmtime::Result<u64> {
        self.globals_differ = true;
        let ended = self.enter.call(&mut self.store, (entry, units, self.union));
        ended.map(|result| {
            let result = EntryResult(result);
            self.globals_differ = result.globals_differ();
            result.gas_left()
        })
    }

    /// Makes the instance what a fresh one is; `false` if it has to go.
    pub(super) fn restore(&mut self, module: &CompiledModule, ended: Ended) -> bool {
        let told = match ended {
            Ended::Returned if self.globals_differ => self.written.get(&mut self.store).i32(),
            Ended::Returned => Some(self.union),
            Ended::Stopped => None,
        };
        let unknown = planted(Bug::WritesOfTheHostForgotten);
        let by_host = if unknown { Written::default() } else { self.store.data().written };
        let memory = self.memory.data_mut(&mut self.store);
        if memory.len() as u64 != self.pages << 16 && !planted(Bug::GrownMemoryKept) {
            return false;
        }
        let (start, end) = match told.and_then(|told| usize::try_from(told).ok()) {
            Some(union) => {
                let from = module.info.writes_from as usize;
                let end = from
                    + union
                    + if planted(Bug::ReachForgotten) { 0 } else { WRITE_REACH as usize };
                (from.min(by_host.start), end.max(by_host.end).min(memory.len()))
            }
            None => (0, memory.len()),
        };
        if end.saturating_sub(start) > RESTORED_BYTES_MAX {
            return false;
        }
        let page = if planted(Bug::RestoresAPageTooFew) { 1 << 12 } else { 0 };
        module.image.restore(memory, start, end.saturating_sub(page));
        // A release build does not look, so neither does one that is broken on purpose.
        debug_assert!(
            module.image.matches(memory) || is_any_planted(),
            "a call left traces in {ended:?}"
        );
        if !self.globals_differ {
            return true;
        }
        let stays = told.filter(|union| (0..=UNION_KEPT_MAX).contains(union));
        self.union = stays.unwrap_or(0);
        let kept = if planted(Bug::GlobalsNotRestored) { 0 } else { self.globals.len() };
        let written = (self.written, Val::I32(self.union));
        let mut globals = self.globals[..kept].iter().chain([&written]);
        globals.all(|(global, initial)| global.set(&mut self.store, *initial).is_ok())
    }

    pub(super) fn is_of(&self, module: &CompiledModule) -> bool {
        // The address is its own as long as anybody refers to it, and this instance does.
        Weak::as_ptr(&self.module) == Arc::as_ptr(&module.identity)
    }

    /// Whether anybody else still has the module.
    pub(super) fn has_module(&self) -> bool {
        self.module.strong_count() > 0
    }

    pub(super) fn pages(&self) -> u64 {
        self.pages
    }
}

#[cold]
fn not_instantiated(error: wasmtime::Error) -> EngineError {
    EngineError::Sandbox(format!("cannot instantiate: {error:#}"))
}
