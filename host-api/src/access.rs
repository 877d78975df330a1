//! Access modes: what a transaction may do to an account, and which modes commute.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::Address;

/// What a transaction may do to one account: its balances and its partition in every contract.
///
/// | | Read | Credit | Write |
/// |---|---|---|---|
/// | Read | compatible | conflict | conflict |
/// | Credit | conflict | compatible | conflict |
/// | Write | conflict | conflict | conflict |
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum AccessMode {
    /// Read balances and slots.
    Read = 0,
    /// Only add, without reading: credit a balance, add to a counter slot.
    Credit = 1,
    /// Everything.
    Write = 2,
}

impl AccessMode {
    /// Whether a declaration of this mode permits an operation that needs `needed`.
    #[must_use]
    pub const fn permits(self, needed: Self) -> bool {
        matches!(
            (self, needed),
            (Self::Write, _) | (Self::Read, Self::Read) | (Self::Credit, Self::Credit)
        )
    }

    /// Whether two transactions with these modes on one account must keep their order.
    #[must_use]
    pub const fn conflicts_with(self, other: Self) -> bool {
        !matches!((self, other), (Self::Read, Self::Read) | (Self::Credit, Self::Credit))
    }

    /// The weakest mode that permits both. `Read` and `Credit` together need `Write`.
    #[must_use]
    pub const fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Read, Self::Read) => Self::Read,
            (Self::Credit, Self::Credit) => Self::Credit,
            _ => Self::Write,
        }
    }
}

impl core::fmt::Display for AccessMode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Credit => "credit",
            Self::Write => "write",
        })
    }
}

/// One line of an access list: an account and what may be done to it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AccessEntry {
    /// The account.
    pub account: Address,
    /// What may be done to it.
    pub mode: AccessMode,
}

impl AccessEntry {
    /// An entry from anything that is an address.
    pub fn new(account: impl Into<Address>, mode: AccessMode) -> Self {
        Self { account: account.into(), mode }
    }
}
