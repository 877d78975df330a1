//! Runs functions made to need much native stack into the logical limit, and measures what they
//! need on each compiler.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use tos_benches::Rng;

use super::frames;
use crate::compare::STACK;
use crate::engines::{Call, Compiler, Engine, WASM_STACK_BYTES, Wasmtime, on_threads};
use crate::host::PATIENT;
use crate::observation::End;
use crate::sources::{Source, Subject};

/// Native stack that suffices for one function that calls nothing, in bytes. Such functions take no
/// words; the profile leaves a megabyte for the one that can be active.
pub const LEAF_STACK_BYTES: usize = 1 << 20;
/// Gas that no program here uses up.
const GAS: i64 = 1 << 50;
/// Attempts per seed until the gate accepts a module.
const ATTEMPTS_MAX: u64 = 64;

/// The module that takes the most native stack per word on one compiler.
#[derive(Debug, Clone, Default)]
pub struct Worst {
    /// Seed of the module.
    pub seed: u64,
    /// Bytes of native stack, between the first and the deepest call of the host.
    pub bytes: usize,
    /// Words of logical stack between them.
    pub words: usize,
}

impl Worst {
    /// Bytes per word.
    #[must_use]
    pub fn ratio(&self) -> usize {
        self.bytes.div_ceil(self.words.max(1))
    }
}

/// Which modules.
#[derive(Debug, Clone, Copy)]
pub struct Modules {
    /// Seed of the first; the others follow one by one.
    pub seed: u64,
    /// How many seeds.
    pub count: u64,
    /// Logarithm of the largest size of what functions are made of: [`LARGE`] comes up against the
    /// limits of `prepare`, [`SMALL`] compiles in milliseconds.
    pub size: u32,
    /// Threads that run them.
    pub threads: usize,
}

/// Size of functions that come up against the limits.
pub const LARGE: u32 = 10;
/// Size of functions that compile quickly.
pub const SMALL: u32 = 5;

/// What a measurement found.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// Modules that ran into the logical limit on every engine.
    pub modules: u64,
    /// Modules the gate refused.
    pub refused: u64,
    /// By engine, for those whose guests run on the native stack.
    pub worst: Vec<(String, Worst)>,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { modules, refused, worst } = self;
        writeln!(
            f,
            "{modules} modules reach the logical limit on every engine, {refused} refused"
        )?;
        for (engine, worst) in worst {
            let (ratio, Worst { seed, bytes, words }) = (worst.ratio(), worst);
            let all = ratio * STACK as usize / 1024;
            writeln!(
                f,
                "{engine:<30} {ratio:>4} bytes per word at most: {bytes} bytes for {words} words \
                 (seed {seed}), {all} KiB for the whole stack"
            )?;
        }
        Ok(())
    }
}

/// The module of a seed, and how many the gate refused before.
#[must_use]
pub fn subject(seed: u64, size: u32) -> (Option<Subject>, u64) {
    for attempt in 0..ATTEMPTS_MAX {
        let code = frames::module(&mut Rng::part(seed, attempt), size);
        if let Some(subject) = Subject::new(Source::File, code) {
            return (Some(subject), attempt);
        }
    }
    (None, ATTEMPTS_MAX)
}

