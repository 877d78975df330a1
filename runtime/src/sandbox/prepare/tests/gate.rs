//! Rows M01 to M22 of the list of bad inputs, as far as the gate alone decides them, and every
//! limit at the limit and one beyond.

use tos_host_api::HostFunction;
use tos_host_api::limits::{CODE_LEN_MAX, ENTRY_LEN_MAX, MEMORY_PAGES_MAX, TABLE_ELEMENTS_MAX};

use super::super::limits::*;
use super::super::{ModuleInfo, Rejection, check};
use crate::types::ModuleFault;
use ModuleFault as Fault;

const MEMORY: &str = r#"(memory (export "memory") 1)"#;
const ENTRY: &str = r#"(func (export "run"))"#;

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("bad test module: {error}\n{text}"))
}

/// A module with a memory, an entry and something else.
pub(super) fn with(fields: &str) -> Vec<u8> {
    wasm(&format!("(module {MEMORY} {fields} {ENTRY})"))
}

/// Like [`with`], but with something that has to come first.
fn with_imports(fields: &str) -> Vec<u8> {
    wasm(&format!("(module {fields} {MEMORY} {ENTRY})"))
}

pub(super) fn with_body(body: &str) -> Vec<u8> {
    with(&format!("(func {body})"))
}

#[track_caller]
pub(super) fn accepted(code: &[u8]) -> ModuleInfo {
    check(code).unwrap_or_else(|rejection| panic!("refused: {rejection}"))
}

#[track_caller]
pub(super) fn refused(code: &[u8], fault: ModuleFault, text: &str) -> Rejection {
    let rejection = check(code).expect_err("should have been refused");
    let message = rejection.to_string();
    assert_eq!(rejection.fault, fault, "{message}");
    assert!(message.contains(text), "{message:?} does not contain {text:?}");
    assert!(message.len() < 1024, "{} bytes: {message}", message.len());
    rejection
}

/// Accepts `make(max)` and refuses `make(max + 1)` for the limit.
#[track_caller]
pub(super) fn limited(max: u64, text: &str, make: impl Fn(usize) -> Vec<u8>) {
    accepted(&make(max as usize));
    refused(&make(max as usize + 1), Fault::Limit, text);
}

#[test]
fn a_plain_module_is_accepted_and_described() {
    let info = accepted(&wasm(
        r#"(module
            (import "tos_v1" "input" (func (param i32 i32) (result i32)))
            (import "tos_v1" "source" (func (param i32)))
            (import "tos_v1" "source" (func $again (param i32)))
            (memory (export "memory") 2 9)
            (table (export "__indirect_function_table") 3 3 funcref)
            (global (export "__heap_base") i32 (i32.const 4096))
            (func $helper (param i32) (result i32) local.get 0)
            (export "helper" (func $helper))
            (func (export "zeta")) (func (export "alpha")) (func (export "init"))
            (elem (i32.const 0) $helper)
            (data (i32.const 0) "hello"))"#,
    ));
    assert_eq!(info.entries, ["alpha", "zeta"]);
    assert!(info.has_entry("alpha") && !info.has_entry("helper") && !info.has_entry("init"));
    assert!(info.has_init && !info.has_migrate);
    assert_eq!(info.imports, [HostFunction::Source, HostFunction::Input]);
    assert_eq!((info.memory_pages_min, info.memory_pages_max), (2, 9));
    assert_eq!((info.table_elements, info.functions), (3, 4));
}

#[test]
fn m01_what_is_no_module_is_refused_by_name() {
    let malformed = |bytes: &[u8], text| drop(refused(bytes, Fault::Malformed, text));
    malformed(b"", "empty");
    malformed(b"\0as", "other data");
    malformed(b"\0asm\x02\0\0\0", "other data");
    malformed(b"\0asm\x0d\0\x01\0", "component");
    malformed(b"(module)", "text");
    malformed(b"\x7fELF\x02\x01\x01\0", "object file");
    malformed(b"\x1f\x8b\x08\0", "gzip");
    malformed(b"\0asm\x01\0\0\0\xff", "malformed section id");
    malformed(b"\0asm\x01\0\0\0\x01\x05", "unexpected end");
    // Nothing after the header: valid WebAssembly, but no contract.
    refused(b"\0asm\x01\0\0\0", Fault::Memory, "has 0");
}

