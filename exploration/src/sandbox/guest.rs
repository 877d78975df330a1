//! What a call does: steps, each chosen so that another order of transactions gives other bytes.

use borsh::{BorshDeserialize, BorshSerialize};
use tos_host_api::{Address, AssetId, Gas, HostFunction};

use super::{CallEnd, CallRequest};
use crate::error::EngineError;
use crate::execute::{Interrupt, Scope};
use crate::state::{SlotRef, Taken};
use crate::types::{Event, RevertReason};

/// One thing that a call does. A slot is a key in the partition of an account.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Step {
    /// Reads a slot and writes it back with the transaction's index behind it. Needs `Write`.
    Append(Address, u8),
    /// Returns what a slot holds. Needs `Read`.
    Look(Address, u8),
    /// Adds to a counter. Needs `Credit`.
    Add(Address, u8, u64),
    /// Takes from a counter, or reverts. Needs `Write`.
    Take(Address, u8, u64),
    /// Returns the value of a counter. Needs `Read`.
    Sum(Address, u8),
    /// Pays from the contract's account, or reverts. Needs `Write` on the contract.
    Pay(Address, u64),
    /// Returns a balance. Needs `Read`.
    Balance(Address),
    /// Emits an event with what was returned so far.
    Emit,
    /// Gives up: everything that was done is undone.
    Revert,
}

const GAS_PER_STEP: u64 = 100;
const BY: HostFunction = HostFunction::StorageWrite;

/// Carries out the steps that the input holds; see the engine's `sandbox/call.rs`.
pub(crate) fn call(request: CallRequest<'_>, mut scope: Box<Scope>) -> (CallEnd, Box<Scope>) {
    let steps: Vec<Step> = borsh::from_slice(request.input).unwrap_or_default();
    let gas_used = Gas(steps.len() as u64 * GAS_PER_STEP);
    let mut returned = Vec::new();
    let mut result = match &scope.permit {
        Some(_) => Ok(()),
        None => Err(EngineError::Bug("a call by somebody who has no permit".into()).into()),
    };
    scope.frames.push(request.contract);
    for step in &steps {
        result = result.and_then(|()| carry_out(step, &request, &mut scope, &mut returned));
    }
    scope.frames.pop();
    (CallEnd { result, gas_used, return_data: returned }, scope)
}

fn carry_out(
    step: &Step,
    request: &CallRequest<'_>,
    scope: &mut Scope,
    returned: &mut Vec<u8>,
) -> Result<(), Interrupt> {
    let contract = request.contract;
    let index = scope.index;
    let journal = &mut scope.journal;
    let slot = |partition, key| SlotRef { contract, partition, key: std::slice::from_ref(key) };
    match step {
        Step::Append(partition, key) => {
            let old = journal.slot(slot(partition, key), BY)?;
            let mut bytes = old.as_deref().unwrap_or_default().to_vec();
            bytes.extend(index.to_le_bytes());
            journal.set_slot(slot(partition, key), Some(bytes.into()), BY)?;
        }
        Step::Look(partition, key) => {
            let value = journal.slot(slot(partition, key), BY)?;
            returned.extend_from_slice(value.as_deref().unwrap_or(b"nothing"));
        }
        Step::Add(partition, key, amount) => {
            journal.counter_add(slot(partition, key), *amount, BY)?;
        }
        Step::Take(partition, key, amount) => {
            enough(journal.counter_sub(slot(partition, key), *amount, BY)?)?;
        }
        Step::Sum(partition, key) => {
            let value = journal.counter(slot(partition, key), BY)?;
            returned.extend(value.to_le_bytes());
        }
        Step::Pay(to, amount) => {
            let own = Address::Contract(contract);
            enough(journal.debit(&own, &AssetId::NATIVE, *amount, BY)?)?;
            journal.credit(to, &AssetId::NATIVE, *amount, BY)?;
        }
        Step::Balance(account) => {
            let balance = journal.balance(account, &AssetId::NATIVE, BY)?;
            returned.extend(balance.to_le_bytes());
        }
        Step::Emit => {
            let data = returned.clone();
            journal.emit(Event { contract, topics: Vec::new(), data });
        }
        Step::Revert => return Err(RevertReason::NotAuthority.into()),
    }
    Ok(())
}

fn enough(taken: Taken) -> Result<(), Interrupt> {
    match taken {
        Taken::Yes => Ok(()),
        Taken::Insufficient { .. } => Err(RevertReason::NotAuthority.into()),
    }
}