/// Runs the modules of so many seeds on every engine.
///
/// # Errors
/// A module that ends in anything but the logical limit on some engine, or differently on two.
pub fn measure(engines: &[Box<dyn Engine>], modules: Modules) -> Result<Measured> {
    let leaf_engines: Vec<_> = Compiler::ALL
        .into_iter()
        .map(|compiler| Wasmtime::new(compiler, LEAF_STACK_BYTES))
        .collect::<Result<_>>()?;
    let next = AtomicU64::new(0);
    let names = engines.iter().map(|engine| (engine.name(), Worst::default())).collect();
    let total = Mutex::new(Measured { worst: names, ..Measured::default() });
    let outcomes = on_threads(modules.threads, |_| -> Result<()> {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= modules.count {
                return Ok(());
            }
            let seed = modules.seed + index;
            let one = measure_one(engines, &leaf_engines, seed, modules.size);
            let (refused, used) = one.with_context(|| format!("stack module of seed {seed}"))?;
            let mut total = total.lock().unwrap_or_else(|error| error.into_inner());
            total.modules += u64::from(!used.is_empty());
            total.refused += refused;
            for ((_, worst), new) in total.worst.iter_mut().zip(used) {
                if new.words > 0 && new.ratio() > worst.ratio() {
                    *worst = new;
                }
            }
        }
    });
    outcomes.into_iter().collect::<Result<Vec<()>>>()?;
    let mut total = total.into_inner().unwrap_or_else(|error| error.into_inner());
    total.worst.retain(|(_, worst)| worst.bytes > 0);
    Ok(total)
}

fn measure_one(
    engines: &[Box<dyn Engine>],
    leaf_engines: &[Wasmtime],
    seed: u64,
    size: u32,
) -> Result<(u64, Vec<Worst>)> {
    let (Some(subject), refused) = subject(seed, size) else {
        return Ok((ATTEMPTS_MAX, Vec::new()));
    };
    let used = measure_module(engines, &subject)?
        .into_iter()
        .map(|(bytes, words)| Worst { seed, bytes, words })
        .collect();
    // A small function cannot come near a megabyte.
    for engine in leaf_engines.iter().filter(|_| size >= LARGE) {
        let leaf = Call { entry: "leaf", gas: GAS, stack: STACK, seed: PATIENT };
        let run = engine.load(&subject.prepared)?.run(&leaf);
        run.with_context(|| format!("{}, function without calls", engine.name()))?;
    }
    Ok((refused, used))
}

/// Bytes of native stack and words of logical stack that a module's entry `run` takes on each engine
/// between its first and its deepest call of the host; zeros where guests run elsewhere.
///
/// # Errors
/// It ends in anything but the logical limit on some engine, or differently on two.
pub fn measure_module(
    engines: &[Box<dyn Engine>],
    subject: &Subject,
) -> Result<Vec<(usize, usize)>> {
    let call = Call { entry: "run", gas: GAS, stack: STACK, seed: PATIENT };
    let (mut used, mut first) = (Vec::new(), None);
    for engine in engines {
        let run = engine.load(&subject.prepared)?.run(&call).with_context(|| engine.name())?;
        let end = run.observation.end;
        ensure!(end == End::StackLimit, "{}: {end}", engine.name());
        used.push(run.native.used().unwrap_or_default());
        let first = first.get_or_insert_with(|| run.observation.clone());
        if let Some(what) = first.difference(&run.observation) {
            anyhow::bail!("{}: {what}", engine.name());
        }
    }
    Ok(used)
}

/// The least native stack, to an eighth, with which a module still ends by the logical limit:
/// everything included, and for interpreters too, which keep their stack elsewhere.
///
/// # Errors
/// An engine does not start, or no module has this seed.
pub fn least_stack(compiler: Compiler, seed: u64, size: u32) -> Result<usize> {
    let (subject, _) = subject(seed, size);
    let subject = subject.context("no module has this seed")?;
    let call = Call { entry: "run", gas: GAS, stack: STACK, seed: PATIENT };
    let suffices = |bytes| -> Result<bool> {
        let program = Wasmtime::new(compiler, bytes)?.load(&subject.prepared)?;
        Ok(program.run(&call).is_ok())
    };
    let mut enough = WASM_STACK_BYTES;
    ensure!(suffices(enough)?, "the native stack ends before the logical one");
    while suffices(enough / 2)? {
        enough /= 2;
    }
    for step in [enough / 4, enough / 8] {
        if suffices(enough - step)? {
            enough -= step;
        }
    }
    Ok(enough)
}
