//! Values at the tip other than accounts: slots, contract and asset records, code.

use std::sync::Arc;

use tos_host_api::{AssetId, ContractId};

use super::slot_map::SlotMap;
use super::{ChainState, HotMap, SHARDS, age_limit, wrong_kind};
use crate::error::EngineError;
use crate::state::{AssetRecord, ContractRecord, SlotRef, StateKey, StateValue};

/// Values kept in memory. Slots are many and small, so each kind has a map of its own.
#[derive(Default)]
pub(super) struct HotValues {
    pub(super) slots: SlotMap<Option<Arc<[u8]>>>,
    /// Zero where there is none.
    pub(super) counters: SlotMap<u128>,
    /// Everything else.
    pub(super) records: HotMap<StateKey, Option<StateValue>>,
}

impl HotValues {
    /// How many values are kept.
    pub(super) fn len(&self) -> usize {
        self.slots.len() + self.counters.len() + self.records.len()
    }

    /// Keeps the most recently used values: at most `keep`, or those used in this generation.
    pub(super) fn trim(&self, keep: usize, generation: u32) {
        let ages = self.slots.ages(generation);
        let ages = ages.chain(self.counters.ages(generation)).chain(self.records.ages(generation));
        let age_max = age_limit(ages, keep);
        self.slots.forget_older(age_max, generation);
        self.counters.forget_older(age_max, generation);
        self.records.forget_older(age_max, generation);
    }
}

impl ChainState {
    /// Shards of the counters, see [`ChainState::copy_counters`].
    pub(crate) const COUNTER_SHARDS: usize = SHARDS;

    /// A byte slot.
    pub(crate) fn slot(&self, slot: SlotRef<'_>) -> Result<Option<Arc<[u8]>>, EngineError> {
        let generation = self.generation();
        if let Some(value) = self.values.slots.copy(slot, generation) {
            return Ok(value);
        }
        let key = StateKey::Slot(slot.to_key().into());
        let value = match self.storage.read(&key)? {
            None => None,
            Some(StateValue::Slot(bytes)) => Some(bytes),
            Some(_) => return Err(wrong_kind(&key)),
        };
        self.values.slots.insert(slot, value.clone(), generation);
        Ok(value)
    }

    /// A counter slot; zero where there is none.
    pub(crate) fn counter(&self, slot: SlotRef<'_>) -> Result<u128, EngineError> {
        let generation = self.generation();
        if let Some(value) = self.values.counters.copy(slot, generation) {
            return Ok(value);
        }
        let key = StateKey::Counter(slot.to_key().into());
        let value = match self.storage.read(&key)? {
            None => 0,
            Some(StateValue::Counter(value)) => value,
            Some(_) => return Err(wrong_kind(&key)),
        };
        self.values.counters.insert(slot, value, generation);
        Ok(value)
    }

    /// Hash and shard of a counter.
    pub(crate) fn counter_hash(&self, slot: SlotRef<'_>) -> (u64, usize) {
        self.values.counters.place(slot)
    }

    /// Copies the counters of one shard that are in memory; each is given with its hash.
    pub(crate) fn copy_counters<'a, M>(
        &self,
        shard: usize,
        slots: impl Iterator<Item = (u64, SlotRef<'a>, M)>,
        found: impl FnMut(M, u128),
    ) {
        self.values.counters.copy_all(shard, slots, self.generation(), found);
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
