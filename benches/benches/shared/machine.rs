//! Runs modules on wasmtime with the sandbox's own settings: as they are, metered by preparation,
//! or with wasmtime's fuel. Used by the benches that look at machine code rather than at blocks.

use std::time::{Duration, Instant};

use tos_benches::bench::must;
use tos_runtime::limits::MEMORY_EXPORT;
use tos_runtime::prepare::{
    ENTER_EXPORT, EntryParams, GAS_EXPORT, OperatorCosts, STACK_EXPORT, prepare,
};
use wasmtime::{Engine, Global, Linker, Memory, Module, Store, TypedFunc, Val};

/// More than any run uses.
const PLENTY: i64 = 1 << 50;
/// Room for the instances that are compared with each other.
const INSTANCES: usize = 16;
/// Words of stack, as the sandbox grants them.
const STACK_WORDS: i32 = 16_384;

/// How a module is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// As it is.
    Plain,
    /// Metered by preparation.
    Metered,
    /// With wasmtime's fuel.
    Fuelled,
}

/// The engines of all builds.
pub(crate) struct Sandbox {
    plain: Engine,
    fuelled: Engine,
    costs: OperatorCosts,
}

impl Sandbox {
    /// The sandbox's settings and the default prices.
    pub(crate) fn new() -> Self {
        let engine = |fuel| {
            let mut config = must(tos_runtime::testing::sandbox_config(INSTANCES));
            config.consume_fuel(fuel);
            must(Engine::new(&config))
        };
        Self { plain: engine(false), fuelled: engine(true), costs: OperatorCosts::default() }
    }

    /// A module, ready to be instantiated.
    pub(crate) fn compile(&self, build: Build, wasm: &[u8]) -> Module {
        match build {
            Build::Plain => must(Module::from_binary(&self.plain, wasm)),
            Build::Metered => {
                must(Module::from_binary(&self.plain, &must(prepare(wasm, &self.costs)).module))
            }
            Build::Fuelled => must(Module::from_binary(&self.fuelled, wasm)),
        }
    }
}

/// An entry of a module as it was written, or of a prepared one.
enum Entry {
    Plain(TypedFunc<(), ()>),
    Metered { number: i32, enter: TypedFunc<EntryParams, i64>, gas: Global, stack: Global },
}

/// An instance and its entry `run`.
pub(crate) struct Machine {
    store: Store<()>,
    memory: Memory,
    entry: Entry,
    fuelled: bool,
}

impl Machine {
    /// A fresh instance with the host functions of `link`, to run an entry: by its name in a plain
    /// module, by its number in a prepared one.
    pub(crate) fn new(
        module: &Module,
        (name, number): (&str, i32),
        link: impl FnOnce(&mut Linker<()>),
    ) -> Self {
        let mut store = Store::new(module.engine(), ());
        let mut linker = Linker::new(module.engine());
        link(&mut linker);
        let instance = must(linker.instantiate(&mut store, module));
        let memory = instance.get_memory(&mut store, MEMORY_EXPORT).expect("exports its memory");
        let mut global = |name| instance.get_global(&mut store, name);
        let entry = match global(GAS_EXPORT).zip(global(STACK_EXPORT)) {
            None => Entry::Plain(must(instance.get_typed_func(&mut store, name))),
            Some((gas, stack)) => {
                let enter = must(instance.get_typed_func(&mut store, ENTER_EXPORT));
                Entry::Metered { enter, number, gas, stack }
            }
        };
        let fuelled = store.get_fuel().is_ok();
        Self { store, memory, entry, fuelled }
    }

    /// Writes to the guest's memory.
    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) {
        must(self.memory.write(&mut self.store, offset, bytes));
    }

    /// Reads the guest's memory.
    pub(crate) fn read(&self, offset: usize, len: usize) -> &[u8] {
        &self.memory.data(&self.store)[offset..offset + len]
    }

    /// Runs the entry once: how long it took.
    pub(crate) fn run(&mut self) -> Duration {
        if let Entry::Metered { stack, .. } = self.entry {
            must(stack.set(&mut self.store, Val::I32(STACK_WORDS)));
        }
        if self.fuelled {
            must(self.store.set_fuel(PLENTY as u64));
        }
        let started = Instant::now();
        match &self.entry {
            Entry::Plain(function) => must(function.call(&mut self.store, ())),
            Entry::Metered { enter, number, .. } => {
                must(enter.call(&mut self.store, (*number, PLENTY, 0)));
            }
        }
        started.elapsed()
    }

    /// Units of gas that the last run of a metered module took.
    pub(crate) fn gas_units(&mut self) -> u64 {
        let Entry::Metered { gas, .. } = self.entry else { return 0 };
        let left = gas.get(&mut self.store).i64().expect("the counter is an i64");
        u64::try_from(PLENTY - left).expect("gas is never given back")
    }
}
