//! A block's view of the state: the parent's values and, on top, what finished transactions of this
//! block published. Dropping it leaves no trace.
//!
//! Cells are addressed by the dense account indices of the block's access table. The schedule keeps
//! conflicting transactions apart, and its synchronisation orders a transaction's merge before the
//! start of every transaction that waits for it; that is why the atomics below are relaxed.
//! [`Overlay::merge`] checks that promise instead of trusting it: every cell remembers the last
//! batch that wrote and the last that credited it.

mod cell;
mod changes;
mod counters;
mod extras;
mod order;

use std::sync::Arc;

use tos_host_api::{AccessMode, Address, AssetId, ContractId, PublicKey, TxIndex};

pub(crate) use self::cell::AccountCell;
pub(crate) use self::changes::{Changes, SectionKey};
use self::counters::LoadedCounters;
use self::extras::{Extras, ExtrasCell, merge_counter, merge_slot};
pub(crate) use self::extras::{SeenCounter, SeenSlot, SlotValue};
pub(crate) use self::order::Ranked;
use super::chain_state::ChainState;
use super::journal::{AccountDraft, Journal};
use crate::error::EngineError;
use crate::execute::{Payment, PlainTransfer};
use crate::planted::{Bug, planted};
use crate::schedule::AccountIdx;
use crate::sync::OnceLock;
use crate::sync::atomic::Ordering;

/// Values of the block's accounts and of the slots in their partitions.
pub(crate) struct Overlay {
    chain: Arc<ChainState>,
    addresses: Arc<Vec<Address>>,
    cells: Vec<AccountCell>,
    /// Everything rarer, by account; made when something rarer first changes, because many blocks
    /// only move native units. A lock is held only within a method, never while another is taken.
    extras: OnceLock<Vec<ExtrasCell>>,
    /// Counters that were loaded before the block runs, if any were.
    counters: OnceLock<LoadedCounters>,
}

impl Overlay {
    /// An overlay on the tip for accounts with these addresses.
    pub(crate) fn new(
        chain: Arc<ChainState>,
        addresses: Arc<Vec<Address>>,
        cells: Vec<AccountCell>,
    ) -> Self {
        let (extras, counters) = (OnceLock::new(), OnceLock::new());
        Self { chain, addresses, cells, extras, counters }
    }

    pub(crate) fn chain(&self) -> &ChainState {
        &self.chain
    }

    pub(crate) fn address(&self, account: AccountIdx) -> Address {
        self.addresses[account as usize]
    }

    /// Nonce and native balance.
    pub(crate) fn account(&self, account: AccountIdx) -> (u64, u64) {
        let cell = &self.cells[account as usize];
        (cell.nonce.load(Ordering::Relaxed), cell.native.load(Ordering::Relaxed))
    }

    /// The balance of an asset other than the native one.
    pub(crate) fn asset_balance(&self, account: AccountIdx, asset: &AssetId) -> u64 {
        let changed = self.changed_extras(account, |extras| extras.assets.get(asset).copied());
        changed.unwrap_or_else(|| self.cells[account as usize].base.balance(asset).0)
    }

    /// Publishes what a finished transaction of `batch` changed.
    ///
    /// # Errors
    /// [`EngineError::ConflictingWrites`] when the schedule did not keep conflicting transactions
    /// apart, [`EngineError::Overflow`] when a balance or counter leaves its type.
    pub(crate) fn merge(
        &self,
        journal: &Journal,
        batch: u32,
        tx: TxIndex,
    ) -> Result<(), EngineError> {
        for draft in journal.drafts() {
            if draft.touched {
                self.claim(draft.account, draft.mode, batch, tx)?;
                self.merge_account(draft)?;
            }
        }
        let partition = |position: usize| {
            let draft = &journal.drafts()[position];
            // Claimed above.
            debug_assert!(draft.touched, "a slot changed in an untouched partition");
            draft
        };
        for slot in journal.changed_slots() {
            merge_slot(self.extras(partition(slot.position).account), slot);
        }
        for counter in journal.changed_counters() {
            let AccountDraft { account, address, .. } = partition(counter.position);
            let now = counter.draft.now;
            match self.loaded(*account, &counter.contract, &counter.key) {
                Some(cell) if now.known => cell.set(now.amount),
                Some(cell) if cell.add(now.amount) => {}
                Some(_) => return Err(overflow("counter", *address)),
                None => merge_counter(self.extras(*account), counter, address)?,
            }
        }
        Ok(())
    }

