//! A token for the CosmWasm vm: balances by address, payments by the sender of the message, an
//! answer with the usual attributes. Balances are made by the genesis of the measurement.
//!
//! Without `cosmwasm-std`, whose standard library comes compiled with operators that
//! the vm refuses. What is here does the same work with less code: JSON in, JSON out, two balances
//! read and written. Memory is given out and never taken back, since an instance lives for one
//! message.
#![no_std]

use core::cell::UnsafeCell;
use core::slice;
use core::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

/// All the memory there is to give out.
const ARENA_BYTES: usize = 32 * 1024;
/// Room for an answer.
const ANSWER_BYTES: usize = 2 * 1024;

/// Where bytes are, as vm and guest tell each other.
#[repr(C)]
struct Region {
    offset: u32,
    capacity: u32,
    length: u32,
}

unsafe extern "C" {
    fn db_read(key: u32) -> u32;
    fn db_write(key: u32, value: u32);
    fn addr_validate(address: u32) -> u32;
}

#[repr(align(8))]
struct Arena(UnsafeCell<[u8; ARENA_BYTES]>);

// SAFETY: a module without threads.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([0; ARENA_BYTES]));
static USED: AtomicUsize = AtomicUsize::new(0);

/// Sender and money of a message; of money there is none.
#[derive(Deserialize)]
struct MessageInfo<'a> {
    sender: &'a str,
}

/// Block and contract; decoded as every contract does, and not used.
#[derive(Deserialize)]
struct Env<'a> {
    #[serde(borrow)]
    block: Block<'a>,
}

#[derive(Deserialize)]
struct Block<'a> {
    height: u64,
    chain_id: &'a str,
}

/// What the token does.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Message<'a> {
    /// Moves the sender's tokens.
    Transfer { recipient: &'a str, amount: &'a str },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer<'a> {
    Ok(Response<'a>),
    Error(&'a str),
}

#[derive(Serialize)]
struct Response<'a> {
    messages: [u8; 0],
    attributes: [Attribute<'a>; 4],
    events: [u8; 0],
    data: Option<&'a str>,
}

#[derive(Serialize)]
struct Attribute<'a> {
    key: &'a str,
    value: &'a str,
}

/// The version of this interface.
#[unsafe(no_mangle)]
extern "C" fn interface_version_8() {}

/// A region for the vm to write to.
#[unsafe(no_mangle)]
extern "C" fn allocate(size: usize) -> u32 {
    let header = size_of::<Region>();
    let used = USED.load(Ordering::Relaxed);
    let end = used.saturating_add(header).saturating_add(size);
    if end > ARENA_BYTES {
        core::arch::wasm32::unreachable();
    }
    USED.store(end.next_multiple_of(8), Ordering::Relaxed);
    // SAFETY: header and bytes are within the arena, aligned, and given out for the first time.
    unsafe {
        let place = ARENA.0.get().cast::<u8>().add(used);
        let offset = place.add(header) as u32;
        place.cast::<Region>().write(Region { offset, capacity: size as u32, length: 0 });
        place as u32
    }
}

/// Takes nothing back.
#[unsafe(no_mangle)]
extern "C" fn deallocate(_: u32) {}

/// Nothing is to be set up.
#[unsafe(no_mangle)]
extern "C" fn instantiate(_: u32, _: u32, _: u32) -> u32 {
    reply(&Answer::Error("balances are made by the genesis"))
}

/// Does what the message says.
#[unsafe(no_mangle)]
extern "C" fn execute(env: u32, info: u32, message: u32) -> u32 {
    // SAFETY: the vm passes regions that it has allocated here and written.
    let [env, info, message] = unsafe { [bytes(env), bytes(info), bytes(message)] };
    reply(&transfer(env, info, message).unwrap_or_else(Answer::Error))
}

fn transfer<'a>(
    env: &'a [u8],
    info: &'a [u8],
    message: &'a [u8],
) -> Result<Answer<'a>, &'static str> {
    let Env { block } = decode(env)?;
    if block.height == 0 || block.chain_id.is_empty() {
        return Err("no block");
    }
    let MessageInfo { sender } = decode(info)?;
    let Message::Transfer { recipient, amount } = decode(message)?;
    // SAFETY: the region lives until the call returns.
    if unsafe { addr_validate(address_of(&region(recipient.as_bytes()))) } != 0 {
        return Err("no address");
    }
    let units: u128 = amount.parse().map_err(|_| "no amount")?;
    let rest = balance(sender)?.checked_sub(units).ok_or("insufficient")?;
    set_balance(sender, rest);
    let sum = balance(recipient)?.checked_add(units).ok_or("too many")?;
    set_balance(recipient, sum);
    let attribute = |key, value| Attribute { key, value };
    Ok(Answer::Ok(Response {
        messages: [],
        attributes: [
            attribute("action", "transfer"),
            attribute("from", sender),
            attribute("to", recipient),
            attribute("amount", amount),
        ],
        events: [],
        data: None,
    }))
}

fn decode<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, &'static str> {
    serde_json_core::from_slice(json).map(|(value, _)| value).map_err(|_| "no such message")
}

fn reply(answer: &Answer<'_>) -> u32 {
    let region = allocate(ANSWER_BYTES) as *mut Region;
    // SAFETY: the region was just allocated with this capacity and nobody else knows it.
    unsafe {
        let place = slice::from_raw_parts_mut((*region).offset as *mut u8, ANSWER_BYTES);
        match serde_json_core::to_slice(answer, place) {
            Ok(length) => (*region).length = length as u32,
            Err(_) => core::arch::wasm32::unreachable(),
        }
    }
    region as u32
}

fn balance(holder: &str) -> Result<u128, &'static str> {
    // SAFETY: the key lives until the call returns; the answer is none or a region that the vm has
    // allocated here.
    let value = unsafe {
        match db_read(address_of(&region(holder.as_bytes()))) {
            0 => return Ok(0),
            value => bytes(value),
        }
    };
    value.try_into().map(u128::from_be_bytes).map_err(|_| "a balance has 16 bytes")
}

fn set_balance(holder: &str, balance: u128) {
    let value = balance.to_be_bytes();
    // SAFETY: key and value live until the call returns.
    unsafe { db_write(address_of(&region(holder.as_bytes())), address_of(&region(&value))) }
}

fn region(bytes: &[u8]) -> Region {
    let length = bytes.len() as u32;
    Region { offset: bytes.as_ptr() as u32, capacity: length, length }
}

fn address_of(region: &Region) -> u32 {
    core::ptr::from_ref(region) as u32
}

/// The bytes of a region that the vm has written.
///
/// # Safety
/// It has to be such a region.
unsafe fn bytes<'a>(region: u32) -> &'a [u8] {
    // SAFETY: as the caller says.
    unsafe {
        let region = &*(region as *const Region);
        slice::from_raw_parts(region.offset as *const u8, region.length as usize)
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
