//! The host functions with slices instead of pointers. The only home of `unsafe` besides the
//! allocator; decides nothing.
#![allow(unsafe_code, reason = "imports are unsafe to call: the host writes where pointers point")]

use tos_host_api::functions::guest;
use tos_host_api::{Address, AssetId};

use crate::buffer::Buffer;

/// An address as the host reads and writes it.
pub(crate) type AddressBytes = [u8; Address::ENCODED_LEN];

/// The address in bytes that begin with 0 or 1.
pub(crate) fn address([tag, identity @ ..]: AddressBytes) -> Address {
    match tag {
        0 => Address::Key(identity.into()),
        _ => Address::Contract(identity.into()),
    }
}

/// Room for answers whose length is not known: most values fit, so that one call is enough.
const ROOM: usize = 128;

/// The offset of bytes the host reads. The cast lets the pointer escape, as it does.
fn at(bytes: &[u8]) -> i32 {
    bytes.as_ptr() as usize as i32
}

/// The offset of bytes the host writes.
fn at_mut(bytes: &mut [u8]) -> i32 {
    bytes.as_mut_ptr() as usize as i32
}

/// A length. Memory has less than 2^31 bytes.
fn len(bytes: &[u8]) -> i32 {
    bytes.len() as i32
}

/// Asks for bytes of unknown length: `ask(out, cap)` returns the length, and has written if that
/// fits, or a negative status.
#[inline(never)]
fn fetch(ask: &dyn Fn(i32, i32) -> i32) -> Result<Buffer, i32> {
    let mut bytes = Buffer::with_room(ROOM);
    let mut found = ask(bytes.free() as usize as i32, ROOM as i32);
    if found > ROOM as i32 {
        bytes = Buffer::with_room(found as usize);
        found = ask(bytes.free() as usize as i32, found);
    }
    if found < 0 || found as usize > bytes.room() {
        return Err(found);
    }
    // SAFETY: the host has written `found` bytes.
    unsafe { bytes.set_len(found as usize) };
    Ok(bytes)
}

/// Wraps functions that write an address or a hash.
macro_rules! identities {
    ($($name:ident: $len:expr),*) => {$(
        pub(crate) fn $name() -> [u8; $len] {
            let mut out = [0; $len];
            // SAFETY: the host writes exactly `$len` bytes.
            unsafe { guest::$name(at_mut(&mut out)) };
            out
        }
    )*};
}

identities!(source: 33, caller: 33, contract: 33, transaction_id: 32);

/// Wraps functions that return a number.
macro_rules! numbers {
    ($($name:ident: $ty:ty),*) => {$(
        pub(crate) fn $name() -> $ty {
            // SAFETY: takes no pointer.
            unsafe { guest::$name() as $ty }
        }
    )*};
}

numbers!(topoheight: u64, timestamp: u64, block_version: u32, gas_left: u64, revert_code: u32,
    deposit_count: u32);

pub(crate) fn input() -> Buffer {
    // SAFETY: the host writes at most `cap` bytes; the same in the other uses of `fetch`.
    fetch(&|out, cap| unsafe { guest::input(out, cap) }).unwrap_or_default()
}

pub(crate) fn return_data() -> Buffer {
    fetch(&|out, cap| unsafe { guest::return_data(out, cap) }).unwrap_or_default()
}

pub(crate) fn deposit(asset: &AssetId) -> u64 {
    // SAFETY: the host reads 32 bytes.
    unsafe { guest::deposit(at(&asset.0)) as u64 }
}

pub(crate) fn storage_read(partition: &AddressBytes, key: &[u8]) -> Result<Buffer, i32> {
    fetch(&|out, cap| unsafe { guest::storage_read(at(partition), at(key), len(key), out, cap) })
}

pub(crate) fn storage_len(partition: &AddressBytes, key: &[u8]) -> i32 {
    // SAFETY: the host only reads, within the slices.
    unsafe { guest::storage_len(at(partition), at(key), len(key)) }
}

pub(crate) fn storage_write(partition: &AddressBytes, key: &[u8], value: &[u8]) -> i32 {
    // SAFETY: the host only reads, within the slices.
    unsafe { guest::storage_write(at(partition), at(key), len(key), at(value), len(value)) }
}

pub(crate) fn storage_remove(partition: &AddressBytes, key: &[u8]) -> i32 {
    // SAFETY: the host only reads, within the slices.
    unsafe { guest::storage_remove(at(partition), at(key), len(key)) }
}

pub(crate) fn counter_add(partition: &AddressBytes, key: &[u8], amount: u64) -> i32 {
    // SAFETY: the host only reads, within the slices.
    unsafe { guest::counter_add(at(partition), at(key), len(key), amount as i64) }
}

