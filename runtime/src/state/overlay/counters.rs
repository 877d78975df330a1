//! Counters that a block will probably use, loaded before it runs.
//!
//! A contract keeps its counters under few names in many partitions, so whoever knows the names and
//! the accounts of a block can look all of them up at once, which overlaps what waiting for memory
//! takes; see `pipeline/counters.rs`. A counter that is loaded lives in a cell here for the whole
//! block, every other one in its account's extras. Which ones are loaded changes nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tos_host_api::ContractId;

use super::{AccountCell, Overlay};
use crate::error::EngineError;
use crate::pipeline::Crew;
use crate::schedule::AccountIdx;
use crate::state::{CounterColumn, CounterName};

/// Loaded counters of a block.
pub(super) struct LoadedCounters {
    /// Ascending by name.
    columns: Vec<Column>,
}

/// Counters of one name.
struct Column {
    name: CounterName,
    /// By account, in pieces of [`PIECE_LEN`].
    pieces: Vec<Vec<LoadedCell>>,
}

/// Counters that one worker loads at a time: a power of two, so that they are found by shifting.
const PIECE_LEN: usize = 4_096;

/// One counter. Relaxed throughout, for the reasons that account cells have.
pub(super) struct LoadedCell {
    /// The value before the block plus one; 0 if it is not loaded. Does not change.
    base: u64,
    /// The value, as two halves: additions that commute cannot be one addition of 128 bits.
    low: AtomicU64,
    high: AtomicU64,
}

impl LoadedCounters {
    /// The names, by column.
    pub(crate) fn names(&self) -> impl Iterator<Item = &CounterName> {
        self.columns.iter().map(|column| &column.name)
    }

    fn find(&self, account: AccountIdx, contract: &ContractId, key: &[u8]) -> Option<&LoadedCell> {
        let named =
            |column: &&Column| *column.name.key == *key && column.name.contract == *contract;
        let cell = self.columns.iter().find(named)?.cell(account);
        cell.base().is_some().then_some(cell)
    }

    /// Reads the cells of an account and forgets what it read, see [`Overlay::touch`].
    pub(super) fn touch(&self, account: AccountIdx) -> u64 {
        let read =
            |sum: u64, column: &Column| sum ^ column.cell(account).low.load(Ordering::Relaxed);
        self.columns.iter().fold(0, read)
    }

    /// What became of an account's counters: name, value before and after, in order.
    pub(super) fn changes(
        &self,
        account: AccountIdx,
    ) -> impl Iterator<Item = (&CounterName, u128, u128)> {
        self.columns.iter().filter_map(move |column| {
            let cell = column.cell(account);
            let (old, new) = (cell.base()?, cell.value());
            (old != new).then_some((&column.name, old, new))
        })
    }
}

impl Column {
    fn cell(&self, account: AccountIdx) -> &LoadedCell {
        let account = account as usize;
        &self.pieces[account / PIECE_LEN][account % PIECE_LEN]
    }
}

impl LoadedCell {
    /// Of a value before the block plus one, or 0 if that is not known.
    fn new(base: u64) -> Self {
        Self { base, low: base.saturating_sub(1).into(), high: 0.into() }
    }

    /// The value before the block; `None` if it is not loaded.
    fn base(&self) -> Option<u128> {
        self.base.checked_sub(1).map(u128::from)
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
    /// Loads what these columns know of the block's accounts, before any transaction runs. No name
    /// is there twice.
    ///
    /// # Errors
    /// A worker panicked.
    pub(crate) fn load_counters(
        self: &Arc<Self>,
        mut columns: Vec<Arc<CounterColumn>>,
        crew: Crew<'_>,
    ) -> Result<(), EngineError> {
        columns.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let load = |column: Arc<CounterColumn>| {
            let (overlay, name) = (Arc::clone(self), column.name.clone());
            let pieces = crew.map(self.len().div_ceil(PIECE_LEN), move |piece| {
                let cells = overlay.cells.iter().skip(piece * PIECE_LEN).take(PIECE_LEN);
                cells.map(|cell| loaded_cell(&column, cell)).collect()
            })?;
            Ok(Column { name, pieces })
        };
        let columns: Result<_, EngineError> = columns.into_iter().map(load).collect();
        let set = self.counters.set(LoadedCounters { columns: columns? });
        debug_assert!(set.is_ok(), "counters are loaded once");
        Ok(())
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

fn loaded_cell(column: &CounterColumn, account: &AccountCell) -> LoadedCell {
    LoadedCell::new(column.cell(account.row))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The counter of the third account, loaded with a value.
    fn loaded(value: u64) -> LoadedCounters {
        let name = CounterName { contract: ContractId([1; 32]), key: [7].into() };
        let pieces = vec![[0, 0, value + 1].map(LoadedCell::new).into()];
        LoadedCounters { columns: vec![Column { name, pieces }] }
    }

    fn cell(counters: &LoadedCounters) -> Option<&LoadedCell> {
        counters.find(2, &ContractId([1; 32]), &[7])
    }

    #[test]
    fn a_counter_is_found_by_all_of_its_name_if_it_is_loaded() {
        for value in [0, 5, u64::MAX - 1] {
            let counters = loaded(value);
            assert_eq!(cell(&counters).map(LoadedCell::value), Some(value.into()));
            for (account, contract, key) in [(1, 1, 7), (2, 2, 7), (2, 1, 8), (0, 1, 7)] {
                assert!(counters.find(account, &ContractId([contract; 32]), &[key]).is_none());
            }
        }
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
        assert_eq!(counters.changes(1).count(), 0);
        let changes: Vec<_> = counters.changes(2).map(|(_, old, new)| (old, new)).collect();
        assert_eq!(changes, [(9, sum)]);
        for (value, amount) in [(u128::MAX, 1), (u128::MAX - 5, most), (1 << 127, 1 << 127)] {
            cell.set(value);
            assert_eq!(cell.value(), value);
            assert!(!cell.add(amount), "{value} and {amount}");
        }
        cell.set(9);
        assert_eq!(counters.changes(2).count(), 0, "one that ends where it began is no change");
    }
}
