//! What a module's memory is when a call begins: its data segments, and zeros. Knows bytes only;
//! whose memory it is put back into, `live.rs` knows.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use wasmparser::{DataKind, Operator, Parser, Payload};

use crate::error::EngineError;

/// Bytes of a block: short enough that comparing one is cheap, long enough that few are kept.
const BLOCK_LEN: usize = 1 << 12;

/// The initial memory of a module. Blocks of nothing but zeros are not kept, so that a segment at
/// the far end of a large memory takes no room for what is before it.
#[derive(Debug, Default, BorshSerialize, BorshDeserialize)]
pub(super) struct Image {
    /// By number of the block, ascending.
    blocks: Vec<(u32, Box<[u8; BLOCK_LEN]>)>,
}

impl Image {
    /// The image that the active data segments of a prepared module write.
    ///
    /// # Errors
    /// The module is not what preparation writes, which is a bug.
    pub(super) fn of(prepared: &[u8]) -> Result<Self, EngineError> {
        let mut blocks = BTreeMap::new();
        for payload in Parser::new(0).parse_all(prepared) {
            let Payload::DataSection(section) = payload.map_err(broken)? else { continue };
            for data in section {
                let data = data.map_err(broken)?;
                let DataKind::Active { memory_index: 0, offset_expr } = data.kind else {
                    return Err(EngineError::Bug("a prepared module has a passive segment".into()));
                };
                let Operator::I32Const { value } =
                    offset_expr.get_operators_reader().read().map_err(broken)?
                else {
                    return Err(EngineError::Bug("a segment's offset is no constant".into()));
                };
                write(&mut blocks, value.cast_unsigned() as usize, data.data);
            }
        }
        let blocks = blocks.into_iter().filter(|(_, block)| **block != ZEROS).collect();
        Ok(Self { blocks })
    }

    /// Bytes it takes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<(u32, Box<[u8; BLOCK_LEN]>)>()
            + self.blocks.len() * BLOCK_LEN
    }

    /// Whether `memory` is the initial memory.
    pub(super) fn matches(&self, memory: &[u8]) -> bool {
        memory
            .chunks(BLOCK_LEN)
            .enumerate()
            .all(|(number, part)| *part == self.block(number).unwrap_or(&ZEROS)[..part.len()])
    }

    /// Makes a range of `memory` what it is in the initial memory.
    pub(super) fn restore(&self, memory: &mut [u8], start: usize, end: usize) {
        let end = end.min(memory.len());
        let mut at = start;
        while at < end {
            let (number, from) = (at / BLOCK_LEN, at % BLOCK_LEN);
            let stop = end.min((number + 1) * BLOCK_LEN);
            let part = &mut memory[at..stop];
            match self.block(number) {
                Some(block) => part.copy_from_slice(&block[from..from + part.len()]),
                // Reading zeros would take as much of the cache as writing them.
                None => part.fill(0),
            }
            at = stop;
        }
    }

    /// A block, if it is not all zeros.
    fn block(&self, number: usize) -> Option<&[u8; BLOCK_LEN]> {
        let found = self.blocks.binary_search_by_key(&number, |(number, _)| *number as usize);
        found.ok().map(|found| &*self.blocks[found].1)
    }
}

static ZEROS: [u8; BLOCK_LEN] = [0; BLOCK_LEN];

/// Writes a segment; one that comes later overwrites.
fn write(blocks: &mut BTreeMap<u32, Box<[u8; BLOCK_LEN]>>, start: usize, mut bytes: &[u8]) {
    let mut at = start;
    while !bytes.is_empty() {
        let (number, from) = (at / BLOCK_LEN, at % BLOCK_LEN);
        let (part, rest) = bytes.split_at(bytes.len().min(BLOCK_LEN - from));
        let block = blocks.entry(number as u32).or_insert_with(|| Box::new(ZEROS));
        block[from..from + part.len()].copy_from_slice(part);
        (at, bytes) = (at + part.len(), rest);
    }
}

fn broken(error: wasmparser::Error) -> EngineError {
    EngineError::Bug(format!("a prepared module cannot be read: {error}"))
}
