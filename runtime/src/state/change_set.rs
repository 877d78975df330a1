//! The effect of a block on the state: every key that changed, with its value before and after.

use std::fmt;
use std::io::{Error, Read, Result as IoResult, Write};
use std::sync::{Arc, OnceLock};

use borsh::{BorshDeserialize, BorshSerialize};
use tos_host_api::Hash;

use super::encoded::{EncodedChange, EncodedChanges, EncodedKey, compare_keys, decode_key};
use super::encoding::encode;
use super::{Section, StateKey, StateValue};
use crate::digest::Rope;
use crate::error::EngineError;
use crate::planted::{Bug, planted};

/// One key and what became of it. `None` means that the key does not exist.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Change {
    /// The key.
    pub key: StateKey,
    /// Its value before the block.
    pub old: Option<StateValue>,
    /// Its value after the block; differs from `old`.
    pub new: Option<StateValue>,
}

/// All changes of a block.
///
/// Invariants: keys ascend strictly, and `old` differs from `new`. A key that a block writes and
/// that ends where it began is not listed, so the same state change always has the same bytes.
///
/// It is kept as it is encoded, which is what is hashed, stored and applied; copies share it. The
/// list is made of it for whoever asks for it first.
#[derive(Clone)]
pub struct ChangeSet(Arc<Encoded>);

struct Encoded {
    /// How many changes there are, then pieces of whole changes in ascending order.
    rope: Rope,
    /// How many there are.
    len: usize,
    /// Where each change of a piece begins, by piece; made when one is looked for.
    starts: Vec<OnceLock<Vec<usize>>>,
    list: OnceLock<Vec<Change>>,
}

impl Encoded {
    fn new(len: usize, pieces: Vec<Vec<u8>>) -> IoResult<Self> {
        let mut all = Vec::with_capacity(1 + pieces.len());
        all.push(count(len)?.to_le_bytes().to_vec());
        all.extend(pieces);
        let rope = Rope::new(all);
        let starts = rope.pieces().iter().map(|_| OnceLock::new()).collect();
        Ok(Self { rope, len, starts, list: OnceLock::new() })
    }

    /// The pieces that hold changes.
    fn pieces(&self) -> &[Vec<u8>] {
        &self.rope.pieces()[1..]
    }

    fn changes(&self) -> impl Iterator<Item = EncodedChange<'_>> {
        self.pieces().iter().flat_map(|piece| EncodedChanges::of(piece))
    }
}

/// Sorts by key. A change is large, so positions are sorted by the first bytes of the keys, keys
/// that share those are compared whole, and each change moves once.
fn sorted(changes: Vec<Change>) -> Vec<Change> {
    let mut order: Vec<(u128, usize)> =
        changes.iter().enumerate().map(|(idx, change)| (change.key.prefix(), idx)).collect();
    order.sort_unstable_by(|(a_prefix, a), (b_prefix, b)| {
        a_prefix.cmp(b_prefix).then_with(|| changes[*a].key.cmp(&changes[*b].key))
    });
    let mut changes: Vec<_> = changes.into_iter().map(Some).collect();
    order.into_iter().filter_map(|(_, idx)| changes[idx].take()).collect()
}

/// How a number of changes is encoded.
fn count(changes: usize) -> IoResult<u32> {
    u32::try_from(changes).map_err(|_| Error::other(format!("{changes} keys changed at once")))
}

fn too_many(error: Error) -> EngineError {
    EngineError::Bug(error.to_string())
}

impl ChangeSet {
    /// A change set of these changes, in any order. Entries equal to the state before are dropped.
    ///
    /// # Errors
    /// [`EngineError::ChangeSetOrder`] when a key occurs twice, [`EngineError::Bug`] when there are
    /// more changes than an encoding can count.
    pub fn new(mut changes: Vec<Change>) -> Result<Self, EngineError> {
        changes.retain(|change| change.old != change.new);
        let set = Self::of_list(&sorted(changes)).map_err(too_many)?;
        set.check_order()?;
        Ok(set)
    }

    /// A change set of these changes as they are.
    fn of_list(changes: &[Change]) -> IoResult<Self> {
        let mut bytes = Vec::new();
        changes.iter().for_each(|change| encode(change, &mut bytes));
        Ok(Self(Arc::new(Encoded::new(changes.len(), vec![bytes])?)))
    }

    /// The change set that consists of these sections, in order.
    ///
    /// # Errors
    /// [`EngineError::ChangeSetOrder`] when a section does not come after the one before it.
    pub(crate) fn of_sections(sections: Vec<Section>) -> Result<Self, EngineError> {
        let filled = || sections.iter().filter(|section| section.len() > 0);
        for (before, after) in filled().zip(filled().skip(1)) {
            let disordered = compare_keys(before.last_key(), after.first_key()).is_ge();
            if disordered && !planted(Bug::SectionsUnchecked) {
                return Err(EngineError::ChangeSetOrder(decode_key(after.first_key())));
            }
        }
        let len = filled().map(Section::len).sum();
        let pieces = sections.into_iter().map(Section::into_bytes).collect();
        Ok(Self(Arc::new(Encoded::new(len, pieces).map_err(too_many)?)))
    }

