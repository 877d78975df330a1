//! Recursion one call short of the limit, right at it, and one call beyond it.

use anyhow::{Context, Result, bail, ensure};

use crate::compare::STACK;
use crate::engines::{Call, Engine};
use crate::host::PATIENT;
use crate::observation::{End, Observation};
use crate::sources::{Source, Subject};

/// Ways to recurse. Each counts its depth in the first global and goes on while `$more` says so.
const CHAINS: [(&str, &str); 5] = [
    (
        "direct",
        "(func $down (call $enter) (if (call $more) (then (call $down))))",
    ),
    (
        "mutual",
        "(func $down (call $enter) (if (call $more) (then (drop (call $other (i64.const 7))))))
         (func $other (param i64) (result i64) (local i32 i64)
           (call $enter) (if (call $more) (then (call $down))) (local.get 2))",
    ),
    (
        "call_indirect",
        "(func $down (call $enter) (if (call $more) (then (call_indirect (i32.const 0)))))
         (table funcref (elem $down))",
    ),
    (
        "host calls in the chain",
        "(func $down (local i64) (call $enter) (local.set 0 (call $host))
           (if (call $more) (then (call $down) (global.set $sum (i64.add (local.get 0) (call $host))))))",
    ),
    (
        "mutual, call_indirect and host calls",
        "(func $down (call $enter) (global.set $sum (call $host))
           (if (call $more) (then
             (drop (call_indirect (type $other) (i64.const 3) (i64.const 4) (i32.const 1))))))
         (type $other (func (param i64 i64) (result i64)))
         (func $other (type $other) (local i64 i64 i64) (call $enter) (local.set 2 (call $host))
           (if (call $more) (then (call_indirect (i32.const 0))))
           (i64.add (local.get 2) (local.get 1)))
         (table funcref (elem $down $other))",
    ),
];

/// Words of stack the depths are tried with.
const BUDGETS: [i32; 4] = [37, 500, 4_001, STACK];

/// How deep one way to recurse gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// The way.
    pub chain: &'static str,
    /// Words of stack granted.
    pub stack: i32,
    /// Calls that fit.
    pub depth: u64,
}

/// Finds the depth of every way to recurse, and checks that one call less and that many complete
/// and one more does not, on every engine alike.
///
/// # Errors
/// They do not.
pub fn check(engines: &[Box<dyn Engine>]) -> Result<Vec<Depth>> {
    let mut depths = Vec::new();
    for (chain, functions) in CHAINS {
        for stack in BUDGETS {
            let endless = on_all(engines, &module(functions, u32::MAX)?, stack)?;
            let depth = reached(&endless);
            ensure!(endless.end == End::StackLimit && depth > 0, "{chain}: {}", endless.end);
            let last = u32::try_from(depth)?;
            for limit in [last - 1, last, last + 1] {
                let observation = on_all(engines, &module(functions, limit)?, stack)?;
                let (end, expected) = match limit > last {
                    true => (End::StackLimit, depth),
                    false => (End::Completed, u64::from(limit.max(1))),
                };
                let found = (observation.end, reached(&observation));
                ensure!(found == (end, expected), "{chain}, limit {limit} of {last}: {found:?}");
            }
            depths.push(Depth { chain, stack, depth });
        }
    }
    Ok(depths)
}

fn reached(observation: &Observation) -> u64 {
    observation.globals.first().map_or(0, |&(_, depth)| depth)
}

fn on_all(engines: &[Box<dyn Engine>], subject: &Subject, stack: i32) -> Result<Observation> {
    let call = Call { entry: "run", gas: 1 << 40, stack, seed: PATIENT };
    let mut first: Option<Observation> = None;
    for engine in engines {
        let run = engine.load(&subject.prepared)?.run(&call).with_context(|| engine.name())?;
        match &first {
            None => first = Some(run.observation),
            Some(first) => {
                if let Some(what) = first.difference(&run.observation) {
                    bail!("{}: {what}", engine.name());
                }
            }
        }
    }
    first.context("no engines")
}

/// A module that recurses so deep. Counting and comparing are functions without calls, which take
/// no words.
fn module(functions: &str, limit: u32) -> Result<Subject> {
    let text = format!(
        r#"(module
          (import "tos_v1" "gas_left" (func $host (result i64)))
          (memory (export "memory") 1)
          (global $depth (mut i32) (i32.const 0))
          (global $sum (mut i64) (i64.const 0))
          (func $enter (global.set $depth (i32.add (global.get $depth) (i32.const 1))))
          (func $more (result i32) (i32.lt_u (global.get $depth) (i32.const {limit})))
          {functions}
          (func (export "run") (call $down)))"#,
        limit = limit as i32
    );
    Subject::new(Source::File, wat::parse_str(&text)?).context("the gate refuses the module")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_depth_is_not_a_pass() {
        // Without engines nothing is known about any depth.
        assert!(check(&[]).is_err());
    }
}
