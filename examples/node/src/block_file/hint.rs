//! What an author can do about a failed transaction, where its receipt and the contract's own words
//! do not say so: receipts carry codes only.

use tos_runtime::description::EntryKind;
use tos_runtime::{
    ContractEngine, ContractId, Description, ExecutionStatus, HaltReason, RevertReason,
    TransactionType,
};

use super::Line;
use crate::contract;

/// Code of the SDK for input that is not the arguments of the entry.
const INPUT: u32 = 0xffff_fffe;

/// A sentence, if there is something to say.
pub(crate) fn of(line: &Line<'_>, engine: &ContractEngine) -> Option<String> {
    let receipt = line.result.as_ref().ok()?;
    match (&receipt.status, &line.transaction.data) {
        (
            ExecutionStatus::Reverted(RevertReason::ModuleRefused(_)),
            TransactionType::DeployContract { code, .. }
            | TransactionType::UpgradeContract { code, .. },
        ) => contract::refusal(code),
        (
            ExecutionStatus::Reverted(RevertReason::NoSuchEntry),
            TransactionType::InvokeContract { contract, .. },
        ) => {
            let description = described(engine, *contract)?;
            let callable = description
                .entries
                .iter()
                .filter(|entry| matches!(entry.kind, EntryKind::Call | EntryKind::View));
            let entries: Vec<_> = callable.map(|entry| entry.name.as_str()).collect();
            Some(format!("{} has {}", description.name, entries.join(", ")))
        }
        (
            ExecutionStatus::Reverted(RevertReason::Contract(INPUT)),
            TransactionType::InvokeContract { contract, entry, .. },
        ) => {
            let description = described(engine, *contract)?;
            Some(format!("the entry is {}", contract::signature(description.entry(entry)?)))
        }
        (
            ExecutionStatus::Halted(HaltReason::UndeclaredAccess { .. }),
            TransactionType::InvokeContract { contract, entry, .. },
        ) if line.by_template => {
            let description = described(engine, *contract)?;
            let template = contract::access(description.entry(entry)?);
            Some(format!("{entry} has the template {template}: correct that attribute"))
        }
        _ => None,
    }
}

fn described(engine: &ContractEngine, contract: ContractId) -> Option<Description> {
    // Whoever wrote the contract may have written anything there; then there is no hint.
    engine.description(&contract).ok().flatten()
}
