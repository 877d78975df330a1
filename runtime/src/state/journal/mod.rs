//! Pending writes of one transaction. The only way a transaction reads or changes state, and the
//! place where declared access is enforced: no method touches an account before it has found the
//! account in the access set with a mode that permits the operation.
//!
//! Writes stay here until [`super::overlay::Overlay::merge`] publishes them. Every change pushes
//! what it replaced onto an undo log, so a checkpoint is three lengths and a rollback pops.

mod accounts;
#[cfg(any(test, fuzzing))]
pub(crate) mod modelled;
mod slots;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tos_host_api::{AccessMode, Address, Amount, AssetId, HostFunction};

pub(super) use self::slots::{CounterDraft, Drafted, SlotDraft};
use self::slots::{CounterNow, SlotNow};
use super::ContractRecord;
use super::overlay::Overlay;
use super::slot_table::SlotTable;
use crate::error::EngineError;
use crate::execute::Interrupt;
use crate::planted::{Bug, planted};
use crate::schedule::{AccountIdx, TableEntry};
use crate::types::{Event, HaltReason};

/// Up to this many accounts a scan beats a binary search.
const SCAN_MAX: usize = 8;

/// Pending writes of one transaction; its buffers are re-used for the next.
pub(crate) struct Journal {
    overlay: Arc<Overlay>,
    drafts: Vec<AccountDraft>,
    slots: SlotTable<Drafted<SlotDraft>>,
    counters: SlotTable<Drafted<CounterDraft>>,
    undo: Vec<Undo>,
    burned: Vec<(AssetId, Amount)>,
    events: Vec<Event>,
}

/// One account of the access set as the transaction sees it.
#[derive(Debug)]
pub(crate) struct AccountDraft {
    pub(crate) account: AccountIdx,
    pub(crate) address: Address,
    pub(crate) mode: AccessMode,
    /// Whether `nonce` and `native` hold values.
    pub(crate) loaded: bool,
    /// Whether anything of the account or of its partition was changed.
    pub(crate) touched: bool,
    pub(crate) nonce: u64,
    pub(crate) native: u64,
    /// Native amount credited without reading; only under `Credit`.
    pub(crate) added: u64,
    pub(crate) assets: Vec<AssetDraft>,
    pub(crate) contract: Option<ContractRecord>,
}

/// A balance of an asset other than the native one.
#[derive(Debug, Clone)]
pub(crate) struct AssetDraft {
    pub(crate) asset: AssetId,
    /// The balance; only under `Write` and `Read`.
    pub(crate) balance: u64,
    /// Amount credited without reading; only under `Credit`.
    pub(crate) added: u64,
}

/// What a change replaced. A record is in a box: what is rare must not make room for everything
/// else.
enum Undo {
    Native { position: usize, native: u64, added: u64 },
    Asset { position: usize, index: usize, balance: u64, added: u64 },
    Slot { index: usize, before: SlotNow },
    Counter { index: usize, before: CounterNow },
    Contract { position: usize, record: Option<Box<ContractRecord>> },
}

/// A place in the journal to return to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checkpoint {
    undo: usize,
    burned: usize,
    events: usize,
}

/// Whether an amount could be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Taken {
    /// It was taken.
    Yes,
    /// Nothing happened: only this much is there.
    Insufficient { found: u128 },
}

