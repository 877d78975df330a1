//! The files that people write for `tos-node block`.

use std::path::Path;

#[path = "../../../../examples/node/src/block_file"]
#[allow(dead_code, unreachable_pub, reason = "the node uses more of it")]
mod files {
    pub(crate) mod model;
    pub(crate) mod node;
    pub(crate) mod parse;
    pub(crate) mod source;
}

use files::{parse, source};

/// Any text is a block file or has a fault, whose place is in the text.
pub fn parse(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let source = source::Source::new("fuzzed", text);
    // No such folder: what the file names is not read.
    if let Err(fault) = parse::parse(&source, Path::new("/nowhere/fuzzed")) {
        assert!(fault.span.start <= fault.span.end, "{:?}", fault.span);
        let described = source.describe(&fault).to_string();
        assert!(described.contains("fuzzed"), "{described}");
    }
}
