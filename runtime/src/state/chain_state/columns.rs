//! Counters of one name at the tip, by account.
//!
//! A contract keeps most of its counters under few names in the partitions of many accounts: a
//! token's balances. Finding one by its whole name means waiting for memory two or three times; but
//! the accounts of a block are looked up anyway, and each has a row here, so that its counter is
//! one element of an array. A column is a copy of what [`super::slot_map`] has, and may know less:
//! it can be forgotten at any time.
//!
//! What keeps the two equal: a counter is put here only by who has just noted the account's row at
//! the counter's entry there, and whatever sets that entry sets the row's cell as well. Rows are
//! given anew only where all columns and all noted rows are forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tos_host_api::ContractId;

use super::Row;
use crate::planted::{Bug, planted};
use crate::state::{KeyBytes, SlotRef};
use crate::sync::RwLock;

/// Most columns, with 8 bytes for every account in memory. More than the four of a block, so that
/// blocks with different contracts need not take turns.
const COLUMNS_MAX: usize = 8;

/// Rows that a column has to spare at least.
const ROWS_SPARE: usize = 1_024;

/// Counters of the same name in all partitions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CounterName {
    pub(crate) contract: ContractId,
    pub(crate) key: KeyBytes,
}

/// Values of the counters of one name.
pub(crate) struct CounterColumn {
    pub(crate) name: CounterName,
    /// By row: the value plus one; 0 where it is not known or has no room. Relaxed: values change
    /// under the exclusive tip lock only, otherwise unknown ones become known.
    cells: Vec<AtomicU64>,
}

impl CounterColumn {
    /// The value in a row plus one; 0 where it is not known.
    pub(crate) fn cell(&self, row: Row) -> u64 {
        self.cells.get(row.0 as usize).map_or(0, |cell| cell.load(Ordering::Relaxed))
    }

    fn is_of(&self, slot: SlotRef<'_>) -> bool {
        *self.name.key == *slot.key && self.name.contract == slot.contract
    }

    /// The same with room for more rows.
    fn grown(&self, rows: usize) -> Self {
        let mut cells = Vec::with_capacity(rows);
        cells.extend(self.cells.iter().map(|cell| cell.load(Ordering::Relaxed).into()));
        cells.resize_with(rows, AtomicU64::default);
        Self { name: self.name.clone(), cells }
    }
}

/// The columns, the one asked for last at the end.
pub(super) struct Columns(RwLock<Vec<Arc<CounterColumn>>>);

impl Default for Columns {
    fn default() -> Self {
        Self(RwLock::new(Vec::new()))
    }
}

impl Columns {
    /// A column of each of these names, with room for so many rows.
    pub(super) fn ask(&self, names: &[CounterName], rows: usize) -> Vec<Arc<CounterColumn>> {
        let mut columns = self.0.write();
        let ask = |name: &CounterName| {
            let known = columns.iter().position(|column| column.name == *name);
            let mut column = match known {
                Some(position) => columns.remove(position),
                None => Arc::new(CounterColumn { name: name.clone(), cells: Vec::new() }),
            };
            if column.cells.len() < rows {
                // What somebody finds out meanwhile may get lost, which is as if they had not.
                column = Arc::new(column.grown(rows + rows / 4 + ROWS_SPARE));
            }
            if columns.len() == COLUMNS_MAX {
                columns.remove(0);
            }
            columns.push(Arc::clone(&column));
            column
        };
        names.iter().map(ask).collect()
    }

    /// Notes the value of a counter whose entry knows the row, if there is one.
    pub(super) fn note(&self, slot: SlotRef<'_>, row: Row, value: u128) {
        if row == Row::NONE {
            return;
        }
        let columns = self.0.read();
        let column = columns.iter().find(|column| column.is_of(slot));
        if let Some(cell) = column.and_then(|column| column.cells.get(row.0 as usize)) {
            // A balance that large is nobody's; it is found as those are that nobody has guessed.
            let value = u64::try_from(value).ok().and_then(|value| value.checked_add(1));
            cell.store(value.unwrap_or(0), Ordering::Relaxed);
        }
    }

    /// Forgets everything. Nobody executes meanwhile.
    pub(super) fn forget(&self) {
        if !planted(Bug::ColumnsOutliveRows) {
            self.0.write().clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use tos_host_api::{Address, PublicKey};

    use super::*;

    const PARTITION: Address = Address::Key(PublicKey([3; 32]));

    fn name(contract: u8) -> CounterName {
        CounterName { contract: ContractId([contract; 32]), key: [7].into() }
    }

    fn note(columns: &Columns, contract: u8, row: u32, value: u128) {
        let slot =
            SlotRef { contract: ContractId([contract; 32]), partition: &PARTITION, key: &[7] };
        columns.note(slot, Row(row), value);
    }

    #[test]
    fn a_column_keeps_what_fits_and_knows_nothing_else() {
        let columns = Columns::default();
        note(&columns, 1, 0, 5);
        let column = columns.ask(&[name(1)], 3).remove(0);
        for row in [Row(0), Row(1), Row(1 << 30), Row::NONE] {
            assert_eq!(column.cell(row), 0, "nobody noted anything in {row:?}");
        }
        note(&columns, 2, 1, 5);
        assert_eq!(column.cell(Row(1)), 0, "another contract");
        let most = u128::from(u64::MAX) - 1;
        for (value, cell) in [(0, 1), (5, 6), (most, u64::MAX), (most + 1, 0), (u128::MAX, 0)] {
            note(&columns, 1, 1, value);
            assert_eq!(column.cell(Row(1)), cell, "{value}");
        }
        note(&columns, 1, u32::MAX, 5);
    }

    #[test]
    fn a_column_grows_with_what_it_has_and_gives_way_to_others() {
        let columns = Columns::default();
        columns.ask(&[name(1)], 1);
        note(&columns, 1, 0, 5);
        let grown = columns.ask(&[name(1)], 10 * ROWS_SPARE).remove(0);
        assert_eq!((grown.cell(Row(0)), grown.cell(Row(1))), (6, 0));
        note(&columns, 1, 9 * ROWS_SPARE as u32, 7);
        assert_eq!(grown.cell(Row(9 * ROWS_SPARE as u32)), 8);

        let others: Vec<CounterName> = (2..).map(name).take(COLUMNS_MAX - 1).collect();
        columns.ask(&others, 1);
        assert_eq!(columns.ask(&[name(1)], 1)[0].cell(Row(0)), 6, "there was room for all");
        columns.ask(&[name(100)], 1);
        assert_eq!(columns.ask(&[name(1)], 1)[0].cell(Row(0)), 6, "asked for last but one");
        columns.ask(&others, 1);
        columns.ask(&[name(100)], 1);
        assert_eq!(columns.ask(&[name(1)], 1)[0].cell(Row(0)), 0, "it had to go");
        assert_eq!(columns.0.read().len(), COLUMNS_MAX);
        columns.forget();
        assert_eq!(columns.0.read().len(), 0);
    }
}