    /// Publishes a plain transfer of `batch` if its source can afford it; `false` if it has to go
    /// the general way. Nothing has happened then.
    ///
    /// # Errors
    /// See [`Overlay::merge`].
    pub(crate) fn transfer(
        &self,
        transfer: &PlainTransfer,
        batch: u32,
        tx: TxIndex,
    ) -> Result<bool, EngineError> {
        let PlainTransfer { source, destination, payment } = *transfer;
        let cell = &self.cells[source as usize];
        let native = cell.native.load(Ordering::Relaxed);
        let unreserved = planted(Bug::PaidWithoutReserve);
        let needed = if unreserved { payment.debit } else { payment.needed };
        if cell.nonce.load(Ordering::Relaxed) != payment.nonce || native < needed {
            return Ok(false);
        }
        self.claim(source, AccessMode::Write, batch, tx)?;
        cell.nonce.store(payment.nonce + 1, Ordering::Relaxed);
        cell.native.store(native - payment.debit, Ordering::Relaxed);
        self.claim(destination, AccessMode::Credit, batch, tx)?;
        self.credit(destination, payment.amount)?;
        Ok(true)
    }

    /// Settles the source's side of a payment, before any other transaction runs; `false` if the
    /// source cannot make it. Nobody else looks at the account meanwhile.
    pub(crate) fn settle_source(&self, account: AccountIdx, payment: &Payment) -> bool {
        let cell = &self.cells[account as usize];
        let native = cell.native.load(Ordering::Relaxed);
        let unreserved = planted(Bug::SettledWithoutReserve);
        let needed = if unreserved { payment.debit } else { payment.needed };
        let able = cell.nonce.load(Ordering::Relaxed) == payment.nonce && native >= needed;
        if able {
            // A payment's nonce is below the largest, and it takes at most what it needs.
            cell.nonce.store(payment.nonce + 1, Ordering::Relaxed);
            cell.native.store(native - payment.debit, Ordering::Relaxed);
            cell.claims.note();
        }
        able
    }

    /// Settles the other side; `false` if the balance would leave its type.
    pub(crate) fn settle_destination(&self, account: AccountIdx, payment: &Payment) -> bool {
        let cell = &self.cells[account as usize];
        let sum = cell.native.load(Ordering::Relaxed).checked_add(payment.amount);
        if let Some(sum) = sum {
            cell.native.store(sum, Ordering::Relaxed);
            cell.claims.note();
        }
        sum.is_some()
    }

    /// Forgets what was settled.
    pub(crate) fn unsettle(&self, account: AccountIdx) {
        let cell = &self.cells[account as usize];
        cell.nonce.store(cell.base.nonce.0, Ordering::Relaxed);
        if !planted(Bug::UnsettledHalfway) {
            cell.native.store(cell.base.native.0, Ordering::Relaxed);
        }
        cell.claims.forget();
    }

    /// Reads accounts of calls that come next, their addresses and counters, and forgets what it read.
    pub(crate) fn touch_accounts(&self, accounts: impl Iterator<Item = AccountIdx>) {
        let counters = self.counters.get();
        let touched = |sum: u64, account: AccountIdx| {
            let native = self.cells[account as usize].native.load(Ordering::Relaxed);
            // Half of all addresses lie on two cache lines.
            let (Address::Key(PublicKey(bytes)) | Address::Contract(ContractId(bytes))) =
                &self.addresses[account as usize];
            let native = native ^ u64::from(bytes[0] ^ bytes[31]);
            sum ^ native ^ counters.map_or(0, |counters| counters.touch(account))
        };
        std::hint::black_box(accounts.fold(0, touched));
    }