pub(crate) fn counter_sub(partition: &AddressBytes, key: &[u8], amount: u64) -> i32 {
    // SAFETY: the host only reads, within the slices.
    unsafe { guest::counter_sub(at(partition), at(key), len(key), amount as i64) }
}

pub(crate) fn counter_read(partition: &AddressBytes, key: &[u8]) -> Result<u128, i32> {
    let mut out = [0; 16];
    // SAFETY: the host writes 16 bytes.
    let status = unsafe { guest::counter_read(at(partition), at(key), len(key), at_mut(&mut out)) };
    if status < 0 { Err(status) } else { Ok(u128::from_le_bytes(out)) }
}

pub(crate) fn balance(account: &AddressBytes, asset: &AssetId) -> u64 {
    // SAFETY: the host only reads, 33 and 32 bytes.
    unsafe { guest::balance(at(account), at(&asset.0)) as u64 }
}

pub(crate) fn transfer(to: &AddressBytes, asset: &AssetId, amount: u64) -> i32 {
    // SAFETY: the host only reads, 33 and 32 bytes.
    unsafe { guest::transfer(at(to), at(&asset.0), amount as i64) }
}

pub(crate) fn burn(asset: &AssetId, amount: u64) -> i32 {
    // SAFETY: the host only reads 32 bytes.
    unsafe { guest::burn(at(&asset.0), amount as i64) }
}

/// What a call of another contract takes.
pub(crate) struct CallRequest<'a> {
    pub(crate) contract: &'a AddressBytes,
    pub(crate) entry: &'a str,
    pub(crate) input: &'a [u8],
    pub(crate) gas: u64,
    /// Asset id and amount of each deposit, [`tos_host_api::limits::DEPOSIT_LEN`] bytes.
    pub(crate) deposits: &'a [u8],
    pub(crate) deposit_count: u32,
}

pub(crate) fn call(request: &CallRequest<'_>) -> i32 {
    let entry = request.entry.as_bytes();
    // SAFETY: the host only reads, within the slices; the count is that of whole deposits.
    unsafe {
        guest::call(
            at(request.contract),
            at(entry),
            len(entry),
            at(request.input),
            len(request.input),
            request.gas as i64,
            at(request.deposits),
            request.deposit_count as i32,
        )
    }
}

pub(crate) fn set_return(data: &[u8]) -> i32 {
    // SAFETY: the host only reads, within the slice.
    unsafe { guest::set_return(at(data), len(data)) }
}

pub(crate) fn emit(topics: &[u8], data: &[u8]) -> i32 {
    let topic_count = (topics.len() / 32) as i32;
    // SAFETY: the host only reads: 32 bytes for each topic, and the data.
    unsafe { guest::emit(at(topics), topic_count, at(data), len(data)) }
}

pub(crate) fn abort(code: u32, message: &[u8], file: &str, line: u32) -> ! {
    let file = file.as_bytes();
    // SAFETY: the host only reads, within the slices.
    unsafe {
        guest::abort(code as i32, at(message), len(message), at(file), len(file), line as i32)
    }
    stop()
}

/// Behind `abort`, which does not come back.
#[cfg(target_arch = "wasm32")]
fn stop() -> ! {
    core::arch::wasm32::unreachable()
}

#[cfg(not(target_arch = "wasm32"))]
fn stop() -> ! {
    unreachable!("abort does not return")
}

pub(crate) fn debug_log(message: &str) {
    // SAFETY: the host only reads, within the slice.
    unsafe { guest::debug_log(at(message.as_bytes()), len(message.as_bytes())) }
}

/// Wraps the hash functions.
macro_rules! hashes {
    ($($name:ident),*) => {$(
        pub(crate) fn $name(data: &[u8]) -> [u8; 32] {
            let mut out = [0; 32];
            // SAFETY: the host reads within the slice and writes 32 bytes.
            unsafe { guest::$name(at(data), len(data), at_mut(&mut out)) };
            out
        }
    )*};
}

hashes!(blake3, sha256, keccak256);

pub(crate) fn ed25519_verify(key: &[u8; 32], signature: &[u8; 64], message: &[u8]) -> i32 {
    // SAFETY: the host only reads: 32 and 64 bytes, and the message.
    unsafe { guest::ed25519_verify(at(key), at(signature), at(message), len(message)) }
}

pub(crate) fn secp256k1_recover(hash: &[u8; 32], signature: &[u8; 65]) -> Option<[u8; 64]> {
    let mut out = [0; 64];
    // SAFETY: the host reads 32 and 65 bytes and writes 64.
    let status = unsafe { guest::secp256k1_recover(at(hash), at(signature), at_mut(&mut out)) };
    (status == 0).then_some(out)
}

pub(crate) fn random(out: &mut [u8]) -> i32 {
    // SAFETY: the host writes as many bytes as the slice has.
    unsafe { guest::random(at_mut(out), out.len() as i32) }
}
