//! Identities and quantities as newtypes. No arithmetic beyond checked helpers, no text forms.

use borsh::{BorshDeserialize, BorshSerialize};

/// Declares a 32-byte identity with the conversions every identity has.
macro_rules! identity {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize,
            BorshDeserialize,
        )]
        #[cfg_attr(not(feature = "text"), derive(Debug))]
        #[repr(transparent)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The raw bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl From<[u8; 32]> for $name {
            fn from(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }
        }
    };
}

identity! {
    /// A user: an ed25519 verification key, which is also the user's account.
    ///
    /// Any 32 bytes can be held; only a key that verifies a signature can send a transaction.
    PublicKey
}
identity! {
    /// A deployed contract, derived by hash from its deployment; also the contract's account.
    ContractId
}
identity! {
    /// A BLAKE3 digest.
    Hash
}
identity! {
    /// An asset. [`AssetId::NATIVE`] pays fees.
    AssetId
}

impl AssetId {
    /// The native asset: the one fees are paid in.
    pub const NATIVE: Self = Self([0; 32]);

    /// Whether this is the native asset.
    #[must_use]
    pub fn is_native(&self) -> bool {
        *self == Self::NATIVE
    }
}

/// The owner of an account: a user or a contract.
///
/// In every encoding, and in memory, an address takes [`Address::ENCODED_LEN`] bytes: one tag (0 key,
/// 1 contract) and 32 bytes of identity. That its layout is its encoding is a promise: guests hand
/// addresses to the host, and take them from it, where they lie.
#[derive(Clone, Copy, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[cfg_attr(not(feature = "text"), derive(Debug))]
#[borsh(use_discriminant = true)]
#[repr(u8)]
#[allow(
    clippy::derived_hash_with_manual_eq,
    reason = "equal is what the derived one says is equal"
)]
pub enum Address {
    /// A user's account.
    Key(PublicKey) = 0,
    /// A contract's account.
    Contract(ContractId) = 1,
}

impl Address {
    /// Length of the encoding in bytes.
    pub const ENCODED_LEN: usize = 33;

    /// The parts of the encoding.
    fn parts(&self) -> (u8, &[u8; 32]) {
        match self {
            Self::Key(key) => (0, &key.0),
            Self::Contract(contract) => (1, &contract.0),
        }
    }

    /// The encoding: tag, then identity.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::ENCODED_LEN] {
        let (tag, identity) = self.parts();
        let mut bytes = [0; Self::ENCODED_LEN];
        bytes[0] = tag;
        bytes[1..].copy_from_slice(identity);
        bytes
    }

    /// Decodes [`Address::to_bytes`]. `None` when the tag is unknown.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::ENCODED_LEN]) -> Option<Self> {
        let mut identity = [0; 32];
        identity.copy_from_slice(&bytes[1..]);
        match bytes[0] {
            0 => Some(Self::Key(PublicKey(identity))),
            1 => Some(Self::Contract(ContractId(identity))),
            _ => None,
        }
    }
}

/// As derived, but identities are compared in one place whatever the tags are: in a contract the
/// derived one takes six times the code.
impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl From<PublicKey> for Address {
    fn from(key: PublicKey) -> Self {
        Self::Key(key)
    }
}

impl From<ContractId> for Address {
    fn from(contract: ContractId) -> Self {
        Self::Contract(contract)
    }
}

/// Declares a `u64` quantity: a number with a unit that must not be mixed with others.
macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize,
            BorshDeserialize,
        )]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "serde", serde(transparent))]
        pub struct $name(pub u64);

        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(0);

            /// The sum, or `None` on overflow.
            #[must_use]
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(sum) => Some(Self(sum)),
                    None => None,
                }
            }

            /// The difference, or `None` when `other` is larger.
            #[must_use]
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) {
                    Some(difference) => Some(Self(difference)),
                    None => None,
                }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

quantity! {
    /// Units of an asset. The supply of an asset is itself an `Amount`, so balances cannot
    /// overflow.
    Amount
}
quantity! {
    /// The protocol's unit of work, priced by the cost table.
    Gas
}
quantity! {
    /// The number of transactions an account has sent; the next one must carry exactly this number.
    Nonce
}
quantity! {
    /// A block's position in the node's linear order. Genesis is 0, the first block 1.
    TopoHeight
}

quantity! {
    /// Names a network, so that a transaction signed for one is worthless on another.
    ChainId
}

/// A transaction's position in its block.
pub type TxIndex = u32;
