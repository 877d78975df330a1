//! Values at the tip other than accounts: slots, contract and asset records, code.

use std::sync::Arc;

use tos_host_api::{AssetId, ContractId};

use super::{ChainState, wrong_kind};
use crate::error::EngineError;
use crate::state::{AssetRecord, ContractRecord, SlotKey, StateKey, StateValue};

impl ChainState {
    /// Any value but an account's.
    pub(crate) fn value(&self, key: &StateKey) -> Result<Option<StateValue>, EngineError> {
        let generation = self.generation();
        if let Some(value) = self.values.copy(key, generation) {
            return Ok(value);
        }
        let value = self.storage.read(key)?;
        if value.as_ref().is_some_and(|value| !value.fits(key)) {
            return Err(wrong_kind(key));
        }
        self.values.insert(key.clone(), value.clone(), generation);
        Ok(value)
    }

    /// A value that is not worth keeping in memory: code, which the module cache keeps compiled.
    /// Codes of applied blocks that are not durable yet are kept, see [`ChainState::apply`].
    pub(crate) fn storage_value(&self, key: &StateKey) -> Result<Option<StateValue>, EngineError> {
        if let Some(value) = self.values.copy(key, self.generation()) {
            return Ok(value);
        }
        let value = self.storage.read(key)?;
        match &value {
            Some(value) if !value.fits(key) => Err(wrong_kind(key)),
            _ => Ok(value),
        }
    }

    /// A byte slot.
    pub(crate) fn slot(&self, slot: SlotKey) -> Result<Option<Arc<[u8]>>, EngineError> {
        match self.value(&StateKey::Slot(slot))? {
            Some(StateValue::Slot(bytes)) => Ok(Some(bytes)),
            _ => Ok(None),
        }
    }

    /// A counter slot; zero where there is none.
    pub(crate) fn counter(&self, slot: SlotKey) -> Result<u128, EngineError> {
        match self.value(&StateKey::Counter(slot))? {
            Some(StateValue::Counter(value)) => Ok(value),
            _ => Ok(0),
        }
    }

    /// A contract's record.
    pub(crate) fn contract(&self, id: &ContractId) -> Result<Option<ContractRecord>, EngineError> {
        match self.value(&StateKey::Contract(*id))? {
            Some(StateValue::Contract(record)) => Ok(Some(record)),
            _ => Ok(None),
        }
    }

    /// An asset's record.
    pub(crate) fn asset(&self, id: &AssetId) -> Result<Option<AssetRecord>, EngineError> {
        match self.value(&StateKey::Asset(*id))? {
            Some(StateValue::Asset(record)) => Ok(Some(record)),
            _ => Ok(None),
        }
    }
}
