//! One test per line of the profile, by what the engine says about itself or by what it refuses.
//! Each fails when its line is changed in `mod.rs`.

use std::process::Command;
use std::sync::{Arc, LazyLock};

use wasmtime::{Instance, Linker, Module, ResourceLimiter, Store};

use super::*;
use crate::sandbox::call::with_stack;
use crate::sandbox::limiter::Limiter;
use crate::sandbox::permits::CallPermits;
use crate::sandbox::prepare::{ENTER_EXPORT, EntryParams, OperatorCosts, STACK_EXPORT, prepare};
use crate::sandbox::{Modules, ModulesConfig, Preparation, artifact};
use crate::storage::MemoryStorage;
use crate::{EngineConfig, Hash};

/// Places of an engine with two workers.
const INSTANCES: usize = 864;

static PROFILE: LazyLock<Engine> =
    LazyLock::new(|| engine(INSTANCES).expect("the profile is accepted"));

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("valid text")
}

/// A contract around some fields, as it runs.
fn prepared(fields: &str) -> Vec<u8> {
    let text = format!(r#"(module (memory (export "memory") 1) (func (export "run")) {fields})"#);
    prepare(&wasm(&text), &OperatorCosts::default()).expect("it is accepted").module
}

#[track_caller]
fn refuses(code: &[u8], text: &str) {
    let error = Module::from_binary(&PROFILE, code).expect_err("it is refused");
    assert!(format!("{error:#}").contains(text), "{error:#}");
}

/// An engine that differs from the profile.
fn engine_with(change: impl FnOnce(&mut Config)) -> Engine {
    let mut config = config(target(), 1).expect("the target is known");
    change(&mut config);
    Engine::new(&config).expect("the change is possible")
}

#[test]
fn line_01_cargo_features_of_wasmtime() {
    // Whatever is not in this list is not compiled in: `cache`, `coredump`, `debug`, `gc`, `wat`,
    // `parallel-compilation`, `memory-protection-keys`, `async`, `threads`, `component-model`.
    let manifest = include_str!("../../../../Cargo.toml");
    let line = manifest.lines().find(|line| line.starts_with("wasmtime = "));
    let stated = line.expect("the workspace depends on it");
    assert!(stated.contains(r#"version = "=48.0.8", default-features = false"#), "{stated}");
    let features = r#"features = ["runtime", "std", "cranelift", "pooling-allocator"] }"#;
    assert!(stated.ends_with(features), "{stated}");
}

#[test]
fn line_02_modules_are_binary() {
    refuses(b"(module)", "magic header not detected");
    refuses(b"\0asm\x0d\0\x01\0", "component");
    // Compiled code of this very engine.
    let elf = Module::from_binary(&PROFILE, &prepared("")).and_then(|module| module.serialize());
    refuses(&elf.expect("it compiles"), "magic header not detected");
}

#[test]
fn line_03_the_target_is_explicit() {
    assert_eq!(PROFILE.get_target().as_deref(), target());
    assert_eq!(PROFILE.get_cranelift_flags_enabled().count(), 0);
    let set: Vec<_> = PROFILE.get_cranelift_flags_set().collect();
    assert_eq!(set, [("wasmtime_debug_checks", "false")]);
}

#[test]
fn line_04_cranelift_compiles_to_machine_code() {
    assert_eq!(PROFILE.get_strategy(), Some(Strategy::Cranelift));
    assert!(!PROFILE.is_pulley());
}

#[test]
fn line_04_an_interpreter_is_refused() {
    // wasmtime takes Pulley by itself where it has no compiler. With its feature `pulley` such an
    // engine can be made, and is refused by us; without, by wasmtime.
    let refused = config(Some("pulley64"), 1).and_then(|config| native_engine(&config));
    let error = refused.expect_err("it is refused").to_string();
    assert!(error.contains("native compiler") || error.contains("ulley"), "{error}");
}

#[test]
fn line_05_optimisation_and_register_allocation() {
    assert_eq!(PROFILE.get_cranelift_opt_level(), Some(OptLevel::Speed));
    let algorithm = PROFILE.get_cranelift_regalloc_algorithm();
    assert!(matches!(algorithm, Some(RegallocAlgorithm::Backtracking)));
    assert_eq!(PROFILE.get_cranelift_debug_verifier(), Some(false));
}

#[test]
fn line_06_neither_inlining_nor_branch_hints() {
    assert_eq!(PROFILE.get_compiler_inlining(), Inlining::No);
    assert!(!PROFILE.get_wasm_branch_hinting());
}

#[test]
fn line_07_features_are_these_four() {
    let names: Vec<_> =
        PROFILE.get_wasm_features().iter_names().map(|(name, _)| name.to_owned()).collect();
    let expected =
        ["MUTABLE_GLOBAL", "SIGN_EXTENSION", "CALL_INDIRECT_OVERLONG", "BULK_MEMORY_OPT"];
    for name in expected {
        assert!(names.iter().any(|found| found == name), "{name} is off");
    }
    assert_eq!(names.len(), expected.len(), "{names:?}");
}

#[test]
fn line_07_what_is_off_is_refused() {
    for (text, message) in [
        ("(module (memory i64 1))", "memory64"),
        ("(module (memory 1) (memory 1))", "multiple memories"),
        ("(module (func (result i32 i32) unreachable))", "multi-value"),
        ("(module (table 1 externref))", "reference types"),
        ("(module (func (return_call 0)))", "tail calls"),
        ("(module (tag))", "exceptions"),
        ("(module (type (struct)))", "gc"),
        ("(module (memory 1 (pagesize 1)))", "custom page sizes"),
        ("(module (global i32 (i32.add (i32.const 1) (i32.const 1))))", "non-constant operator"),
        ("(module (func (param i64) (drop (i64.trunc_sat_f64_s (f64.const 1)))))", "float"),
        ("(module (memory 1) (data \"x\"))", "bulk-memory"),
        ("(module (table 1 funcref) (elem func))", "bulk memory"),
    ] {
        refuses(&wasm(text), message);
    }
}

#[test]
fn line_08_floats_are_refused() {
    refuses(&wasm("(module (func (param f32)))"), "floating-point");
    refuses(&wasm("(module (func (drop (f64.const 1))))"), "floating-point");
}

#[test]
fn line_09_nan_and_relaxed_simd_are_canonical() {
    assert_eq!(PROFILE.get_cranelift_nan_canonicalization(), Some(true));
    assert!(PROFILE.get_relaxed_simd_deterministic());
}

#[test]
fn line_10_gas_is_in_the_module() {
    assert!(!PROFILE.get_consume_fuel());
}

#[test]
fn line_11_no_clock_stops_a_guest() {
    assert!(!PROFILE.get_epoch_interruption());
}

#[test]
fn line_12_native_stack() {
    assert_eq!(PROFILE.get_max_wasm_stack(), 8 << 20);
}

#[test]
fn line_13_calls_have_their_stack_on_any_thread() {
    let thread = std::thread::Builder::new().stack_size(256 << 10);
    let left = thread.spawn(|| with_stack(stacker::remaining_stack)).expect("a thread");
    let left = left.join().expect("no panic").expect("it is known");
    assert!(left > WASM_STACK_BYTES + (1 << 20) - (64 << 10), "{left} bytes");
}

#[test]
fn line_14_an_asynchronous_stack_would_hold_as_much() {
    assert!(PROFILE.get_async_stack_size() >= PROFILE.get_max_wasm_stack());
    assert!(!PROFILE.get_async_stack_zeroing());
    assert!(!PROFILE.get_concurrency_support());
}

#[test]
fn line_15_nothing_is_shared() {
    assert!(!PROFILE.get_shared_memory());
    refuses(&wasm("(module (memory 1 1 shared))"), "threads");
    refuses(&wasm("(module (func atomic.fence))"), "threads");
}

#[test]
fn line_16_memory_stays_where_it_is() {
    assert!(PROFILE.get_memory_reservation() >= limits::MEMORY_PAGES_MAX << 16);
    assert_eq!(PROFILE.get_memory_reservation(), 1 << 32);
    assert_eq!(PROFILE.get_memory_reservation_for_growth(), 0);
    assert!(!PROFILE.get_memory_may_move());
    assert_eq!(PROFILE.get_memory_guard_size(), 32 << 20);
    assert!(PROFILE.get_guard_before_linear_memory());
}

#[test]
fn line_17_one_instance_one_memory_one_table() {
    assert_eq!((Limiter.instances(), Limiter.memories(), Limiter.tables()), (1, 1, 1));
}

#[test]
fn line_18_prepared_modules_declare_their_maximum() {
    let table = r#"(table (export "t") 1 funcref)"#;
    let module = Module::from_binary(&PROFILE, &prepared(table)).expect("it compiles");
    let memory = module.get_export("memory").expect("it is exported");
    assert_eq!(memory.unwrap_memory().maximum(), Some(limits::MEMORY_PAGES_MAX));
    // The table's export is gone, so its type is read from the bytes.
    let text = format!(
        "{:?}",
        wasmparser::Parser::new(0).parse_all(&prepared(table)).find_map(|payload| match payload {
            Ok(wasmparser::Payload::TableSection(tables)) => tables.into_iter().next(),
            _ => None,
        },)
    );
    assert!(text.contains(&format!("maximum: Some({})", limits::TABLE_ELEMENTS_MAX)), "{text}");
}

#[test]
fn line_19_the_pool_is_as_large_as_the_limits() {
    let pool = PROFILE.get_pooling_config().expect("instances are pooled");
    let places = [
        pool.get_total_core_instances(),
        pool.get_total_memories(),
        pool.get_total_tables(),
        pool.get_max_unused_warm_slots(),
    ];
    assert_eq!(places, [864; 4]);
    // Whoever holds a permit finds places for all its frames.
    assert_eq!(CallPermits::instances(CallPermits::count(2)), INSTANCES);
    let most = CallPermits::instances(CallPermits::count(EngineConfig::THREADS_MAX));
    assert!(engine(most).is_ok(), "{most} places");
    assert_eq!((pool.get_max_memories_per_module(), pool.get_max_tables_per_module()), (1, 1));
    assert_eq!(pool.get_max_memory_size() as u64, limits::MEMORY_PAGES_MAX << 16);
    assert_eq!(pool.get_table_elements() as u64, limits::TABLE_ELEMENTS_MAX);
    assert_eq!(pool.get_max_core_instance_size(), 1 << 20);
    assert_eq!(pool.get_memory_keep_resident(), 128 << 10);
    assert_eq!(pool.get_table_keep_resident(), 128 << 10);
    assert_eq!(pool.get_decommit_batch_size(), 1);
    assert!(matches!(pool.get_pagemap_scan(), Enabled::No));
    // Not compiled in, so there is nothing to state.
    assert!(matches!(pool.get_memory_protection_keys(), Enabled::No));
    assert_eq!(pool.get_total_component_instances(), 0);
    assert_eq!(pool.get_max_component_instance_size(), 0);
    assert_eq!(pool.get_max_core_instances_per_component(), 0);
    assert_eq!(pool.get_max_memories_per_component(), 0);
    assert_eq!(pool.get_max_tables_per_component(), 0);
}

#[test]
fn line_19_an_instance_at_every_limit_fits_the_pool() {
    let fields = format!(
        r#"(func $f) (table {max} funcref) (elem (i32.const 0) {functions}) {globals}
           (func (export "memory_is_full") (drop (memory.grow (i32.const 63))))"#,
        max = limits::TABLE_ELEMENTS_MAX,
        functions = "$f ".repeat(limits::TABLE_ELEMENTS_MAX as usize),
        globals =
            "(global (mut i64) (i64.const 1))".repeat(crate::prepare::limits::GLOBALS_MAX as usize),
    );
    let module = Module::from_binary(&PROFILE, &prepared(&fields)).expect("it compiles");
    let mut store = Store::new(&PROFILE, Limiter);
    store.limiter(|limiter| limiter);
    Instance::new(&mut store, &module, &[]).expect("there is room");
}

#[test]
fn line_20_initial_memory_is_mapped() {
    assert!(PROFILE.get_memory_init_cow());
    let image = PROFILE.get_memory_guaranteed_dense_image_size();
    assert!(image >= limits::MEMORY_PAGES_MAX << 16, "{image} bytes");
    assert!(PROFILE.get_table_lazy_init());
}

#[test]
fn line_21_compiled_code_is_stored_by_us_alone() {
    // The switch is the feature: see line 1. What is stored is what `artifact.rs` writes.
    let manifest = include_str!("../../../../Cargo.toml");
    assert!(!manifest.lines().any(|line| line.starts_with("wasmtime") && line.contains("cache")));
}

#[test]
fn line_22_compiled_code_of_another_profile_is_refused() {
    assert!(PROFILE_VERSION.len() <= 255);
    let other = engine_with(|config| {
        let version = ModuleVersionStrategy::Custom("tos-runtime-0".into());
        config.module_version(version).expect("it is short");
    });
    let (code, preparation) = (Hash([1; 32]), Hash([2; 32]));
    let key = artifact::key(&PROFILE, &code, &preparation);
    assert_ne!(artifact::key(&other, &code, &preparation), key);
    // Even under the right key and with the right digest.
    let module = Module::from_binary(&other, &prepared("")).expect("it compiles");
    let stored = artifact::encode(&module, b"facts", &key).expect("it is serialized");
    assert!(artifact::decode(&other, &stored, &key).is_some());
    assert!(artifact::decode(&PROFILE, &stored, &key).is_none());
}

#[test]
fn line_22_every_setting_of_the_compiler_is_in_the_key() {
    let key = |engine: &Engine| artifact::key(engine, &Hash([1; 32]), &Hash([2; 32]));
    let changes: [fn(&mut Config); 5] = [
        |config| {
            config.cranelift_opt_level(OptLevel::None);
        },
        |config| {
            config.cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
        },
        |config| {
            config.wasm_features(WasmFeatures::MULTI_VALUE, true);
        },
        |config| {
            config.consume_fuel(true);
        },
        |config| {
            config.memory_reservation(1 << 31);
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        assert_ne!(key(&engine_with(change)), key(&PROFILE), "change {number}");
    }
    assert_eq!(key(&engine_with(|_| {})), key(&PROFILE));
}

#[test]
fn line_23_only_bytes_with_their_digest_are_loaded() {
    let key = Hash([3; 32]);
    let module = Module::from_binary(&PROFILE, &prepared("")).expect("it compiles");
    let code = module.serialize().expect("it is serialized");
    assert!(artifact::decode(&PROFILE, &code, &key).is_none());
    assert!(artifact::decode(&PROFILE, &[&[0; 32], &code[..]].concat(), &key).is_none());
    let stored = artifact::encode(&module, b"facts", &key).expect("it is serialized");
    assert!(artifact::decode(&PROFILE, &stored, &key).is_some());
}

#[test]
fn line_24_nothing_is_traced() {
    assert_eq!(PROFILE.get_wasm_backtrace_max_frames(), 0);
    assert!(!PROFILE.get_generate_address_map());
    assert_eq!(PROFILE.get_native_unwind_info(), Some(false));
    assert!(!PROFILE.get_debug_info());
    assert!(!PROFILE.get_debug_symbols());
    assert!(!PROFILE.get_guest_debug());
    assert!(!PROFILE.get_metadata_for_internal_asserts());
    assert!(!PROFILE.get_metadata_for_gc_heap_corruption());
    let stated = format!("{:?}", PROFILE.config());
    assert!(stated.contains("parse_wasm_debuginfo: false"), "{stated}");
}

#[test]
fn line_24_the_environment_changes_nothing() {
    // The same tests in a process whose environment asks for what the profile rules out.
    let this_test = "line_24_the_environment_changes_nothing";
    let tests = module_path!().split_once("::").expect("a module of the crate").1;
    let output = Command::new(std::env::current_exe().expect("this test has a file"))
        .args([tests, "--skip", this_test])
        .env("WASMTIME_BACKTRACE_DETAILS", "1")
        .env("RAYON_NUM_THREADS", "7")
        .env("LC_ALL", "C")
        .output()
        .expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && !text.contains(" 0 passed"), "{text}");
}

#[test]
fn line_25_compilation_stays_on_one_thread() {
    // The switch is the feature: see line 1.
    let code = prepared(&"(func)".repeat(2_000));
    Module::from_binary(&PROFILE, &code).expect("it compiles");
    assert_eq!(rayon_threads(), 0);
}

/// Threads of a compiler that shares its work out, where the system tells.
fn rayon_threads() -> usize {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return 0 };
    let names =
        tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.contains("rayon")).count()
}

#[test]
fn line_26_traps_are_signals() {
    assert!(PROFILE.get_signals_based_traps());
}

#[test]
fn line_27_a_fresh_instance_knows_nothing_of_the_last() {
    let code = prepared(
        r#"(global (mut i32) (i32.const 7))
           (func (export "mark")
             (if (i32.ne (global.get 0) (i32.const 7)) (then unreachable))
             (if (i32.load (i32.const 4)) (then unreachable))
             (if (i32.ne (memory.size) (i32.const 1)) (then unreachable))
             (global.set 0 (i32.const 8))
             (i32.store (i32.const 4) (i32.const 9))
             (drop (memory.grow (i32.const 1)))
             (i32.store (i32.const 65536) (i32.const 9)))"#,
    );
    // One place, so that every instance comes to lie where the last one was.
    let engine = engine_with(|_| {});
    let module = Module::from_binary(&engine, &code).expect("it compiles");
    let instances = Linker::new(&engine).instantiate_pre(&module).expect("no imports");
    for _ in 0..3 {
        let mut store = Store::new(&engine, ());
        let instance = instances.instantiate(&mut store).expect("the place is free again");
        let stack = instance.get_global(&mut store, STACK_EXPORT).expect("it is exported");
        stack.set(&mut store, wasmtime::Val::I32(1_000)).expect("it is mutable");
        let mark = instance.get_typed_func::<EntryParams, i64>(&mut store, ENTER_EXPORT);
        let marked = mark.expect("exported").call(&mut store, (0, 1 << 40, 0));
        marked.expect("nothing is left of the last instance");
    }
}

#[test]
fn line_28_modules_stay_with_their_engine() {
    let storage = Arc::new(MemoryStorage::new());
    let prices = Preparation::new(OperatorCosts::default());
    let config = ModulesConfig { bytes_max: 1 << 20, workers: 1, reuse_instances: true };
    let modules = Modules::new(storage, config).expect("an engine");
    let code = wasm(r#"(module (memory (export "memory") 1) (func (export "run")))"#);
    let found = modules.get(&prices, &Hash([1; 32]), || Ok(code.into())).expect("storage works");
    let module = found.expect("it is accepted");
    assert!(Engine::same(&modules.engine, module.instance_pre.module().engine()));
}

#[test]
fn settings_are_stated_also_where_they_are_the_default() {
    // wasmtime shows the settings it was told, and no others.
    let shown = format!("{:?}", config(target(), 1).expect("the target is known"));
    for name in [
        "memory_reservation",
        "memory_guard_size",
        "memory_reservation_for_growth",
        "debug_native",
        "debug_symbols",
        "parse_wasm_debuginfo",
        "consume_fuel",
        "epoch_interruption",
        "memory_may_move",
        "guard_before_linear_memory",
        "table_lazy_init",
        "generate_address_map",
        "relaxed_simd_deterministic",
        "branch_hinting",
        "signals_based_traps",
        "memory_init_cow",
        "inlining",
        "concurrency_support",
        "metadata_for_internal_asserts",
        "metadata_for_gc_heap_corruption",
    ] {
        assert!(shown.contains(&format!(" {name}: ")), "{name} is left to the default");
    }
}
