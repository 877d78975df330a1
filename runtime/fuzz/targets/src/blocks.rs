//! Any block, executed by all executors.

use arbitrary::{Result, Unstructured};
use tos_runtime::{
    Address, Amount, AssetId, Gas, Nonce, TransactionType, Transfer, VerifiedTransaction,
};

use crate::world::{BALANCE, GOLD, WORLD, World};

/// Transactions in a block, at most.
const TRANSACTIONS_MAX: usize = 16;

/// Executes the block that the bytes describe, in order and in parallel.
pub fn parallel_and_sequential(bytes: &[u8]) {
    let mut source = Unstructured::new(bytes);
    let world = &*WORLD;
    let mut nonces = [0, 1, 2, 3].map(|person| world.nonce(person));
    let mut block = Vec::new();
    while !source.is_empty() && block.len() < TRANSACTIONS_MAX {
        match transaction(world, &mut source, &mut nonces) {
            Ok(tx) => block.extend(tx),
            Err(_) => break,
        }
    }
    // A block holds no transaction twice, which wrong nonces can bring about.
    let mut ids = std::collections::BTreeSet::new();
    block.retain(|tx| ids.insert(tx.id()));
    drop(world.run(block));
}

fn transaction(
    world: &World,
    source: &mut Unstructured<'_>,
    nonces: &mut [u64; 4],
) -> Result<Option<VerifiedTransaction>> {
    let person = source.int_in_range(0..=3)?;
    let data = data(world, source)?;
    let access = match data.is_call() {
        true => world.access(source)?,
        false => Vec::new(),
    };
    let gas_limit =
        if source.ratio(1, 8)? { source.int_in_range(1..=2_000_000)? } else { 2_000_000 };
    let wrong = source.ratio(1, 16)?;
    let nonce = if wrong { source.int_in_range(0..=9)? } else { nonces[person] };
    let tx = world.sign(person, Nonce(nonce), access, Gas(gas_limit), data);
    nonces[person] += u64::from(tx.is_some() && !wrong);
    Ok(tx)
}

fn data(world: &World, source: &mut Unstructured<'_>) -> Result<TransactionType> {
    let asset = |source: &mut Unstructured<'_>| {
        Ok(if source.ratio(1, 4)? { GOLD } else { AssetId::NATIVE })
    };
    let amount = |source: &mut Unstructured<'_>| {
        let max = if source.ratio(1, 8)? { BALANCE } else { 1_000 };
        source.int_in_range(0..=max)
    };
    Ok(match source.int_in_range(0..=7)? {
        0..=3 => {
            let mut transfers = Vec::new();
            for _ in 0..source.int_in_range(1..=3)? {
                transfers.push(Transfer {
                    destination: world.account(source)?,
                    asset: asset(source)?,
                    amount: Amount(amount(source)?),
                });
            }
            TransactionType::Transfers(transfers)
        }
        4 => TransactionType::Burn { asset: asset(source)?, amount: Amount(amount(source)?) },
        5 => {
            let to: Address = world.account(source)?;
            let mut input = to.to_bytes().to_vec();
            input.extend(amount(source)?.to_le_bytes());
            let entry = *source.choose(&["transfer", "balance_of"])?;
            call(world, source, 2, entry, input)?
        }
        6 => {
            let input = amount(source)?.to_le_bytes().to_vec();
            let entry = *source.choose(&["add", "bump", "get", "nothing"])?;
            call(world, source, 3, entry, input)?
        }
        _ => {
            let input = source.bytes(source.len().min(40))?.to_vec();
            let entry = *source.choose(&["storage_write", "transfer", "burn", "gas_left"])?;
            call(world, source, 0, entry, input)?
        }
    })
}

fn call(
    world: &World,
    source: &mut Unstructured<'_>,
    contract: usize,
    entry: &str,
    input: Vec<u8>,
) -> Result<TransactionType> {
    Ok(TransactionType::InvokeContract {
        contract: world.contracts[contract],
        entry: entry.into(),
        input,
        deposits: world.deposits(source)?,
    })
}
