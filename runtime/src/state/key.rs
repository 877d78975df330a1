//! Keys and values of the state: what a change set lists and a database stores.

use std::hash::{self, Hasher};
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use tos_host_api::{Address, AssetId, ContractId, Hash, PublicKey};

use super::{Account, AssetRecord, ContractRecord, KeyBytes};

/// One key of one contract, in the partition of one account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct SlotKey {
    /// Whose storage.
    pub contract: ContractId,
    /// Whose account the slot belongs to: the contract itself for shared slots.
    pub partition: Address,
    /// 1 to 256 bytes chosen by the contract.
    pub key: KeyBytes,
}

/// Names a slot without owning the name. Equal names have the hash that [`SlotKey`] has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SlotRef<'a> {
    pub(crate) contract: ContractId,
    pub(crate) partition: &'a Address,
    pub(crate) key: &'a [u8],
}

/// Keys up to this length are hashed together with what precedes them.
const HASHED_KEY_LEN: usize = 31;

/// One write for most names: slots are looked up by the hundred thousand, and each write to a
/// hasher costs as much as hashing a few dozen bytes more.
impl hash::Hash for SlotRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        const KEY: usize = 32 + Address::ENCODED_LEN;
        let mut bytes = [0; KEY + HASHED_KEY_LEN];
        bytes[..32].copy_from_slice(&self.contract.0);
        bytes[32..KEY].copy_from_slice(&self.partition.to_bytes());
        // What precedes the key has a fixed length, so that different names are different bytes.
        match bytes[KEY..].get_mut(..self.key.len()) {
            Some(place) => {
                place.copy_from_slice(self.key);
                state.write(&bytes[..KEY + self.key.len()]);
            }
            None => {
                state.write(&bytes[..KEY]);
                state.write(self.key);
            }
        }
    }
}

impl hash::Hash for SlotKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash::Hash::hash(&self.by_ref(), state);
    }
}

impl SlotKey {
    pub(crate) fn by_ref(&self) -> SlotRef<'_> {
        SlotRef { contract: self.contract, partition: &self.partition, key: &self.key }
    }
}

impl SlotRef<'_> {
    pub(crate) fn to_key(self) -> SlotKey {
        let Self { contract, partition, key } = self;
        SlotKey { contract, partition: *partition, key: key.into() }
    }
}

/// A key of the state. The order of keys is the order of their [`StateKey::to_bytes`].
///
/// Slots are shared, not copied; the commonest keys, accounts, stay small that way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum StateKey {
    /// An account's nonce and balances.
    Account(Address) = 0,
    /// An asset's supply.
    Asset(AssetId) = 1,
    /// A contract's code hash, authority and version.
    Contract(ContractId) = 2,
    /// A module as deployed.
    Code(Hash) = 3,
    /// A byte slot.
    Slot(Arc<SlotKey>) = 4,
    /// A counter slot. Byte slots and counters do not share keys.
    Counter(Arc<SlotKey>) = 5,
}

impl StateKey {
    /// The key in a database: sorts as the key does. Fixed-width parts first, the contract's own
    /// bytes last, so no lengths are needed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let slot_key = match self {
            Self::Slot(slot) | Self::Counter(slot) => 32 + slot.key.len(),
            _ => 0,
        };
        let mut bytes = Vec::with_capacity(1 + Address::ENCODED_LEN + slot_key);
        match self {
            Self::Account(address) => {
                bytes.push(0);
                bytes.extend_from_slice(&address.to_bytes());
            }
            Self::Asset(asset) => {
                bytes.push(1);
                bytes.extend_from_slice(&asset.0);
            }
            Self::Contract(contract) => {
                bytes.push(2);
                bytes.extend_from_slice(&contract.0);
            }
            Self::Code(hash) => {
                bytes.push(3);
                bytes.extend_from_slice(&hash.0);
            }
            Self::Slot(slot) => push_slot(&mut bytes, 4, slot),
            Self::Counter(slot) => push_slot(&mut bytes, 5, slot),
        }
        bytes
    }

    /// The first 16 bytes of [`StateKey::to_bytes`] as a number: sorts as the key does, up to ties.
    pub(crate) fn prefix(&self) -> u128 {
        let mut bytes = [0; 16];
        match self {
            Self::Account(address) => {
                bytes[1..].copy_from_slice(&address.to_bytes()[..15]);
            }
            Self::Asset(AssetId(id)) => fill(&mut bytes, 1, id),
            Self::Contract(ContractId(id)) => fill(&mut bytes, 2, id),
            Self::Code(Hash(id)) => fill(&mut bytes, 3, id),
            Self::Slot(slot) => fill(&mut bytes, 4, &slot.contract.0),
            Self::Counter(slot) => fill(&mut bytes, 5, &slot.contract.0),
        }
        u128::from_be_bytes(bytes)
    }

    /// Decodes [`StateKey::to_bytes`]. `None` when the bytes are no key.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (tag, rest) = bytes.split_first()?;
        let identity = || <[u8; 32]>::try_from(rest).ok();
        Some(match tag {
            0 => Self::Account(Address::from_bytes(rest.try_into().ok()?)?),
            1 => Self::Asset(AssetId(identity()?)),
            2 => Self::Contract(ContractId(identity()?)),
            3 => Self::Code(Hash(identity()?)),
            4 => Self::Slot(read_slot(rest)?.into()),
            5 => Self::Counter(read_slot(rest)?.into()),
            _ => return None,
        })
    }

    /// The account whose declared access covers this key, if one does.
    #[must_use]
    pub fn account(&self) -> Option<Address> {
        match self {
            Self::Account(address) => Some(*address),
            Self::Contract(contract) => Some(Address::Contract(*contract)),
            Self::Slot(slot) | Self::Counter(slot) => Some(slot.partition),
            Self::Asset(_) | Self::Code(_) => None,
        }
    }
}

