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

use crate::state::{ChangeSet, EncodedKey, StateKey};
use crate::storage::BlockRecord;

/// The new values of one block: entries of `key length (u32) ++ value length (u32) ++ key ++ value`
/// in ascending order of key. A value has the byte 1 in front, and a key that was removed has the
/// byte 0 for a value.
#[derive(Debug, Default)]
struct BlockValues {
    bytes: Vec<u8>,
    /// Stored bytes of the block's record.
    record_len: usize,
}

/// Bytes of an entry in front of its key.
const ENTRY_HEAD: usize = 8;
/// Bytes that an entry is guessed to take. That of an account with one other asset takes 105.
const ENTRY_GUESS: usize = 112;

impl BlockValues {
    /// The new values of a change set whose record takes this many bytes, see [`Waiting::new`].
    fn of(changes: &ChangeSet, record_len: usize) -> Self {
        let mut bytes = Vec::with_capacity(changes.len() * ENTRY_GUESS);
        for change in changes.encoded_changes() {
            let head = bytes.len();
            bytes.extend_from_slice(&[0; ENTRY_HEAD]);
            change.append_key(&mut bytes);
            let value = bytes.len();
            bytes.extend_from_slice(change.after());
            let len = |from: usize, to: usize| {
                u32::try_from(to - from).expect("its size was looked at when it was added")
            };
            let key_len = len(head + ENTRY_HEAD, value).to_le_bytes();
            let value_len = len(value, bytes.len()).to_le_bytes();
            bytes[head..head + 4].copy_from_slice(&key_len);
            bytes[head + 4..head + ENTRY_HEAD].copy_from_slice(&value_len);
        }
        Self { bytes, record_len }
    }

    /// The entry that begins at an offset, and where the next one begins.
    fn entry(&self, offset: u32) -> (Entry<'_>, u32) {
        let (head, rest) = self.bytes[offset as usize..].split_at(ENTRY_HEAD);
        let key_len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let value_len = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let (key, rest) = rest.split_at(key_len);
        let value = &rest[1..value_len];
        // No overflow: the end of an entry is at most the number of bytes, which fits.
        let next = offset + (ENTRY_HEAD + key_len + value_len) as u32;
        (Entry { key, value: (!value.is_empty()).then_some(value) }, next)
    }
}

/// A block as it was committed, whose values are not encoded and indexed yet: that takes longer
/// than everything else that is done in memory about a commit, and nobody has to wait for it.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    record: Arc<BlockRecord>,
    /// Stored bytes of the record.
    record_len: usize,
    values: Arc<OnceLock<BlockValues>>,
}

impl Waiting {
    /// A block whose record takes this many bytes.
    pub(super) fn new(record: Arc<BlockRecord>, record_len: usize) -> Result<Self> {
        // An entry has no more bytes than its change in the record but for its head. What is
        // stored fits 4 GiB by far, since blocks are limited; values are found by such offsets.
        let entries = record.change_set.len().saturating_mul(ENTRY_HEAD + 2);
        u32::try_from(record_len.saturating_add(entries))
            .context("a block changes more than 4 GiB")?;
        Ok(Self { record, record_len, values: Arc::default() })
    }

    /// Encodes the values, if nobody has yet.
    pub(super) fn encode(&self) {
        self.values.get_or_init(|| self.encoded());
    }

    /// The block itself, for whoever wants to be the last to let go of it.
    pub(super) fn into_record(self) -> Arc<BlockRecord> {
        self.record
    }

    fn encoded(&self) -> BlockValues {
        BlockValues::of(&self.record.change_set, self.record_len)
    }
}

/// The newest value of a key that changed, encoded; `None` where the key was removed.
pub(super) type Newest<'a> = Option<&'a [u8]>;

/// A changed key and its newest value, encoded; `None` where the key was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) key: &'a [u8],
    pub(super) value: Option<&'a [u8]>,
}

