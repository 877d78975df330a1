//! Host calls with any arguments, one after the other, in a block of calls to a guest that passes
//! on what it is told to.

use arbitrary::{Result, Unstructured};
use tos_host_api::functions::{HOST_FUNCTIONS, ValueType};
use tos_runtime::{
    AccessEntry, AccessMode, Address, AssetId, Gas, Nonce, TransactionType, VerifiedTransaction,
};

use crate::world::{GOLD, WORLD, World};

/// Calls in a block, at most.
const CALLS_MAX: usize = 12;
/// Gas of one call: enough for everything but a crossing of whole memories.
const GAS: Gas = Gas(3_000_000);
/// Where the guest finds what arguments point at; its input begins at 8.
const PLACES_AT: usize = 96;
/// Bytes of input behind the arguments that are free for anything.
const REST_MAX: usize = 300;
/// Arguments worth trying: places of [`input`], lengths, ends of the memory, ends of the type.
const INTERESTING: [u64; 24] = [
    0,
    1,
    2,
    8,
    22,
    32,
    33,
    64,
    96,
    129,
    162,
    195,
    227,
    256,
    257,
    1024,
    4096,
    65_535,
    65_536,
    131_071,
    131_072,
    u32::MAX as u64,
    1 << 63,
    u64::MAX,
];

/// Executes the calls that the bytes describe with all executors.
pub fn sequence(bytes: &[u8]) {
    let mut source = Unstructured::new(bytes);
    let world = &*WORLD;
    let mut nonces = [0, 1, 2, 3].map(|person| world.nonce(person));
    let mut calls = Vec::new();
    while !source.is_empty() && calls.len() < CALLS_MAX {
        match call(world, &mut source, &mut nonces) {
            Ok(call) => calls.extend(call),
            Err(_) => break,
        }
    }
    if !calls.is_empty() {
        drop(world.run(calls));
    }
}

fn call(
    world: &World,
    source: &mut Unstructured<'_>,
    nonces: &mut [u64; 4],
) -> Result<Option<VerifiedTransaction>> {
    let person = source.int_in_range(0..=3)?;
    let contract = world.contracts[source.int_in_range(0..=1)?];
    let function = source.choose(HOST_FUNCTIONS)?;
    let mut arguments = Vec::new();
    for (_, ty) in function.params {
        let value = match source.int_in_range(0..=3)? {
            0 => source.arbitrary()?,
            1 => source.int_in_range(0..=512)?,
            _ => *source.choose(&INTERESTING)?,
        };
        match ty {
            ValueType::I32 => arguments.extend((value as u32).to_le_bytes()),
            ValueType::I64 => arguments.extend(value.to_le_bytes()),
        }
    }
    let memory = if source.arbitrary()? { 1_024_u32 } else { 8 };
    let input = input(world, source, memory, &arguments)?;
    let mut access = world.access(source)?;
    let own = Address::Contract(contract);
    if source.ratio(7, 8)? && access.iter().all(|entry| entry.account != own) {
        access.push(AccessEntry::new(own, AccessMode::Write));
        access.sort_unstable_by_key(|entry| entry.account);
    }
    access.retain(|entry| entry.account != world.people[person].1);
    let data = TransactionType::InvokeContract {
        contract,
        entry: function.name.into(),
        input,
        deposits: world.deposits(source)?,
    };
    let call = world.sign(person, Nonce(nonces[person]), access, GAS, data);
    nonces[person] += u64::from(call.is_some());
    Ok(call)
}

/// Input of a call: how much memory to return, the arguments, and at fixed places what they may
/// point at: addresses, assets, the name of an entry, anything.
fn input(
    world: &World,
    source: &mut Unstructured<'_>,
    memory: u32,
    arguments: &[u8],
) -> Result<Vec<u8>> {
    let mut input = memory.to_le_bytes().to_vec();
    input.extend(arguments);
    input.resize(PLACES_AT - 8, 0);
    for address in [
        Address::Contract(world.contracts[0]),
        Address::Contract(world.contracts[1]),
        world.people[2].1,
    ] {
        input.extend(address.to_bytes());
    }
    input.extend(GOLD.0);
    input.extend(AssetId::NATIVE.0);
    input.extend(source.choose(HOST_FUNCTIONS)?.name.as_bytes());
    let rest = source.int_in_range(0..=REST_MAX)?.min(source.len());
    input.extend(source.bytes(rest)?);
    Ok(input)
}
