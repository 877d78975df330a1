//! Access templates, compared with what calls touch. Only tests do this: on chain a template is a
//! shortcut to a list, and a list that lacks an account halts the transaction.

use std::fmt::Write as _;

use tos_host_api::AccessEntry;
use tos_host_api::limits::{CONSTRUCTOR_ENTRY, MIGRATE_ENTRY};

use super::TestChain;
use crate::Simulation;
use crate::description::{CallAccessError, TemplateError};
use crate::types::{AccessList, TransactionType, UnsignedTransaction};

impl TestChain {
    /// What the contract's template declares for a call beyond what the call needs; nothing when it
    /// has no template or the call fails, as failing calls need less than others.
    ///
    /// # Panics
    /// When the template lacks an account or has too weak a mode, with everything to change; when
    /// the engine fails.
    #[track_caller]
    pub(super) fn superfluous(
        &self,
        tx: &UnsignedTransaction,
        simulation: &Simulation,
        what: &str,
    ) -> AccessList {
        let template = match self.engine().call_access(tx) {
            Ok(template) => template,
            // A template that leads nowhere is as wrong as one that leads to the wrong account.
            Err(
                error @ (CallAccessError::Engine(_)
                | CallAccessError::Malformed(_)
                | CallAccessError::Template(TemplateError::Path { .. })),
            ) => panic!("{what}: {error}"),
            // Without a template there is nothing to compare; the others are faults of the call,
            // which its receipt tells.
            Err(_) => return AccessList::new(),
        };
        let needed = &simulation.access_list;
        let missing = uncovered(needed, &template);
        let superfluous = uncovered(&template, needed);
        assert!(
            missing.is_empty(),
            "{what}: its access template is wrong; the line to change is `#[access(..)]` above \
             `fn {}`\n{}{}",
            entry_of(tx),
            self.lines("missing", &missing),
            self.lines("not needed", &superfluous),
        );
        let succeeds = simulation.result.as_ref().is_ok_and(|receipt| receipt.status.is_success());
        if succeeds { superfluous } else { AccessList::new() }
    }

    fn lines(&self, what: &str, entries: &[AccessEntry]) -> String {
        let mut text = String::new();
        for entry in entries {
            let _ = writeln!(text, "  {what}: {}: {}", self.name_of(entry.account), entry.mode);
        }
        text
    }
}

/// The method that a transaction runs.
fn entry_of(tx: &UnsignedTransaction) -> &str {
    match &tx.data {
        TransactionType::InvokeContract { entry, .. } => entry,
        TransactionType::UpgradeContract { .. } => MIGRATE_ENTRY,
        // Transfers and burns have no template.
        _ => CONSTRUCTOR_ENTRY,
    }
}

/// The lines of a list that another one does not permit.
fn uncovered(list: &[AccessEntry], by: &[AccessEntry]) -> AccessList {
    let covers = |entry: &AccessEntry, by: &AccessEntry| {
        by.account == entry.account && by.mode.permits(entry.mode)
    };
    list.iter().filter(|entry| !by.iter().any(|by| covers(entry, by))).copied().collect()
}

#[cfg(test)]
mod tests {
    use tos_host_api::{AccessMode, PublicKey};

    use super::*;

    #[test]
    fn a_stronger_mode_covers_a_weaker_one_and_no_other_account() {
        let entry = |account: u8, mode| AccessEntry::new(PublicKey([account; 32]), mode);
        let credit = entry(1, AccessMode::Credit);
        for (by, covered) in [
            (vec![credit], true),
            (vec![entry(1, AccessMode::Write)], true),
            (vec![entry(1, AccessMode::Read)], false),
            (vec![entry(2, AccessMode::Write)], false),
            (vec![entry(2, AccessMode::Write), credit], true),
            (vec![], false),
        ] {
            let expected = if covered { vec![] } else { vec![credit] };
            assert_eq!(uncovered(&[credit], &by), expected, "{by:?}");
        }
    }
}
