//! A block's view of the state: the parent's values and, on top, what finished transactions of this
//! block published. Dropping it leaves no trace.
//!
//! Cells are addressed by the dense account indices of the block's access table. The schedule keeps
//! conflicting transactions apart, and its synchronisation orders a transaction's merge before the
//! start of every transaction that waits for it; that is why the atomics below are relaxed.
//! [`Overlay::merge`] checks that promise instead of trusting it: every cell remembers the last
//! batch that wrote and the last that credited it.

mod changes;
mod extras;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;
use tos_host_api::{AccessMode, Address, AssetId, TxIndex};

use self::extras::{Extras, merge_counter, merge_slot};
pub(crate) use self::extras::{SeenCounter, SeenSlot, SlotValue};
use super::Account;
use super::chain_state::ChainState;
use super::journal::{AccountDraft, Journal};
use crate::error::EngineError;
use crate::schedule::AccountIdx;

/// Values of the block's accounts and of the slots in their partitions.
pub(crate) struct Overlay {
    chain: Arc<ChainState>,
    cells: Vec<AccountCell>,
}

/// One account of the block.
pub(crate) struct AccountCell {
    address: Address,
    /// The account before the block.
    base: Account,
    nonce: AtomicU64,
    native: AtomicU64,
    /// One plus the last batch that wrote the account; 0 for none.
    written: AtomicU32,
    /// One plus the last batch that credited the account; 0 for none.
    credited: AtomicU32,
    /// Everything rarer. Held only within a method, never while another lock is taken.
    extras: Mutex<Option<Box<Extras>>>,
}

impl AccountCell {
    pub(crate) fn new(address: Address, base: Account) -> Self {
        Self {
            address,
            nonce: AtomicU64::new(base.nonce.0),
            native: AtomicU64::new(base.native.0),
            base,
            written: AtomicU32::new(0),
            credited: AtomicU32::new(0),
            extras: Mutex::new(None),
        }
    }

    /// Notes that a transaction of `batch` merges into this account.
    ///
    /// Two writers, or a writer and a creditor, of one batch mean that the schedule or an access
    /// check is wrong: whatever the values are now, they may depend on the order of threads.
    fn claim(&self, mode: AccessMode, batch: u32, tx: TxIndex) -> Result<(), EngineError> {
        let stamp = batch + 1;
        let clashes = match mode {
            AccessMode::Write => {
                self.written.swap(stamp, Ordering::Relaxed) >= stamp
                    || self.credited.load(Ordering::Relaxed) >= stamp
            }
            AccessMode::Credit => {
                self.credited.fetch_max(stamp, Ordering::Relaxed);
                self.written.load(Ordering::Relaxed) >= stamp
            }
            AccessMode::Read => true,
        };
        if clashes {
            return Err(EngineError::ConflictingWrites { tx, account: self.address, batch });
        }
        Ok(())
    }
}

impl Overlay {
    pub(crate) fn new(chain: Arc<ChainState>, cells: Vec<AccountCell>) -> Self {
        Self { chain, cells }
    }

    pub(crate) fn chain(&self) -> &ChainState {
        &self.chain
    }

    pub(crate) fn address(&self, account: AccountIdx) -> Address {
        self.cells[account as usize].address
    }

    /// Nonce and native balance.
    pub(crate) fn account(&self, account: AccountIdx) -> (u64, u64) {
        let cell = &self.cells[account as usize];
        (cell.nonce.load(Ordering::Relaxed), cell.native.load(Ordering::Relaxed))
    }

    /// The balance of an asset other than the native one.
    pub(crate) fn asset_balance(&self, account: AccountIdx, asset: &AssetId) -> u64 {
        let cell = &self.cells[account as usize];
        let changed =
            cell.extras.lock().as_ref().and_then(|extras| extras.assets.get(asset).copied());
        changed.unwrap_or_else(|| cell.base.balance(asset).0)
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
                let cell = &self.cells[draft.account as usize];
                cell.claim(draft.mode, batch, tx)?;
                merge_account(cell, draft)?;
            }
        }
        let cell = |position: usize| {
            let draft = &journal.drafts()[position];
            // Claimed above.
            debug_assert!(draft.touched, "a slot changed in an untouched partition");
            &self.cells[draft.account as usize]
        };
        for slot in journal.changed_slots() {
            merge_slot(cell(slot.position), slot);
        }
        for counter in journal.changed_counters() {
            merge_counter(cell(counter.position), counter)?;
        }
        Ok(())
    }

    /// Credits the block's fees after its last transaction.
    pub(crate) fn credit_fees(&self, account: AccountIdx, fees: u64) -> Result<(), EngineError> {
        let cell = &self.cells[account as usize];
        let sum = cell.native.load(Ordering::Relaxed).checked_add(fees);
        cell.native.store(sum.ok_or_else(|| overflow("fees", cell.address))?, Ordering::Relaxed);
        cell.credited.fetch_max(1, Ordering::Relaxed);
        Ok(())
    }

    /// How many accounts the block names.
    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }
}

/// Publishes nonce, balances and contract record.
fn merge_account(cell: &AccountCell, draft: &AccountDraft) -> Result<(), EngineError> {
    if draft.mode == AccessMode::Write {
        if draft.loaded {
            cell.nonce.store(draft.nonce, Ordering::Relaxed);
            cell.native.store(draft.native, Ordering::Relaxed);
        }
    } else if draft.added > 0 {
        let before = cell.native.fetch_add(draft.added, Ordering::Relaxed);
        // A wrapped sum is never seen: the error discards the whole overlay.
        before.checked_add(draft.added).ok_or_else(|| overflow("native balance", cell.address))?;
    }
    if draft.assets.is_empty() && draft.contract.is_none() {
        return Ok(());
    }
    let mut extras = cell.extras.lock();
    let extras = extras.get_or_insert_default();
    for asset in &draft.assets {
        let balance =
            extras.assets.entry(asset.asset).or_insert_with(|| cell.base.balance(&asset.asset).0);
        *balance = if draft.mode == AccessMode::Write {
            asset.balance
        } else {
            balance
                .checked_add(asset.added)
                .ok_or_else(|| overflow("asset balance", cell.address))?
        };
    }
    if let Some(record) = &draft.contract {
        extras.contract = Some(record.clone());
    }
    Ok(())
}

fn overflow(what: &'static str, account: Address) -> EngineError {
    EngineError::Overflow { what, account }
}

#[cfg(test)]
mod tests {
    use tos_host_api::PublicKey;

    use super::*;
    use AccessMode::{Credit, Read, Write};

    /// Whether these claims on one account, each in its batch, are all granted.
    fn granted(claims: &[(AccessMode, u32)]) -> bool {
        let cell = AccountCell::new(Address::Key(PublicKey([1; 32])), Account::default());
        let claim = |(tx, (mode, batch)): (TxIndex, &(AccessMode, u32))| match cell
            .claim(*mode, *batch, tx)
        {
            Ok(()) => true,
            Err(EngineError::ConflictingWrites { tx: found, account, batch: of }) => {
                assert_eq!((found, account, of), (tx, cell.address, *batch));
                false
            }
            Err(other) => panic!("{other}"),
        };
        (0..).zip(claims).all(claim)
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