    /// Checks the invariants; used where a change set crosses a layer.
    pub(crate) fn check_order(&self) -> Result<(), EngineError> {
        let mut last: Option<&[u8]> = None;
        for change in self.encoded_changes() {
            let ascends = last.is_none_or(|last| compare_keys(last, change.key()).is_lt());
            if !change.is_one() || !ascends && !planted(Bug::SlotsUnsorted) {
                return Err(EngineError::ChangeSetOrder(decode_key(change.key())));
            }
            last = Some(change.key());
        }
        Ok(())
    }

    /// The changes as they are encoded, in ascending order of key.
    pub(crate) fn encoded_changes(&self) -> impl Iterator<Item = EncodedChange<'_>> {
        self.0.changes()
    }

    /// The first changes of each section that it was made of, in order.
    pub(crate) fn first_of_sections(
        &self,
        count: usize,
    ) -> impl Iterator<Item = EncodedChange<'_>> {
        self.0.pieces().iter().flat_map(move |piece| EncodedChanges::of(piece).take(count))
    }

    /// The changes in ascending order of key. The list is made for whoever asks first, and kept.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        self.0.list.get_or_init(|| {
            let mut list = Vec::with_capacity(self.len());
            list.extend(self.encoded_changes().map(|change| change.decode()));
            list
        })
    }

    /// How many keys changed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The change of one key, if it changed. Makes the list as [`ChangeSet::changes`] does.
    #[must_use]
    pub fn get(&self, key: &StateKey) -> Option<&Change> {
        let idx = self.changes().binary_search_by(|change| change.key.cmp(key)).ok()?;
        self.changes().get(idx)
    }

    /// The change of one key, if it changed, without making the list.
    pub(crate) fn find(&self, key: &EncodedKey) -> Option<EncodedChange<'_>> {
        let pieces = self.0.pieces();
        let is_after = |bytes: &[u8]| {
            EncodedChanges::of(bytes)
                .next()
                .is_some_and(|change| compare_keys(change.key(), key.bytes()).is_gt())
        };
        let first = planted(Bug::SoughtInTheFirstSection);
        let after = if first { 1 } else { pieces.partition_point(|piece| !is_after(piece)) };
        let piece = after.checked_sub(1)?;
        let bytes = &pieces[piece];
        let starts = self.0.starts[1 + piece].get_or_init(|| EncodedChanges::of(bytes).starts());
        let found = starts.partition_point(|start| !is_after(&bytes[*start..])).checked_sub(1)?;
        EncodedChanges::of(&bytes[starts[found]..])
            .next()
            .filter(|change| change.key() == key.bytes())
    }

    /// The change set that undoes this one.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let mut bytes = Vec::with_capacity(self.0.rope.len());
        self.encoded_changes().for_each(|change| change.append_inverse(&mut bytes));
        let encoded = Encoded::new(self.len(), vec![bytes]);
        Self(Arc::new(encoded.expect("there are as many as before")))
    }

    /// The canonical encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.0.rope.pieces().concat()
    }

    /// The canonical encoding in pieces.
    pub(crate) fn encoding_in_pieces(&self) -> &Rope {
        &self.0.rope
    }

    /// `delta_hash`: BLAKE3 over [`ChangeSet::encode`].
    #[must_use]
    pub fn hash(&self) -> Hash {
        let mut hasher = blake3::Hasher::new();
        for piece in self.0.rope.pieces() {
            hasher.update(piece);
        }
        Hash(*hasher.finalize().as_bytes())
    }
}

/// Without changes.
impl Default for ChangeSet {
    fn default() -> Self {
        Self::of_list(&[]).expect("no changes can be counted")
    }
}

/// Equal changes have equal encodings.
impl PartialEq for ChangeSet {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.encoded_changes().eq(other.encoded_changes())
    }
}

impl Eq for ChangeSet {}

impl fmt::Debug for ChangeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangeSet").field("changes", &self.changes()).finish()
    }
}

/// Encoded as the list of changes.
impl BorshSerialize for ChangeSet {
    fn serialize<W: Write>(&self, writer: &mut W) -> IoResult<()> {
        self.0.rope.pieces().iter().try_for_each(|piece| writer.write_all(piece))
    }
}

impl BorshDeserialize for ChangeSet {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        Self::of_list(&Vec::deserialize_reader(reader)?)
    }
}
