//! Values at the tip other than accounts: slots, contract and asset records, code.

use std::sync::Arc;

use tos_host_api::{AssetId, ContractId};

use super::apply::Place;
use super::columns::Columns;
use super::slot_map::SlotMap;
use super::{ChainState, CounterColumn, CounterName, HotMap, Row, age_limit, wrong_kind};
use crate::error::EngineError;
use crate::planted::{Bug, planted};
use crate::state::{AssetRecord, ContractRecord, EncodedChange, SlotRef, StateKey, StateValue};

/// Values kept in memory. Slots are many and small, so each kind has a map of its own.
#[derive(Default)]
pub(super) struct HotValues {
    pub(super) slots: SlotMap<Option<Arc<[u8]>>>,
    /// Zero where there is none.
    pub(super) counters: SlotMap<u128>,
    /// Some of the counters once more.
    columns: Columns,
    /// Everything else.
    pub(super) records: HotMap<StateKey, Option<StateValue>>,
}

impl HotValues {
    /// Sets counters of one shard, and those of them that are in columns there as well.
    pub(super) fn set_counters(&self, shard: usize, places: &[Place<'_>], generation: u32) {
        let value = |change: &EncodedChange<'_>| change.counter();
        self.counters.set_all(shard, places, generation, value, |slot, row, value| {
            if !planted(Bug::ColumnsNotUpdated) {
                self.columns.note(slot, row, *value);
            }
        });
    }

    /// How many values are kept.
    pub(super) fn len(&self) -> usize {
        self.slots.len() + self.counters.len() + self.records.len()
    }

    /// The same by the maps themselves.
    pub(super) fn counted(&self) -> usize {
        self.slots.counted() + self.counters.counted() + self.records.counted()
    }

    /// Keeps the most recently used values: at most `keep`, or those used in this generation.
    /// Forgets all rows.
    pub(super) fn trim(&self, keep: usize, generation: u32) {
        let ages = self.slots.ages(generation);
        let ages = ages.chain(self.counters.ages(generation)).chain(self.records.ages(generation));
        let age_max = age_limit(ages, keep);
        self.slots.forget_older(age_max, generation);
        self.counters.forget_older(age_max, generation);
        self.records.forget_older(age_max, generation);
        self.columns.forget();
    }
}

impl ChainState {
    /// A byte slot.
    pub(crate) fn slot(&self, slot: SlotRef<'_>) -> Result<Option<Arc<[u8]>>, EngineError> {
        let generation = self.generation();
        if let Some(value) = self.values.slots.copy(slot, Row::NONE, generation) {
            return Ok(value);
        }
        let key = StateKey::Slot(slot.to_key().into());
        let value = match self.storage.read(&key)? {
            None => None,
            Some(StateValue::Slot(bytes)) => Some(bytes),
            Some(_) => return Err(wrong_kind(&key)),
        };
        self.values.slots.insert(slot, value.clone(), Row::NONE, generation);
        Ok(value)
    }

    /// A counter slot; zero where there is none.
    pub(crate) fn counter(&self, slot: SlotRef<'_>) -> Result<u128, EngineError> {
        self.counter_of_row(slot, Row::NONE)
    }

    /// A counter slot in the partition of an account whose row is known: from now on the counter is
    /// in its column, if there is one.
    pub(crate) fn counter_of_row(&self, slot: SlotRef<'_>, row: Row) -> Result<u128, EngineError> {
        let generation = self.generation();
        if let Some(value) = self.values.counters.copy(slot, row, generation) {
            self.values.columns.note(slot, row, value);
            return Ok(value);
        }
        let key = StateKey::Counter(slot.to_key().into());
        let value = match self.storage.read(&key)? {
            None => 0,
            Some(StateValue::Counter(value)) => value,
            Some(_) => return Err(wrong_kind(&key)),
        };
        let row = self.values.counters.insert(slot, value, row, generation);
        self.values.columns.note(slot, row, value);
        Ok(value)
    }

    /// Columns of the counters of these names, for all accounts in memory.
    pub(crate) fn columns(&self, names: &[CounterName]) -> Vec<Arc<CounterColumn>> {
        self.values.columns.ask(names, self.accounts.rows())
    }

    /// A contract's record.
    pub(crate) fn contract(&self, id: &ContractId) -> Result<Option<ContractRecord>, EngineError> {
        match self.record(&StateKey::Contract(*id))? {
            Some(StateValue::Contract(record)) => Ok(Some(*record)),
            _ => Ok(None),
        }
    }

    /// An asset's record.
    pub(crate) fn asset(&self, id: &AssetId) -> Result<Option<AssetRecord>, EngineError> {
        match self.record(&StateKey::Asset(*id))? {
            Some(StateValue::Asset(record)) => Ok(Some(record)),
            _ => Ok(None),
        }
    }

    /// A contract's or an asset's record.
    fn record(&self, key: &StateKey) -> Result<Option<StateValue>, EngineError> {
        let generation = self.generation();
        if let Some(value) = self.values.records.copy(key, generation) {
            return Ok(value);
        }
        let value = self.storage.read(key)?;
        if value.as_ref().is_some_and(|value| !value.fits(key)) {
            return Err(wrong_kind(key));
        }
        self.values.records.insert(key.clone(), value.clone(), generation);
        Ok(value)
    }

    /// A value that is not worth keeping in memory: code, which the module cache keeps compiled.
    /// Codes of applied blocks that are not durable yet are kept, see [`ChainState::apply`].
    pub(crate) fn storage_value(&self, key: &StateKey) -> Result<Option<StateValue>, EngineError> {
        if let Some(value) = self.values.records.copy(key, self.generation()) {
            return Ok(value);
        }
        let value = self.storage.read(key)?;
        match &value {
            Some(value) if !value.fits(key) => Err(wrong_kind(key)),
            _ => Ok(value),
        }
    }
}