impl Journal {
    pub(crate) fn new(overlay: Arc<Overlay>) -> Self {
        Self {
            overlay,
            drafts: Vec::new(),
            slots: SlotTable::default(),
            counters: SlotTable::default(),
            undo: Vec::new(),
            burned: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Forgets the previous transaction and takes the access set of the next one.
    pub(crate) fn begin(&mut self, access: &[TableEntry]) {
        self.drafts.clear();
        if !planted(Bug::SlotsOfTheLastTransactionKept) {
            self.slots.clear();
        }
        self.counters.clear();
        self.undo.clear();
        self.burned.clear();
        self.events.clear();
        self.drafts.extend(access.iter().map(|entry| AccountDraft {
            account: entry.account,
            address: self.overlay.address(entry.account),
            mode: entry.mode,
            loaded: false,
            touched: false,
            nonce: 0,
            native: 0,
            added: 0,
            assets: Vec::new(),
            contract: None,
        }));
    }

    pub(crate) fn overlay(&self) -> &Overlay {
        &self.overlay
    }

    pub(crate) fn drafts(&self) -> &[AccountDraft] {
        &self.drafts
    }

    pub(crate) fn burned(&self) -> &[(AssetId, Amount)] {
        &self.burned
    }

    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    pub(crate) fn event_count(&self) -> usize {
        self.events.len()
    }

    pub(crate) fn emit(&mut self, event: Event) {
        if self.events.is_empty() {
            // The receipt keeps the list, and most have a single event.
            self.events.reserve_exact(1);
        }
        self.events.push(event);
    }

    /// Marks the present state of the journal.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint { undo: self.undo.len(), burned: self.burned.len(), events: self.events.len() }
    }

    /// Undoes everything since a checkpoint.
    pub(crate) fn rollback(&mut self, to: Checkpoint) {
        while self.undo.len() > to.undo {
            match self.undo.pop() {
                Some(Undo::Native { position, native, added }) => {
                    let draft = &mut self.drafts[position];
                    (draft.native, draft.added) = (native, added);
                }
                Some(Undo::Asset { position, index, balance, added }) => {
                    let asset = &mut self.drafts[position].assets[index];
                    (asset.balance, asset.added) = (balance, added);
                }
                Some(Undo::Slot { index, before }) => self.slots.at(index).draft.now = before,
                Some(Undo::Counter { .. }) if planted(Bug::RollbackKeepsCounters) => {}
                Some(Undo::Counter { index, before }) => {
                    self.counters.at(index).draft.now = before;
                }
                Some(Undo::Contract { position, record }) => {
                    self.drafts[position].contract = record.map(|record| *record);
                }
                None => break,
            }
        }
        if !planted(Bug::RollbackKeepsBurns) {
            self.burned.truncate(to.burned);
        }
        if !planted(Bug::RollbackKeepsEvents) {
            self.events.truncate(to.events);
        }
    }

    /// Checks that an account is in the access set with a mode that permits `needed`.
    pub(crate) fn check_access(
        &self,
        account: &Address,
        needed: AccessMode,
        by: HostFunction,
    ) -> Result<(), Interrupt> {
        self.find(account, needed, by).map(|_| ())
    }

    /// Finds an account in the access set with a mode that permits `needed`.
    #[inline]
    fn find(
        &self,
        account: &Address,
        needed: AccessMode,
        by: HostFunction,
    ) -> Result<usize, Interrupt> {
        let position = if self.drafts.len() <= SCAN_MAX {
            self.drafts.iter().position(|draft| draft.address == *account)
        } else {
            self.drafts.binary_search_by(|draft| draft.address.cmp(account)).ok()
        };
        match position {
            Some(position) if self.drafts[position].mode.permits(needed) => Ok(position),
            Some(position) if permits_by_mistake(self.drafts[position].mode, needed) => {
                Ok(position)
            }
            _ => Err(undeclared(account, needed, by)),
        }
    }
}

/// What a planted bug permits on top of what a mode does.
fn permits_by_mistake(mode: AccessMode, needed: AccessMode) -> bool {
    use AccessMode::{Credit, Read, Write};
    match (mode, needed) {
        (Credit, Read) => planted(Bug::CreditPermitsRead),
        (Read, Credit) => planted(Bug::ReadPermitsCredit),
        (Read, Write) => planted(Bug::ReadPermitsWrite),
        _ => false,
    }
}

#[cold]
fn undeclared(account: &Address, needed: AccessMode, by: HostFunction) -> Interrupt {
    HaltReason::UndeclaredAccess { account: *account, needed, host_function: by }.into()
}

#[cold]
fn overflow(what: &'static str, account: Address) -> Interrupt {
    EngineError::Overflow { what, account }.into()
}
