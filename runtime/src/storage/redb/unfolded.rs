//! Changes of committed blocks that the state table does not hold yet, kept in memory as the bytes
//! they will be stored in. Knows no database.
//!
//! Blocks are collected in an *active* span. A span that has become large enough is *frozen*: it
//! stays as it is while its newest values are written to the state table, slice by slice in the
//! order of keys, and a new active span collects what comes meanwhile.

use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result};
use foldhash::quality::RandomState;
use hashbrown::HashTable;
use tos_host_api::TopoHeight;

use crate::state::{ChangeSet, encode_value};

/// The new values of one block: entries of `key length (u16) ++ value length (u32) ++ key ++ value`
/// in ascending order of key. A value has the byte 1 in front, and a key that was removed has the
/// byte 0 for a value.
#[derive(Debug, Default)]
pub(super) struct BlockValues {
    bytes: Vec<u8>,
    /// Where each entry begins, for as long as the span's index lacks the block.
    offsets: Vec<u32>,
    /// Stored bytes of the block's record.
    record_len: usize,
}

/// Bytes of an entry in front of its key.
const ENTRY_HEAD: usize = 6;
/// Bytes that an entry is guessed to take. That of an account with one other asset takes 103.
const ENTRY_GUESS: usize = 112;

impl BlockValues {
    /// The new values of a change set whose record takes this many bytes.
    pub(super) fn of(changes: &ChangeSet, record_len: usize) -> Result<Self> {
        let mut bytes = Vec::with_capacity(changes.len() * ENTRY_GUESS);
        let mut offsets = Vec::with_capacity(changes.len());
        for change in changes.changes() {
            let head = bytes.len();
            offsets.push(u32::try_from(head).context("a block changes more than 4 GiB")?);
            bytes.extend_from_slice(&[0; ENTRY_HEAD]);
            change.key.append_to(&mut bytes);
            let value = bytes.len();
            encode_value(change.new.as_ref(), &mut bytes);
            let key_len = u16::try_from(value - head - ENTRY_HEAD)?;
            let value_len = u32::try_from(bytes.len() - value)?;
            bytes[head..head + 2].copy_from_slice(&key_len.to_le_bytes());
            bytes[head + 2..head + ENTRY_HEAD].copy_from_slice(&value_len.to_le_bytes());
        }
        u32::try_from(bytes.len()).context("a block changes more than 4 GiB")?;
        Ok(Self { bytes, offsets, record_len })
    }

    /// Whether the block changed the key, and its new value if so. For as long as the span's index
    /// lacks the block.
    fn find(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        let key_at = |offset: &u32| self.entry(*offset).0.key;
        let idx = self.offsets.binary_search_by(|offset| key_at(offset).cmp(key)).ok()?;
        Some(self.entry(self.offsets[idx]).0.value)
    }

    /// The entry that begins at an offset, and where the next one begins.
    fn entry(&self, offset: u32) -> (Entry<'_>, u32) {
        let (head, rest) = self.bytes[offset as usize..].split_at(ENTRY_HEAD);
        let key_len = usize::from(u16::from_le_bytes([head[0], head[1]]));
        let value_len = u32::from_le_bytes([head[2], head[3], head[4], head[5]]) as usize;
        let (key, rest) = rest.split_at(key_len);
        let value = &rest[1..value_len];
        // No overflow: the end of an entry is at most the number of bytes, which fits.
        let next = offset + (ENTRY_HEAD + key_len + value_len) as u32;
        (Entry { key, value: (!value.is_empty()).then_some(value) }, next)
    }
}

/// A changed key and its newest value, encoded; `None` where the key was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) key: &'a [u8],
    pub(super) value: Option<&'a [u8]>,
}

/// Most blocks of a span that are not indexed, so that a key is not looked for in many.
const WAITING_MAX: usize = 4;

/// Where an entry stands in a [`Span`].
#[derive(Debug, Clone, Copy)]
struct Place {
    block: u32,
    offset: u32,
    /// Hash of its key: a table that grows need not look at keys again.
    hash: u64,
}

