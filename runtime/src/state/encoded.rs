//! Changes in their encoding, taken apart without decoding more than somebody wants to know. What is
//! read here was written by `encoding.rs`, so nothing is missing and nothing has to be refused.

use std::cmp::Ordering;

use borsh::BorshDeserialize;
use tos_host_api::{Address, Amount, AssetId, ContractId, Nonce};

use super::encoding::{
    ACCOUNT, ASSET, ASSET_LEN, CONTRACT, CONTRACT_LEN, COUNTER, COUNTER_LEN, PARTITION,
    PLAIN_ACCOUNT_LEN, SLOT, SLOT_HEAD_LEN, encode_key,
};
use super::{Account, Change, SlotKey, SlotRef, StateKey, StateValue};

/// Bytes of another asset in an account.
const ENTRY_LEN: usize = 32 + 8;

/// Encoded changes that follow each other.
#[derive(Clone)]
pub(crate) struct EncodedChanges<'a>(&'a [u8]);

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EncodedChange<'a> {
    /// The key, then the values before and after, each behind a byte that says whether there is one.
    bytes: &'a [u8],
    old: u32,
    new: u32,
}

/// What a change is about, as far as changes differ in how they are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Account,
    Slot,
    Counter,
    Other,
}

/// A key as changes encode it.
pub(crate) struct EncodedKey(Vec<u8>);

impl EncodedKey {
    pub(crate) fn of(key: &StateKey) -> Self {
        let mut bytes = Vec::with_capacity(SLOT_HEAD_LEN + 64);
        encode_key(key, &mut bytes);
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<'a> EncodedChanges<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Where each of them begins.
    pub(super) fn starts(self) -> Vec<usize> {
        let add = |end: &mut usize, change: EncodedChange<'_>| {
            let start = *end;
            *end += change.bytes.len();
            Some(start)
        };
        self.scan(0, add).collect()
    }
}

impl<'a> Iterator for EncodedChanges<'a> {
    type Item = EncodedChange<'a>;

    fn next(&mut self) -> Option<EncodedChange<'a>> {
        if self.0.is_empty() {
            return None;
        }
        let old = key_len(self.0);
        let new = old + value_len(&self.0[old..]);
        let len = new + value_len(&self.0[new..]);
        let (bytes, rest) = self.0.split_at(len);
        self.0 = rest;
        // A change has two values of at most some MiB.
        let place = |at: usize| u32::try_from(at).expect("no change has 4 GiB");
        Some(EncodedChange { bytes, old: place(old), new: place(new) })
    }
}

impl<'a> EncodedChange<'a> {
    /// The change.
    pub(crate) fn decode(&self) -> Change {
        Change { key: self.decode_key(), old: self.old_value(), new: self.new_value() }
    }

    /// The key.
    pub(crate) fn decode_key(&self) -> StateKey {
        decode_key(self.key())
    }

    /// The value before the block.
    pub(crate) fn old_value(&self) -> Option<StateValue> {
        decode_value(self.before())
    }

    /// The value after the block.
    pub(crate) fn new_value(&self) -> Option<StateValue> {
        decode_value(self.after())
    }

    /// Whether it changes anything.
    pub(super) fn is_one(&self) -> bool {
        self.before() != self.after()
    }

    /// The key as it is encoded.
    pub(super) fn key(&self) -> &'a [u8] {
        &self.bytes[..self.old as usize]
    }

    fn before(&self) -> &'a [u8] {
        &self.bytes[self.old as usize..self.new as usize]
    }

    /// The value after the block behind the byte that says whether there is one.
    pub(crate) fn after(&self) -> &'a [u8] {
        &self.bytes[self.new as usize..]
    }

    /// [`StateValue::to_bytes`] of the value after the block.
    pub(crate) fn new_bytes(&self) -> Option<&'a [u8]> {
        let (present, value) = self.after().split_at(1);
        (present == [1]).then_some(value)
    }

    /// Appends [`StateKey::to_bytes`].
    pub(crate) fn append_key(&self, out: &mut Vec<u8>) {
        let key = self.key();
        if key[0] < SLOT {
            return out.extend_from_slice(key);
        }
        out.extend_from_slice(&key[..SLOT_HEAD_LEN]);
        out.extend_from_slice(&key[SLOT_HEAD_LEN + 4..]);
    }

    /// Appends the change that undoes this one.
    pub(super) fn append_inverse(&self, out: &mut Vec<u8>) {
        for part in [self.key(), self.after(), self.before()] {
            out.extend_from_slice(part);
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self.bytes[0] {
            ACCOUNT => Kind::Account,
            SLOT => Kind::Slot,
            COUNTER => Kind::Counter,
            _ => Kind::Other,
        }
    }

    /// The account, if it is about one.
    pub(crate) fn address(&self) -> Address {
        address(&self.bytes[1..])
    }

    /// Makes an account that is what it was before the block what it is after it. Other assets are
    /// looked at only if the block changed them: they are somewhere else in memory.
    pub(crate) fn advance(&self, account: &mut Account) {
        let assets = PLAIN_ACCOUNT_LEN - 4..;
        let (before, after) = (self.before(), self.after());
        if before.get(assets.clone()).is_some_and(|before| after.get(assets) == Some(before)) {
            (account.nonce, account.native) = nonce_and_native(after);
        } else {
            self.update(account);
        }
    }

    /// Makes any account what this one is after the block. Other assets that did not change stay
    /// shared with copies of the account.
    pub(crate) fn update(&self, account: &mut Account) {
        match self.new_bytes() {
            Some([ACCOUNT, ..]) => update_account(account, self.after()),
            _ => *account = Account::default(),
        }
    }

    /// Shows the slot that it is about, if it is about one.
    pub(crate) fn with_slot<T>(&self, look: impl FnOnce(SlotRef<'_>) -> T) -> T {
        let key = self.key();
        let partition = address(&key[PARTITION..]);
        let contract = ContractId(array(&key[1..]));
        look(SlotRef { contract, partition: &partition, key: &key[SLOT_HEAD_LEN + 4..] })
    }

    /// The counter after the block; zero where there is none.
    pub(crate) fn counter(&self) -> u128 {
        match self.new_bytes() {
            Some([COUNTER, ..]) => counter(self.after()),
            _ => 0,
        }
    }

    /// The byte slot after the block.
    pub(crate) fn slot_value(&self) -> Option<&'a [u8]> {
        match self.new_bytes() {
            Some([SLOT, value @ ..]) => Some(&value[4..]),
            _ => None,
        }
    }
}

