//! Runs one module on every engine with several budgets and compares what is left behind.

use std::fmt;

use anyhow::{Result, anyhow};
use tos_benches::Rng;
use tos_host_api::limits::{CONSTRUCTOR_ENTRY, MIGRATE_ENTRY};
use tos_runtime::prepare::{ModuleInfo, limits::STACK_WORDS_MAX};

use crate::engines::{Call, Engine, Program};
use crate::observation::{End, Observation};
use crate::report::Tally;
use crate::sources::Subject;

/// Plenty of gas for a terminating program, and soon used up by one that does not end.
pub const GAS: i64 = 200_000;
/// The whole logical stack.
pub const STACK: i32 = STACK_WORDS_MAX as i32;
/// Entries of one module that are called, at most.
const ENTRIES_MAX: usize = 6;
/// Completed runs that used more gas are not searched for the least stack they need.
const SEARCH_GAS_MAX: i64 = 50_000;

/// Two engines disagree, or one of them did what no engine may.
#[derive(Debug)]
pub struct Difference {
    /// What was called, and with which budgets.
    pub call: String,
    /// What differs.
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  {}", self.call, self.what)
    }
}

impl std::error::Error for Difference {}

/// A module on every engine.
struct Loaded {
    programs: Vec<(String, Box<dyn Program>)>,
}

/// Compares the engines on every entry of a module. The seed decides what the host answers, and
/// some of the budgets.
///
/// # Errors
/// A [`Difference`].
pub fn compare(
    engines: &[Box<dyn Engine>],
    subject: &Subject,
    seed: u64,
) -> Result<Tally, Difference> {
    let failed = |error: anyhow::Error| Difference {
        call: "compiling".to_owned(),
        what: format!("{error:#}"),
    };
    let mut programs = Vec::new();
    for engine in engines {
        let program = engine.load(&subject.prepared);
        let name = engine.name();
        programs.push((name.clone(), program.map_err(|error| failed(error.context(name)))?));
    }
    let loaded = Loaded { programs };
    let mut tally = Tally::default();
    let mut rng = Rng::part(seed, u64::MAX);
    for entry in entries(&subject.prepared.info).into_iter().take(ENTRIES_MAX) {
        let call = Call { entry, gas: GAS, stack: STACK, seed };
        loaded.compare_entry(call, &mut rng, &mut tally)?;
    }
    Ok(tally)
}

/// Everything of a module that can be called.
fn entries(info: &ModuleInfo) -> Vec<&str> {
    let mut entries: Vec<_> = info.entries.iter().map(String::as_str).collect();
    entries.extend(info.has_init.then_some(CONSTRUCTOR_ENTRY));
    entries.extend(info.has_migrate.then_some(MIGRATE_ENTRY));
    entries
}

impl Loaded {
    fn compare_entry(
        &self,
        plenty: Call<'_>,
        rng: &mut Rng,
        tally: &mut Tally,
    ) -> Result<(), Difference> {
        let first = self.compare_call(plenty, tally)?;
        tally.subjects_end(&first);
        let used = GAS - first.gas_left.max(0);
        if first.end == End::Completed {
            let enough = self.compare_call(Call { gas: used, ..plenty }, tally)?;
            expect(plenty, used, &enough, enough.end == End::Completed && enough.gas_left == 0)?;
            let short = self.compare_call(Call { gas: used - 1, ..plenty }, tally)?;
            expect(plenty, used - 1, &short, short.end == End::OutOfGas)?;
            if used <= SEARCH_GAS_MAX {
                self.compare_stack(plenty, tally)?;
            }
        }
        // Somewhere on the way, and right at the start.
        for gas in [rng.below(used as usize + 1), rng.below(64)] {
            self.compare_call(Call { gas: gas as i64, ..plenty }, tally)?;
        }
        let stack = rng.below(200) as i32;
        self.compare_call(Call { stack, ..plenty }, tally)?;
        Ok(())
    }

    /// With the least stack a call needs, and one word less.
    fn compare_stack(&self, plenty: Call<'_>, tally: &mut Tally) -> Result<(), Difference> {
        let completes = |stack| {
            let call = Call { stack, ..plenty };
            self.run(0, call).map(|observation| observation.end == End::Completed)
        };
        let (mut low, mut high) = (0, STACK);
        while low < high {
            let middle = i32::midpoint(low, high);
            if completes(middle)? {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        self.compare_call(Call { stack: low, ..plenty }, tally)?;
        if low > 0 {
            let call = Call { stack: low - 1, ..plenty };
            let short = self.compare_call(call, tally)?;
            expect(call, call.gas, &short, short.end == End::StackLimit)?;
        }
        Ok(())
    }

    fn run(&self, engine: usize, call: Call<'_>) -> Result<Observation, Difference> {
        let (name, program) = &self.programs[engine];
        let run =
            program.run(&call).map_err(|error| difference(call, &anyhow!("{name}: {error:#}")));
        Ok(run?.observation)
    }

    fn compare_call(&self, call: Call<'_>, tally: &mut Tally) -> Result<Observation, Difference> {
        let first = self.run(0, call)?;
        for engine in 1..self.programs.len() {
            if let Some(what) = first.difference(&self.run(engine, call)?) {
                let (a, b) = (&self.programs[0].0, &self.programs[engine].0);
                return Err(difference(call, &format_args!("{a} against {b}\n  {what}")));
            }
        }
        tally.run(call.gas, &first);
        Ok(first)
    }
}

fn difference(call: Call<'_>, what: &dyn fmt::Display) -> Difference {
    let call = format!("{} with {} gas and {} words of stack", call.entry, call.gas, call.stack);
    Difference { call, what: what.to_string() }
}

/// What budgets mean: a program that completed completes with what it used, and not with less.
fn expect(call: Call<'_>, gas: i64, found: &Observation, holds: bool) -> Result<(), Difference> {
    if holds {
        return Ok(());
    }
    let (end, left) = (found.end, found.gas_left);
    let what = format!("every engine: {end} with {left} gas left, against what the budget means");
    Err(difference(Call { gas, ..call }, &what))
}