/// The newest values that consecutive blocks left.
///
/// Blocks are indexed some time after they were added, since that takes longer than everything
/// else that is done in memory about a commit: a key is looked for in the last few by halving.
#[derive(Debug, Default)]
pub(super) struct Span {
    blocks: Vec<BlockValues>,
    /// How many of them are indexed.
    indexed: usize,
    /// The newest entry of each key in those. Takes a few bytes per key, which are in `blocks`
    /// already.
    newest: HashTable<Place>,
    /// Keyed anew by every process, since contracts choose part of a key.
    hasher: RandomState,
    record_bytes: usize,
}

impl Span {
    /// Stored bytes of the records of these blocks.
    pub(super) fn record_bytes(&self) -> usize {
        self.record_bytes
    }

    /// Stored bytes of the last of them.
    pub(super) fn last_record_len(&self) -> usize {
        self.blocks.last().map_or(0, |block| block.record_len)
    }

    /// How many blocks.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Adds the next block.
    pub(super) fn push(&mut self, values: BlockValues) {
        self.record_bytes = self.record_bytes.saturating_add(values.record_len);
        self.blocks.push(values);
        if self.blocks.len() - self.indexed > WAITING_MAX {
            self.index();
        }
    }

    /// Forgets all but the first blocks.
    pub(super) fn truncate(&mut self, blocks: usize) {
        self.blocks.truncate(blocks);
        self.record_bytes =
            self.blocks.iter().fold(0, |sum, block| block.record_len.saturating_add(sum));
        self.newest.clear();
        self.indexed = 0;
        self.index();
    }

    /// Indexes the blocks that are not indexed yet.
    pub(super) fn index(&mut self) {
        for block in self.indexed..self.blocks.len() {
            self.index_block(block);
            self.blocks[block].offsets = Vec::new();
        }
        self.indexed = self.blocks.len();
    }

    /// Makes the entries of a block the newest of their keys.
    fn index_block(&mut self, block: usize) {
        let Self { blocks, newest, hasher, .. } = self;
        // Blocks of a span fit by far: each has a record, and their bytes are bounded.
        let number = u32::try_from(block).expect("a span has few blocks");
        let key_at = |place: &Place| blocks[place.block as usize].entry(place.offset).0.key;
        let mut offset = 0;
        while (offset as usize) < blocks[block].bytes.len() {
            let (entry, next) = blocks[block].entry(offset);
            let hash = hash(hasher, entry.key);
            let place = Place { block: number, offset, hash };
            let is_it = |known: &Place| known.hash == hash && key_at(known) == entry.key;
            match newest.find_mut(hash, is_it) {
                Some(older) => *older = place,
                None => drop(newest.insert_unique(hash, place, |place| place.hash)),
            }
            offset = next;
        }
    }

    /// Whether the key changed, and its newest value if so.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        let mut waiting = self.blocks[self.indexed..].iter().rev();
        if let Some(value) = waiting.find_map(|block| block.find(key)) {
            return Some(value);
        }
        let is_it = |place: &Place| self.entry(*place).key == key;
        let place = self.newest.find(hash(&self.hasher, key), is_it)?;
        Some(self.entry(*place).value)
    }

    /// All newest entries, in no particular order. All blocks are indexed.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        assert_eq!(self.indexed, self.blocks.len(), "all blocks are indexed");
        self.newest.iter().map(|place| self.entry(*place))
    }

    fn entry(&self, place: Place) -> Entry<'_> {
        self.blocks[place.block as usize].entry(place.offset).0
    }

    /// The newest entries in ascending order of key. All blocks are indexed.
    fn sorted(&self) -> Vec<Place> {
        assert_eq!(self.indexed, self.blocks.len(), "all blocks are indexed");
        let mut keyed: Vec<(u128, Place)> =
            self.newest.iter().map(|place| (prefix(self.entry(*place).key), *place)).collect();
        keyed.sort_unstable_by(|(a_prefix, a), (b_prefix, b)| {
            let keys = || self.entry(*a).key.cmp(self.entry(*b).key);
            a_prefix.cmp(b_prefix).then_with(keys)
        });
        keyed.into_iter().map(|(_, place)| place).collect()
    }
}

