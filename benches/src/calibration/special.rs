//! The workloads that are more than one expression repeated: memory out of cache, globals,
//! branches, loops, recursion, many locals, bulk operations.

use std::fmt::Write;

use tos_runtime::prepare::OperatorClass::*;

use super::operators::{Memory, OperatorWorkload};

const COPIES: usize = 64;

fn copies(count: usize, make: impl Fn(usize) -> String) -> String {
    (0..count).map(make).collect()
}

pub(super) fn special_workloads() -> Vec<OperatorWorkload> {
    let mut workloads = memory();
    workloads.extend(globals());
    workloads.extend(branches());
    workloads.extend(unpredictable());
    workloads.extend(loops_and_locals());
    workloads.extend(calls());
    workloads.extend(bulk());
    workloads
}

/// Walks on through the addresses at random, which fill memory.
const NEXT_ADDRESSES: &str = "(local.set $p (i32.and (i32.add (local.get $p) (i32.const 256))
    (i32.const 0x1fff00)))";

fn memory() -> Vec<OperatorWorkload> {
    let one = |name, class, body| OperatorWorkload::special(class, name, COPIES, body);
    vec![
        one(
            "i32.load over 4 MiB, address from a load",
            Load,
            format!("(local.set $q {}", "(i32.load ".repeat(COPIES))
                + "(local.get $q)"
                + &")".repeat(COPIES + 1),
        )
        .with_memory(Memory::Cycle, ""),
        one(
            "i32.load at random over 4 MiB, and add",
            Load,
            copies(COPIES, |copy| {
                let sum = ["$a", "$b", "$c", "$d"][copy % 4];
                format!(
                    "(local.set {sum} (i32.add (local.get {sum})
                       (i32.load (i32.load offset={} (local.get $p)))))",
                    128 + 4 * copy
                )
            }),
        )
        .with_memory(Memory::Scattered, NEXT_ADDRESSES)
        .mixed(),
        one(
            "i32.store at random over 4 MiB",
            Store,
            copies(COPIES, |copy| {
                format!(
                    "(i32.store (local.tee $q (i32.load offset={} (local.get $p))) (local.get $q))",
                    128 + 4 * copy
                )
            }),
        )
        .with_memory(Memory::Scattered, NEXT_ADDRESSES)
        .mixed(),
        store("i32.store", "(i32.store offset=OFF (local.get $p) (local.get $x))"),
        store("i32.store8", "(i32.store8 offset=OFF (local.get $p) (local.get $x))"),
        store(
            "i64.store",
            "(i64.store offset=OFF (local.get $p) (i64.extend_i32_u (local.get $x)))",
        ),
        store(
            "i64.store across lines",
            "(i64.store offset=60 (i32.add (local.get $p) (i32.const OFF))
               (i64.extend_i32_u (local.get $x)))",
        ),
        // The compiler does not know that both addresses are one.
        one(
            "i32.store, then i32.load of it, and add",
            Store,
            copies(COPIES, |_| {
                "(i32.store (local.get $p) (local.get $a))
                 (local.set $a (i32.add (i32.load (local.get $q)) (local.get $x)))"
                    .into()
            }),
        ),
    ]
}

fn store(name: &str, text: &str) -> OperatorWorkload {
    let body = copies(COPIES, |copy| text.replace("OFF", &(64 * copy + 1024).to_string()));
    OperatorWorkload::special(Store, name, COPIES, body).mixed()
}

fn globals() -> Vec<OperatorWorkload> {
    let fields = copies(64, |idx| format!("(global $g{idx} (mut i32) (i32.const 0))"));
    let add = |idx| format!("(global.set $g{idx} (i32.add (global.get $g{idx}) (local.get $x)))");
    vec![
        OperatorWorkload::special(Global, "global.get, add, global.set", 2, add(0))
            .with_fields(&fields),
        OperatorWorkload::special(Global, "64 globals: get, add, set", 128, copies(64, add))
            .with_fields(&fields)
            .mixed(),
    ]
}

fn branches() -> Vec<OperatorWorkload> {
    let br_if = copies(COPIES, |_| {
        "(block (br_if 0 (local.get $f)) (local.set $a (i32.add (local.get $a) (local.get $x))))"
            .into()
    });
    let if_else = copies(COPIES, |_| {
        "(if (local.get $f) (then (local.set $a (i32.add (local.get $a) (local.get $x))))
           (else (local.set $a (i32.xor (local.get $a) (local.get $y)))))"
            .into()
    });
    let table = copies(COPIES, |_| branch_table("(local.get $f)"));
    let one = |name, body: &String| OperatorWorkload::special(Branch, name, COPIES, body.clone());
    vec![
        one("br_if not taken, and add", &br_if),
        one("br_if taken, and add", &br_if).with_operands(1, 0),
        one("if, else, and an operator", &if_else),
        OperatorWorkload::special(BranchTable, "br_table, always the same", COPIES, table)
            .with_operands(1, 0),
    ]
}

fn branch_table(index: &str) -> String {
    let (mut opened, mut arms) = (String::new(), String::new());
    for arm in 0..8 {
        opened.push_str("(block ");
        let _ = write!(
            arms,
            "(local.set $a (i32.add (local.get $a) (i32.const {}))) br {})",
            arm + 5,
            7 - arm
        );
    }
    format!("(block {opened} (br_table 0 1 2 3 4 5 6 7 {index})) {arms}")
}

