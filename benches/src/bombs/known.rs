//! Recipes worth keeping.

use super::Gene;

/// A recipe at a limit: one more of `gene` is one too many.
#[derive(Debug, Clone, Copy)]
pub struct AtLimit {
    /// What the gate says there is too much of.
    pub limit: &'static str,
    /// The number to increase.
    pub gene: Gene,
    /// The recipe.
    pub recipe: &'static str,
}

/// At the limits.
pub const AT_LIMIT: &[AtLimit] = &[];

/// The worst found, with names.
pub const WORST: &[(&str, &str)] = &[
    ("empty", "functions=0:"),
    ("spin", "repeats=1023: spin"),
    ("grow", "repeats=9000: grow"),
    ("popcnt", "repeats=9000: popcnt"),
    ("popcnt64", "repeats=6000: popcnt64"),
    ("out", "repeats=9000: out"),
    ("call", "repeats=9000: call"),
    ("icall", "repeats=9000: icall"),
    ("icall 1000", "repeats=1000: icall"),
    ("copy", "repeats=4900: copy"),
    ("load", "repeats=9000: load"),
    ("call width", "repeats=9000 width=900: call"),
    ("switch", "repeats=7: switch1024"),
    ("rem64", "repeats=4000: rem64"),
    ("div", "repeats=4000: div"),
    ("functions", "functions=9999:"),
];