#[test]
fn m02_code_beyond_the_length_limit_is_refused_unread() {
    let padded = |len: usize| {
        let mut code = with("");
        // A custom section with a three-byte length makes up the difference.
        let body = len - code.len() - 1 - 3;
        code.push(0);
        code.extend([body as u8 | 0x80, (body >> 7) as u8 | 0x80, (body >> 14) as u8]);
        code.resize(len, 0);
        code
    };
    accepted(&padded(CODE_LEN_MAX));
    refused(&padded(CODE_LEN_MAX + 1), Fault::Limit, "524289 bytes of code");
    refused(&vec![0xff; CODE_LEN_MAX + 1], Fault::Limit, "bytes of code");
}

#[test]
fn m03_features_outside_the_pinned_set_are_refused_with_advice() {
    let feature = |code: Vec<u8>, name: &str| {
        let rejection = refused(&code, Fault::Feature, name);
        let advice = if name == "floats" { "fixed point" } else { "wasm32v1-none" };
        assert!(rejection.to_string().contains(advice), "{rejection}");
    };
    feature(with("(func (param f32))"), "floats");
    feature(with("(global f64 (f64.const 0))"), "floats");
    feature(with_body("(local f64)"), "floats");
    feature(with_body("f32.const 0 drop"), "floats");
    feature(with_body("(drop (i32.trunc_sat_f32_s (f32.const 0)))"), "floats");
    feature(with_body("(drop (v128.const i64x2 0 0))"), "simd");
    feature(with("(func (param v128))"), "simd");
    feature(with("(table $t 1 funcref) (func (drop (table.size $t)))"), "reference_types");
    feature(with("(func (param externref))"), "reference_types");
    feature(with_body("(drop (ref.null func))"), "reference_types");
    feature(with_body("(data.drop 0)) (data \"\""), "bulk_memory");
    feature(with_body("(drop (i32.atomic.load (i32.const 0)))"), "threads");
    feature(with_body("return_call 0"), "tail_call");
    feature(with("(tag)"), "exceptions");
    feature(with("(rec (type (func)) (type (struct)))"), "gc");
    feature(with("(type (struct))"), "gc");
    feature(with("(func (result i32 i32) unreachable)"), "multi_value");
    feature(with_body("(block (param i32) drop) unreachable"), "multi_value");
    feature(with("(global i32 (i32.add (i32.const 1) (i32.const 2)))"), "extended_const");
}

#[test]
fn the_two_bulk_memory_operators_and_sign_extension_are_accepted() {
    accepted(&with_body("(memory.copy (i32.const 0) (i32.const 8) (i32.const 8))"));
    accepted(&with_body("(memory.fill (i32.const 0) (i32.const 8) (i32.const 8))"));
    accepted(&with_body("(drop (i32.extend8_s (i32.const 0)))"));
    accepted(&with_body("(global.set 0 (i32.const 0))) (global (mut i32) (i32.const 0)"));
}

