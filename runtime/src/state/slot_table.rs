//! Slots found by name: a few are scanned, many are hashed.
//!
//! Most transactions touch a handful of slots, and most accounts have one or two in a block, so
//! comparing names in a row beats hashing them. A hostile contract may touch thousands: beyond
//! [`SCAN_MAX`] a table of hashes keeps each look-up short.

use std::hash::{BuildHasher, Hash};

use hashbrown::HashTable;
use tos_host_api::ContractId;

/// Up to this many slots a scan beats hashing.
const SCAN_MAX: usize = 8;

/// Names a slot in a table. What is most likely to differ is compared first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SlotName<'a> {
    /// Whose slot it is, in tables that hold slots of several accounts.
    pub(super) owner: usize,
    pub(super) key: &'a [u8],
    pub(super) contract: &'a ContractId,
}

/// An entry of a table. Its name does not change while it is in there.
pub(super) trait Named {
    fn name(&self) -> SlotName<'_>;
}

/// Entries in the order in which they came, found by name. No name is there twice.
pub(super) struct SlotTable<E, S = foldhash::fast::RandomState> {
    entries: Vec<E>,
    /// Positions by hash of the name; valid while there are more than [`SCAN_MAX`] entries. Kept
    /// when the table is cleared, so that a buffer that is re-used does not allocate again.
    index: Option<Box<Index<S>>>,
}

struct Index<S> {
    positions: HashTable<usize>,
    hasher: S,
}

impl<E, S> Default for SlotTable<E, S> {
    fn default() -> Self {
        Self { entries: Vec::new(), index: None }
    }
}

impl<E: Named, S: BuildHasher + Default> SlotTable<E, S> {
    /// Where the entry of this name is.
    pub(super) fn position(&self, name: SlotName<'_>) -> Option<usize> {
        match &self.index {
            Some(index) if self.entries.len() > SCAN_MAX => {
                let same = |position: &usize| self.entries[*position].name() == name;
                index.positions.find(index.hasher.hash_one(name), same).copied()
            }
            _ => self.entries.iter().position(|entry| entry.name() == name),
        }
    }

    /// The entry of this name.
    pub(super) fn find(&self, name: SlotName<'_>) -> Option<&E> {
        self.position(name).map(|position| &self.entries[position])
    }

    /// Adds an entry, whose name is not there yet; returns where it is.
    pub(super) fn push(&mut self, entry: E) -> usize {
        let position = self.entries.len();
        if position == 0 {
            // Exactly one, as long as there is one: a block has many tables with a single entry.
            self.entries.reserve_exact(1);
        }
        self.entries.push(entry);
        if position >= SCAN_MAX {
            self.index_from(if position == SCAN_MAX { 0 } else { position });
        }
        position
    }

    /// Puts the entries from `first` on into the index; the others are there.
    fn index_from(&mut self, first: usize) {
        let index = self.index.get_or_insert_with(|| {
            Box::new(Index { positions: HashTable::new(), hasher: S::default() })
        });
        let (entries, hasher) = (&self.entries, &index.hasher);
        let hash = |position: &usize| hasher.hash_one(entries[*position].name());
        for position in first..entries.len() {
            index.positions.insert_unique(hash(&position), position, hash);
        }
    }

    /// Forgets all entries and keeps the buffers.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        if let Some(index) = &mut self.index {
            index.positions.clear();
        }
    }

    /// The entries in the order in which they came.
    pub(super) fn entries(&self) -> &[E] {
        &self.entries
    }

    /// The entry at a position.
    pub(super) fn at(&mut self, position: usize) -> &mut E {
        &mut self.entries[position]
    }

    /// The entries in the order in which they came.
    pub(super) fn into_entries(self) -> Vec<E> {
        self.entries
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::hash::BuildHasherDefault;

    use super::*;
    use crate::state::KeyBytes;

    struct Entry {
        owner: usize,
        contract: ContractId,
        key: KeyBytes,
    }

    impl Named for Entry {
        fn name(&self) -> SlotName<'_> {
            SlotName { owner: self.owner, key: &self.key, contract: &self.contract }
        }
    }

    /// Gives every name the same hash.
    #[derive(Default)]
    struct Constant;

    impl std::hash::Hasher for Constant {
        fn write(&mut self, _: &[u8]) {}

        fn finish(&self) -> u64 {
            7
        }
    }

    /// Names that differ in one part each, more than are scanned.
    fn names() -> Vec<Entry> {
        let mut names = Vec::new();
        for owner in 0..3 {
            for contract in [1, 2] {
                for key in [&b"a"[..], b"b", b"ab", &[7; 22], &[7; 23], &[7; 256]] {
                    let contract = ContractId([contract; 32]);
                    names.push(Entry { owner, contract, key: key.into() });
                }
            }
        }
        names
    }

    /// Fills a table with names, one by one; each is found at its place, the others are not.
    #[track_caller]
    fn check<S: BuildHasher + Default>(table: &mut SlotTable<Entry, S>) {
        let all = names();
        assert!(all.len() > 2 * SCAN_MAX);
        for (idx, entry) in names().into_iter().enumerate() {
            assert_eq!(table.push(entry), idx);
            for (other, name) in all.iter().enumerate() {
                let expected = (other <= idx).then_some(other);
                assert_eq!(table.position(name.name()), expected, "{:?}", name.name());
            }
        }
    }

    #[test]
    fn entries_are_found_before_and_after_hashing_begins_and_after_clearing() {
        let mut table = SlotTable::<Entry>::default();
        check(&mut table);
        table.clear();
        check(&mut table);
    }

    #[test]
    fn many_entries_are_found_without_looking_at_many() {
        /// An entry that counts how often it is looked at.
        struct Counted<'a>(KeyBytes, &'a Cell<usize>);

        impl Named for Counted<'_> {
            fn name(&self) -> SlotName<'_> {
                self.1.set(self.1.get() + 1);
                SlotName { owner: 0, key: &self.0, contract: &ContractId([0; 32]) }
            }
        }

        let looks = Cell::new(0);
        let mut table = SlotTable::<Counted<'_>>::default();
        let count = if cfg!(miri) { 200 } else { 10_000 };
        let keys = || (0..count).map(|idx: u32| KeyBytes::from(idx.to_le_bytes()));
        for key in keys() {
            assert_eq!(table.position(SlotName { owner: 1, ..key_name(&key) }), None);
            table.push(Counted(key, &looks));
        }
        for (idx, key) in keys().enumerate() {
            assert_eq!(table.position(key_name(&key)), Some(idx));
        }
        // Growing looks at all entries once each time, searching at hardly more than one.
        assert!(looks.get() < 6 * count as usize, "{} looks", looks.get());
    }

    fn key_name(key: &KeyBytes) -> SlotName<'_> {
        SlotName { owner: 0, key, contract: &ContractId([0; 32]) }
    }

    #[test]
    fn names_with_the_same_hash_are_told_apart() {
        check(&mut SlotTable::<Entry, BuildHasherDefault<Constant>>::default());
    }
}
