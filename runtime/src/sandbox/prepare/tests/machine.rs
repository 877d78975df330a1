//! Runs prepared and plain modules on wasmtime, for the other tests.

use std::sync::LazyLock;

use wasmtime::{Config, Engine, Instance, Linker, Module, Store, Val};

use super::super::{GAS_EXPORT, OperatorCosts, STACK_EXPORT, prepare};

/// Plenty of either.
pub(super) const GAS: i64 = 1 << 40;
pub(super) const STACK: i32 = 16_384;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Completed,
    OutOfGas,
    StackLimit,
    Trap,
}

/// What a run left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) ended: Ended,
    pub(super) gas_used: i64,
    pub(super) stack_left: i32,
    pub(super) memory: Vec<u8>,
}

impl Outcome {
    /// The word at the start of memory: where test programs leave their result.
    pub(super) fn word(&self) -> u32 {
        u32::from_le_bytes([self.memory[0], self.memory[1], self.memory[2], self.memory[3]])
    }
}

pub(super) fn config() -> Config {
    let mut config = Config::new();
    // More than the logical limit can use, on a thread that has it.
    config.max_wasm_stack(4 << 20).async_stack_size(4 << 20);
    config
}

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(&config()).expect("engine"));

pub(super) fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("bad test module: {error}\n{text}"))
}

/// An instance with host functions that do nothing.
pub(super) fn instantiate<T: 'static>(store: &mut Store<T>, module: &Module) -> Instance {
    let mut linker = Linker::new(store.engine());
    linker.define_unknown_imports_as_default_values(&mut *store, module).expect("links");
    linker.instantiate(&mut *store, module).expect("instantiates")
}

/// Prepares and compiles a module.
#[track_caller]
pub(super) fn compile(code: &[u8], costs: &OperatorCosts) -> Module {
    let prepared = prepare(code, costs).unwrap_or_else(|error| panic!("refused: {error}"));
    Module::from_binary(&ENGINE, &prepared.module).expect("compiles")
}

/// A prepared module, ready to run.
pub(super) struct Machine {
    pub(super) store: Store<()>,
    pub(super) instance: Instance,
}

impl Machine {
    pub(super) fn new(module: &Module) -> Self {
        let mut store = Store::new(&ENGINE, ());
        let instance = instantiate(&mut store, module);
        Self { store, instance }
    }

    pub(super) fn set(&mut self, global: &str, value: Val) {
        let global = self.instance.get_global(&mut self.store, global).expect("global");
        global.set(&mut self.store, value).expect("mutable");
    }

    pub(super) fn gas(&mut self) -> i64 {
        let global = self.instance.get_global(&mut self.store, GAS_EXPORT).expect("global");
        global.get(&mut self.store).unwrap_i64()
    }

    pub(super) fn stack(&mut self) -> i32 {
        let global = self.instance.get_global(&mut self.store, STACK_EXPORT).expect("global");
        global.get(&mut self.store).unwrap_i32()
    }

    /// Calls an entry with so much gas and stack.
    pub(super) fn run(&mut self, entry: &str, gas: i64, stack: i32) -> Outcome {
        self.set(GAS_EXPORT, Val::I64(gas));
        self.set(STACK_EXPORT, Val::I32(stack));
        let function = self.instance.get_typed_func::<(), ()>(&mut self.store, entry);
        let result = function.expect("entry").call(&mut self.store, ());
        let (gas_left, stack_left) = (self.gas(), self.stack());
        let ended = match (gas_left < 0, stack_left < 0, result.is_ok()) {
            (false, false, true) => Ended::Completed,
            (true, false, false) => Ended::OutOfGas,
            (false, true, false) => Ended::StackLimit,
            (false, false, false) => Ended::Trap,
            other => panic!("cannot be: {other:?}"),
        };
        if ended == Ended::Trap {
            let trap = result.expect_err("trapped").downcast::<wasmtime::Trap>().expect("a trap");
            assert_ne!(trap, wasmtime::Trap::StackOverflow, "the native stack ended first");
        }
        let memory = self.instance.get_memory(&mut self.store, "memory").expect("memory");
        let memory = memory.data(&self.store).to_vec();
        Outcome { ended, gas_used: gas - gas_left, stack_left, memory }
    }
}

/// Runs the entry `run` of a program with the default prices.
#[track_caller]
pub(super) fn run(text: &str) -> Outcome {
    run_with(text, GAS, STACK)
}

#[track_caller]
pub(super) fn run_with(text: &str, gas: i64, stack: i32) -> Outcome {
    Machine::new(&compile(&wasm(text), &OperatorCosts::default())).run("run", gas, stack)
}
