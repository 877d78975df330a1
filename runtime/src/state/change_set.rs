//! The effect of a block on the state: every key that changed, with its value before and after.

use std::fmt;
use std::io::{Error, Read, Result as IoResult, Write};
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use tos_host_api::Hash;

use super::encoding::{COUNTER_CHANGE_LEN, PLAIN_CHANGE_LEN, encode};
use super::{StateKey, StateValue};
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
#[derive(Default)]
pub struct ChangeSet {
    changes: Vec<Change>,
    /// The encoding, where it was made for the digest: whoever writes the change set down next
    /// need not encode it again. A copy goes without it, since most copies are kept, not written.
    encoded: Option<Arc<Rope>>,
}

/// Changes encoded before they are handed to a writer.
const ENCODED_AT_ONCE: usize = 256;

/// Bytes that a change is guessed to take at most.
const ENCODED_GUESS_MAX: usize = 512;

/// Changes next to each other in a change set, and their encoding.
#[derive(Default)]
pub(crate) struct Section {
    changes: Vec<Change>,
    encoded: Vec<u8>,
    /// How many of the changes have been encoded.
    closed: usize,
}

impl Section {
    /// A section with room for changes of plain accounts.
    pub(crate) fn with_capacity(changes: usize) -> Self {
        Self {
            // A little more, so that what a block changes besides accounts does not move them.
            changes: Vec::with_capacity(changes + changes / 64 + 8),
            encoded: Vec::with_capacity(changes * PLAIN_CHANGE_LEN),
            closed: 0,
        }
    }

    /// A section with room for changes of counters that are there before and after.
    pub(crate) fn for_counters(changes: usize, key_len: usize) -> Self {
        Self {
            changes: Vec::with_capacity(changes),
            encoded: Vec::with_capacity(changes * (COUNTER_CHANGE_LEN + key_len)),
            closed: 0,
        }
    }

    /// Appends a change if it is one.
    pub(crate) fn push(&mut self, change: Change) {
        let filtered = planted(Bug::DeletesFiltered) && change.new.is_none();
        if (change.old != change.new || planted(Bug::UnchangedKeysListed)) && !filtered {
            self.changes.push(change);
        }
    }

    /// Makes room for what is still to come when `done` of `all` accounts are through. What is
    /// wrong about the guess costs time or unused address space; neither many nor long changes of
    /// a few accounts make it excessive.
    pub(crate) fn expect_more(&mut self, done: usize, all: usize) {
        let (len, left) = (self.changes.len(), all.saturating_sub(done));
        let Some(more) = (len * left).checked_div(done) else { return };
        let more = more + more / 8;
        if len == 0 || more > 2 * left {
            return;
        }
        self.changes.reserve_exact(more);
        self.encoded.reserve_exact((self.encoded.len() / len + 1).min(ENCODED_GUESS_MAX) * more);
    }

