//! Where the modules come from: everything follows from a seed.

mod mutation;
mod smith;
mod structured;

use std::fmt;

use tos_benches::Rng;
use tos_runtime::prepare::{OperatorCosts, PrepareError, Prepared, prepare};

/// Prices that modules are metered with here: whole numbers as small as their order allows, so that
/// budgets are exhausted in the middle of things, and not those of the protocol, so that moving a
/// price moves no expectation.
pub const COSTS: OperatorCosts = OperatorCosts {
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
};

/// Attempts per seed until the gate accepts a module.
const ATTEMPTS_MAX: u32 = 16;

/// A generator of modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// wasm-smith, told which language contracts may use.
    Smith,
    /// The structured programs of the runtime's own tests, with host calls strewn in.
    Structured,
    /// Real contracts and test guests with operators changed, added or dropped, or bytes changed.
    Mutation,
    /// Bytes from a file.
    File,
}

impl Source {
    /// The generators.
    pub const GENERATORS: [Self; 3] = [Self::Smith, Self::Structured, Self::Mutation];
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Smith => "wasm-smith",
            Self::Structured => "structured",
            Self::Mutation => "mutations",
            Self::File => "file",
        })
    }
}

/// A module that has passed the gate.
#[derive(Debug)]
pub struct Subject {
    /// Where it comes from.
    pub source: Source,
    /// The bytes as an author would deploy them.
    pub code: Vec<u8>,
    /// The same, metered.
    pub prepared: Prepared,
}

impl Subject {
    /// Prepares a module; `None` if the gate refuses it.
    ///
    /// # Panics
    /// What preparation wrote is invalid, which is a bug of its own.
    #[must_use]
    pub fn new(source: Source, code: Vec<u8>) -> Option<Self> {
        match prepare(&code, &COSTS) {
            Ok(prepared) => Some(Self { source, code, prepared }),
            Err(PrepareError::Rejected(_)) => None,
            Err(error @ PrepareError::Broken(_)) => panic!("{source}: {error}"),
        }
    }
}

/// What a seed gave.
#[derive(Debug)]
pub struct Draw {
    /// Where it comes from.
    pub source: Source,
    /// Modules the gate refused before.
    pub refused: u64,
    /// The module, unless every attempt was refused.
    pub subject: Option<Subject>,
}

/// The module that wasm-smith makes of these bytes; `None` if there are too few or the gate refuses
/// it. The seed chooses between the settings.
#[must_use]
pub fn of_bytes(seed: u64, bytes: &[u8]) -> Option<Subject> {
    let code = smith::module_of(&mut Rng::new(seed), bytes)?;
    Subject::new(Source::Smith, code)
}

/// The module of a seed. The generators take turns.
#[must_use]
pub fn draw(seed: u64) -> Draw {
    let source = Source::GENERATORS[(seed % 3) as usize];
    let mut refused = 0;
    for attempt in 0..ATTEMPTS_MAX {
        let mut rng = Rng::part(seed, attempt.into());
        let code = match source {
            Source::Smith => smith::module(&mut rng),
            Source::Structured => structured::module(&mut rng),
            Source::Mutation | Source::File => mutation::module(&mut rng),
        };
        if let Some(subject) = code.and_then(|code| Subject::new(source, code)) {
            return Draw { source, refused, subject: Some(subject) };
        }
        refused += 1;
    }
    Draw { source, refused, subject: None }
}