    /// Reads the accounts of transfers that come next and forgets what it read.
    pub(crate) fn touch<'a>(&self, transfers: impl Iterator<Item = &'a PlainTransfer>) {
        let native =
            |account: AccountIdx| self.cells[account as usize].native.load(Ordering::Relaxed);
        let touched = |sum, transfer: &PlainTransfer| {
            sum ^ native(transfer.source) ^ native(transfer.destination)
        };
        std::hint::black_box(transfers.fold(0, touched));
    }

    #[inline]
    fn claim(
        &self,
        account: AccountIdx,
        mode: AccessMode,
        batch: u32,
        tx: TxIndex,
    ) -> Result<(), EngineError> {
        let granted = self.cells[account as usize].claims.claim(mode, batch);
        if granted || planted(Bug::ConflictsUncheckedAtMerge) {
            return Ok(());
        }
        Err(EngineError::ConflictingWrites { tx, account: self.address(account), batch })
    }

    /// Adds to a native balance without reading it.
    fn credit(&self, account: AccountIdx, amount: u64) -> Result<(), EngineError> {
        let before = self.cells[account as usize].native.fetch_add(amount, Ordering::Relaxed);
        // A wrapped sum is never seen: the error discards the whole overlay.
        match before.checked_add(amount) {
            Some(_) => Ok(()),
            None if planted(Bug::BalancesWrapAtMerge) => Ok(()),
            None => Err(overflow("native balance", self.address(account))),
        }
    }

    /// Publishes nonce, balances and contract record.
    fn merge_account(&self, draft: &AccountDraft) -> Result<(), EngineError> {
        let cell = &self.cells[draft.account as usize];
        if draft.mode == AccessMode::Write {
            if draft.loaded {
                cell.nonce.store(draft.nonce, Ordering::Relaxed);
                cell.native.store(draft.native, Ordering::Relaxed);
            }
        } else if draft.added > 0 {
            self.credit(draft.account, draft.added)?;
            if planted(Bug::CreditMergedTwice) {
                self.credit(draft.account, draft.added)?;
            }
        }
        if draft.assets.is_empty() && draft.contract.is_none() {
            return Ok(());
        }
        let mut extras = self.extras(draft.account).lock();
        let extras = extras.get_or_insert_default();
        for asset in &draft.assets {
            let base = || cell.base.balance(&asset.asset).0;
            let balance = extras.assets.entry(asset.asset).or_insert_with(base);
            *balance = if draft.mode == AccessMode::Write {
                asset.balance
            } else {
                let sum = balance.checked_add(asset.added);
                sum.ok_or_else(|| overflow("asset balance", draft.address))?
            };
        }
        if let Some(record) = &draft.contract {
            extras.contract = Some(record.clone());
        }
        Ok(())
    }

    /// Credits the block's fees after its last transaction.
    pub(crate) fn credit_fees(&self, account: AccountIdx, fees: u64) -> Result<(), EngineError> {
        let cell = &self.cells[account as usize];
        let sum = cell.native.load(Ordering::Relaxed).checked_add(fees);
        let sum = sum.ok_or_else(|| overflow("fees", self.address(account)))?;
        cell.native.store(sum, Ordering::Relaxed);
        cell.claims.note();
        Ok(())
    }

    /// Whether a transaction, or the fees, merged into an account.
    fn is_touched(&self, account: usize) -> bool {
        self.cells[account].claims.any()
    }

    /// Everything rarer of an account, to be changed.
    fn extras(&self, account: AccountIdx) -> &ExtrasCell {
        let make = || self.cells.iter().map(|_| ExtrasCell::default()).collect();
        &self.extras.get_or_init(make)[account as usize]
    }

    /// Looks at what the block changed of everything rarer of an account. Whoever may read the
    /// account waits for all who changed it before, and they claimed it: without a claim there is
    /// nothing to look for and no lock to take.
    fn changed_extras<T>(
        &self,
        account: AccountIdx,
        look: impl FnOnce(&Extras) -> Option<T>,
    ) -> Option<T> {
        if !self.cells[account as usize].claims.any() {
            return None;
        }
        self.extras.get()?[account as usize].lock().as_deref().and_then(look)
    }

    /// How many accounts the block names.
    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }
}

#[cold]
fn overflow(what: &'static str, account: Address) -> EngineError {
    EngineError::Overflow { what, account }
}

#[cfg(test)]
mod tests {
    use super::cell::Claims;
    use super::*;
    use AccessMode::{Credit, Read, Write};

    /// Whether these claims on one account, each in its batch, are all granted.
    fn granted(claims: &[(AccessMode, u32)]) -> bool {
        let cell = Claims::default();
        claims.iter().all(|(mode, batch)| cell.claim(*mode, *batch))
    }

    #[test]
    fn merges_in_the_order_of_the_schedule_are_granted() {
        assert!(granted(&[(Credit, 0), (Credit, 0), (Write, 1), (Write, 2), (Credit, 3)]));
    }

    #[test]
    fn merges_that_no_schedule_allows_are_refused() {
        for claims in [
            [(Write, 0), (Write, 0)],
            [(Write, 3), (Credit, 3)],
            [(Credit, 3), (Write, 3)],
            // Too late: a transaction that waits has merged already.
            [(Write, 3), (Write, 2)],
            [(Write, 3), (Credit, 2)],
            [(Credit, 3), (Write, 2)],
            // Readers have nothing to merge.
            [(Write, 0), (Read, 1)],
        ] {
            assert!(!granted(&claims), "{claims:?}");
        }
    }
}
