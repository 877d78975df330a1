//! What is exported for an entry, see `entry.rs`.

use super::super::{EntryParams, EntryResult, OperatorCosts, WRITTEN_EXPORT, prepare};
use super::machine::{GAS, Machine, STACK, compile, small_costs, wasm};

/// Entries that leave something behind, or nothing. The import is there to be counted.
const ENTRIES: &str = r#"(module
    (import "tos_v1" "abort" (func (param i32 i32 i32 i32 i32 i32)))
    (memory (export "memory") 1)
    (global $fixed i32 (i32.const 7))
    (global $narrow (mut i32) (i32.const -5))
    (global $wide (mut i64) (i64.const 0x8000000000000000))
    (func $nothing (export "nothing") (export "nothing_again"))
    (func (export "write") (i32.store8 (i32.const 300) (global.get $fixed)))
    (func (export "write_far") (i32.store8 (i32.const 5000) (i32.const 1)))
    (func (export "narrow") (global.set $narrow (i32.const 5)))
    (func (export "narrow_back") (global.set $narrow (i32.const -5)))
    (func (export "wide") (global.set $wide (i64.const 0)))
    (func (export "wide_back") (global.set $wide (i64.const 0x8000000000000000))))"#;

/// Calls an entry that returns.
fn call(machine: &mut Machine, entry: &str, gas: i64, known: i32) -> EntryResult {
    machine.set("tos:stack", wasmtime::Val::I32(STACK));
    let function = machine.instance.get_typed_func::<EntryParams, i64>(&mut machine.store, entry);
    let result = function.expect("entry").call(&mut machine.store, (gas, known));
    EntryResult(result.expect("returns"))
}

fn written(machine: &mut Machine) -> i32 {
    let global = machine.instance.get_global(&mut machine.store, WRITTEN_EXPORT).expect("global");
    global.get(&mut machine.store).unwrap_i32()
}

#[test]
fn an_entry_takes_gas_and_gives_back_what_is_left() {
    let compiled = compile(&wasm(ENTRIES), &small_costs());
    for gas in [5, 6, GAS, i64::MAX] {
        let left = compiled.on_each(|machine| call(machine, "nothing", gas, 0));
        // The price of entering a function.
        assert_eq!((left.gas_left() as i64, left.globals_differ()), (gas - 5, false), "{gas}");
        let told = compiled.on_each(|machine| call(machine, "narrow", GAS.max(gas), 0));
        assert_eq!((told.gas_left() as i64, told.globals_differ()), (GAS.max(gas) - 8, true));
    }
}

#[test]
fn an_entry_tells_of_changed_globals_until_they_are_put_back() {
    let compiled = compile(&wasm(ENTRIES), &small_costs());
    for global in ["narrow", "wide"] {
        let back = format!("{global}_back");
        let entries = ["nothing", global, "nothing_again", &back, "nothing"];
        let told = compiled
            .on_each(|machine| entries.map(|entry| call(machine, entry, GAS, 0).globals_differ()));
        assert_eq!(told, [false, true, true, false, false], "{global}");
    }
}

#[test]
fn an_entry_tells_of_writes_that_its_caller_does_not_know() {
    let compiled = compile(&wasm(ENTRIES), &small_costs());
    let told = compiled.on_each(|machine| {
        let mut told = Vec::new();
        let mut known = 0;
        for entry in ["nothing", "write", "write", "nothing", "write_far", "write", "write_far"] {
            told.push(call(machine, entry, GAS, known).globals_differ());
            known = written(machine);
        }
        told
    });
    assert_eq!(told, [false, true, false, false, true, false, false]);
}

#[test]
fn names_of_one_function_are_exports_of_one() {
    let prepared = prepare(&wasm(ENTRIES), &OperatorCosts::default()).expect("accepted");
    let mut exports = std::collections::BTreeMap::new();
    let mut bodies = 0;
    for payload in wasmparser::Parser::new(0).parse_all(&prepared.module) {
        match payload.expect("valid") {
            wasmparser::Payload::ExportSection(section) => {
                for export in section.into_iter().map(|export| export.expect("valid")) {
                    if export.kind == wasmparser::ExternalKind::Func {
                        exports.insert(export.name.to_owned(), export.index);
                    }
                }
            }
            wasmparser::Payload::CodeSectionEntry(_) => bodies += 1,
            _ => {}
        }
    }
    // One import, seven functions of the guest's, then one for each of them.
    assert_eq!(bodies, 14);
    assert_eq!(exports["nothing"], exports["nothing_again"]);
    let mut indices: Vec<u32> = exports.into_values().collect();
    indices.sort_unstable();
    assert_eq!(indices, [8, 8, 9, 10, 11, 12, 13, 14]);
}