/// Branches on random bits: half of them go another way than predicted.
fn unpredictable() -> Vec<OperatorWorkload> {
    let draw = "(local.set $r (i32.add (i32.mul (local.get $r) (i32.const 1664525))
        (i32.const 1013904223)))";
    let br_if = copies(COPIES, |_| {
        format!(
            "{draw} (block (br_if 0 (i32.lt_s (local.get $r) (i32.const 0)))
               (local.set $a (i32.add (local.get $a) (local.get $x))))"
        )
    });
    let table = copies(COPIES, |_| {
        format!("{draw} {}", branch_table("(i32.shr_u (local.get $r) (i32.const 29))"))
    });
    let indirect = copies(COPIES, |_| {
        format!(
            "{draw} (local.set $a (call_indirect (type $unary) (local.get $a)
               (i32.shr_u (local.get $r) (i32.const 29))))"
        )
    });
    vec![
        OperatorWorkload::special(Branch, "br_if at random", COPIES, br_if),
        OperatorWorkload::special(BranchTable, "br_table at random", COPIES, table),
        OperatorWorkload::special(CallIndirect, "call_indirect at random", COPIES, indirect)
            .with_fields(format!(
                "(type $unary (func (param i32) (result i32))) (table 8 8 funcref)
                 (elem (i32.const 0) {}) {}",
                copies(8, |idx| format!("$f{idx} ")),
                copies(8, |idx| format!(
                    "(func $f{idx} (param i32) (result i32)
                       (i32.add (local.get 0) (i32.const {idx})))"
                ))
            )),
    ]
}

fn loops_and_locals() -> Vec<OperatorWorkload> {
    let inner = "(local.set $q (i32.const 1000))
        (loop $in (br_if $in (local.tee $q (i32.sub (local.get $q) (i32.const 1)))))";
    // Every local takes its neighbour's value on each pass: too many for the registers.
    let moved = 64;
    let declared = "i32 ".repeat(moved);
    let turn = copies(moved - 1, |idx| format!("(local.set {idx} (local.get {}))", idx + 1));
    let fields = format!(
        "(func $turn (param {declared}) (result i32) (local $n i32) (local.set $n (i32.const 1000))
           (loop $in (local.set $n (i32.sub (local.get $n) (i32.const 1)))
             {turn} (local.set {} (local.get $n)) (br_if $in (local.get $n)))
           (local.get 0))",
        moved - 1
    );
    let fields = fields
        .replace(&format!("(param {declared})"), "(param i32) ")
        .replace("(local $n i32)", &format!("(local {}) (local $n i32)", "i32 ".repeat(moved - 1)));
    vec![
        OperatorWorkload::special(Loop, "a loop that counts to 1000", 1000, inner.into()),
        OperatorWorkload::special(
            Simple,
            "64 locals, each set to the next",
            2 * 64 * 1000,
            "(local.set $a (call $turn (local.get $x)))".into(),
        )
        .with_fields(fields),
    ]
}

fn calls() -> Vec<OperatorWorkload> {
    let recursion = "(func $down (param i32) (result i32)
        (if (result i32) (local.get 0)
          (then (i32.add (call $down (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
          (else (i32.const 0))))";
    let live = 32;
    let sums = copies(live, |idx| {
        format!("(local.set $l{idx} (i32.add (local.get $l{idx}) (local.get 0)))")
    });
    let locals = copies(live, |idx| format!("(local $l{idx} i32)"));
    let mut all = String::from("(local.get 0)");
    for idx in 0..live {
        all = format!("(i32.xor {all} (local.get $l{idx}))");
    }
    let kept = format!(
        "(func $same (param i32) (result i32) (local.get 0))
         (func $busy (param i32) (result i32) {locals} (local $n i32)
           (local.set $n (i32.const 1000))
           (loop $in {sums} (local.set 0 (call $same (local.get 0)))
             (br_if $in (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
           {all})"
    );
    vec![
        OperatorWorkload::special(
            Call,
            "recursion, 1000 deep",
            1000,
            "(local.set $a (call $down (i32.const 1000)))".into(),
        )
        .with_fields(recursion),
        OperatorWorkload::special(
            Call,
            "call with 32 live locals, each added to",
            1000,
            "(local.set $a (call $busy (local.get $x)))".into(),
        )
        .with_fields(kept),
    ]
}

fn bulk() -> Vec<OperatorWorkload> {
    let mut workloads = Vec::new();
    for len in [0, 8, 64, 512, 4 << 10, 64 << 10, 1 << 20] {
        let copies = if len > 512 { 1 } else { 16 };
        let fill = "(memory.fill (i32.const 4096) (local.get $x) (local.get $len))";
        // Source and destination overlap and lie across words.
        let copy = "(memory.copy (i32.const 4096) (i32.const 4099) (local.get $len))";
        for (name, text) in [("memory.fill", fill), ("memory.copy", copy)] {
            let name = format!("{name} of {len} bytes");
            workloads.push(
                OperatorWorkload::special(MemoryBulk, &name, copies, text.repeat(copies))
                    .with_memory(Memory::Scattered, "")
                    .with_operands(0, len),
            );
        }
    }
    workloads
}
