//! What transactions declared and did not need.

use tos_host_api::{AccessMode, Address, TxIndex};

use crate::access::AccessSet;

/// An account that a transaction declared more widely than it used it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overdeclared {
    /// The transaction.
    pub transaction: TxIndex,
    /// The account.
    pub account: Address,
    /// The mode it has in the access set.
    pub declared: AccessMode,
    /// The weakest mode that would have been enough; `None` when it was never touched.
    pub needed: Option<AccessMode>,
}

/// Compares the access sets of a block with the ones its transactions needed, which
/// [`crate::ContractEngine::needed_access`] finds. In block order, then by account.
///
/// What a transaction needs depends on the state it meets: one that reverts early touches less than
/// it would have on its way to success. So this is a hint where to look, not a list to copy.
pub fn overdeclared<'a>(
    declared: impl IntoIterator<Item = &'a AccessSet>,
    needed: &[AccessSet],
) -> Vec<Overdeclared> {
    let mut found = Vec::new();
    for ((transaction, declared), needed) in (0..).zip(declared).zip(needed) {
        for entry in declared.entries() {
            let needed = needed.mode(&entry.account);
            if needed != Some(entry.mode) {
                let (account, declared) = (entry.account, entry.mode);
                found.push(Overdeclared { transaction, account, declared, needed });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use AccessMode::{Credit, Read, Write};

    use super::super::test_blocks::{account, set};
    use super::*;

    #[test]
    fn untouched_and_too_wide_entries_are_found() {
        let declared = [
            set(&[(1, Write), (2, Credit)]),
            set(&[(1, Write), (2, Write), (3, Read), (4, Write)]),
        ];
        let needed = [set(&[(1, Write), (2, Credit)]), set(&[(1, Write), (2, Credit), (4, Read)])];
        let entry = |id, declared, needed| Overdeclared {
            transaction: 1,
            account: account(id),
            declared,
            needed,
        };
        let expected =
            [entry(2, Write, Some(Credit)), entry(3, Read, None), entry(4, Write, Some(Read))];
        assert_eq!(overdeclared(&declared, &needed), expected);
        assert_eq!(overdeclared(&declared, &declared), []);
    }
}
