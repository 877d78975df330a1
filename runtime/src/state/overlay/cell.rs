//! One account of a block, as its transactions change it from any thread.

use tos_host_api::{AccessMode, Amount, Nonce};

use crate::state::{Account, Row};
use crate::sync::atomic::{AtomicU64, Ordering};

/// One account of the block. On a cache line of its own: transfers of native units touch nothing
/// else of it.
#[repr(align(64))]
pub(crate) struct AccountCell {
    pub(super) nonce: AtomicU64,
    pub(super) native: AtomicU64,
    pub(super) claims: Claims,
    /// The account before the block.
    pub(super) base: Account,
    /// Where the hot state has the account's counters.
    pub(super) row: Row,
}

/// The last batches that wrote an account and that credited it, each plus two, 1 for what came
/// before the first batch, and 0 for none: the writer in the upper half, the creditor in the lower.
/// One word, so a claim sees both at once.
#[derive(Default)]
pub(super) struct Claims(AtomicU64);

impl Claims {
    /// Notes that a transaction of `batch` merges under `mode`; `false` if it clashes with an
    /// earlier one.
    ///
    /// Two writers, or a writer and a creditor, of one batch mean that the schedule or an access
    /// check is wrong: whatever the values are now, they may depend on the order of threads.
    pub(super) fn claim(&self, mode: AccessMode, batch: u32) -> bool {
        let stamp = u64::from(batch + 2);
        match mode {
            AccessMode::Write => {
                let before = self.0.swap(stamp << 32 | stamp, Ordering::Relaxed);
                // A writer leaves the stamp in both halves, so the lower one is the later of both.
                (before >> 32) < stamp && (before & HALF) < stamp
            }
            AccessMode::Credit => {
                let mut before = self.0.load(Ordering::Relaxed);
                if (before & HALF) < stamp {
                    // The upper half is that of `before` unless a writer is at it, whose stamp is
                    // then found in what the exchange returns.
                    let after = before & !HALF | stamp;
                    before = self.0.fetch_max(after, Ordering::Relaxed);
                }
                (before >> 32) < stamp
            }
            AccessMode::Read => false,
        }
    }

    /// Notes a change that was made before or after all transactions that could clash.
    /// Nobody else is at the account meanwhile.
    pub(super) fn note(&self) {
        if self.0.load(Ordering::Relaxed) == 0 {
            self.0.store(1, Ordering::Relaxed);
        }
    }

    /// Forgets all claims. Nobody else is at the account meanwhile.
    pub(super) fn forget(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Whether anybody claimed the account.
    pub(super) fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// The lower half of [`Claims`].
const HALF: u64 = u32::MAX as u64;

impl AccountCell {
    #[cfg(test)]
    pub(crate) fn base(&self) -> &Account {
        &self.base
    }

    /// An account as it is before the block.
    pub(crate) fn new(base: Account, row: Row) -> Self {
        Self {
            nonce: AtomicU64::new(base.nonce.0),
            native: AtomicU64::new(base.native.0),
            claims: Claims::default(),
            base,
            row,
        }
    }

    /// Nonce and native balance.
    pub(super) fn values(&self) -> (Nonce, Amount) {
        let (nonce, native) = (&self.nonce, &self.native);
        (Nonce(nonce.load(Ordering::Relaxed)), Amount(native.load(Ordering::Relaxed)))
    }

    /// Whether nonce and native balance are as before the block.
    pub(super) fn has_base_values(&self) -> bool {
        self.nonce.load(Ordering::Relaxed) == self.base.nonce.0
            && self.native.load(Ordering::Relaxed) == self.base.native.0
    }
}
