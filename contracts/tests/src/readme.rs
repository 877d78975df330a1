//! The figures in `contracts/README.md`: a block per contract, as recorded.

use std::fs;
use std::ops::Range;
use std::sync::Mutex;

use tos_runtime::testing::Figures;

/// Tests that record at the same time write one after the other.
static WRITING: Mutex<()> = Mutex::new(());

/// Demands that the README shows what is recorded of a contract; where figures are being recorded,
/// makes it do so.
///
/// # Panics
/// When it shows something else, or nothing.
#[track_caller]
pub(crate) fn show(contract: &str) {
    let file = format!("{}/../README.md", env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| fs::read_to_string(file).unwrap_or_else(|e| panic!("{file}: {e}"));
    let figures = read(&crate::recorded(contract));
    let writing = WRITING.lock().expect("nobody panics while writing");
    let mut readme = read(&file);
    let block = block(&readme, contract);
    let block = block.unwrap_or_else(|| panic!("the README has no figures of {contract}"));
    if readme[block.clone()] == figures {
        return;
    }
    if !Figures::recording() {
        drop(writing);
        panic!("the README has other figures of {contract}; record them anew:\n{figures}");
    }
    readme.replace_range(block, &figures);
    fs::write(&file, readme).unwrap_or_else(|error| panic!("{file}: {error}"));
}

/// Where the first block behind the headline of a contract is.
fn block(readme: &str, contract: &str) -> Option<Range<usize>> {
    const OPEN: &str = "```text\n";
    let section = readme.find(&format!("\n### `{contract}`\n"))? + 1;
    let section_len = readme[section..].find("\n##").unwrap_or(readme.len() - section);
    let start = section + readme[section..section + section_len].find(OPEN)? + OPEN.len();
    Some(start..start + readme[start..].find("```")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_found_in_its_own_section_only() {
        let readme = "\n### `a`\nnone\n### `b`\ntext\n```text\nx: 1\n```\n";
        assert_eq!(block(readme, "b").map(|block| &readme[block]), Some("x: 1\n"));
        assert_eq!(block(readme, "a"), None);
        assert_eq!(block(readme, "c"), None);
    }
}
