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

const fn at(limit: &'static str, gene: Gene, recipe: &'static str) -> AtLimit {
    AtLimit { limit, gene, recipe }
}

/// At each limit alone.
pub const AT_LIMIT: &[AtLimit] = &[
    at("types", Gene::Types, "types=996:"),
    at("imports", Gene::Imports, "imports=128:"),
    at("functions", Gene::Functions, "functions=9999:"),
    at("globals", Gene::Globals, "globals=256:"),
    at("exports", Gene::Exports, "exports=1022:"),
    at("data segments", Gene::Segments, "segments=1024 segment_bytes=64:"),
    at("element segments", Gene::Elements, "table=4096 elements=64:"),
    at("elements, at most 4096", Gene::Table, "table=4096 elements=1:"),
    at("pages of 64 KiB, at most 64", Gene::Pages, "pages=64:"),
    at(
        "bytes of code, at most 524288",
        Gene::SegmentBytes,
        "pages=8 segments=1 segment_bytes=524190:",
    ),
    at("parameters", Gene::Params, "params=32 repeats=100: call"),
    at("parameters of all functions", Gene::Functions, "functions=312 params=32: call"),
    at("bytes of code", Gene::Nops, "repeats=5461: wide"),
    at("operators", Gene::Nops, "nops=19998:"),
    at("local variables", Gene::Locals, "locals=256:"),
    at("local variables of all functions", Gene::Functions, "functions=80 locals=250:"),
    at("words of one frame", Gene::Width, "width=318:"),
    at("nested blocks", Gene::Depth, "depth=256:"),
    at("blocks, loops and ifs", Gene::Repeats, "repeats=1024: spin"),
    at(
        "blocks, loops and ifs of all functions",
        Gene::Functions,
        "functions=16 repeats=1024: block ( )",
    ),
    at(
        "local variables times branches",
        Gene::Repeats,
        "locals=14 repeats=512: block ( tee tee tee tee tee \
         tee tee tee tee tee tee tee tee tee tee )",
    ),
    at(
        "local variables times branches of all functions",
        Gene::Functions,
        "functions=8 locals=14 repeats=512: block ( tee tee tee tee tee \
         tee tee tee tee tee tee tee tee tee tee )",
    ),
    at(
        "targets of br_table in all functions",
        Gene::Functions,
        "functions=4 repeats=4: switch1024",
    ),
    at("branches", Gene::Repeats, "repeats=1024: out"),
    at(
        "values kept over branches and calls",
        Gene::Repeats,
        "repeats=512 width=62 segments=1 segment_bytes=20000: spin",
    ),
    at("units of compilation work for code of this length", Gene::Repeats, "repeats=4141: call"),
];

/// The worst that searches found within the limits, with names.
pub const WORST: &[(&str, &str)] = &[
    ("empty module", "functions=0:"),
    ("worst: charges by operand", "repeats=292 locals=1: grow copy if ( out select clz )"),
    ("worst: loops", "functions=2 repeats=1024: spin load"),
    ("worst: exits", "functions=3 repeats=409 locals=1: if ( out select clz )"),
    ("worst: calls through the table", "repeats=500 segments=1 segment_bytes=8000: icall"),
    ("worst: bit counts", "repeats=1000: popcnt load load load load"),
    ("worst: operands and division", "repeats=3000 width=280: load8 shl div"),
    ("worst: operands and branches", "repeats=11 width=280 depth=100: out"),
    ("all counts of sections at once", TOGETHER),
];

/// Every limit of a module's sections at once, with code that fills what is left.
const TOGETHER: &str = "functions=312 params=32 locals=60 repeats=8 types=996 imports=127 globals=256 \
     exports=1022 table=4096 elements=64 segments=1024 segment_bytes=100 pages=64: call";
