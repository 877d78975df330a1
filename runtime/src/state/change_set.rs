//! The effect of a block on the state: every key that changed, with its value before and after.

use borsh::{BorshDeserialize, BorshSerialize};
use tos_host_api::Hash;

use super::{StateKey, StateValue};
use crate::error::EngineError;

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
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct ChangeSet {
    changes: Vec<Change>,
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

impl ChangeSet {
    /// A change set of these changes, in any order. Entries equal to the state before are dropped.
    ///
    /// # Errors
    /// [`EngineError::ChangeSetOrder`] when a key occurs twice.
    pub fn new(mut changes: Vec<Change>) -> Result<Self, EngineError> {
        changes.retain(|change| change.old != change.new);
        let set = Self { changes: sorted(changes) };
        set.check_order()?;
        Ok(set)
    }

    /// Checks the invariants; used where a change set crosses a layer.
    pub(crate) fn check_order(&self) -> Result<(), EngineError> {
        for pair in self.changes.windows(2) {
            if pair[0].key >= pair[1].key {
                return Err(EngineError::ChangeSetOrder(pair[1].key.clone()));
            }
        }
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
        Self { changes: self.changes.iter().map(undo).collect() }
    }

    /// The canonical encoding.
    ///
    /// # Panics
    /// Never: writing to a `Vec` cannot fail.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("writing to a Vec cannot fail")
    }

    /// `delta_hash`: BLAKE3 over [`ChangeSet::encode`].
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash(*blake3::hash(&self.encode()).as_bytes())
    }
}