/// Most blocks of a span that wait to be indexed, so that a key is not looked for in many.
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
/// Blocks are indexed some time after they were added: a key is looked for in the last few by
/// halving.
#[derive(Debug, Default)]
pub(super) struct Span {
    blocks: Vec<BlockValues>,
    /// The blocks after those, not indexed yet.
    waiting: Vec<Waiting>,
    /// The newest entry of each key in `blocks`. Takes a few bytes per key, which are in `blocks`
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
        let indexed = || self.blocks.last().map_or(0, |block| block.record_len);
        self.waiting.last().map_or_else(indexed, |block| block.record_len)
    }

    /// How many blocks.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.blocks.len() + self.waiting.len()
    }

    /// Adds the next block.
    pub(super) fn push(&mut self, block: Waiting) {
        self.record_bytes = self.record_bytes.saturating_add(block.record_len);
        self.waiting.push(block);
        if self.waiting.len() > WAITING_MAX {
            self.index();
        }
    }

    /// The blocks that are not indexed yet.
    pub(super) fn waiting(&self) -> &[Waiting] {
        &self.waiting
    }

    /// Forgets all but the first blocks.
    pub(super) fn truncate(&mut self, blocks: usize) {
        self.index();
        self.blocks.truncate(blocks);
        self.record_bytes =
            self.blocks.iter().fold(0, |sum, block| block.record_len.saturating_add(sum));
        self.newest.clear();
        (0..self.blocks.len()).for_each(|block| self.index_block(block));
    }

    /// Indexes the blocks that are not indexed yet.
    pub(super) fn index(&mut self) {
        self.index_first(self.waiting.len());
    }

    /// Indexes those of them whose values are encoded.
    pub(super) fn index_encoded(&mut self) {
        let encoded = self.waiting.iter().take_while(|block| block.values.get().is_some());
        self.index_first(encoded.count());
    }

    fn index_first(&mut self, count: usize) {
        for mut block in self.waiting.drain(..count).collect::<Vec<_>>() {
            let values = Arc::get_mut(&mut block.values).and_then(OnceLock::take);
            self.blocks.push(values.unwrap_or_else(|| block.encoded()));
            self.index_block(self.blocks.len() - 1);
        }
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

    /// The newest value of a key, if it changed; `bytes` are its own.
    pub(super) fn get(&self, key: &StateKey, bytes: &[u8]) -> Option<Newest<'_>> {
        if !self.waiting.is_empty() {
            let key = EncodedKey::of(key);
            let mut waiting = self.waiting.iter().rev();
            if let Some(change) = waiting.find_map(|block| block.record.change_set.find(&key)) {
                return Some(change.new_bytes());
            }
        }
        let is_it = |place: &Place| self.entry(*place).key == bytes;
        let place = self.newest.find(hash(&self.hasher, bytes), is_it)?;
        Some(self.entry(*place).value)
    }

    /// All newest entries, in no particular order. All blocks are indexed.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        assert!(self.waiting.is_empty(), "all blocks are indexed");
        self.newest.iter().map(|place| self.entry(*place))
    }

    fn entry(&self, place: Place) -> Entry<'_> {
        self.blocks[place.block as usize].entry(place.offset).0
    }

    /// The newest entries in ascending order of key. All blocks are indexed.
    fn sorted(&self) -> Vec<Place> {
        assert!(self.waiting.is_empty(), "all blocks are indexed");
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
    use crate::state::StateValue;
    use crate::storage::test_chain::{TestChain, seeded_writes};

    /// A span of seeded blocks, and the newest values it should hold.
    fn span_of(blocks: u64) -> (Span, BTreeMap<StateKey, Option<StateValue>>) {
        let (mut chain, mut span, mut newest) =
            (TestChain::default(), Span::default(), BTreeMap::new());
        for seed in 0..blocks {
            let record = chain.block(seeded_writes(seed, 12)).record.unwrap();
            for change in record.change_set.changes() {
                newest.insert(change.key.clone(), change.new.clone());
            }
            span.push(Waiting::new(record, 100).unwrap());
        }
        (span, newest)
    }

    #[track_caller]
    fn check(span: &Span, newest: &BTreeMap<StateKey, Option<StateValue>>) {
        for (key, value) in newest {
            let found = span.get(key, &key.to_bytes()).expect("it changed");
            let expected = value.as_ref().map(StateValue::to_bytes);
            assert_eq!(found, expected.as_deref(), "{key:?}");
        }
    }

    #[test]
    fn values_are_the_same_before_and_after_their_blocks_are_indexed() {
        for blocks in 1..=2 * WAITING_MAX as u64 {
            let (mut span, newest) = span_of(blocks);
            check(&span, &newest);
            assert!(span.waiting.len() <= WAITING_MAX, "few are looked through");
            // Some of them, as it happens when a block is committed meanwhile; then the others.
            let encoded = span.waiting.len() / 2;
            span.waiting[..encoded].iter().for_each(Waiting::encode);
            let all = span.waiting.len();
            span.index_encoded();
            assert_eq!(span.waiting.len(), all - encoded);
            check(&span, &newest);
            span.index();
            check(&span, &newest);
            assert_eq!(span.entries().count(), newest.len());
        }
    }

    #[test]
    fn a_span_holds_the_newest_value_of_each_key() {
        let (span, newest) = span_of(30);
        check(&span, &newest);
        let never = StateKey::Code(tos_host_api::Hash([0xEE; 32]));
        assert_eq!(span.get(&never, &never.to_bytes()), None);
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
        let expected: BTreeMap<_, _> = newest
            .iter()
            .map(|(key, value)| (key.to_bytes(), value.as_ref().map(StateValue::to_bytes)))
            .collect();
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
        assert!(frozen.slice(3, 5).map(|entry| entry.key).eq([&found[3].0[..], &found[4].0[..]]));
    }
}