/// How encoded keys compare: as the keys do. Of the names that contracts give to slots the length
/// comes first, and must not count.
pub(super) fn compare_keys(a: &[u8], b: &[u8]) -> Ordering {
    if a[0] < SLOT || b[0] < SLOT {
        return a.cmp(b);
    }
    let heads = a[..SLOT_HEAD_LEN].cmp(&b[..SLOT_HEAD_LEN]);
    heads.then_with(|| a[SLOT_HEAD_LEN + 4..].cmp(&b[SLOT_HEAD_LEN + 4..]))
}

/// Length of the key that bytes begin with.
pub(super) fn key_len(bytes: &[u8]) -> usize {
    match bytes[0] {
        ACCOUNT => 1 + Address::ENCODED_LEN,
        SLOT | COUNTER => SLOT_HEAD_LEN + 4 + count(&bytes[SLOT_HEAD_LEN..]),
        _ => 1 + 32,
    }
}

/// Decodes a key.
pub(super) fn decode_key(bytes: &[u8]) -> StateKey {
    match bytes[0] {
        ACCOUNT => StateKey::Account(address(&bytes[1..])),
        SLOT => StateKey::Slot(slot(bytes).into()),
        COUNTER => StateKey::Counter(slot(bytes).into()),
        _ => derived(bytes),
    }
}

/// Length of the value, or of the absence of one, that bytes begin with.
fn value_len(bytes: &[u8]) -> usize {
    if bytes[0] == 0 {
        return 1;
    }
    match bytes[1] {
        ACCOUNT => PLAIN_ACCOUNT_LEN + ENTRY_LEN * count(&bytes[PLAIN_ACCOUNT_LEN - 4..]),
        COUNTER => COUNTER_LEN,
        ASSET => ASSET_LEN,
        CONTRACT => CONTRACT_LEN,
        // Code and byte slots.
        _ => 2 + 4 + count(&bytes[2..]),
    }
}

fn decode_value(bytes: &[u8]) -> Option<StateValue> {
    if bytes[0] == 0 {
        return None;
    }
    Some(match bytes[1] {
        ACCOUNT => {
            let mut account = Account::default();
            update_account(&mut account, bytes);
            StateValue::Account(account)
        }
        COUNTER => StateValue::Counter(counter(bytes)),
        SLOT => StateValue::Slot(bytes[2 + 4..].into()),
        _ => derived(&bytes[1..]),
    })
}

fn update_account(account: &mut Account, bytes: &[u8]) {
    (account.nonce, account.native) = nonce_and_native(bytes);
    let entry =
        |entry: &[u8]| (AssetId(array(entry)), Amount(u64::from_le_bytes(array(&entry[32..]))));
    let entries = || bytes[PLAIN_ACCOUNT_LEN..].chunks_exact(ENTRY_LEN).map(entry);
    account.assets.become_ascending(entries);
}

fn nonce_and_native(bytes: &[u8]) -> (Nonce, Amount) {
    let number = |at: usize| u64::from_le_bytes(array(&bytes[at..]));
    (Nonce(number(2)), Amount(number(2 + 8)))
}

fn counter(bytes: &[u8]) -> u128 {
    u128::from_le_bytes(array(&bytes[2..]))
}

fn slot(bytes: &[u8]) -> SlotKey {
    let partition = address(&bytes[PARTITION..]);
    SlotKey {
        contract: ContractId(array(&bytes[1..])),
        partition,
        key: bytes[SLOT_HEAD_LEN + 4..].into(),
    }
}

fn address(bytes: &[u8]) -> Address {
    Address::from_bytes(&array(bytes)).expect("an address was encoded")
}

/// The number of bytes or entries that bytes begin with.
fn count(bytes: &[u8]) -> usize {
    u32::from_le_bytes(array(bytes)) as usize
}

/// The first bytes.
fn array<const LEN: usize>(bytes: &[u8]) -> [u8; LEN] {
    *bytes.first_chunk().expect("what was encoded is whole")
}

/// Decodes what is rare.
fn derived<T: BorshDeserialize>(bytes: &[u8]) -> T {
    borsh::from_slice(bytes).expect("what was encoded can be decoded")
}
