//! Counters that a block will probably use, loaded before it runs.
//!
//! A contract keeps its counters under few names in many partitions, so whoever knows the names and
//! the accounts of a block can look all of them up at once, which overlaps what waiting for memory
//! takes; see `pipeline/counters.rs`. A counter that is loaded lives in a cell here for the whole
//! block, every other one in its account's extras. Which ones are loaded changes nothing else.

use std::sync::atomic::{AtomicU64, Ordering};

use tos_host_api::ContractId;

use super::Overlay;
use crate::schedule::AccountIdx;
use crate::state::KeyBytes;

/// Counters of the same name in all partitions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CounterName {
    pub(crate) contract: ContractId,
    pub(crate) key: KeyBytes,
}

/// Loaded counters of a block.
pub(crate) struct LoadedCounters {
    /// Ascending by name.
    columns: Vec<Column>,
}

/// Counters of one name.
struct Column {
    name: CounterName,
    /// By account.
    cells: Vec<LoadedCell>,
}

/// One counter. Relaxed throughout, for the reasons that account cells have.
#[derive(Default)]
pub(super) struct LoadedCell {
    /// The value before the block plus one; 0 or [`LISTED`] while it is not loaded. Does not change
    /// once transactions run.
    base: AtomicU64,
    /// The value, as two halves: additions that commute cannot be one addition of 128 bits.
    low: AtomicU64,
    high: AtomicU64,
}

/// Somebody is about to look the counter up.
const LISTED: u64 = u64::MAX;

/// A counter that the block changed.
pub(super) struct CounterChange {
    pub(super) contract: ContractId,
    pub(super) key: KeyBytes,
    pub(super) old: u128,
    pub(super) new: u128,
}

impl LoadedCounters {
    /// No counter yet, of these names on this many accounts.
    pub(crate) fn new(mut names: Vec<CounterName>, accounts: usize) -> Self {
        names.sort_unstable();
        names.dedup();
        let cells = || (0..accounts).map(|_| LoadedCell::default()).collect();
        Self { columns: names.into_iter().map(|name| Column { name, cells: cells() }).collect() }
    }

    /// The names, by column.
    pub(crate) fn names(&self) -> impl Iterator<Item = &CounterName> {
        self.columns.iter().map(|column| &column.name)
    }

    /// Notes that a counter is about to be looked up; `false` if that is known. Two who ask at once
    /// may both be told to: looking up twice does no harm.
    pub(crate) fn list(&self, column: usize, account: AccountIdx) -> bool {
        let base = &self.columns[column].cells[account as usize].base;
        let listed = base.load(Ordering::Relaxed) == 0;
        base.store(LISTED, Ordering::Relaxed);
        listed
    }

    /// Loads a counter. Before any transaction runs.
    pub(crate) fn load(&self, column: usize, account: AccountIdx, value: u128) {
        // Larger ones are nobody's balance; they are found as those are that nobody has guessed.
        if let Ok(value) = u64::try_from(value)
            && value < LISTED - 1
        {
            let cell = &self.columns[column].cells[account as usize];
            cell.low.store(value, Ordering::Relaxed);
            cell.base.store(value + 1, Ordering::Relaxed);
        }
    }

    fn find(&self, account: AccountIdx, contract: &ContractId, key: &[u8]) -> Option<&LoadedCell> {
        let named =
            |column: &&Column| *column.name.key == *key && column.name.contract == *contract;
        let cell = &self.columns.iter().find(named)?.cells[account as usize];
        cell.base().is_some().then_some(cell)
    }

    /// Reads the cells of an account and forgets what it read, see [`Overlay::touch`].
    pub(super) fn touch(&self, account: AccountIdx) -> u64 {
        let read = |sum: u64, column: &Column| {
            sum ^ column.cells[account as usize].low.load(Ordering::Relaxed)
        };
        self.columns.iter().fold(0, read)
    }

    /// Adds what became of an account's counters, in order.
    pub(super) fn changes(&self, account: AccountIdx, changes: &mut Vec<CounterChange>) {
        for Column { name: CounterName { contract, key }, cells } in &self.columns {
            let cell = &cells[account as usize];
            let Some(old) = cell.base() else { continue };
            let new = cell.value();
            if new != old {
                let (contract, key) = (*contract, key.clone());
                changes.push(CounterChange { contract, key, old, new });
            }
        }
    }
}

impl LoadedCell {
    /// The value before the block; `None` if it is not loaded.
    fn base(&self) -> Option<u128> {
        let base = self.base.load(Ordering::Relaxed);
        if base == LISTED { None } else { base.checked_sub(1).map(u128::from) }
    }

