//! Generated programs: metering changes nothing but the counters, and the counters agree with an
//! independent count, wasmtime's fuel with the same price for each operator.

use std::sync::LazyLock;

use wasmtime::{Engine, Module, OperatorCost, Store};

use super::super::{OperatorCosts, global_export};
use super::generator::program;
use super::machine::{Ended, GAS, Machine, Outcome, STACK, compile, config, instantiate};

const PROGRAMS: i64 = 200;

/// What a plain module leaves behind on an engine that counts fuel.
struct Plain {
    completed: bool,
    fuel_used: i64,
    memory: Vec<u8>,
    globals: (i32, i64),
}

/// Prices that fuel can express: no loop heads, which fuel counts once, and nothing per operand.
fn comparable_costs() -> OperatorCosts {
    OperatorCosts {
        entry: 1, // Fixed in wasmtime.
        local: 0,
        loop_head: 0,
        simple: 2,
        arithmetic: 3,
        count_bits: 47,
        multiply: 5,
        divide: 7,
        load: 11,
        store: 13,
        global: 17,
        branch: 19,
        branch_table: 23,
        call: 29,
        call_indirect: 31,
        memory_size: 37,
        memory_grow: 41,
        memory_grow_page: 0,
        memory_bulk: 43,
        memory_bulk_word: 0,
    }
}

/// The price of an operator by its name, written down independently of the classes.
fn price(name: &str, costs: &OperatorCosts) -> u8 {
    let has = |part: &str| name.contains(part);
    let price = match name {
        "Block" | "Else" | "End" | "Loop" => 0,
        "If" | "Br" | "BrIf" | "Return" | "Unreachable" => costs.branch,
        "BrTable" => costs.branch_table,
        "Call" => costs.call,
        "CallIndirect" => costs.call_indirect,
        "Nop" | "Drop" | "Select" => costs.simple,
        "MemorySize" => costs.memory_size,
        "I32Clz" | "I32Ctz" | "I32Popcnt" | "I64Clz" | "I64Ctz" | "I64Popcnt" => costs.count_bits,
        "MemoryGrow" => costs.memory_grow,
        "MemoryCopy" | "MemoryFill" => costs.memory_bulk,
        _ if has("Const") || name.starts_with("Local") => costs.simple,
        _ if name.starts_with("Global") => costs.global,
        _ if has("Load") => costs.load,
        _ if has("Store") => costs.store,
        _ if has("Mul") => costs.multiply,
        _ if has("Div") || has("Rem") => costs.divide,
        _ => costs.arithmetic,
    };
    u8::try_from(price).expect("small")
}

static FUEL_ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let (prices, mut table) = (comparable_costs(), OperatorCost::new());
    macro_rules! set_prices {
        ($( @$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident
            ($($ann:tt)*) )*) => {
            $(table.$op = price(stringify!($op), &prices);)*
        };
    }
    wasmparser::for_each_operator!(set_prices);
    table.variable.memory_copy_per_byte = 0;
    table.variable.memory_fill_per_byte = 0;
    table.variable.memory_grow_per_page = 0;
    let mut config = config();
    config.consume_fuel(true).operator_cost(table);
    Engine::new(&config).expect("engine")
});

fn run_plain(code: &[u8]) -> Plain {
    let mut store = Store::new(&FUEL_ENGINE, ());
    store.set_fuel(u64::MAX / 2).expect("fuel is on");
    let module = Module::from_binary(&FUEL_ENGINE, code).expect("compiles");
    let instance = instantiate(&mut store, &module);
    let before = store.get_fuel().expect("fuel is on");
    let function = instance.get_typed_func::<(), ()>(&mut store, "run").expect("entry");
    let completed = function.call(&mut store, ()).is_ok();
    let fuel_used = (before - store.get_fuel().expect("fuel is on")) as i64;
    let memory = instance.get_memory(&mut store, "memory").expect("memory");
    let memory = memory.data(&store).to_vec();
    let mut global = |name| {
        let global = instance.get_global(&mut store, name).expect("global");
        global.get(&mut store)
    };
    let globals = (global("g0").unwrap_i32(), global("g1").unwrap_i64());
    Plain { completed, fuel_used, memory, globals }
}

/// Runs a prepared module; also what is in the guest's globals.
fn run_metered(machine: &mut Machine<'_>, gas: i64) -> (Outcome, (i32, i64)) {
    let outcome = machine.run("run", gas, STACK);
    let mut global = |index| {
        let name = global_export(index);
        let global = machine.instance.get_global(&mut machine.store, &name).expect("global");
        global.get(&mut machine.store)
    };
    let globals = (global(0).unwrap_i32(), global(1).unwrap_i64());
    (outcome, globals)
}

#[test]
fn metering_changes_nothing_and_counts_what_runs() {
    let (mut completed, mut gas_total) = (0, 0);
    for seed in 0..PROGRAMS {
        let code = program(seed as u64);
        let plain = run_plain(&code);
        let compiled = compile(&code, &comparable_costs());
        let (metered, globals) = compiled.on_each(|machine| run_metered(machine, GAS));
        let expected = if plain.completed { Ended::Completed } else { Ended::Trap };
        assert_eq!(metered.ended, expected, "seed {seed}");
        assert!(metered.memory == plain.memory, "memory differs, seed {seed}");
        assert_eq!(globals, plain.globals, "seed {seed}");
        if plain.completed {
            assert_eq!(metered.gas_used, plain.fuel_used, "seed {seed}");
            assert_eq!(metered.stack_left, STACK, "seed {seed}");
            let short = metered.gas_used - 1;
            let (short, _) = compiled.on_each(|machine| run_metered(machine, short));
            assert_eq!(short.ended, Ended::OutOfGas, "seed {seed}");
            completed += 1;
            gas_total += metered.gas_used;
        }
    }
    assert!(completed > PROGRAMS / 2, "only {completed} of {PROGRAMS} programs complete");
    assert!(gas_total > 1_000 * completed, "the programs do next to nothing: {gas_total}");
}
