//! The wasmtime engine: every setting that consensus or safety can see is stated, also where it
//! equals today's default, so that an upgrade cannot change one behind our back. Cargo features
//! decide too: without `parallel-compilation`, `wat`, `gc`, `threads`, `async` and
//! `component-model` there is nothing to switch off.

use tos_host_api::limits;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, ModuleVersionStrategy, OptLevel,
    PoolingAllocationConfig, RegallocAlgorithm, Strategy, WasmBacktraceDetails, WasmFeatures,
};

use crate::error::EngineError;

/// Names compiled code of this profile; artifacts of another are refused.
pub(crate) const PROFILE_VERSION: &str = "tos-runtime-1";
/// Native stack of a guest in bytes. The logical limit of 16,384 words always ends first: a word
/// stands for at most 264 bytes (see `prepare/limits.rs`), 4.2 MiB in all, and the last function on
/// the stack, which is not accounted for, adds less than 1 MiB.
pub(crate) const WASM_STACK_BYTES: usize = 8 << 20;
/// Live instances at once: workers of concurrent executions, views and simulations. Whoever comes
/// when all are taken waits, see `call.rs`. At least [`crate::EngineConfig::THREADS_MAX`], so that
/// no worker ever does.
const INSTANCES_MAX: u32 = 300;
/// Address space per memory. With 4 GiB and the guard behind it no 32-bit address needs a bounds
/// check in compiled code; only pages in use cost memory.
const MEMORY_RESERVATION_BYTES: u64 = 1 << 32;
/// Memory left mapped when an instance goes, so that the next one need not fault it in.
const KEEP_RESIDENT_BYTES: usize = 128 * 1024;
/// Room for an instance's globals, table and function references.
const INSTANCE_BYTES_MAX: usize = 1 << 20;

/// An engine with this profile.
///
/// # Errors
/// wasmtime refuses the configuration on this machine.
pub(crate) fn engine() -> Result<Engine, EngineError> {
    config()
        .and_then(|config| Engine::new(&config))
        .map_err(|error| EngineError::Sandbox(format!("wasmtime engine: {error:#}")))
}

fn config() -> wasmtime::Result<Config> {
    let mut config = Config::new();
    if let Some(triple) = target() {
        // An explicit target stops inference from the host's CPU: equal machine code everywhere.
        config.target(triple)?;
    }
    config
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_regalloc_algorithm(RegallocAlgorithm::Backtracking)
        .cranelift_nan_canonicalization(true)
        .cranelift_debug_verifier(false)
        .compiler_inlining(wasmtime::Inlining::No)
        .module_version(ModuleVersionStrategy::Custom(PROFILE_VERSION.into()))?
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(WASM_STACK_BYTES)
        .consume_fuel(false)
        .epoch_interruption(false)
        .signals_based_traps(true);
    set_features(&mut config);
    set_diagnostics(&mut config);
    set_memory(&mut config);
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

/// The accepted language: the minimum, sign extension, mutable globals, `memory.copy`/`fill`.
/// The gate has decided before; this is the second lock on the same door.
fn set_features(config: &mut Config) {
    // Supersets go before their parts, or the parts would be switched off again.
    for off in [
        WasmFeatures::RELAXED_SIMD,
        WasmFeatures::SIMD,
        WasmFeatures::THREADS,
        WasmFeatures::SHARED_EVERYTHING_THREADS,
        WasmFeatures::TAIL_CALL,
        WasmFeatures::MULTI_MEMORY,
        WasmFeatures::MEMORY64,
        WasmFeatures::EXCEPTIONS,
        WasmFeatures::LEGACY_EXCEPTIONS,
        WasmFeatures::FUNCTION_REFERENCES,
        WasmFeatures::GC,
        WasmFeatures::COMPONENT_MODEL,
        WasmFeatures::BULK_MEMORY,
        WasmFeatures::REFERENCE_TYPES,
        WasmFeatures::EXTENDED_CONST,
        WasmFeatures::SATURATING_FLOAT_TO_INT,
        WasmFeatures::CUSTOM_PAGE_SIZES,
        WasmFeatures::WIDE_ARITHMETIC,
        WasmFeatures::STACK_SWITCHING,
        WasmFeatures::MULTI_VALUE,
        WasmFeatures::FLOATS,
    ] {
        config.wasm_features(off, false);
    }
    for on in [
        WasmFeatures::MUTABLE_GLOBAL,
        WasmFeatures::SIGN_EXTENSION,
        WasmFeatures::BULK_MEMORY_OPT,
        WasmFeatures::CALL_INDIRECT_OVERLONG,
    ] {
        config.wasm_features(on, true);
    }
    config.wasm_branch_hinting(false).relaxed_simd_deterministic(true).shared_memory(false);
}

/// Nothing that formats text, reads the environment or maps addresses.
fn set_diagnostics(config: &mut Config) {
    config
        .wasm_backtrace_max_frames(None)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .generate_address_map(false)
        .native_unwind_info(false)
        .debug_info(false);
}

/// Pooled instances with memory that never moves and never depends on free address space.
fn set_memory(config: &mut Config) {
    let memory_bytes = usize::try_from(limits::MEMORY_PAGES_MAX << 16).unwrap_or(usize::MAX);
    let table_elements = usize::try_from(limits::TABLE_ELEMENTS_MAX).unwrap_or(usize::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(INSTANCES_MAX)
        .total_memories(INSTANCES_MAX)
        .total_tables(INSTANCES_MAX)
        .max_memories_per_module(1)
        .max_tables_per_module(1)
        .max_core_instance_size(INSTANCE_BYTES_MAX)
        .max_memory_size(memory_bytes)
        .table_elements(table_elements)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(KEEP_RESIDENT_BYTES)
        .decommit_batch_size(1)
        .max_unused_warm_slots(INSTANCES_MAX)
        .pagemap_scan(Enabled::No);
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .memory_reservation(MEMORY_RESERVATION_BYTES)
        .memory_reservation_for_growth(0)
        .memory_may_move(false)
        .guard_before_linear_memory(true)
        .memory_init_cow(true);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_run_as_machine_code_whatever_features_other_crates_switch_on() {
        // The tests of the workspace are built with wasmtime's interpreter, because one crate there
        // compares engines. It may not become the engine.
        let engine = engine().expect("the engine starts");
        assert!(!engine.is_pulley());
    }
}