/// A span that is being folded.
#[derive(Debug)]
pub(super) struct Frozen {
    pub(super) span: Span,
    /// Height of its last block.
    pub(super) to: TopoHeight,
    /// Found by whoever folds first.
    order: OnceLock<Vec<Place>>,
}

impl Frozen {
    /// A span that ends at this height.
    pub(super) fn new(mut span: Span, to: TopoHeight) -> Arc<Self> {
        span.index();
        Arc::new(Self { span, to, order: OnceLock::new() })
    }

    /// How many entries there are to fold.
    pub(super) fn len(&self) -> usize {
        self.span.newest.len()
    }

    /// Puts the entries in order. Takes a while the first time; nobody has to wait for it who does
    /// not fold.
    pub(super) fn sort(&self) {
        self.order.get_or_init(|| self.span.sorted());
    }

    /// Entries by their position in the order of keys.
    pub(super) fn slice(&self, from: usize, to: usize) -> impl Iterator<Item = Entry<'_>> {
        let order = self.order.get_or_init(|| self.span.sorted());
        order[from..to].iter().map(|place| self.span.entry(*place))
    }
}

fn hash(hasher: &RandomState, key: &[u8]) -> u64 {
    use std::hash::BuildHasher;
    hasher.hash_one(key)
}

/// The first 16 bytes as a number: sorts as the key does, up to ties.
fn prefix(key: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    let len = key.len().min(16);
    bytes[..len].copy_from_slice(&key[..len]);
    u128::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::storage::test_chain::{TestChain, seeded_writes};

    /// A span of seeded blocks, and the newest values it should hold.
    fn span_of(blocks: u64) -> (Span, BTreeMap<Vec<u8>, Option<Vec<u8>>>) {
        let (mut chain, mut span, mut newest) =
            (TestChain::default(), Span::default(), BTreeMap::new());
        for seed in 0..blocks {
            let changes = chain.block(seeded_writes(seed, 12)).changes;
            span.push(BlockValues::of(&changes, 100).unwrap());
            for change in changes.changes() {
                let value = change.new.as_ref().map(|value| value.to_bytes());
                newest.insert(change.key.to_bytes(), value);
            }
        }
        (span, newest)
    }

    #[track_caller]
    fn check(span: &Span, newest: &BTreeMap<Vec<u8>, Option<Vec<u8>>>) {
        for (key, value) in newest {
            assert_eq!(span.get(key), Some(value.as_deref()), "{key:?}");
        }
    }

    #[test]
    fn values_are_the_same_before_and_after_their_blocks_are_indexed() {
        for blocks in 1..=2 * WAITING_MAX as u64 {
            let (mut span, newest) = span_of(blocks);
            check(&span, &newest);
            assert!(span.blocks.len() - span.indexed <= WAITING_MAX, "few are looked through");
            span.index();
            check(&span, &newest);
            assert_eq!(span.entries().count(), newest.len());
        }
    }

    #[test]
    fn a_span_holds_the_newest_value_of_each_key() {
        let (span, newest) = span_of(30);
        check(&span, &newest);
        assert_eq!(span.get(b"never written"), None);
        assert!(newest.values().any(Option::is_none), "some keys are gone");
        assert_eq!((span.len(), span.record_bytes()), (30, 3000));
    }

    #[test]
    fn a_truncated_span_is_the_span_of_the_first_blocks() {
        for blocks in [0, 1, 7, 30] {
            let (mut span, _) = span_of(30);
            span.truncate(blocks as usize);
            let (expected, newest) = span_of(blocks);
            check(&span, &newest);
            assert_eq!(span.record_bytes(), expected.record_bytes());
        }
    }

    #[test]
    fn a_frozen_span_is_folded_in_the_order_of_keys() {
        let (span, newest) = span_of(30);
        let frozen = Frozen::new(span, TopoHeight(29));
        let found: Vec<_> = frozen
            .slice(0, frozen.len())
            .map(|entry| (entry.key.to_vec(), entry.value.map(<[u8]>::to_vec)))
            .collect();
        assert_eq!(found, newest.into_iter().collect::<Vec<_>>());
        assert!(frozen.slice(3, 5).map(|entry| entry.key).eq([&found[3].0[..], &found[4].0[..]]));
    }
}
