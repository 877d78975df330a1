//! From where a prepared module tells its writes.

use super::gate::accepted;
use super::machine::wasm;

/// The address that writes are told from, below a stack that begins at 16,384.
#[track_caller]
fn room_for_frames(functions: &str) -> u32 {
    let text = format!(
        r#"(module (memory (export "memory") 1)
            (global $pointer (mut i32) (i32.const 16384)) {functions})"#
    );
    16_384 - accepted(&wasm(&text)).writes_from
}

/// A function that takes so many bytes and does something else.
fn function(head: &str, bytes: u32, rest: &str) -> String {
    format!(
        "(func {head} (local i32) (global.set $pointer (local.tee 0 (i32.sub (global.get $pointer) \
         (i32.const {bytes})))) {rest} (global.set $pointer (i32.add (local.get 0) (i32.const {bytes}))))"
    )
}

#[test]
fn writes_are_told_from_the_end_of_the_deepest_chain_of_frames() {
    let leaf = function("$leaf", 1_000, "");
    let middle = function("$middle", 200, "(call $leaf)");
    let other = function("$other", 1_100, "");
    let entry = function(r#"(export "run")"#, 30, "(call $middle) (call $other)");
    assert_eq!(room_for_frames(&format!("{leaf}{middle}{other}{entry}")), 1_230);
    let indirect = function("$indirect", 400, "(call_indirect (i32.const 0))");
    let table = "(table 1 1 funcref) (elem (i32.const 0) $middle)";
    assert_eq!(room_for_frames(&format!("{table}{leaf}{middle}{other}{indirect}{entry}")), 1_600);
    // Little is known of a module without frames, and of one that calls itself.
    assert_eq!(room_for_frames(r#"(func (export "run"))"#), 256);
    assert_eq!(room_for_frames(&function(r#"$run (export "run")"#, 300, "(call $run)")), 300);
}