/// Sets a tag and the first bytes of an identity.
fn fill(bytes: &mut [u8; 16], tag: u8, identity: &[u8; 32]) {
    bytes[0] = tag;
    bytes[1..].copy_from_slice(&identity[..15]);
}

fn push_slot(bytes: &mut Vec<u8>, tag: u8, slot: &SlotKey) {
    let mut head = [tag; 1 + 32 + Address::ENCODED_LEN];
    head[1..33].copy_from_slice(&slot.contract.0);
    head[33..].copy_from_slice(&slot.partition.to_bytes());
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(&slot.key);
}

fn read_slot(bytes: &[u8]) -> Option<SlotKey> {
    let (contract, rest) = bytes.split_first_chunk::<32>()?;
    let (partition, key) = rest.split_first_chunk::<{ Address::ENCODED_LEN }>()?;
    Some(SlotKey {
        contract: ContractId(*contract),
        partition: Address::from_bytes(partition)?,
        key: key.into(),
    })
}

/// A value of the state. Which variant belongs to which key is fixed by [`StateKey`]'s variant.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum StateValue {
    /// Of [`StateKey::Account`].
    Account(Account) = 0,
    /// Of [`StateKey::Asset`].
    Asset(AssetRecord) = 1,
    /// Of [`StateKey::Contract`].
    Contract(Box<ContractRecord>) = 2,
    /// Of [`StateKey::Code`].
    Code(Arc<[u8]>) = 3,
    /// Of [`StateKey::Slot`].
    Slot(Arc<[u8]>) = 4,
    /// Of [`StateKey::Counter`]; never zero, since a counter at zero is absent.
    Counter(u128) = 5,
}

impl StateValue {
    /// The value in a database.
    ///
    /// # Panics
    /// Never: writing to a `Vec` cannot fail.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("writing to a Vec cannot fail")
    }

    /// Decodes [`StateValue::to_bytes`].
    ///
    /// # Errors
    /// The bytes are no value, or more than one.
    pub fn from_bytes(bytes: &[u8]) -> std::io::Result<Self> {
        borsh::from_slice(bytes)
    }

    /// Whether this value belongs to a key of that kind.
    #[must_use]
    pub fn fits(&self, key: &StateKey) -> bool {
        matches!(
            (self, key),
            (Self::Account(_), StateKey::Account(_))
                | (Self::Asset(_), StateKey::Asset(_))
                | (Self::Contract(_), StateKey::Contract(_))
                | (Self::Code(_), StateKey::Code(_))
                | (Self::Slot(_), StateKey::Slot(_))
                | (Self::Counter(_), StateKey::Counter(_))
        )
    }
}

impl From<PublicKey> for StateKey {
    fn from(key: PublicKey) -> Self {
        Self::Account(Address::Key(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(contract: u8, partition: Address, key: &[u8]) -> Arc<SlotKey> {
        SlotKey { contract: ContractId([contract; 32]), partition, key: key.into() }.into()
    }

    #[test]
    fn keys_sort_as_their_bytes_do() {
        let user = Address::Key(PublicKey([1; 32]));
        let contract = Address::Contract(ContractId([0; 32]));
        let mut keys = vec![
            StateKey::Counter(slot(1, user, b"a")),
            StateKey::Slot(slot(1, contract, b"a")),
            StateKey::Slot(slot(1, user, b"ab")),
            StateKey::Slot(slot(1, user, b"a")),
            StateKey::Slot(slot(1, user, b"b")),
            StateKey::Slot(slot(0, contract, b"z")),
            StateKey::Code(Hash([3; 32])),
            StateKey::Contract(ContractId([3; 32])),
            StateKey::Asset(AssetId([2; 32])),
            StateKey::Account(contract),
            StateKey::Account(user),
        ];
        for key in &keys {
            assert_eq!(StateKey::from_bytes(&key.to_bytes()).as_ref(), Some(key));
            let first: [u8; 16] = key.to_bytes()[..16].try_into().expect("keys are longer");
            assert_eq!(key.prefix(), u128::from_be_bytes(first));
        }
        let mut by_bytes = keys.clone();
        keys.sort();
        by_bytes.sort_by_key(StateKey::to_bytes);
        assert_eq!(keys, by_bytes);
    }

    #[test]
    fn a_slot_and_its_reference_have_one_hash() {
        use std::hash::BuildHasher;

        let hasher = foldhash::fast::RandomState::default();
        let user = Address::Key(PublicKey([1; 32]));
        let contract = Address::Contract(ContractId([1; 32]));
        for key in [slot(1, user, b"a"), slot(1, contract, b"a"), slot(2, user, &[3; 256])] {
            assert_eq!(hasher.hash_one(&key), hasher.hash_one(key.by_ref()));
            assert_eq!(key.by_ref().to_key(), *key);
        }
    }

    #[test]
    fn bytes_that_are_no_key_are_refused() {
        for bytes in [&[][..], &[9], &[0, 1, 2], &[4; 20], &[0; 40]] {
            assert_eq!(StateKey::from_bytes(bytes), None, "{bytes:?}");
        }
    }
}
