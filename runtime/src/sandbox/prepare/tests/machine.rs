//! Runs prepared and plain modules on wasmtime, for the other tests.

use std::fmt::Debug;
use std::sync::LazyLock;

use wasmtime::{Config, Engine, Instance, Linker, Module, OptLevel, RegallocAlgorithm, Store, Val};

use super::super::{
    ENTER_EXPORT, EntryParams, EntryResult, GAS_EXPORT, ModuleInfo, OperatorCosts, STACK_EXPORT,
    prepare,
};

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
    config.max_wasm_stack(NATIVE_STACK).async_stack_size(NATIVE_STACK);
    config
}

const NATIVE_STACK: usize = 3 << 20;
const THREAD_STACK: usize = 4 << 20;

/// Two compilers that share little: whatever a prepared module does, it does it on both.
static ENGINES: LazyLock<[Engine; 2]> = LazyLock::new(|| {
    let mut plain = config();
    plain.cranelift_opt_level(OptLevel::None);
    plain.cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
    let mut optimising = config();
    optimising.cranelift_opt_level(OptLevel::Speed);
    optimising.cranelift_regalloc_algorithm(RegallocAlgorithm::Backtracking);
    [optimising, plain].map(|config| Engine::new(&config).expect("engine"))
});

pub(super) fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("bad test module: {error}\n{text}"))
}

/// An instance with host functions that do nothing.
pub(super) fn instantiate<T: 'static>(store: &mut Store<T>, module: &Module) -> Instance {
    let mut linker = Linker::new(store.engine());
    linker.define_unknown_imports_as_default_values(&mut *store, module).expect("links");
    linker.instantiate(&mut *store, module).expect("instantiates")
}

/// A prepared module, compiled by each of the compilers.
pub(super) struct Compiled {
    modules: [Module; 2],
    info: ModuleInfo,
}

/// Prepares and compiles a module.
#[track_caller]
pub(super) fn compile(code: &[u8], costs: &OperatorCosts) -> Compiled {
    let prepared = prepare(code, costs).unwrap_or_else(|error| panic!("refused: {error}"));
    let compile = |engine| Module::from_binary(engine, &prepared.module).expect("compiles");
    Compiled { modules: ENGINES.each_ref().map(compile), info: prepared.info }
}

impl Compiled {
    /// Does something with a fresh instance from each compiler; the results have to be the same.
    #[track_caller]
    pub(super) fn on_each<T: PartialEq + Debug>(&self, act: impl Fn(&mut Machine<'_>) -> T) -> T {
        let machine = |module| Machine::new(module, &self.info);
        let [optimised, plain] = self.modules.each_ref().map(|module| act(&mut machine(module)));
        assert!(optimised == plain, "compilers disagree");
        optimised
    }
}

/// A prepared module, ready to run.
pub(super) struct Machine<'a> {
    pub(super) store: Store<()>,
    pub(super) instance: Instance,
    info: &'a ModuleInfo,
}

impl<'a> Machine<'a> {
    fn new(module: &Module, info: &'a ModuleInfo) -> Self {
        let mut store = Store::new(module.engine(), ());
        let instance = instantiate(&mut store, module);
        Self { store, instance, info }
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

    /// Calls an entry with the stack that is set.
    pub(super) fn enter(
        &mut self,
        entry: &str,
        gas: i64,
        known: i32,
    ) -> wasmtime::Result<EntryResult> {
        let number = self.info.entry_number(entry).expect("an entry");
        let enter = self.instance.get_typed_func::<EntryParams, i64>(&mut self.store, ENTER_EXPORT);
        enter.expect("the way in").call(&mut self.store, (number, gas, known)).map(EntryResult)
    }

    /// Calls an entry with so much gas and stack.
    pub(super) fn run(&mut self, entry: &str, gas: i64, stack: i32) -> Outcome {
        self.set(STACK_EXPORT, Val::I32(stack));
        let result = self.enter(entry, gas, 0);
        let (gas_left, stack_left) = (self.gas(), self.stack());
        if let Ok(told) = result {
            assert_eq!(told.gas_left() as i64, gas_left, "it tells what it holds");
        }
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

/// Prices small enough to add up by eye. The tests are about what is charged where; what the
/// default prices make of real programs is recorded elsewhere.
pub(super) fn small_costs() -> OperatorCosts {
    OperatorCosts {
        entry: 5,
        local: 1,
        loop_head: 1,
        simple: 1,
        arithmetic: 1,
        count_bits: 3,
        multiply: 2,
        divide: 8,
        load: 2,
        store: 2,
        global: 2,
        branch: 1,
        branch_table: 4,
        call: 3,
        call_indirect: 8,
        memory_size: 2,
        memory_grow: 300,
        memory_grow_page: 8_000,
        memory_bulk: 20,
        memory_bulk_word: 1,
    }
}

/// Runs the entry `run` of a program with [`small_costs`].
#[track_caller]
pub(super) fn run(text: &str) -> Outcome {
    run_with(text, GAS, STACK)
}

#[track_caller]
pub(super) fn run_with(text: &str, gas: i64, stack: i32) -> Outcome {
    let compiled = compile(&wasm(text), &small_costs());
    compiled.on_each(|machine| machine.run("run", gas, stack))
}

/// Runs on a thread whose stack holds all that guests may use.
pub(super) fn on_a_large_stack(act: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(THREAD_STACK).spawn(act);
    thread.expect("spawns").join().expect("does not panic");
}
