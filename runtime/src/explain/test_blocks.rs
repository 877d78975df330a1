//! Blocks of a few lines for the tests of this module.

use tos_host_api::{AccessEntry, AccessMode, Address, Gas, PublicKey};

use crate::access::AccessSet;

/// An account that is nothing but a number.
pub(crate) fn account(id: u8) -> Address {
    Address::Key(PublicKey([id; 32]))
}

/// An access set.
pub(crate) fn set(entries: &[(u8, AccessMode)]) -> AccessSet {
    let entries = entries.iter().map(|(id, mode)| AccessEntry::new(account(*id), *mode));
    AccessSet::new(entries.collect())
}

/// One transaction per line, each a list of (account, mode), with gas limit 10.
pub(crate) fn sets(lines: &[&[(u8, AccessMode)]]) -> Vec<(AccessSet, Gas)> {
    lines.iter().map(|line| (set(line), Gas(10))).collect()
}
