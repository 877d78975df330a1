//! The host functions with slices instead of pointers. The only home of `unsafe` besides the
//! allocator; decides nothing.
#![allow(unsafe_code, reason = "imports are unsafe to call: the host writes where pointers point")]

use core::mem::MaybeUninit;

use tos_host_api::functions::guest;
use tos_host_api::{Address, AssetId};

use crate::buffer::Buffer;

/// The encoding of an address, which is what it is in memory: nothing is copied to write one.
pub(crate) fn encoding(address: &Address) -> &[u8; Address::ENCODED_LEN] {
    // SAFETY: `Address` promises this layout. All of its bytes are written.
    unsafe { &*core::ptr::from_ref(address).cast() }
}

/// The address that bytes are the encoding of; `None` when the tag is unknown.
pub(crate) fn address(bytes: &[u8; Address::ENCODED_LEN]) -> Option<&Address> {
    // SAFETY: `Address` promises this layout, with the tags 0 and 1.
    (bytes[0] <= 1).then(|| unsafe { &*core::ptr::from_ref(bytes).cast() })
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

/// The offset of an address the host reads.
fn at_address(address: &Address) -> i32 {
    at(encoding(address))
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

/// Wraps functions that write an address.
macro_rules! addresses {
    ($($name:ident),*) => {$(
        pub(crate) fn $name() -> Address {
            let mut out = MaybeUninit::<Address>::uninit();
            // SAFETY: the host writes the encoding of an address, and `Address` promises that this
            // is its layout.
            unsafe {
                guest::$name(out.as_mut_ptr() as usize as i32);
                out.assume_init()
            }
        }
    )*};
}

addresses!(source, caller, contract);

pub(crate) fn transaction_id() -> [u8; 32] {
    let mut out = [0; 32];
    // SAFETY: the host writes exactly 32 bytes.
    unsafe { guest::transaction_id(at_mut(&mut out)) };
    out
}

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

pub(crate) fn storage_read(partition: &Address, key: &[u8]) -> Result<Buffer, i32> {
    fetch(&|out, cap| unsafe {
        guest::storage_read(at_address(partition), at(key), len(key), out, cap)
    })
}

pub(crate) fn storage_len(partition: &Address, key: &[u8]) -> i32 {
    // SAFETY: the host only reads, within the slices.
    unsafe { guest::storage_len(at_address(partition), at(key), len(key)) }
}

pub(crate) fn storage_write(partition: &Address, key: &[u8], value: &[u8]) -> i32 {
    // SAFETY: the host only reads, within the slices.
    unsafe { guest::storage_write(at_address(partition), at(key), len(key), at(value), len(value)) }
}

pub(crate) fn storage_remove(partition: &Address, key: &[u8]) -> i32 {
    // SAFETY: the host only reads, within the slices.
    unsafe { guest::storage_remove(at_address(partition), at(key), len(key)) }
}

pub(crate) fn counter_add(partition: &Address, key: &[u8], amount: u64) -> i32 {
    // SAFETY: the host only reads, within the slices.
    unsafe { guest::counter_add(at_address(partition), at(key), len(key), amount as i64) }
}

pub(crate) fn counter_sub(partition: &Address, key: &[u8], amount: u64) -> i32 {
    // SAFETY: the host only reads, within the slices.
    unsafe { guest::counter_sub(at_address(partition), at(key), len(key), amount as i64) }
}

pub(crate) fn counter_read(partition: &Address, key: &[u8]) -> Result<u128, i32> {
    let mut out = [0; 16];
    // SAFETY: the host writes 16 bytes.
    let status =
        unsafe { guest::counter_read(at_address(partition), at(key), len(key), at_mut(&mut out)) };
    if status < 0 { Err(status) } else { Ok(u128::from_le_bytes(out)) }
}

pub(crate) fn balance(account: &Address, asset: &AssetId) -> u64 {
    // SAFETY: the host only reads, 33 and 32 bytes.
    unsafe { guest::balance(at_address(account), at(&asset.0)) as u64 }
}

pub(crate) fn transfer(to: &Address, asset: &AssetId, amount: u64) -> i32 {
    // SAFETY: the host only reads, 33 and 32 bytes.
    unsafe { guest::transfer(at_address(to), at(&asset.0), amount as i64) }
}

pub(crate) fn burn(asset: &AssetId, amount: u64) -> i32 {
    // SAFETY: the host only reads 32 bytes.
    unsafe { guest::burn(at(&asset.0), amount as i64) }
}

/// What a call of another contract takes.
pub(crate) struct CallRequest<'a> {
    pub(crate) contract: &'a Address,
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
            at_address(request.contract),
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

/// Emits what begins with so many topics and goes on with the data.
pub(crate) fn emit(event: &[u8], topics: usize) -> i32 {
    let (topics_len, data) = (topics as i32, at(event).wrapping_add(topics as i32));
    let data_len = len(event).wrapping_sub(topics_len);
    // SAFETY: the host only reads: 32 bytes for each topic, and the data.
    unsafe { guest::emit(at(event), topics_len / 32, data, data_len) }
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
