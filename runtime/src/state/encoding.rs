//! The encoding of a change, written out by hand. It is what `borsh` derives for [`Change`], which
//! stays the definition and the decoder; a block has a hundred thousand changes of a few dozen
//! bytes each, and writing those field by field would cost more than hashing them. The property
//! `change_sets_have_one_encoding_and_can_be_undone` of the suite compares the two.

use tos_host_api::Address;

use super::{AccountParts, Change, SlotRef, StateKey, StateValue};

/// Room for a change of an account that holds native units only: two of its values and its key.
pub(super) const PLAIN_CHANGE_LEN: usize = 1 + Address::ENCODED_LEN + 2 * PLAIN_ACCOUNT_LEN;

/// Room for a change of a counter besides its key: its partition's name and two values.
pub(super) const COUNTER_CHANGE_LEN: usize = 1 + 32 + Address::ENCODED_LEN + 4 + 2 * COUNTER_LEN;

/// Presence, kind, nonce, native balance, number of other assets.
pub(super) const PLAIN_ACCOUNT_LEN: usize = 1 + 1 + 8 + 8 + 4;
/// Presence, kind, value.
pub(super) const COUNTER_LEN: usize = 1 + 1 + 16;
/// Presence, kind, supply, what was burned.
pub(super) const ASSET_LEN: usize = 1 + 1 + 8 + 8;
/// Presence, kind, code, authority, version.
pub(super) const CONTRACT_LEN: usize = 1 + 1 + 32 + Address::ENCODED_LEN + 4;

/// Where the partition of a slot starts in its key, and where it ends: there is the length of what
/// the contract calls it, and then that.
pub(super) const PARTITION: usize = 1 + 32;
pub(super) const SLOT_HEAD_LEN: usize = PARTITION + Address::ENCODED_LEN;

/// Kinds of keys and of their values.
pub(super) const ACCOUNT: u8 = 0;
pub(super) const ASSET: u8 = 1;
pub(super) const CONTRACT: u8 = 2;
pub(super) const SLOT: u8 = 4;
pub(super) const COUNTER: u8 = 5;

/// Appends the encoding of a change.
pub(super) fn encode(change: &Change, out: &mut Vec<u8>) {
    encode_key(&change.key, out);
    encode_value(change.old.as_ref(), out);
    encode_value(change.new.as_ref(), out);
}

/// Appends the change of an account from one value to another.
pub(super) fn encode_account_change(
    address: &Address,
    old: AccountParts<'_>,
    new: AccountParts<'_>,
    out: &mut Vec<u8>,
) {
    encode_address(address, out);
    for account in [old, new] {
        if account.exists() { encode_account(account, out) } else { out.push(0) }
    }
}

/// Appends the change of a counter from one value to another.
pub(super) fn encode_counter_change(slot: SlotRef<'_>, old: u128, new: u128, out: &mut Vec<u8>) {
    encode_slot(COUNTER, slot, out);
    for value in [old, new] {
        if value > 0 { encode_counter(value, out) } else { out.push(0) }
    }
}

pub(super) fn encode_key(key: &StateKey, out: &mut Vec<u8>) {
    match key {
        StateKey::Account(address) => encode_address(address, out),
        StateKey::Slot(slot) => encode_slot(SLOT, slot.by_ref(), out),
        StateKey::Counter(slot) => encode_slot(COUNTER, slot.by_ref(), out),
        StateKey::Asset(_) | StateKey::Contract(_) | StateKey::Code(_) => derived(key, out),
    }
}

fn encode_address(address: &Address, out: &mut Vec<u8>) {
    let mut bytes = [ACCOUNT; 1 + Address::ENCODED_LEN];
    bytes[1..].copy_from_slice(&address.to_bytes());
    out.extend_from_slice(&bytes);
}

fn encode_slot(tag: u8, slot: SlotRef<'_>, out: &mut Vec<u8>) {
    let mut bytes = [tag; SLOT_HEAD_LEN + 4];
    bytes[1..PARTITION].copy_from_slice(&slot.contract.0);
    bytes[PARTITION..SLOT_HEAD_LEN].copy_from_slice(&slot.partition.to_bytes());
    bytes[SLOT_HEAD_LEN..].copy_from_slice(&len(slot.key));
    out.extend_from_slice(&bytes);
    out.extend_from_slice(slot.key);
}

/// Appends the encoding of a value or of its absence.
fn encode_value(value: Option<&StateValue>, out: &mut Vec<u8>) {
    match value {
        None => out.push(0),
        Some(StateValue::Account(account)) => encode_account(account.parts(), out),
        Some(StateValue::Counter(value)) => encode_counter(*value, out),
        Some(StateValue::Slot(value)) => {
            out.extend_from_slice(&[1, SLOT]);
            out.extend_from_slice(&len(value));
            out.extend_from_slice(value);
        }
        Some(rare) => {
            out.push(1);
            derived(rare, out);
        }
    }
}

fn encode_counter(value: u128, out: &mut Vec<u8>) {
    let mut bytes = [1; COUNTER_LEN];
    bytes[1] = COUNTER;
    bytes[2..].copy_from_slice(&value.to_le_bytes());
    out.extend_from_slice(&bytes);
}

fn encode_account(account: AccountParts<'_>, out: &mut Vec<u8>) {
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
