//! What is fuzzed. A target is a function of bytes that panics when something is not as it should
//! be; libFuzzer calls it with bytes of its own (`runtime/fuzz`), and the tests call it with those
//! that have been kept (`runtime/fuzz/corpus`).

pub mod block_file;
pub mod blocks;
pub mod calls;
pub mod encoding;
pub mod engines;
pub mod modules;
pub mod schedule;
mod world;

#[path = "../../../../examples/node/src/module_file.rs"]
#[allow(dead_code, reason = "the node uses more of it")]
mod module_file;

/// A function of bytes.
pub type Target = fn(&[u8]);

/// All targets by the names of their corpora. That of the journal, which is no part of the engine's
/// interface, is in the engine's own tests.
pub const TARGETS: [(&str, Target); 9] = [
    ("transaction", encoding::transaction),
    ("block", encoding::block),
    ("record", encoding::record),
    ("module", modules::bytes),
    ("generated_module", modules::generated),
    ("calls", calls::sequence),
    ("parallel", blocks::parallel_and_sequential),
    ("schedule", schedule::against_every_pair),
    ("block_file", block_file::parse),
];

/// Modules on several engines. Apart from the others because it takes a hundred times as long.
pub const ENGINES: (&str, Target) = ("engines", engines::agree);
