//! Changes that follow each other in a change set, encoded as they are made.

use std::ops::Range;

use tos_host_api::Address;

use super::encoded::{compare_keys, decode_key, key_len};
use super::encoding::{
    COUNTER_CHANGE_LEN, PLAIN_CHANGE_LEN, encode, encode_account_change, encode_counter_change,
};
use super::{AccountParts, Change, SlotRef};
use crate::error::EngineError;
use crate::planted::{Bug, planted};

/// Bytes that a change is guessed to take at most.
const ENCODED_GUESS_MAX: usize = 512;

/// Changes next to each other in a change set, as they are encoded.
#[derive(Default)]
pub(crate) struct Section {
    encoded: Vec<u8>,
    /// How many changes.
    len: usize,
    /// Where the key of the last one is.
    last_key: Range<usize>,
    /// Where the first change is that does not come after the one before it.
    disorder: Option<usize>,
}

impl Section {
    /// A section with room for changes of plain accounts.
    pub(crate) fn for_accounts(changes: usize) -> Self {
        Self { encoded: Vec::with_capacity(changes * PLAIN_CHANGE_LEN), ..Self::default() }
    }

    /// A section with room for changes of counters that are there before and after.
    pub(crate) fn for_counters(changes: usize, key_len: usize) -> Self {
        let len = changes * (COUNTER_CHANGE_LEN + key_len);
        Self { encoded: Vec::with_capacity(len), ..Self::default() }
    }

    /// How many changes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn first_key(&self) -> &[u8] {
        &self.encoded[..key_len(&self.encoded)]
    }

    pub(super) fn last_key(&self) -> &[u8] {
        &self.encoded[self.last_key.clone()]
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.encoded
    }

    /// Appends a change.
    pub(super) fn push(&mut self, change: &Change) {
        self.append(|bytes| encode(change, bytes));
    }

    /// Appends the change of an account from one value to another.
    pub(super) fn push_account(
        &mut self,
        address: &Address,
        old: AccountParts<'_>,
        new: AccountParts<'_>,
    ) {
        self.append(|bytes| encode_account_change(address, old, new, bytes));
    }

    /// Appends the change of a counter from one value to another.
    pub(super) fn push_counter(&mut self, slot: SlotRef<'_>, old: u128, new: u128) {
        self.append(|bytes| encode_counter_change(slot, old, new, bytes));
    }

    fn append(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        let start = self.encoded.len();
        encode(&mut self.encoded);
        let key = start..start + key_len(&self.encoded[start..]);
        if self.len > 0 && compare_keys(self.last_key(), &self.encoded[key.clone()]).is_ge() {
            self.disorder.get_or_insert(start);
        }
        self.last_key = key;
        self.len += 1;
    }

    /// Makes room for what is still to come when `done` of `all` accounts are through. What is
    /// wrong about the guess costs time or unused address space; neither many nor long changes of
    /// a few accounts make it excessive.
    pub(crate) fn expect_more(&mut self, done: usize, all: usize) {
        let (len, left) = (self.len, all.saturating_sub(done));
        let Some(more) = (len * left).checked_div(done) else { return };
        if len == 0 || more > 2 * left {
            return;
        }
        let each = (self.encoded.len() / len + 1).min(ENCODED_GUESS_MAX);
        if self.encoded.capacity() - self.encoded.len() < each * more {
            self.encoded.reserve_exact(each * (more + more / 8));
        }
    }

    /// Checks that the changes are in order.
    ///
    /// # Errors
    /// [`EngineError::ChangeSetOrder`] when a key does not come after the one before it.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        match self.disorder {
            Some(_) if planted(Bug::SlotsUnsorted) => Ok(()),
            Some(start) => {
                let bytes = &self.encoded[start..];
                Err(EngineError::ChangeSetOrder(decode_key(&bytes[..key_len(bytes)])))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::encoded::EncodedKey;
    use crate::state::{ChangeSet, StateKey, StateValue};
    use crate::storage::test_chain::seeded_writes;

    /// Changes of keys of every kind, in order.
    fn changes() -> Vec<Change> {
        let change = |(key, new): (StateKey, Option<StateValue>)| {
            let old = new.is_none().then_some(StateValue::Counter(7));
            Change { key, old, new }
        };
        seeded_writes(3, 90).into_iter().map(change).collect()
    }

    fn section(changes: &[Change]) -> Section {
        let mut section = Section::default();
        changes.iter().for_each(|change| section.push(change));
        section
    }

    #[test]
    fn sections_become_the_change_set_of_their_changes() {
        let changes = changes();
        let whole = ChangeSet::new(changes.clone()).expect("no key twice");
        for len in [1, 2, 7, changes.len()] {
            let sections: Vec<_> = changes.chunks(len).map(section).collect();
            sections.iter().for_each(|section| section.check().expect("it is in order"));
            let joined = ChangeSet::of_sections(sections).expect("they follow each other");
            assert_eq!(joined, whole);
            assert_eq!((joined.encode(), joined.hash()), (whole.encode(), whole.hash()));
            assert_eq!(joined.changes(), changes);
        }
    }

    #[test]
    fn a_change_is_found_in_whichever_section_it_is() {
        // Every other one, so that there are keys before, between and after.
        let changes = changes();
        let some: Vec<_> = changes.iter().skip(1).step_by(2).cloned().collect();
        assert!(some.len() > 10);
        for len in [1, 3, some.len()] {
            let set = ChangeSet::of_sections(some.chunks(len).map(section).collect());
            let set = set.expect("they follow each other");
            for change in &changes {
                let found = set.find(&EncodedKey::of(&change.key)).map(|found| found.decode());
                let expected = some.contains(change).then(|| change.clone());
                assert_eq!(found, expected, "sections of {len}");
            }
        }
    }

    #[test]
    fn what_is_out_of_order_is_named() {
        let mut changes = changes();
        changes.swap(4, 5);
        let too_late = changes[5].key.clone();
        let refused = |result: Result<(), EngineError>| match result.expect_err("out of order") {
            EngineError::ChangeSetOrder(key) => assert_eq!(key, too_late),
            other => panic!("{other}"),
        };
        refused(section(&changes).check());
        let (before, after) = changes.split_at(5);
        refused(ChangeSet::of_sections(vec![section(before), section(after)]).map(drop));
        let whole = ChangeSet::of_sections(vec![section(&changes)]).expect("nobody looked inside");
        refused(whole.check_order());
    }
}
