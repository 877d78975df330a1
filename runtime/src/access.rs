//! Access sets: which accounts a transaction may touch and how. Derived for transfers and burns,
//! declared for contract calls.

use tos_host_api::{AccessEntry, AccessMode, Address, limits};

use crate::error::{AccessFault, InvalidTransaction, TransactionPart};
use crate::planted::{Bug, planted};
use crate::types::{AccessList, TransactionType, UnsignedTransaction};

/// The accounts a transaction may touch, in canonical form: ascending by account, one mode each.
///
/// Worked example: an invocation by `S` that declares `R: Credit` and brings a deposit to `C` has
/// the set `{ R: Credit, S: Write, C: Credit }`, sorted by account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessSet {
    entries: Vec<AccessEntry>,
}

impl AccessSet {
    /// A set of these entries; modes of one account are joined.
    #[must_use]
    pub fn new(mut entries: Vec<AccessEntry>) -> Self {
        canonicalize(&mut entries);
        Self { entries }
    }

    /// The set of a transaction: what it declares and what follows from its kind.
    #[must_use]
    pub fn of(tx: &UnsignedTransaction) -> Self {
        let mut entries = Vec::new();
        collect(tx, &mut entries);
        Self { entries }
    }

    /// What follows from the kind of a transaction alone, whatever it declares.
    #[must_use]
    pub fn derived(tx: &UnsignedTransaction) -> Self {
        let mut entries = Vec::new();
        derive(tx, &mut entries);
        Self::new(entries)
    }

    /// The entries, ascending by account.
    #[must_use]
    pub fn entries(&self) -> &[AccessEntry] {
        &self.entries
    }

    /// The mode of an account, if it is in the set.
    #[must_use]
    pub fn mode(&self, account: &Address) -> Option<AccessMode> {
        let idx = self.entries.binary_search_by(|entry| entry.account.cmp(account)).ok()?;
        self.entries.get(idx).map(|entry| entry.mode)
    }

    /// Adds an account, joining with the mode it has.
    pub fn insert(&mut self, entry: AccessEntry) {
        self.entries.push(entry);
        canonicalize(&mut self.entries);
    }

    /// What `tx` has to declare so that its set is this one: everything that does not follow from
    /// its kind anyway, because each entry of a list is paid for. Empty for kinds that derive their
    /// whole set.
    #[must_use]
    pub fn to_list(&self, tx: &UnsignedTransaction) -> AccessList {
        match tx.data {
            TransactionType::Transfers(_) | TransactionType::Burn { .. } => Vec::new(),
            TransactionType::DeployContract { .. }
            | TransactionType::InvokeContract { .. }
            | TransactionType::UpgradeContract { .. } => {
                let derived = Self::derived(tx);
                let needed =
                    |entry: &&AccessEntry| derived.mode(&entry.account) != Some(entry.mode);
                self.entries.iter().filter(needed).copied().collect()
            }
        }
    }
}

/// Replaces `entries` by the canonical set of a transaction; the buffer can be re-used.
pub(crate) fn collect(tx: &UnsignedTransaction, entries: &mut Vec<AccessEntry>) {
    entries.clear();
    entries.extend_from_slice(&tx.access);
    derive(tx, entries);
    canonicalize(entries);
}

/// Adds what follows from the kind of a transaction, declared or not.
fn derive(tx: &UnsignedTransaction, entries: &mut Vec<AccessEntry>) {
    entries.push(AccessEntry::new(tx.source, AccessMode::Write));
    match &tx.data {
        TransactionType::Transfers(transfers) => entries
            .extend(transfers.iter().map(|t| AccessEntry::new(t.destination, AccessMode::Credit))),
        TransactionType::Burn { .. } => {}
        TransactionType::DeployContract { .. } => {
            // Deployments are never in conflict with each other: their ids differ by construction.
            if let Some(contract) = tx.deployed_contract() {
                entries.push(AccessEntry::new(contract, AccessMode::Write));
            }
        }
        TransactionType::InvokeContract { contract, deposits, .. } => {
            if !deposits.is_empty() {
                entries.push(AccessEntry::new(*contract, AccessMode::Credit));
            }
        }
        TransactionType::UpgradeContract { contract, .. } => {
            entries.push(AccessEntry::new(*contract, AccessMode::Write));
        }
    }
}

/// Sorts by account and joins the modes of entries with the same account. The source's own entry
/// absorbs any other, so paying oneself is a `Write` of one account and not two.
fn canonicalize(entries: &mut Vec<AccessEntry>) {
    entries.sort_unstable_by_key(|entry| entry.account);
    entries.dedup_by(|later, kept| {
        let same = later.account == kept.account;
        if same {
            kept.mode = kept.mode.join(later.mode);
        }
        same
    });
}

/// Checks that a declared list is canonical.
pub(crate) fn check_list(tx: &UnsignedTransaction) -> Result<(), InvalidTransaction> {
    let list = &tx.access;
    let fault = |index: usize, fault| {
        Err(InvalidTransaction::AccessList {
            index: u32::try_from(index).unwrap_or(u32::MAX),
            fault,
        })
    };
    if list.len() > limits::ACCESS_ENTRIES_MAX {
        return Err(InvalidTransaction::TooLong {
            what: TransactionPart::AccessList,
            limit: limits::ACCESS_ENTRIES_MAX as u64,
            found: list.len() as u64,
        });
    }
    let derived = matches!(tx.data, TransactionType::Transfers(_) | TransactionType::Burn { .. });
    if derived && !list.is_empty() {
        return fault(0, AccessFault::NotDeclarable);
    }
    for (idx, pair) in list.windows(2).enumerate() {
        if pair[0].account == pair[1].account {
            return fault(idx + 1, AccessFault::Duplicate);
        }
        if pair[0].account > pair[1].account && !planted(Bug::ListsUnsorted) {
            return fault(idx + 1, AccessFault::NotSorted);
        }
    }
    Ok(())
}
