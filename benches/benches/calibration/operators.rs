//! Operators in machine code: compiled with the sandbox's settings, plain and metered.

use std::time::Duration;

use tos_benches::Rng;
use tos_benches::assemble;
use tos_benches::calibration::{
    Memory, OperatorWorkload, Order, Report, Row, head, operator_workloads,
};
use tos_runtime::prepare::{OperatorCosts, UNITS_PER_GAS, check};

use crate::machine::{Build, Machine, Sandbox};

/// How often each module runs; the fastest run counts.
const ROUNDS: usize = 25;
/// How long a run is to take.
const RUN: Duration = Duration::from_millis(1);
/// Pages and bytes of the memory of the workloads that use all of it.
const MEMORY_BYTES: usize = 4 << 20;
/// Bytes of a cache line.
const LINE_BYTES: usize = 64;

/// Measures all of them.
pub(crate) fn measure() -> Report {
    let sandbox = Sandbox::new();
    let mut rows: Vec<Row> =
        operator_workloads().iter().map(|workload| row(&sandbox, workload)).collect();
    rows.extend(pages(&sandbox));
    Report { rows }
}

fn row(sandbox: &Sandbox, workload: &OperatorWorkload) -> Row {
    let (full, empty) = (assemble(&workload.module()), assemble(&workload.empty_module()));
    let mut machines = [
        (Build::Plain, &full),
        (Build::Plain, &empty),
        (Build::Metered, &full),
        (Build::Metered, &empty),
    ]
    .map(|(build, wasm)| {
        let mut machine = Machine::new(&sandbox.compile(build, wasm), ("run", 0), |_| {});
        machine.write(0, &contents(workload.memory));
        machine
    });
    let run = |machine: &mut Machine, passes: u32| {
        machine.write(0, &head(passes, workload.condition, workload.len));
        machine.run()
    };
    let mut passes = 4;
    while run(&mut machines[2], passes) < RUN / 2 && passes < 1 << 20 {
        passes *= 2;
    }
    let mut fastest = [Duration::MAX; 4];
    for _ in 0..ROUNDS {
        for (machine, fastest) in machines.iter_mut().zip(&mut fastest) {
            *fastest = run(machine, passes).min(*fastest);
        }
    }
    let per_operator = |of: f64, without: f64| {
        (of - without).max(0.0) / f64::from(passes) / workload.operators as f64
    };
    let [plain, plain_empty, metered, metered_empty] = fastest.map(|time| time.as_nanos() as f64);
    let [_, _, units, units_empty] = machines.each_mut().map(|machine| machine.gas_units() as f64);
    let order = if workload.order == Order::Mixed { ", four at a time" } else { "" };
    Row {
        price: format!("{:?}", workload.class),
        name: format!("{}{order}", workload.name),
        plain_ns: Some(per_operator(plain, plain_empty)),
        ns: per_operator(metered, metered_empty),
        gas: per_operator(units, units_empty) / UNITS_PER_GAS as f64,
    }
}

/// What memory holds at first.
fn contents(memory: Memory) -> Vec<u8> {
    let mut rng = Rng::new(7);
    match memory {
        Memory::Small => Vec::new(),
        Memory::Scattered => (0..MEMORY_BYTES / 4)
            .flat_map(|_| ((rng.below(MEMORY_BYTES / 4) * 4) as u32).to_le_bytes())
            .collect(),
        Memory::Cycle => {
            let mut lines: Vec<usize> = (1024 / LINE_BYTES..MEMORY_BYTES / LINE_BYTES).collect();
            rng.shuffle(&mut lines);
            let mut bytes = vec![0; MEMORY_BYTES];
            for (place, line) in lines.iter().enumerate() {
                let next = lines[(place + 1) % lines.len()] * LINE_BYTES;

                bytes[line * LINE_BYTES..][..4].copy_from_slice(&(next as u32).to_le_bytes());
            }
            bytes
        }
    }
}

/// Memory as it is asked for: each page granted and then touched, and the pages of a fresh instance
/// touched for the first time.
fn pages(sandbox: &Sandbox) -> Vec<Row> {
    let touch = |from: usize| {
        format!(
            "(local.set $at (i32.const {}))
             (loop $touch
               (i32.store (local.get $at) (i32.const 1))
               (local.set $at (i32.add (local.get $at) (i32.const 4096)))
               (br_if $touch (i32.lt_u (local.get $at) (i32.const {}))))",
            from << 16,
            MEMORY_BYTES
        )
    };
    let module = |pages: usize, body: &str| {
        assemble(&format!(
            r#"(module (memory (export "memory") {pages})
                 (func (export "run") (local $at i32) {body}))"#
        ))
    };
    let grow = "(drop (memory.grow (i32.const 1)))";
    let cases = [
        ("memory.grow by a page, untouched", 63, module(1, &grow.repeat(63)), module(1, "")),
        (
            "memory.grow by a page, touched",
            63,
            module(1, &format!("{} {}", grow.repeat(63), touch(1))),
            module(1, ""),
        ),
        ("a page of the initial memory, touched", 64, module(64, &touch(0)), module(1, "")),
    ];
    cases.map(|(name, pages, full, empty)| fresh(sandbox, name, pages as f64, &full, &empty)).into()
}

/// Times instantiation, a run and dropping the instance; what a call pays for the memory it starts
/// with is part of its gas.
fn fresh(sandbox: &Sandbox, name: &str, count: f64, full: &[u8], empty: &[u8]) -> Row {
    let modules = [
        (Build::Plain, full),
        (Build::Plain, empty),
        (Build::Metered, full),
        (Build::Metered, empty),
    ]
    .map(|(build, wasm)| sandbox.compile(build, wasm));
    let start = |wasm: &[u8]| {
        let info = check(wasm).expect("the module is accepted");
        OperatorCosts::default().of_start(info.memory_pages_min)
    };
    let started_with = start(full) - start(empty);
    let (mut fastest, mut units) = ([Duration::MAX; 4], [0; 4]);
    for _ in 0..4 * ROUNDS {
        for (idx, module) in modules.iter().enumerate() {
            let started = std::time::Instant::now();
            let mut machine = Machine::new(module, ("run", 0), |_| {});
            machine.run();
            units[idx] = machine.gas_units();
            drop(machine);
            fastest[idx] = started.elapsed().min(fastest[idx]);
        }
    }
    let [plain, plain_empty, metered, metered_empty] = fastest.map(|time| time.as_nanos() as f64);
    Row {
        price: "MemoryGrow".into(),
        name: name.into(),
        plain_ns: Some((plain - plain_empty) / count),
        ns: (metered - metered_empty) / count,
        gas: (units[2] - units[3] + started_with) as f64 / count / UNITS_PER_GAS as f64,
    }
}