    /// The changes.
    pub(crate) fn changes(&self) -> &[Change] {
        &self.changes
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn into_changes(self) -> Vec<Change> {
        self.changes
    }

    /// Checks and encodes the changes pushed since the last time, and hands them out.
    ///
    /// # Errors
    /// [`EngineError::ChangeSetOrder`] when a key does not come after the one before it.
    pub(crate) fn close(&mut self) -> Result<&[Change], EngineError> {
        // The last of the changes before is where the order goes on.
        check_ascending(&self.changes[self.closed.saturating_sub(1)..])?;
        let changes = &self.changes[self.closed..];
        for change in changes {
            encode(change, &mut self.encoded);
        }
        self.closed = self.changes.len();
        Ok(changes)
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

fn check_ascending(changes: &[Change]) -> Result<(), EngineError> {
    match changes.windows(2).find(|pair| pair[0].key >= pair[1].key) {
        Some(_) if planted(Bug::SlotsUnsorted) => Ok(()),
        Some(pair) => Err(EngineError::ChangeSetOrder(pair[1].key.clone())),
        None => Ok(()),
    }
}

impl ChangeSet {
    /// A change set of these changes, in any order. Entries equal to the state before are dropped.
    ///
    /// # Errors
    /// [`EngineError::ChangeSetOrder`] when a key occurs twice.
    pub fn new(mut changes: Vec<Change>) -> Result<Self, EngineError> {
        changes.retain(|change| change.old != change.new);
        let set = Self { changes: sorted(changes), encoded: None };
        check_ascending(&set.changes)?;
        Ok(set)
    }

    /// The encoding of the change set that [`ChangeSet::joined`] will make of these sections.
    pub(crate) fn encoding(sections: &mut [Section]) -> Result<Rope, EngineError> {
        let mut pieces = Vec::with_capacity(1 + sections.len());
        let changes = sections.iter().map(|section| section.changes.len()).sum();
        let count = count(changes).map_err(|error| EngineError::Bug(error.to_string()))?;
        pieces.push(count.to_le_bytes().to_vec());
        pieces.extend(sections.iter_mut().map(|section| std::mem::take(&mut section.encoded)));
        Ok(Rope::new(pieces))
    }

    /// The change set of closed sections in order, with its encoding.
    ///
    /// # Errors
    /// [`EngineError::ChangeSetOrder`] when the sections do not follow each other.
    pub(crate) fn joined(sections: Vec<Section>, encoded: Arc<Rope>) -> Result<Self, EngineError> {
        let len: usize = sections.iter().map(|section| section.changes.len()).sum();
        let mut sections = sections.into_iter().map(|section| section.changes);
        let mut changes = sections.next().unwrap_or_default();
        changes.reserve_exact(len - changes.len());
        for mut section in sections {
            if let (Some(last), Some(next)) = (changes.last(), section.first())
                && last.key >= next.key
            {
                return Err(EngineError::ChangeSetOrder(next.key.clone()));
            }
            changes.append(&mut section);
        }
        Ok(Self { changes, encoded: Some(encoded) })
    }

    /// Checks the invariants; used where a change set crosses a layer.
    pub(crate) fn check_order(&self) -> Result<(), EngineError> {
        check_ascending(&self.changes)?;
        match self.changes.iter().find(|change| change.old == change.new) {
            Some(change) => Err(EngineError::ChangeSetOrder(change.key.clone())),
            None => Ok(()),
        }
    }

    /// The changes in ascending order of key.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// How many keys changed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The change of one key, if it changed.
    #[must_use]
    pub fn get(&self, key: &StateKey) -> Option<&Change> {
        let idx = self.changes.binary_search_by(|change| change.key.cmp(key)).ok()?;
        self.changes.get(idx)
    }

    /// The change set that undoes this one.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let undo = |change: &Change| Change {
            key: change.key.clone(),
            old: change.new.clone(),
            new: change.old.clone(),
        };
        Self { changes: self.changes.iter().map(undo).collect(), encoded: None }
    }

    /// The canonical encoding.
    ///
    /// # Panics
    /// Never: writing to a `Vec` cannot fail.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("writing to a Vec cannot fail")
    }

    /// The canonical encoding in pieces: those it was made in for the digest, or one.
    pub(crate) fn encoding_in_pieces(&self) -> Arc<Rope> {
        let make = || Arc::new(Rope::new(vec![self.encode()]));
        self.encoded.as_ref().map_or_else(make, Arc::clone)
    }

    /// `delta_hash`: BLAKE3 over [`ChangeSet::encode`].
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash(*blake3::hash(&self.encode()).as_bytes())
    }
}

impl Clone for ChangeSet {
    fn clone(&self) -> Self {
        Self { changes: self.changes.clone(), encoded: None }
    }
}

impl PartialEq for ChangeSet {
    fn eq(&self, other: &Self) -> bool {
        self.changes == other.changes
    }
}

impl Eq for ChangeSet {}

impl fmt::Debug for ChangeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangeSet").field("changes", &self.changes).finish()
    }
}

/// Encoded as the list of changes.
impl BorshSerialize for ChangeSet {
    fn serialize<W: Write>(&self, writer: &mut W) -> IoResult<()> {
        if let Some(encoded) = &self.encoded {
            return encoded.pieces().iter().try_for_each(|piece| writer.write_all(piece));
        }
        count(self.changes.len())?.serialize(writer)?;
        let mut bytes = Vec::new();
        for changes in self.changes.chunks(ENCODED_AT_ONCE) {
            bytes.clear();
            changes.iter().for_each(|change| encode(change, &mut bytes));
            writer.write_all(&bytes)?;
        }
        Ok(())
    }
}

impl BorshDeserialize for ChangeSet {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        Ok(Self { changes: BorshDeserialize::deserialize_reader(reader)?, encoded: None })
    }
}
