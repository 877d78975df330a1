//! The journal's view of slots: byte slots and counters.

use std::hash::BuildHasher;
use std::sync::Arc;

use tos_host_api::{AccessMode, HostFunction};

use super::{DraftValue, Journal, Kind, SlotDraft, SlotRef, Taken, Undo, overflow};
use crate::error::EngineError;
use crate::execute::Interrupt;

/// Slots of contracts, byte slots and counters. A partition is an account: the same modes apply.
impl Journal {
    /// A byte slot.
    pub(crate) fn slot(
        &mut self,
        slot: SlotRef<'_>,
        by: HostFunction,
    ) -> Result<Option<Arc<[u8]>>, Interrupt> {
        let position = self.find(slot.partition, AccessMode::Read, by)?;
        let index = self.slot_draft(position, slot, Kind::Slot)?;
        match &self.slots[index].value {
            DraftValue::Slot { value, .. } => Ok(value.clone()),
            DraftValue::Counter { .. } => Err(mixed_kinds()),
        }
    }

    /// Sets or removes a byte slot; returns whether it existed.
    pub(crate) fn set_slot(
        &mut self,
        slot: SlotRef<'_>,
        new: Option<Arc<[u8]>>,
        by: HostFunction,
    ) -> Result<bool, Interrupt> {
        let position = self.find(slot.partition, AccessMode::Write, by)?;
        let index = self.slot_draft(position, slot, Kind::Slot)?;
        let draft = &mut self.slots[index];
        let before =
            std::mem::replace(&mut draft.value, DraftValue::Slot { value: new, changed: true });
        let existed = matches!(&before, DraftValue::Slot { value: Some(_), .. });
        self.undo.push(Undo::Slot { index, value: before });
        self.drafts[position].touched = true;
        Ok(existed)
    }

    /// A counter's value.
    pub(crate) fn counter(
        &mut self,
        slot: SlotRef<'_>,
        by: HostFunction,
    ) -> Result<u128, Interrupt> {
        let position = self.find(slot.partition, AccessMode::Read, by)?;
        let index = self.slot_draft(position, slot, Kind::Counter)?;
        self.known_counter(index)
    }

    /// Adds to a counter. Under `Credit` its value is not read.
    pub(crate) fn counter_add(
        &mut self,
        slot: SlotRef<'_>,
        amount: u64,
        by: HostFunction,
    ) -> Result<(), Interrupt> {
        let position = self.find(slot.partition, AccessMode::Credit, by)?;
        let index = self.slot_draft(position, slot, Kind::Counter)?;
        let draft = &mut self.slots[index];
        let DraftValue::Counter { known, added } = draft.value else { return Err(mixed_kinds()) };
        let sum = known.unwrap_or(added).checked_add(u128::from(amount));
        let sum = sum.ok_or_else(|| overflow("counter", *slot.partition))?;
        self.undo.push(Undo::Slot { index, value: draft.value.clone() });
        draft.value = match known {
            Some(_) => DraftValue::Counter { known: Some(sum), added },
            None => DraftValue::Counter { known: None, added: sum },
        };
        self.drafts[position].touched = true;
        Ok(())
    }

    /// Subtracts from a counter, if it is large enough.
    pub(crate) fn counter_sub(
        &mut self,
        slot: SlotRef<'_>,
        amount: u64,
        by: HostFunction,
    ) -> Result<Taken, Interrupt> {
        let position = self.find(slot.partition, AccessMode::Write, by)?;
        let index = self.slot_draft(position, slot, Kind::Counter)?;
        let found = self.known_counter(index)?;
        let Some(rest) = found.checked_sub(u128::from(amount)) else {
            return Ok(Taken::Insufficient { found });
        };
        let value = DraftValue::Counter { known: Some(rest), added: 0 };
        let before = std::mem::replace(&mut self.slots[index].value, value);
        self.undo.push(Undo::Slot { index, value: before });
        self.drafts[position].touched = true;
        Ok(Taken::Yes)
    }

    /// Reads a counter's value if that has not happened yet. Folding earlier additions in is not a
    /// change of the counter, so nothing goes onto the undo log: a rollback past the additions
    /// restores a draft that does not know the value.
    fn known_counter(&mut self, index: usize) -> Result<u128, Interrupt> {
        let slot = &mut self.slots[index];
        let DraftValue::Counter { known, added } = slot.value else { return Err(mixed_kinds()) };
        if let Some(value) = known {
            return Ok(value);
        }
        let draft = &self.drafts[slot.position];
        let base = self.overlay.counter(draft.account, slot.contract, &slot.key)?;
        let value = base.checked_add(added).ok_or_else(|| overflow("counter", draft.address))?;
        slot.value = DraftValue::Counter { known: Some(value), added: 0 };
        Ok(value)
    }

    /// The index of a slot's draft, created on first touch.
    fn slot_draft(
        &mut self,
        position: usize,
        slot: SlotRef<'_>,
        kind: Kind,
    ) -> Result<usize, Interrupt> {
        let hash = self.hasher.hash_one((position, slot.contract, slot.key, kind));
        let slots = &self.slots;
        let same = |index: &u32| {
            let draft = &slots[*index as usize];
            draft.position == position
                && draft.contract == slot.contract
                && *draft.key == *slot.key
                && draft.value.kind() == kind
        };
        if let Some(index) = self.slot_index.find(hash, same) {
            return Ok(*index as usize);
        }
        let value = match kind {
            Kind::Counter => DraftValue::Counter { known: None, added: 0 },
            Kind::Slot => {
                let account = self.drafts[position].account;
                let value = self.overlay.slot(account, slot.contract, slot.key)?;
                DraftValue::Slot { value, changed: false }
            }
        };
        let index = self.slots.len();
        let SlotRef { contract, key, .. } = slot;
        self.slots.push(SlotDraft { position, contract, key: key.into(), value });
        let (slots, hasher) = (&self.slots, &self.hasher);
        let rehash = |index: &u32| {
            let draft = &slots[*index as usize];
            hasher.hash_one((draft.position, draft.contract, &*draft.key, draft.value.kind()))
        };
        let stored = u32::try_from(index).map_err(|_| overflow("slots", *slot.partition))?;
        self.slot_index.insert_unique(hash, stored, rehash);
        Ok(index)
    }
}

fn mixed_kinds() -> Interrupt {
    EngineError::Corrupt("a journal entry is both a slot and a counter".into()).into()
}
