//! The encoding of a change, written out by hand. It is what `borsh` derives for [`Change`], which
//! stays the definition and the decoder; a block has a hundred thousand changes of a few dozen
//! bytes each, and writing those field by field would cost more than hashing them. The test below
//! compares the two for every kind of key and value.

use tos_host_api::Address;

use super::{Account, Change, SlotKey, StateKey, StateValue};

/// Room for a change of an account that holds native units only: two of its values and its key.
pub(super) const PLAIN_CHANGE_LEN: usize = 1 + Address::ENCODED_LEN + 2 * PLAIN_ACCOUNT_LEN;

/// Room for a change of a counter besides its key: its partition's name and two values.
pub(super) const COUNTER_CHANGE_LEN: usize = 1 + 32 + Address::ENCODED_LEN + 4 + 2 * (2 + 16);

/// Presence, kind, nonce, native balance, number of other assets.
const PLAIN_ACCOUNT_LEN: usize = 1 + 1 + 8 + 8 + 4;

/// Appends the encoding of a change.
pub(super) fn encode(change: &Change, out: &mut Vec<u8>) {
    encode_key(&change.key, out);
    encode_value(change.old.as_ref(), out);
    encode_value(change.new.as_ref(), out);
}

fn encode_key(key: &StateKey, out: &mut Vec<u8>) {
    match key {
        StateKey::Account(address) => {
            let mut bytes = [0; 1 + Address::ENCODED_LEN];
            bytes[1..].copy_from_slice(&address.to_bytes());
            out.extend_from_slice(&bytes);
        }
        StateKey::Slot(slot) => encode_slot(4, slot, out),
        StateKey::Counter(slot) => encode_slot(5, slot, out),
        StateKey::Asset(_) | StateKey::Contract(_) | StateKey::Code(_) => derived(key, out),
    }
}

fn encode_slot(tag: u8, slot: &SlotKey, out: &mut Vec<u8>) {
    const PARTITION: usize = 1 + 32;
    const LEN: usize = PARTITION + Address::ENCODED_LEN;
    let mut bytes = [tag; LEN + 4];
    bytes[1..PARTITION].copy_from_slice(&slot.contract.0);
    bytes[PARTITION..LEN].copy_from_slice(&slot.partition.to_bytes());
    bytes[LEN..].copy_from_slice(&len(&slot.key));
    out.extend_from_slice(&bytes);
    out.extend_from_slice(&slot.key);
}

/// Appends the encoding of a value or of its absence.
pub(crate) fn encode_value(value: Option<&StateValue>, out: &mut Vec<u8>) {
    match value {
        None => out.push(0),
        Some(StateValue::Account(account)) => encode_account(account, out),
        Some(StateValue::Counter(value)) => {
            let mut bytes = [1; 2 + 16];
            bytes[1] = 5;
            bytes[2..].copy_from_slice(&value.to_le_bytes());
            out.extend_from_slice(&bytes);
        }
        Some(StateValue::Slot(value)) => {
            out.extend_from_slice(&[1, 4]);
            out.extend_from_slice(&len(value));
            out.extend_from_slice(value);
        }
        Some(rare) => {
            out.push(1);
            derived(rare, out);
        }
    }
}

fn encode_account(account: &Account, out: &mut Vec<u8>) {
    let mut bytes = [0; PLAIN_ACCOUNT_LEN];
    bytes[0] = 1;
    bytes[2..10].copy_from_slice(&account.nonce.0.to_le_bytes());
    bytes[10..18].copy_from_slice(&account.native.0.to_le_bytes());
    if account.assets.is_empty() {
        return out.extend_from_slice(&bytes);
    }
    bytes[18..].copy_from_slice(&count(account.assets.iter().count()));
    out.extend_from_slice(&bytes);
    for (asset, amount) in account.assets.iter() {
        let mut bytes = [0; 32 + 8];
        bytes[..32].copy_from_slice(&asset.0);
        bytes[32..].copy_from_slice(&amount.0.to_le_bytes());
        out.extend_from_slice(&bytes);
    }
}

/// A length as it is encoded.
fn len(bytes: &[u8]) -> [u8; 4] {
    count(bytes.len())
}

/// A number of entries as it is encoded.
///
/// # Panics
/// Never: keys and values of the state are a few KiB at most.
fn count(entries: usize) -> [u8; 4] {
    u32::try_from(entries).expect("the state holds no value of 4 GiB").to_le_bytes()
}

fn derived(value: &impl borsh::BorshSerialize, out: &mut Vec<u8>) {
    borsh::to_writer(out, value).expect("writing to a Vec cannot fail");
}