#[test]
fn m04_only_one_bounded_memory_of_its_own_is_accepted() {
    let memory = |text: &str| wasm(&format!("(module {text} {ENTRY})"));
    let max = MEMORY_PAGES_MAX;
    accepted(&memory(&format!(r#"(memory (export "memory") {max})"#)));
    let info = accepted(&memory(r#"(memory (export "memory") 0 65536)"#));
    assert_eq!((info.memory_pages_min, info.memory_pages_max), (0, max));
    let too_large = format!(r#"(memory (export "memory") {})"#, max + 1);
    refused(&memory(&too_large), Fault::Memory, "65 pages");
    refused(&memory(""), Fault::Memory, "has 0");
    refused(&memory(r#"(memory (export "memory") 1) (memory 1)"#), Fault::Memory, "has 2");
    refused(&memory(r#"(memory (export "memory") 1 1 shared)"#), Fault::Memory, "shared");
    refused(&memory(r#"(memory (export "memory") i64 1)"#), Fault::Memory, "64-bit");
    refused(&memory(r#"(import "env" "memory" (memory 1))"#), Fault::Memory, "env");
    // The text format refuses min > max, so the bytes are patched.
    let mut code = memory(r#"(memory (export "memory") 1 2)"#);
    let at = code.windows(3).position(|bytes| bytes == [1, 1, 2]).expect("limits");
    code[at + 1] = 3;
    refused(&code, Fault::Malformed, "minimum");
}

#[test]
fn m05_only_one_bounded_table_of_functions_is_accepted() {
    let max = TABLE_ELEMENTS_MAX;
    assert_eq!(accepted(&with(&format!("(table {max} funcref)"))).table_elements, max);
    assert_eq!(accepted(&with("(table 0 funcref)")).table_elements, 0);
    refused(&with(&format!("(table {} funcref)", max + 1)), Fault::Table, "4097");
    refused(&with("(table 10000000 funcref)"), Fault::Table, "10000000");
    refused(&with("(table 1 funcref) (table 1 funcref)"), Fault::Table, "has 2");
    refused(&with("(table 1 externref)"), Fault::Table, "plain function references");
}

#[test]
fn m06_start_function_is_refused() {
    let rejection = refused(&with("(func $go) (start $go)"), Fault::Start, "start function");
    assert!(rejection.to_string().contains("init"), "{rejection}");
}

#[test]
fn m07_only_functions_of_the_host_table_can_be_imported() {
    let import = |module: &str, name: &str, what: &str| {
        with_imports(&format!("(import {module:?} {name:?} {what})"))
    };
    accepted(&import("tos_v1", "source", "(func (param i32))"));
    let unknown = |code: Vec<u8>, text| drop(refused(&code, Fault::Import, text));
    unknown(import("tos_v1", "nothing", "(func)"), "does not exist");
    unknown(import("tos_v2", "source", "(func (param i32))"), "does not exist");
    unknown(import("env", "source", "(func (param i32))"), "does not exist");
    unknown(import("tos_v1", "source", "(func (param i64))"), "(func (param $out i32))");
    unknown(import("tos_v1", "source", "(func (param i32) (result i32))"), "another type");
    unknown(import("tos_v1", "source", "(global i32)"), "not a function");
    unknown(import("tos_v1", "source", "(table 1 funcref)"), "not a function");
    unknown(import("tos_v1", &"x".repeat(100_000), "(func)"), "...");
    unknown(import("tos_v1", "\u{202e}\u{7}\u{1b}[2J", "(func)"), "\\u{7}");
}

#[test]
fn m07_imports_are_counted_before_they_are_read() {
    limited(IMPORTS_MAX, "imports", |count| {
        with_imports(&r#"(import "tos_v1" "source" (func (param i32)))"#.repeat(count))
    });
}

#[test]
fn m08_exports_have_to_be_there_unique_and_the_contracts_own() {
    let none = |fields: &str, text| {
        refused(&wasm(&format!("(module {fields})")), Fault::Export, text);
    };
    none(&format!("(memory 1) {ENTRY}"), "must be exported");
    none(&format!(r#"(memory (export "m") 1) {ENTRY}"#), "must be exported");
    none(r#"(memory 1) (func (export "memory"))"#, "must be exported");
    none(r#"(memory 1) (global (export "memory") i32 (i32.const 0))"#, "must be exported");
    none(MEMORY, "no entry");
    none(&format!(r#"{MEMORY} (func (export "run") (param i32))"#), "no entry");
    let imported = r#"(import "tos_v1" "gas_left" (func $gas (result i64)))
        (export "gas" (func $gas))"#;
    refused(&with_imports(imported), Fault::Export, "imported function");
    refused(&with(r#"(func (export "init") (param i32))"#), Fault::Export, "init");
    refused(&with(r#"(func (export "migrate") (result i32) i32.const 0)"#), Fault::Export, "migr");
    accepted(&wasm(&format!(r#"(module {MEMORY} (func (export "migrate")))"#)));
}

#[test]
fn m08_duplicate_export_names_are_refused() {
    // The text format refuses duplicates, so a name is patched.
    let mut code = with(r#"(func (export "rum"))"#);
    let at = code.windows(3).position(|bytes| bytes == b"rum").expect("name");
    code[at + 2] = b'n';
    refused(&code, Fault::Export, "\"run\" is exported twice");
}

#[test]
fn m08_entry_names_and_the_number_of_exports_are_limited() {
    let named = |len: usize| with(&format!(r#"(func (export "{}"))"#, "x".repeat(len)));
    accepted(&named(ENTRY_LEN_MAX));
    refused(&named(ENTRY_LEN_MAX + 1), Fault::Export, "65 bytes");
    limited(EXPORTS_MAX, "exports", |count| {
        // Two of them are the memory and the entry that every test module has.
        let exports: String = (2..count).map(|i| format!(r#"(export "f{i}" (func $f))"#)).collect();
        with(&format!("(func $f) {exports}"))
    });
}

#[test]
fn m09_counts_are_limited() {
    limited(TYPES_MAX, "types", |count| {
        // One type belongs to the entry.
        let types: String =
            (1..count).map(|i| format!("(type (func (param {})))", bits(i))).collect();
        with(&types)
    });
    limited(FUNCTIONS_MAX, "functions", |count| with(&"(func)".repeat(count - 1)));
    limited(GLOBALS_MAX, "globals", |count| with(&"(global i32 (i32.const 0))".repeat(count)));
    limited(DATA_SEGMENTS_MAX, "data segments", |count| {
        with(&r#"(data (i32.const 0) "")"#.repeat(count))
    });
    limited(ELEMENT_SEGMENTS_MAX, "element segments", |count| {
        with(&format!("(table 1 funcref) {}", "(elem (i32.const 0))".repeat(count)))
    });
}

/// Different parameter lists for different numbers.
fn bits(number: usize) -> String {
    format!("{number:012b}").replace('0', " i32").replace('1', " i64")
}

#[test]
fn m09_a_claimed_count_is_refused_before_anything_is_read() {
    for section in [1_u8, 2, 3, 6, 7, 9, 11, 12] {
        // A section of five bytes: the count one million and nothing else.
        let mut code = b"\0asm\x01\0\0\0".to_vec();
        code.extend([section, 3, 0xc0, 0x84, 0x3d]);
        let rejection = refused(&code, Fault::Limit, "found 1000000");
        assert!(rejection.to_string().contains("section at byte"), "{rejection}");
    }
}

#[test]
fn m10_local_variables_are_limited_and_summed_without_overflow() {
    limited(LOCALS_MAX, "local variables", |count| {
        with_body(&format!("(local {})", "i64 ".repeat(count)))
    });
    limited(LOCALS_TOTAL_MAX, "local variables of all functions", |count| {
        let full = format!("(func (local {}))", "i32 ".repeat(200));
        with(&format!("{} (func (local {}))", full.repeat(count / 200), "i32 ".repeat(count % 200)))
    });
    for groups in [&[u32::MAX][..], &[u32::MAX, u32::MAX], &[1, u32::MAX]] {
        let mut module = wasm_encoder::Module::new();
        let mut types = wasm_encoder::TypeSection::new();
        types.ty().function([], []);
        let mut functions = wasm_encoder::FunctionSection::new();
        functions.function(0);
        let mut code = wasm_encoder::CodeSection::new();
        let locals = groups.iter().map(|&count| (count, wasm_encoder::ValType::I32));
        code.function(&wasm_encoder::Function::new(locals));
        module.section(&types).section(&functions).section(&code);
        refused(&module.finish(), Fault::Limit, "local variables in function 0");
    }
}

#[test]
fn m11_frames_are_limited() {
    // Operands, locals and parameters share the limit.
    limited(FRAME_WORDS_MAX, "words of one frame in function 0", |count| {
        let operands = "i32.const 1 ".repeat(count - 200 - 4);
        let locals = "i64 ".repeat(200);
        with(&format!("(func (param i32 i32 i32 i32) (local {locals}) {operands} unreachable)"))
    });
    // What is pushed where nothing runs takes no room.
    accepted(&with_body(&format!("return {} unreachable", "i32.const 1 ".repeat(2_000))));
}

#[test]
fn m12_parameters_are_limited() {
    limited(PARAMS_MAX, "parameters", |count| {
        with(&format!("(func (param {}))", "i64 ".repeat(count)))
    });
    limited(PARAMS_TOTAL_MAX, "parameters of all functions", |count| {
        let full = "(func (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64))";
        with(&format!("{} (func (param {}))", full.repeat(count / 10), "i32 ".repeat(count % 10)))
    });
}

#[test]
fn m13_bodies_are_limited() {
    limited(OPERATORS_MAX, "operators", |count| with_body(&"nop ".repeat(count - 1)));
    limited(BLOCKS_MAX, "blocks, loops and ifs", |count| with_body(&"(loop)".repeat(count)));
    limited(BLOCKS_TOTAL_MAX, "blocks, loops and ifs of all functions", |count| {
        let full = format!("(func {})", "(block)".repeat(1_000));
        with(&format!("{} (func {})", full.repeat(count / 1_000), "(block)".repeat(count % 1_000)))
    });
    limited(NESTING_MAX, "nested blocks", |count| {
        with_body(&format!("{}{}", "(block ".repeat(count), ")".repeat(count)))
    });
    limited(BODY_BYTES_MAX, "bytes of code", |count| {
        // Two bytes frame the body; a constant of five bytes and its drop make six.
        let (wide, rest) = ((count - 2) / 7, (count - 2) % 7);
        with_body(&format!(
            "{} {}",
            "(drop (i32.const 0x7fffffff))".repeat(wide),
            "nop ".repeat(rest)
        ))
    });
}

#[test]
fn m14_branch_tables_are_limited() {
    let table = |count: usize| format!("i32.const 0 br_table {} 0", "0 ".repeat(count));
    limited(BRANCH_TARGETS_MAX, "targets of br_table in function 0", |count| {
        with_body(&table(count))
    });
    limited(BRANCH_TARGETS_TOTAL_MAX, "targets of br_table in all functions", |count| {
        let full = format!("(func {})", table(1_000));
        with(&format!("{} (func {})", full.repeat(count / 1_000), table(count % 1_000)))
    });
}

#[test]
fn m17_garbage_in_unreachable_code_is_still_checked() {
    accepted(&with_body("unreachable i32.add drop"));
    refused(&with_body("unreachable f32.add drop"), Fault::Feature, "floats");
    accepted(&with_body("(loop (br 0))"));
}

#[test]
fn m18_data_segments_are_checked_against_the_initial_memory() {
    let segment = |offset: u32, text: &str| with(&format!("(data (i32.const {offset}) {text:?})"));
    accepted(&segment(65_536, ""));
    accepted(&segment(65_535, "x"));
    accepted(&with(r#"(data (i32.const 4) "abcd") (data (i32.const 6) "over")"#));
    refused(&segment(65_535, "xy"), Fault::Segment, "65537");
    refused(&segment(u32::MAX, "x"), Fault::Segment, "4294967296");
    refused(&with(r#"(data "passive")"#), Fault::Segment, "data segment 0");
    let moving = r#"(global $g i32 (i32.const 0)) (data (global.get $g) "x")"#;
    refused(&with(moving), Fault::Segment, "constant offset");
    let lying = patched_data_count();
    refused(&lying, Fault::Malformed, "inconsistent lengths");
}

/// A data count section that claims two segments where there is one.
fn patched_data_count() -> Vec<u8> {
    let mut code = with(r#"(data (i32.const 0) "x")"#);
    let empty_body = [10, 4, 1, 2, 0, 11];
    let at = code.windows(6).position(|bytes| bytes == empty_body).expect("code section");
    code.splice(at..at, [12, 1, 2]);
    code
}

#[test]
fn m19_element_segments_are_checked_against_the_table() {
    let element = |text: &str| with(&format!("(table 2 funcref) (func $f) {text}"));
    accepted(&element("(elem (i32.const 1) $f)"));
    refused(&element("(elem (i32.const 1) $f $f)"), Fault::Segment, "ends at 3");
    refused(&element("(elem (i32.const -1) $f)"), Fault::Segment, "4294967296");
    refused(&element("(elem func $f)"), Fault::Segment, "element segment 0");
    refused(&element("(elem declare func $f)"), Fault::Segment, "element segment 0");
    refused(&element("(elem (i32.const 0) funcref (ref.null func))"), Fault::Segment, "not active");
    refused(&with("(table 2 funcref) (elem (i32.const 0) 9)"), Fault::Malformed, "function 9");
}

#[test]
fn m20_custom_sections_are_never_parsed() {
    let name_section_of_garbage = [0, 8, 4, b'n', b'a', b'm', b'e', 0xff, 0xff, 0xff];
    let mut code = with("");
    code.extend(name_section_of_garbage);
    accepted(&code);
    accepted(&with(r#"(@custom "metadata.code.branch_hint" "\ff\ff\ff")"#));
    accepted(&with(r#"(@custom "tos.description" "anything")"#));
}

#[test]
fn m21_overlong_numbers_are_accepted_iff_the_validator_does() {
    // call_indirect with the table index zero in two bytes, as linkers with relocations write it.
    let mut code = with("(table 1 funcref) (func (call_indirect (i32.const 0)))");
    let at = code.windows(3).position(|bytes| bytes == [0x11, 0, 0]).expect("call_indirect");
    code.splice(at + 2..at + 3, [0x80, 0]);
    // The body grew by one byte, and so did the code section.
    code[at - 4] += 1;
    let section = code.iter().rposition(|&byte| byte == 10).expect("code section");
    code[section + 1] += 1;
    accepted(&code);
}

#[test]
fn m22_names_that_preparation_adds_are_reserved() {
    refused(&with(r#"(func (export "tos:gas"))"#), Fault::Export, "reserved");
    let global = r#"(global (export "tos:") i32 (i32.const 0))"#;
    refused(&with(global), Fault::Export, "reserved");
    // A name somebody else would choose is nothing special.
    accepted(&with(r#"(global (export "gas_left") (mut i64) (i64.const 0))"#));
}

#[test]
fn every_prefix_of_a_module_is_refused_without_a_panic() {
    let code = wasm(include_str!("everything.wat"));
    accepted(&code);
    // What comes before the data section, the names and the description is whole by itself.
    let whole = (0..code.len()).filter(|&len| check(&code[..len]).is_ok()).count();
    assert_eq!(whole, 3);
}

#[test]
fn flipped_bits_never_panic() {
    let code = wasm(include_str!("everything.wat"));
    for at in 0..code.len() {
        for bit in 0..8 {
            let mut flipped = code.clone();
            flipped[at] ^= 1 << bit;
            if let Err(rejection) = check(&flipped) {
                assert!(rejection.to_string().len() < 1024, "{rejection}");
            }
        }
    }
}
