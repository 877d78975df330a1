//! The wasmtime engine: every setting that consensus or safety can see is stated, also where it
//! equals today's default, so that an upgrade cannot change one behind our back.
//!
//! Cargo features decide too. These are off in the workspace's manifest, and with each the switch
//! that would have to be stated is not compiled in:
//!
//! | Feature | Switch | What is left without it |
//! |---|---|---|
//! | `parallel-compilation` | `parallel_compilation` | one thread compiles |
//! | `cache` | `cache` | no cache on disk but ours |
//! | `coredump` | `coredump_on_trap` | no core dumps |
//! | `debug` | `guest_debug` | always off |
//! | `memory-protection-keys` | `memory_protection_keys` | always off |
//! | `gc` | `collector` | no collector |
//! | `component-model` | `wasm_component_model_*` | the flags, set below |
//! | `threads` | `wasm_threads` | the flag, set below |
//! | `async` | `total_stacks`, `call_async` | calls are synchronous |
//! | `wat` | - | modules are binary |
//!
//! Should a program that embeds the engine switch one on, the features and limits below still hold,
//! because they are stated; what the first five add stays at its default, which is off, except that
//! compilation may then use more threads. `Module::from_binary` never takes text.

use std::num::NonZeroUsize;

use tos_host_api::limits;
use wasmtime::{
    Config, Enabled, Engine, Inlining, InstanceAllocationStrategy, ModuleVersionStrategy, OptLevel,
    PoolingAllocationConfig, ProfilingStrategy, RegallocAlgorithm, Strategy, WasmBacktraceDetails,
    WasmFeatures,
};

#[cfg(test)]
mod tests;

use super::prepare::START_PAGES;
use crate::error::EngineError;

/// Names compiled code of this profile; artifacts of another are refused.
pub(crate) const PROFILE_VERSION: &str = "tos-runtime-1";
/// Native stack of a guest in bytes. The logical limit of 16,384 words always ends first: a word
/// stands for at most 264 bytes (see `prepare/limits.rs`), 4.2 MiB in all, and the last function on
/// the stack, which is not accounted for, adds less than 1 MiB.
pub(crate) const WASM_STACK_BYTES: usize = 8 << 20;
/// Address space per memory. With 4 GiB and the guard behind it no 32-bit address needs a bounds
/// check in compiled code; only pages in use cost memory.
///
/// ThreadSanitizer takes most of the address space for itself. What is left holds the pools of a few
/// engines if memories get little more than they may grow to, and compiled code checks bounds.
const MEMORY_RESERVATION_BYTES: u64 = if cfg!(tos_sanitizer) { 1 << 23 } else { 1 << 32 };
/// Inaccessible address space behind each memory, and before it: a second lock behind the bounds
/// that the reservation gives.
const MEMORY_GUARD_BYTES: u64 = 32 << 20;
/// Largest part of a module's initial memory that is kept as an image to be mapped; what is larger
/// is copied. The memory limit is below it.
const IMAGE_BYTES_MAX: u64 = 16 << 20;
/// Memory left mapped when an instance goes, so that the next one need not fault it in: the pages
/// that the price of a call includes.
const KEEP_RESIDENT_BYTES: usize = (START_PAGES as usize) << 16;
/// Room for an instance's globals, table and function references.
const INSTANCE_BYTES_MAX: usize = 1 << 20;

/// The language that compiled code may use: the minimum, sign extension, mutable globals,
/// `memory.copy`/`fill`. The gate has decided before; this is the second lock on the same door.
const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::BULK_MEMORY_OPT)
    .union(WasmFeatures::CALL_INDIRECT_OVERLONG);

/// An engine with this profile whose pool holds so many instances; their number changes no code.
///
/// # Errors
/// wasmtime refuses the configuration on this machine, or has no compiler for it.
pub(crate) fn engine(instances: usize) -> Result<Engine, EngineError> {
    config(target(), instances)
        .and_then(|config| native_engine(&config))
        .map_err(|error| EngineError::Sandbox(format!("wasmtime engine: {error:#}")))
}

/// An engine that runs machine code. On a processor that Cranelift does not know, wasmtime would
/// take its interpreter instead, for which neither the prices nor the native stack are meant.
fn native_engine(config: &Config) -> wasmtime::Result<Engine> {
    let engine = Engine::new(config)?;
    wasmtime::ensure!(!engine.is_pulley(), "there is no native compiler for this processor");
    Ok(engine)
}

