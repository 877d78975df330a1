//! Modules from wasm-smith, which knows the whole language; told here which part contracts may use.

use std::sync::LazyLock;

use arbitrary::Unstructured;
use tos_benches::Rng;
use tos_host_api::functions::{HOST_FUNCTIONS, ValueType};
use tos_host_api::limits::{IMPORT_MODULE, MEMORY_EXPORT};
use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wasm_smith::{Config, MemoryOffsetChoices};

/// Entries of each module.
const ENTRIES: u32 = 3;
/// Random bytes a module is made from. With few the functions come out empty.
const BYTES: [usize; 3] = [4 << 10, 16 << 10, 40 << 10];

/// Every host function, as imports to choose from.
static IMPORTS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let (mut types, mut imports) = (TypeSection::new(), ImportSection::new());
    for (index, row) in (0..).zip(HOST_FUNCTIONS) {
        types
            .ty()
            .function(row.params.iter().map(|&(_, ty)| value_type(ty)), row.result.map(value_type));
        imports.import(IMPORT_MODULE, row.name, EntityType::Function(index));
    }
    let mut module = Module::new();
    module.section(&types).section(&imports);
    module.finish()
});

/// What each module has to export: a memory and entries.
static EXPORTS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let (mut types, mut functions) = (TypeSection::new(), FunctionSection::new());
    let (mut memories, mut exports) = (MemorySection::new(), ExportSection::new());
    let mut code = CodeSection::new();
    types.ty().function([], []);
    memories.memory(MemoryType {
        minimum: 1,
        maximum: Some(6),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    exports.export(MEMORY_EXPORT, ExportKind::Memory, 0);
    for index in 0..ENTRIES {
        functions.function(0);
        exports.export(&format!("run{index}"), ExportKind::Func, index);
        let mut body = Function::new([]);
        body.instructions().end();
        code.function(&body);
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories);
    module.section(&exports).section(&code);
    module.finish()
});

pub(super) fn value_type(value: ValueType) -> ValType {
    match value {
        ValueType::I32 => ValType::I32,
        ValueType::I64 => ValType::I64,
    }
}

/// A module, unless the random bytes did not suffice for one.
pub(super) fn module(rng: &mut Rng) -> Option<Vec<u8>> {
    let mut bytes = vec![0; BYTES[rng.below(BYTES.len())]];
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&rng.next_u64().to_le_bytes()[..chunk.len()]);
    }
    module_of(rng, &bytes)
}

/// The module of these bytes, unless they do not suffice for one.
pub(super) fn module_of(rng: &mut Rng, bytes: &[u8]) -> Option<Vec<u8>> {
    let module = wasm_smith::Module::new(config(rng), &mut Unstructured::new(bytes));
    module.ok().map(|module| module.to_bytes())
}

fn config(rng: &mut Rng) -> Config {
    // `memory.init` and the table operators come with the same switch as `memory.copy`, but need a
    // segment or a table; so a module has those or these.
    let bulk = rng.percent(40);
    let some = |count| if bulk { 0 } else { count };
    Config {
        available_imports: Some(IMPORTS.clone()),
        exports: Some(EXPORTS.clone()),
        bulk_memory_enabled: bulk,
        max_data_segments: some(4),
        max_tables: some(1),
        max_element_segments: some(4),
        max_table_elements: 64,
        // Most random addresses are wild: without this nearly every run ends at its first access.
        disallow_traps: rng.percent(70),
        memory_offset_choices: MemoryOffsetChoices(96, 3, 1),
        min_funcs: 4,
        // Imports count as well.
        max_funcs: HOST_FUNCTIONS.len() + 8,
        max_instructions: 400,
        max_nesting_depth: 12,
        // Besides the one that is exported.
        max_memories: 0,
        max_globals: 8,
        max_types: 40,
        allow_start_export: false,
        allow_floats: false,
        allow_invalid_funcs: false,
        custom_page_sizes_enabled: false,
        exceptions_enabled: false,
        extended_const_enabled: false,
        gc_enabled: false,
        generate_custom_sections: false,
        memory64_enabled: false,
        multi_value_enabled: false,
        reference_types_enabled: false,
        relaxed_simd_enabled: false,
        saturating_float_to_int_enabled: false,
        shared_everything_threads_enabled: false,
        simd_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    }
}
