//! What a contract can ask and do besides its own storage: who calls, the block, money, events,
//! hashes and signatures.

use tos_host_api::{Address, AssetId, ContractId, Hash, Status, TopoHeight};

use crate::buffer::Buffer;
use crate::error::{codes, fail, within_limits};
use crate::event::Event;
use crate::sys;

/// Who calls this contract: the signer of the transaction or another contract. In views nobody: the
/// zero key.
#[must_use]
pub fn caller() -> Address {
    sys::caller()
}

/// Who signed the transaction. To decide what somebody may do, ask for the [`caller`]: a source can
/// be tricked into calling a contract that calls this one.
#[must_use]
pub fn source() -> Address {
    sys::source()
}

/// This contract.
#[must_use]
pub fn contract() -> ContractId {
    let [_, identity @ ..] = *sys::encoding(&sys::contract());
    identity.into()
}

/// How much of an asset this call brought along. It is in the contract's account already.
#[must_use]
pub fn deposit(asset: AssetId) -> u64 {
    sys::deposit(&asset)
}

/// The block's height in the linear order.
#[must_use]
pub fn topoheight() -> TopoHeight {
    TopoHeight(sys::topoheight())
}

/// The block's timestamp as its producer stated it, in milliseconds. A producer can be off, on
/// purpose; heights are what deadlines are made of.
#[must_use]
pub fn timestamp() -> u64 {
    sys::timestamp()
}

/// The block's version.
#[must_use]
pub fn block_version() -> u32 {
    sys::block_version()
}

/// The transaction's id.
#[must_use]
pub fn transaction_id() -> Hash {
    Hash(sys::transaction_id())
}

/// Gas this call can still use.
#[must_use]
pub fn gas_left() -> u64 {
    sys::gas_left()
}

/// An account's balance of an asset. Needs `read` on the account.
#[must_use]
pub fn balance(account: impl Into<Address>, asset: AssetId) -> u64 {
    sys::balance(&account.into(), &asset)
}

/// Why money did not move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentError {
    /// The contract has less.
    Insufficient,
    /// No asset has this id.
    UnknownAsset,
}

fn paid(status: i32) -> Result<(), PaymentError> {
    match status {
        0 => Ok(()),
        _ if status == Status::Insufficient.code() => Err(PaymentError::Insufficient),
        _ => Err(PaymentError::UnknownAsset),
    }
}

/// Pays from the contract's own account. Needs `write` on the contract and `credit` on the
/// receiver.
///
/// # Errors
/// Nothing has moved.
pub fn transfer(to: impl Into<Address>, asset: AssetId, amount: u64) -> Result<(), PaymentError> {
    paid(sys::transfer(&to.into(), &asset, amount))
}

/// How many assets this call brought along. At most one of each, so an entry that takes one asset
/// can refuse others: `require!(env::deposit_count() == 1, ...)`.
#[must_use]
pub fn deposit_count() -> u32 {
    sys::deposit_count()
}

/// Pays from the contract's own account what it is sure to have: deposits it has kept books of, for
/// example. Needs what [`transfer`] needs.
///
/// Aborts with [`codes::PAYMENT`] when it has less: an error of the
/// contract, of which no caller has to know.
#[track_caller]
pub fn pay(to: impl Into<Address>, asset: AssetId, amount: u64) {
    if transfer(to, asset, amount).is_err() {
        fail(codes::PAYMENT, b"the contract has less than it owes");
    }
}

/// Destroys money of the contract's own account. Needs `write` on the contract.
///
/// # Errors
/// Nothing has been destroyed.
pub fn burn(asset: AssetId, amount: u64) -> Result<(), PaymentError> {
    paid(sys::burn(&asset, amount))
}

/// Emits an event.
///
/// Aborts when the transaction has emitted as many as it may, or the event is too long.
#[track_caller]
pub fn emit<E: Event>(event: &E) {
    emit_parts(E::DESCRIPTION.name, event);
}

/// An event without its type, so that its emission is in a module once and not once per event.
trait Parts {
    /// Appends the topics, then the data; returns how many bytes the topics have.
    fn append(&self, out: &mut Buffer) -> usize;
}

impl<E: Event> Parts for E {
    fn append(&self, out: &mut Buffer) -> usize {
        self.topics(out);
        let topics = out.len();
        self.encode(out);
        topics
    }
}

/// Room for an event with all topics and a few addresses in its data: most never grow.
const EVENT_ROOM: usize = 256;

#[track_caller]
#[inline(never)]
fn emit_parts(name: &str, event: &dyn Parts) {
    let mut bytes = Buffer::with_room(EVENT_ROOM);
    let topics = event.append(&mut bytes);
    within_limits(sys::emit(&bytes, topics), name);
}

/// Gives a message to the operator of the node that runs this; never part of a result.
pub fn debug_log(message: &str) {
    sys::debug_log(message);
}

/// The BLAKE3 hash.
#[must_use]
pub fn blake3(data: &[u8]) -> Hash {
    Hash(sys::blake3(data))
}

/// The SHA-256 hash.
#[must_use]
pub fn sha256(data: &[u8]) -> Hash {
    Hash(sys::sha256(data))
}

/// The Keccak-256 hash, as Ethereum's.
#[must_use]
pub fn keccak256(data: &[u8]) -> Hash {
    Hash(sys::keccak256(data))
}

/// Whether an Ed25519 signature is one of this message by this key, under the rules of ZIP-215.
#[must_use]
pub fn ed25519_verify(key: &tos_host_api::PublicKey, signature: &[u8; 64], message: &[u8]) -> bool {
    sys::ed25519_verify(&key.0, signature, message) == 0
}

/// The public key (x and y) that signed a hash on secp256k1. The signature is r, s and a recovery
/// id of 0 to 3.
#[must_use]
pub fn secp256k1_recover(hash: &Hash, signature: &[u8; 65]) -> Option<[u8; 64]> {
    sys::secp256k1_recover(&hash.0, signature)
}

/// Bytes that follow from the block and the transaction's place in it. Whoever makes the block
/// knows them beforehand and can choose: fit for lots nobody gains from drawing.
#[must_use]
#[track_caller]
pub fn random<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    within_limits(sys::random(&mut out), "random");
    out
}
