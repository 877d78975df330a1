//! The way into a prepared module, see `entry.rs`.

use super::super::{ENTER_EXPORT, EntryResult, OperatorCosts, WRITTEN_EXPORT, prepare};
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
fn call(machine: &mut Machine<'_>, entry: &str, gas: i64, known: i32) -> EntryResult {
    machine.set("tos:stack", wasmtime::Val::I32(STACK));
    machine.enter(entry, gas, known).expect("returns")
}

fn written(machine: &mut Machine<'_>) -> i32 {
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
fn entries_have_numbers_and_no_exports_of_their_own() {
    let text = r#"(module
        (memory (export "memory") 1)
        (func $store (param i32) (i32.store (i32.const 0) (local.get 0)))
        (func (export "migrate") (call $store (i32.const 5)))
        (func (export "zebra") (call $store (i32.const 3)))
        (func (export "init") (call $store (i32.const 4)))
        (func (export "ant") (call $store (i32.const 1)))
        (func (export "bee") (call $store (i32.const 2))))"#;
    let compiled = compile(&wasm(text), &small_costs());
    for (entry, word) in [("ant", 1), ("bee", 2), ("zebra", 3), ("init", 4), ("migrate", 5)] {
        assert_eq!(
            compiled.on_each(|machine| machine.run(entry, GAS, STACK)).word(),
            word,
            "{entry}"
        );
    }
    let prepared = prepare(&wasm(text), &OperatorCosts::default()).expect("accepted");
    let names = ["ant", "bee", "zebra", "init", "migrate", "none", "memory", ENTER_EXPORT];
    let numbers = names.map(|name| prepared.info.entry_number(name));
    assert_eq!(numbers, [Some(0), Some(1), Some(2), Some(3), Some(4), None, None, None]);
}

#[test]
fn a_number_that_is_no_entrys_traps() {
    let compiled = compile(&wasm(ENTRIES), &small_costs());
    for number in [8, i32::MAX, -1] {
        let trapped = compiled.on_each(|machine| {
            let enter = machine.instance.get_typed_func(&mut machine.store, ENTER_EXPORT);
            let enter: wasmtime::TypedFunc<_, i64> = enter.expect("the way in");
            enter.call(&mut machine.store, (number, GAS, 0)).is_err()
        });
        assert!(trapped, "{number}");
    }
}
