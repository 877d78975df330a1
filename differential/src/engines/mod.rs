//! The engines that are compared, behind one small interface.

mod wasmi;
mod wasmtime;

use std::thread;

use anyhow::Result;
use tos_runtime::prepare::Prepared;

pub use self::wasmi::Interpreter;
pub use self::wasmtime::{Compiler, Wasmtime};
use crate::observation::Observation;

/// Native stack of a guest in bytes, as in the runtime's profile (`runtime/src/sandbox/profile.rs`).
pub const WASM_STACK_BYTES: usize = 8 << 20;
/// Stack in bytes of a thread that runs guests: theirs, and what the host needs around it.
const THREAD_STACK_BYTES: usize = WASM_STACK_BYTES + (4 << 20);

/// A WebAssembly engine.
pub trait Engine: Send + Sync {
    /// Its name in reports.
    fn name(&self) -> String;

    /// Makes a prepared module ready to run.
    ///
    /// # Errors
    /// The engine refuses the module, which no engine may.
    fn load(&self, module: &Prepared) -> Result<Box<dyn Program>>;
}

/// A module on one engine.
pub trait Program {
    /// Calls an entry of a fresh instance.
    ///
    /// # Errors
    /// The run ended in a way that no guest may cause, such as by overflowing the native stack.
    fn run(&self, call: &Call<'_>) -> Result<Run>;
}

/// What is called with which budgets.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The entry.
    pub entry: &'a str,
    /// Gas granted.
    pub gas: i64,
    /// Words of stack granted.
    pub stack: i32,
    /// Seed of the host's answers.
    pub seed: u64,
}

/// A run.
#[derive(Debug)]
pub struct Run {
    /// What has to be the same on every engine.
    pub observation: Observation,
    /// The native stack in use, where the engine's guests run on it. Differs between engines.
    pub native: NativeStack,
}

/// How far the native stack reached while the logical one was taken, seen from host functions.
#[derive(Debug, Clone, Copy, Default)]
pub struct NativeStack {
    shallowest: Option<(usize, i32)>,
    deepest: Option<(usize, i32)>,
}

impl NativeStack {
    /// Notes where the host was called: an address on the stack, which grows downwards, and the
    /// words left.
    fn note(&mut self, address: usize, words_left: i32) {
        let here = Some((address, words_left));
        if self.shallowest.is_none_or(|(_, words)| words_left > words) {
            self.shallowest = here;
        }
        if self.deepest.is_none_or(|(_, words)| words_left < words) {
            self.deepest = here;
        }
    }

    /// Bytes of native stack and words of logical stack between the highest and the lowest call of
    /// a host function; `None` if they were called at one height only.
    #[must_use]
    pub fn used(&self) -> Option<(usize, usize)> {
        let ((high, words_high), (low, words_low)) = (self.shallowest?, self.deepest?);
        let words = usize::try_from(words_high - words_low).ok().filter(|&words| words > 0)?;
        Some((high.checked_sub(low)?, words))
    }
}

/// Every engine of the comparison, with the profile's native stack. The first is the reference.
///
/// # Errors
/// An engine does not support its configuration on this machine.
pub fn all() -> Result<Vec<Box<dyn Engine>>> {
    let mut engines: Vec<Box<dyn Engine>> = Vec::new();
    for compiler in Compiler::ALL {
        engines.push(Box::new(Wasmtime::new(compiler, WASM_STACK_BYTES)?));
    }
    engines.push(Box::new(Interpreter::new()?));
    Ok(engines)
}

/// Runs work on so many threads whose stacks hold what guests may use; the number tells them apart.
pub fn on_threads<R: Send>(count: usize, work: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let work = &work;
    thread::scope(|scope| {
        let start = |index| {
            let builder = thread::Builder::new().stack_size(THREAD_STACK_BYTES);
            builder.spawn_scoped(scope, move || work(index)).expect("a thread starts")
        };
        let threads: Vec<_> = (0..count).map(start).collect();
        let results = threads.into_iter().map(|thread| thread.join());
        results
            .map(|result| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}