    /// The value. Whoever may read waits for all who changed it before.
    pub(super) fn value(&self) -> u128 {
        let (low, high) = (self.low.load(Ordering::Relaxed), self.high.load(Ordering::Relaxed));
        u128::from(high) << 64 | u128::from(low)
    }

    /// Sets the value. Nobody else is at the counter meanwhile.
    pub(super) fn set(&self, value: u128) {
        let (low, high) = halves(value);
        self.low.store(low, Ordering::Relaxed);
        self.high.store(high, Ordering::Relaxed);
    }

    /// Adds without reading; `false` if the value leaves its type. Others may add at the same time:
    /// each carries over what its own addition made the lower half wrap by, so the sum is right in
    /// the end, whatever the order.
    #[must_use]
    pub(super) fn add(&self, amount: u128) -> bool {
        let (low, high) = halves(amount);
        let before = self.low.fetch_add(low, Ordering::Relaxed);
        let carry = u64::from(before.checked_add(low).is_none());
        if high == 0 && carry == 0 {
            return true;
        }
        let Some(high) = high.checked_add(carry) else { return false };
        self.high.fetch_add(high, Ordering::Relaxed).checked_add(high).is_some()
    }
}

/// Lower and upper half.
#[allow(clippy::cast_possible_truncation, reason = "a half is what is wanted")]
fn halves(value: u128) -> (u64, u64) {
    (value as u64, (value >> 64) as u64)
}

impl Overlay {
    /// Takes in counters that were loaded, before any transaction runs.
    pub(crate) fn set_counters(&self, counters: LoadedCounters) {
        let set = self.counters.set(counters);
        debug_assert!(set.is_ok(), "counters are loaded once");
    }

    /// A counter in the account's partition, if it is loaded.
    pub(super) fn loaded(
        &self,
        account: AccountIdx,
        contract: &ContractId,
        key: &[u8],
    ) -> Option<&LoadedCell> {
        self.counters.get()?.find(account, contract, key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(value: u128) -> LoadedCounters {
        let name = CounterName { contract: ContractId([1; 32]), key: [7].into() };
        let counters = LoadedCounters::new(vec![name.clone(), name], 3);
        assert_eq!(counters.names().count(), 1);
        assert!(counters.list(0, 2) && !counters.list(0, 2));
        counters.load(0, 2, value);
        counters
    }

    fn cell(counters: &LoadedCounters) -> Option<&LoadedCell> {
        counters.find(2, &ContractId([1; 32]), &[7])
    }

    #[test]
    fn a_counter_is_found_by_all_of_its_name_once_it_is_loaded() {
        let counters = loaded(5);
        assert_eq!(cell(&counters).map(LoadedCell::value), Some(5));
        for (account, contract, key) in [(1, 1, 7), (2, 2, 7), (2, 1, 8)] {
            assert!(counters.find(account, &ContractId([contract; 32]), &[key]).is_none());
        }
        // Nobody has looked for the one, the other does not fit.
        assert!(counters.find(0, &ContractId([1; 32]), &[7]).is_none());
        for value in [u128::from(u64::MAX) - 1, u128::from(u64::MAX), u128::MAX] {
            assert!(cell(&loaded(value)).is_none());
        }
        assert!(cell(&loaded(u128::from(u64::MAX) - 2)).is_some());
    }

    #[test]
    fn additions_carry_into_the_upper_half_and_are_refused_beyond_it() {
        let counters = loaded(9);
        let cell = cell(&counters).expect("it is loaded");
        let most = u128::from(u64::MAX);
        let mut sum = 9;
        for amount in [0, 1, most, most, most + 1, 3 << 64, (5 << 64) + most] {
            assert!(cell.add(amount), "{amount}");
            sum += amount;
            assert_eq!(cell.value(), sum);
        }
        let mut changes = Vec::new();
        counters.changes(2, &mut changes);
        counters.changes(1, &mut changes);
        assert_eq!(changes.len(), 1);
        assert_eq!((changes[0].old, changes[0].new), (9, sum));
        for (value, amount) in [(u128::MAX, 1), (u128::MAX - 5, most), (1 << 127, 1 << 127)] {
            cell.set(value);
            assert_eq!(cell.value(), value);
            assert!(!cell.add(amount), "{value} and {amount}");
        }
        cell.set(9);
        changes.clear();
        counters.changes(2, &mut changes);
        assert!(changes.is_empty(), "a counter that ends where it began is no change");
    }
}
