//! What a block changed on its accounts besides nonce and native balance: other assets, contract
//! records, and the slots in the accounts' partitions.

use std::collections::BTreeMap;
use std::sync::Arc;

use tos_host_api::{Address, AssetId, ContractId};

use super::{Overlay, overflow};
use crate::error::EngineError;
use crate::planted::{Bug, planted};
use crate::schedule::AccountIdx;
use crate::state::journal::{CounterDraft, Drafted, SlotDraft};
use crate::state::slot_table::{Named, SlotName, SlotTable};
use crate::state::{ContractRecord, KeyBytes, SlotRef};
use crate::sync::Mutex;

/// What the block changed on an account besides nonce and native balance.
#[derive(Default)]
pub(super) struct Extras {
    pub(super) assets: BTreeMap<AssetId, u64>,
    pub(super) slots: SlotTable<Published<SlotCell>>,
    pub(super) counters: SlotTable<Published<CounterCell>>,
    pub(super) contract: Option<ContractRecord>,
}

/// The extras of one account; `None` while the block changed none.
pub(super) type ExtrasCell = Mutex<Option<Box<Extras>>>;

/// A slot in the account's partition that the block changed.
pub(super) struct Published<C> {
    pub(super) contract: ContractId,
    pub(super) key: KeyBytes,
    pub(super) cell: C,
}

/// What a byte slot holds.
pub(crate) type SlotValue = Option<Arc<[u8]>>;

/// A byte slot that the block set or removed.
pub(super) struct SlotCell {
    /// The value before the block, if a transaction looked it up: it is not looked up again.
    pub(super) base: Option<SlotValue>,
    pub(super) value: SlotValue,
}

/// A counter that the block changed.
pub(super) struct CounterCell {
    /// The value before the block, if a transaction looked it up: it is not looked up again.
    pub(super) base: Option<u128>,
    pub(super) value: CounterValue,
}

/// What is known of a counter.
#[derive(Debug, Clone, Copy)]
pub(super) enum CounterValue {
    /// Only credited: the sum of the additions; its value was never read.
    Added(u128),
    /// Written: its value.
    Known(u128),
}

/// A byte slot as the block sees it.
pub(crate) struct SeenSlot {
    pub(crate) value: SlotValue,
    /// Whether it is the value before the block.
    pub(crate) from_parent: bool,
}

/// A counter as the block sees it.
pub(crate) struct SeenCounter {
    pub(crate) value: u128,
    /// The value before the block, if it had to be looked up.
    pub(crate) base: Option<u128>,
}

impl<C> Named for Published<C> {
    fn name(&self) -> SlotName<'_> {
        name(&self.contract, &self.key)
    }
}

impl Overlay {
    /// A byte slot in the account's partition.
    pub(crate) fn slot(
        &self,
        account: AccountIdx,
        contract: ContractId,
        key: &[u8],
    ) -> Result<SeenSlot, EngineError> {
        let find = |extras: &Extras| {
            extras.slots.find(name(&contract, key)).map(|slot| slot.cell.value.clone())
        };
        if !planted(Bug::SlotsReadFromTheParent)
            && let Some(value) = self.changed_extras(account, find)
        {
            return Ok(SeenSlot { value, from_parent: false });
        }
        let partition = &self.addresses[account as usize];
        let value = self.chain.slot(SlotRef { contract, partition, key })?;
        Ok(SeenSlot { value, from_parent: true })
    }

    /// A counter slot in the account's partition.
    pub(crate) fn counter(
        &self,
        account: AccountIdx,
        contract: ContractId,
        key: &[u8],
    ) -> Result<SeenCounter, EngineError> {
        if let Some(cell) = self.loaded(account, &contract, key) {
            return Ok(SeenCounter { value: cell.value(), base: None });
        }
        let find = |extras: &Extras| {
            extras.counters.find(name(&contract, key)).map(|counter| counter.cell.value)
        };
        let added = match self.changed_extras(account, find) {
            Some(CounterValue::Known(value)) => return Ok(SeenCounter { value, base: None }),
            Some(CounterValue::Added(sum)) => sum,
            None => 0,
        };
        let partition = &self.addresses[account as usize];
        let row = self.cells[account as usize].row;
        let base = self.chain.counter_of_row(SlotRef { contract, partition, key }, row)?;
        let sum = base.checked_add(added);
        let value = sum.ok_or_else(|| overflow("counter", *partition))?;
        Ok(SeenCounter { value, base: Some(base) })
    }

    /// The record of the contract whose account this is.
    pub(crate) fn contract(
        &self,
        account: AccountIdx,
        contract: &ContractId,
    ) -> Result<Option<ContractRecord>, EngineError> {
        let changed = self.changed_extras(account, |extras| extras.contract.clone());
        match changed {
            Some(record) => Ok(Some(record)),
            None => self.chain.contract(contract),
        }
    }
}

/// Publishes a byte slot.
pub(super) fn merge_slot(extras: &ExtrasCell, slot: &Drafted<SlotDraft>) {
    let mut extras = extras.lock();
    let slots = &mut extras.get_or_insert_default().slots;
    let SlotDraft { base, now, .. } = &slot.draft;
    let known = slots.position(name(&slot.contract, &slot.key));
    match known {
        // The value before the block stays what the first writer found.
        Some(position) => slots.at(position).cell.value = now.value.clone(),
        None => {
            let cell = SlotCell { base: base.clone(), value: now.value.clone() };
            slots.push(Published { contract: slot.contract, key: slot.key.clone(), cell });
        }
    }
}

/// Publishes a counter. The access check made sure that only an addition happens under `Credit`.
pub(super) fn merge_counter(
    extras: &ExtrasCell,
    counter: &Drafted<CounterDraft>,
    account: &Address,
) -> Result<(), EngineError> {
    let mut extras = extras.lock();
    let counters = &mut extras.get_or_insert_default().counters;
    let CounterDraft { base, now } = counter.draft;
    let value = if now.known { CounterValue::Known } else { CounterValue::Added };
    let Some(position) = counters.position(name(&counter.contract, &counter.key)) else {
        let cell = CounterCell { base, value: value(now.amount) };
        let (contract, key) = (counter.contract, counter.key.clone());
        counters.push(Published { contract, key, cell });
        return Ok(());
    };
    let published = &mut counters.at(position).cell;
    published.base = published.base.or(base);
    if now.known {
        published.value = CounterValue::Known(now.amount);
        return Ok(());
    }
    let (CounterValue::Added(sum) | CounterValue::Known(sum)) = &mut published.value;
    let before = if planted(Bug::CounterReplacedAtMerge) { 0 } else { *sum };
    *sum = before.checked_add(now.amount).ok_or_else(|| overflow("counter", *account))?;
    Ok(())
}

/// A table belongs to one account.
fn name<'a>(contract: &'a ContractId, key: &'a [u8]) -> SlotName<'a> {
    SlotName { owner: 0, key, contract }
}
