//! A small assembler for the EVM: mnemonics, numbers in hex, labels. Just what the token needs.

use std::collections::HashMap;

use anyhow::{Context, ensure};

/// The operations it knows, besides PUSH1 to PUSH32.
const OPERATIONS: [(&str, u8); 23] = [
    ("ADD", 0x01),
    ("SUB", 0x03),
    ("LT", 0x10),
    ("GT", 0x11),
    ("EQ", 0x14),
    ("SHR", 0x1c),
    ("KECCAK256", 0x20),
    ("CALLER", 0x33),
    ("CALLDATALOAD", 0x35),
    ("POP", 0x50),
    ("MSTORE", 0x52),
    ("SLOAD", 0x54),
    ("SSTORE", 0x55),
    ("JUMPI", 0x57),
    ("PUSH0", 0x5f),
    ("DUP1", 0x80),
    ("DUP2", 0x81),
    ("DUP3", 0x82),
    ("DUP4", 0x83),
    ("SWAP1", 0x90),
    ("LOG3", 0xa3),
    ("RETURN", 0xf3),
    ("REVERT", 0xfd),
];
const JUMPDEST: u8 = 0x5b;
const PUSH1: u8 = 0x60;
const PUSH2: u8 = 0x61;

/// The bytes of a program. `name:` marks a place to jump to, `@name` pushes it, and what follows a
/// `;` is a comment.
pub(crate) fn assemble(source: &str) -> anyhow::Result<Vec<u8>> {
    let mut code = Vec::new();
    let mut labels = HashMap::new();
    let mut uses = Vec::new();
    let without_comments = source.lines().map(|line| line.split(';').next().unwrap_or_default());
    let mut words = without_comments.flat_map(str::split_whitespace);
    while let Some(word) = words.next() {
        if let Some(label) = word.strip_suffix(':') {
            ensure!(labels.insert(label, code.len()).is_none(), "{label} is there twice");
            code.push(JUMPDEST);
        } else if let Some(label) = word.strip_prefix('@') {
            code.push(PUSH2);
            uses.push((code.len(), label));
            code.extend([0, 0]);
        } else if let Some(&(_, operation)) = OPERATIONS.iter().find(|(name, _)| *name == word) {
            code.push(operation);
        } else {
            let len = word.strip_prefix("PUSH").and_then(|len| len.parse::<u8>().ok());
            let len = len.filter(|len| (1..=32).contains(len)).with_context(|| word.to_owned())?;
            let number = words.next().and_then(hex).with_context(|| format!("{word} what?"))?;
            ensure!(number.len() == usize::from(len), "{word} of {} bytes", number.len());
            code.push(PUSH1 - 1 + len);
            code.extend(number);
        }
    }
    for (place, label) in uses {
        let target = labels.get(label).with_context(|| format!("{label} is nowhere"))?;
        code[place..place + 2].copy_from_slice(&u16::try_from(*target)?.to_be_bytes());
    }
    Ok(code)
}

fn hex(word: &str) -> Option<Vec<u8>> {
    let digits = word.strip_prefix("0x")?;
    let byte = |idx| u8::from_str_radix(digits.get(idx..idx + 2)?, 16).ok();
    (0..digits.len()).step_by(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_places_in_the_code() {
        let code = assemble("PUSH0 @end JUMPI ; not yet\nend: PUSH2 0x0102 POP");
        let expected = [0x5f, 0x61, 0, 5, 0x57, 0x5b, 0x61, 1, 2, 0x50];
        assert_eq!(code.expect("it is right"), expected);
    }

    #[test]
    fn mistakes_are_refused() {
        for wrong in ["NOTHING", "PUSH2 0x01", "PUSH1", "PUSH33 0x01", "@nowhere", "a: a:"] {
            assert!(assemble(wrong).is_err(), "{wrong}");
        }
    }
}