/// The configuration for the target of this host.
#[cfg(feature = "testing")]
pub(crate) fn host_config(instances: usize) -> wasmtime::Result<Config> {
    config(target(), instances)
}

/// The configuration for a target; `None` is the host's own.
pub(super) fn config(target: Option<&str>, instances: usize) -> wasmtime::Result<Config> {
    let mut config = Config::new();
    if let Some(triple) = target {
        // An explicit target stops inference from the host's CPU: equal machine code everywhere.
        config.target(triple)?;
    }
    set_compiler(&mut config)?;
    set_features(&mut config);
    set_execution(&mut config);
    set_diagnostics(&mut config);
    set_memory(&mut config);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances)));
    Ok(config)
}

/// The triple to compile for; `None` on hosts we do not pin, where the host's own is used.
fn target() -> Option<&'static str> {
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        Some("x86_64-unknown-linux-gnu")
    } else if cfg!(all(target_os = "linux", target_arch = "aarch64")) {
        Some("aarch64-unknown-linux-gnu")
    } else {
        None
    }
}

fn set_compiler(config: &mut Config) -> wasmtime::Result<()> {
    config
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_regalloc_algorithm(RegallocAlgorithm::Backtracking)
        .cranelift_nan_canonicalization(true)
        .cranelift_debug_verifier(false)
        .cranelift_wasmtime_debug_checks(false)
        .compiler_inlining(Inlining::No)
        .module_version(ModuleVersionStrategy::Custom(PROFILE_VERSION.into()))?;
    Ok(())
}

fn set_features(config: &mut Config) {
    // Everything goes off by name of the whole set: what a new version adds stays off as well.
    config
        .wasm_features(WasmFeatures::all(), false)
        .wasm_features(FEATURES, true)
        .wasm_branch_hinting(false)
        .relaxed_simd_deterministic(true)
        .shared_memory(false)
        .concurrency_support(false);
}

/// Nothing but the metering in the module stops a guest.
fn set_execution(config: &mut Config) {
    config
        .max_wasm_stack(WASM_STACK_BYTES)
        // Checked against the former even where no call is asynchronous.
        .async_stack_size(WASM_STACK_BYTES)
        .async_stack_zeroing(false)
        .consume_fuel(false)
        .epoch_interruption(false)
        .signals_based_traps(true);
}

/// Nothing that formats text, reads the environment or maps addresses.
fn set_diagnostics(config: &mut Config) {
    config
        .wasm_backtrace_max_frames(None::<NonZeroUsize>)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .generate_address_map(false)
        .native_unwind_info(false)
        .debug_info(false)
        .debug_symbols(false)
        .metadata_for_internal_asserts(false)
        .metadata_for_gc_heap_corruption(false)
        .wmemcheck(false)
        .profiler(ProfilingStrategy::None);
}

/// Memory that never moves and never depends on free address space.
fn set_memory(config: &mut Config) {
    config
        .memory_reservation(MEMORY_RESERVATION_BYTES)
        .memory_reservation_for_growth(0)
        .memory_may_move(false)
        .memory_guard_size(MEMORY_GUARD_BYTES)
        .guard_before_linear_memory(true)
        .memory_init_cow(true)
        .memory_guaranteed_dense_image_size(IMAGE_BYTES_MAX)
        .force_memory_init_memfd(false)
        .table_lazy_init(true);
}

/// Instances whose places exist before they are asked for. Every bound of the pool is at least the
/// consensus limit of the same thing, so that none of them ever shows.
pub(super) fn pool(instances: usize) -> PoolingAllocationConfig {
    let memory_bytes = usize::try_from(limits::MEMORY_PAGES_MAX << 16).unwrap_or(usize::MAX);
    let table_elements = usize::try_from(limits::TABLE_ELEMENTS_MAX).unwrap_or(usize::MAX);
    let instances = u32::try_from(instances).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(instances)
        .total_memories(instances)
        .total_tables(instances)
        .max_memories_per_module(1)
        .max_tables_per_module(1)
        .max_core_instance_size(INSTANCE_BYTES_MAX)
        .max_memory_size(memory_bytes)
        .table_elements(table_elements)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(KEEP_RESIDENT_BYTES)
        .decommit_batch_size(1)
        .max_unused_warm_slots(instances)
        .pagemap_scan(Enabled::No)
        // There are no components.
        .total_component_instances(0)
        .max_component_instance_size(0)
        .max_core_instances_per_component(0)
        .max_memories_per_component(0)
        .max_tables_per_component(0);
    pool
}
