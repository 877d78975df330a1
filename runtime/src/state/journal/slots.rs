//! The journal's view of slots: byte slots and counters.

use std::sync::Arc;

use tos_host_api::{AccessMode, ContractId, HostFunction};

use super::{Journal, Taken, Undo, overflow};
use crate::execute::Interrupt;
use crate::planted::{Bug, planted};
use crate::state::overlay::{SeenCounter, SeenSlot, SlotValue};
use crate::state::slot_table::{Named, SlotName};
use crate::state::{KeyBytes, SlotRef};

/// A slot's name and what the transaction knows about it.
#[derive(Debug)]
pub(crate) struct Drafted<D> {
    /// Position of the partition's account in the access set.
    pub(crate) position: usize,
    pub(crate) contract: ContractId,
    pub(crate) key: KeyBytes,
    pub(crate) draft: D,
}

/// A byte slot as the transaction sees it.
#[derive(Debug)]
pub(crate) struct SlotDraft {
    /// Whether what was loaded is the value before the block.
    from_parent: bool,
    /// The value before the block; known if that was loaded and then replaced.
    pub(crate) base: Option<SlotValue>,
    pub(crate) now: SlotNow,
}

/// What a byte slot holds now.
#[derive(Debug)]
pub(crate) struct SlotNow {
    pub(crate) value: SlotValue,
    /// Whether the transaction set or removed it.
    pub(crate) changed: bool,
}

/// A counter as the transaction sees it.
#[derive(Debug, Default)]
pub(crate) struct CounterDraft {
    /// The value before the block, if it had to be looked up.
    pub(crate) base: Option<u128>,
    pub(crate) now: CounterNow,
}

/// What a counter holds now.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CounterNow {
    /// The value if it is known, else what the transaction added without reading it.
    pub(crate) amount: u128,
    pub(crate) known: bool,
    /// Whether the transaction added or subtracted.
    pub(crate) changed: bool,
}

impl<D> Drafted<D> {
    fn new(position: usize, slot: SlotRef<'_>, draft: D) -> Self {
        let SlotRef { contract, key, .. } = slot;
        Self { position, contract, key: key.into(), draft }
    }
}

impl<D> Named for Drafted<D> {
    fn name(&self) -> SlotName<'_> {
        SlotName { owner: self.position, key: &self.key, contract: &self.contract }
    }
}

/// Slots of contracts, byte slots and counters. A partition is an account: the same modes apply.
impl Journal {
    /// A byte slot.
    pub(crate) fn slot(
        &mut self,
        slot: SlotRef<'_>,
        by: HostFunction,
    ) -> Result<Option<Arc<[u8]>>, Interrupt> {
        let position = self.find(slot.partition, AccessMode::Read, by)?;
        let index = self.slot_draft(position, slot)?;
        Ok(self.slots.at(index).draft.now.value.clone())
    }

    /// Sets or removes a byte slot; returns whether it existed.
    pub(crate) fn set_slot(
        &mut self,
        slot: SlotRef<'_>,
        new: Option<Arc<[u8]>>,
        by: HostFunction,
    ) -> Result<bool, Interrupt> {
        let position = self.find(slot.partition, AccessMode::Write, by)?;
        let index = self.slot_draft(position, slot)?;
        let draft = &mut self.slots.at(index).draft;
        let before = std::mem::replace(&mut draft.now, SlotNow { value: new, changed: true });
        if draft.from_parent && !before.changed {
            draft.base = Some(before.value.clone());
        }
        let existed = before.value.is_some();
        self.undo.push(Undo::Slot { index, before });
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
        let index = self.counter_draft(position, slot);
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
        let index = self.counter_draft(position, slot);
        let before = self.counters.at(index).draft.now;
        let sum = before.amount.checked_add(u128::from(amount));
        let sum = sum.ok_or_else(|| overflow("counter", *slot.partition))?;
        self.set_counter(index, sum);
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
        let index = self.counter_draft(position, slot);
        let found = self.known_counter(index)?;
        let wrapped = planted(Bug::CountersWrapBelowZero);
        let rest = found.checked_sub(u128::from(amount));
        let Some(rest) = rest.or(wrapped.then(|| found.wrapping_sub(amount.into()))) else {
            return Ok(Taken::Insufficient { found });
        };
        self.set_counter(index, rest);
        Ok(Taken::Yes)
    }

    /// Byte slots that the transaction set or removed.
    pub(crate) fn changed_slots(&self) -> impl Iterator<Item = &Drafted<SlotDraft>> {
        self.slots.entries().iter().filter(|slot| slot.draft.now.changed)
    }

    /// Counters that the transaction added to or took from.
    pub(crate) fn changed_counters(&self) -> impl Iterator<Item = &Drafted<CounterDraft>> {
        self.counters.entries().iter().filter(|counter| counter.draft.now.changed)
    }

    /// Changes the amount of a counter; whether it is the value or a sum of additions stays.
    fn set_counter(&mut self, index: usize, amount: u128) {
        let Drafted { position, draft, .. } = self.counters.at(index);
        let before = draft.now;
        draft.now = CounterNow { amount, changed: true, ..before };
        self.drafts[*position].touched = true;
        self.undo.push(Undo::Counter { index, before });
    }

    /// Reads a counter's value if that has not happened yet. Folding earlier additions in is not a
    /// change of the counter, so nothing goes onto the undo log: a rollback past the additions
    /// restores a draft that does not know the value.
    fn known_counter(&mut self, index: usize) -> Result<u128, Interrupt> {
        let Drafted { position, contract, key, draft } = self.counters.at(index);
        let now = draft.now;
        if now.known {
            return Ok(now.amount);
        }
        let account = &self.drafts[*position];
        let SeenCounter { value, base } = self.overlay.counter(account.account, *contract, key)?;
        let sum = value.checked_add(now.amount);
        let amount = sum.ok_or_else(|| overflow("counter", account.address))?;
        *draft = CounterDraft { base, now: CounterNow { amount, known: true, ..now } };
        Ok(amount)
    }

    /// The index of a counter's draft, created on first touch.
    fn counter_draft(&mut self, position: usize, slot: SlotRef<'_>) -> usize {
        match self.counters.position(name(position, &slot)) {
            Some(index) => index,
            None => self.counters.push(Drafted::new(position, slot, CounterDraft::default())),
        }
    }

    /// The index of a byte slot's draft, loaded on first touch.
    fn slot_draft(&mut self, position: usize, slot: SlotRef<'_>) -> Result<usize, Interrupt> {
        if let Some(index) = self.slots.position(name(position, &slot)) {
            return Ok(index);
        }
        let account = self.drafts[position].account;
        let SeenSlot { value, from_parent } =
            self.overlay.slot(account, slot.contract, slot.key)?;
        let now = SlotNow { value, changed: false };
        let draft = SlotDraft { from_parent, base: None, now };
        Ok(self.slots.push(Drafted::new(position, slot, draft)))
    }
}

fn name<'a>(position: usize, slot: &'a SlotRef<'_>) -> SlotName<'a> {
    SlotName { owner: position, key: slot.key, contract: &slot.contract }
}
