//! After the last transaction: fees, burned units, deployed code, and the sorted change set.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tos_host_api::{Amount, AssetId, Hash};

use crate::error::EngineError;
use crate::execute::{TxOutput, WorkerPool};
use crate::outcome::{TxResult, total_fee};
use crate::schedule::AccountIdx;
use crate::state::{AssetRecord, Change, ChangeSet, Overlay, StateKey, StateValue};
use crate::types::{TransactionType, code_hash};

/// Accounts one worker turns into changes at a time.
const ACCOUNTS_PER_PART: usize = 4_096;

/// What a block came to.
pub(crate) struct Merged {
    pub(crate) change_set: ChangeSet,
    pub(crate) results: Vec<TxResult>,
    pub(crate) gas_fee: Amount,
    pub(crate) burned_supply: Amount,
}

/// Collects outputs, given in block order, and the overlay into one change set.
pub(crate) fn merge<'a>(
    transactions: impl Iterator<Item = &'a TransactionType>,
    overlay: &Arc<Overlay>,
    pool: &WorkerPool,
    outputs: impl Iterator<Item = TxOutput>,
    beneficiary: Option<AccountIdx>,
) -> Result<Merged, EngineError> {
    let mut results = Vec::with_capacity(outputs.size_hint().0);
    let mut burned = BTreeMap::new();
    let mut codes = BTreeSet::new();
    for output in outputs {
        for (asset, amount) in output.burned {
            add_burned(&mut burned, asset, amount)?;
        }
        codes.extend(output.code);
        results.push(output.result);
    }
    let gas_fee = total_fee(&results)?;
    let burned_supply = burned.get(&AssetId::NATIVE).copied().unwrap_or(Amount::ZERO);
    match beneficiary {
        Some(account) => overlay.credit_fees(account, gas_fee.0)?,
        None => add_burned(&mut burned, AssetId::NATIVE, gas_fee)?,
    }
    let mut changes = account_changes(overlay, pool)?;
    asset_changes(overlay, burned, &mut changes)?;
    code_changes(transactions, overlay, codes, &mut changes)?;
    Ok(Merged { change_set: ChangeSet::new(changes)?, results, gas_fee, burned_supply })
}

fn add_burned(
    burned: &mut BTreeMap<AssetId, Amount>,
    asset: AssetId,
    amount: Amount,
) -> Result<(), EngineError> {
    let sum = burned.entry(asset).or_default();
    *sum = sum
        .checked_add(amount)
        .ok_or_else(|| EngineError::Bug(format!("burned units of {asset} exceed the supply")))?;
    Ok(())
}

fn account_changes(overlay: &Arc<Overlay>, pool: &WorkerPool) -> Result<Vec<Change>, EngineError> {
    let len = overlay.len();
    if len <= ACCOUNTS_PER_PART {
        return overlay.changes(0..len);
    }
    let shared = Arc::clone(overlay);
    let parts = pool.map(len.div_ceil(ACCOUNTS_PER_PART), move |part| {
        let start = part * ACCOUNTS_PER_PART;
        shared.changes(start..len.min(start + ACCOUNTS_PER_PART))
    })?;
    let mut changes = Vec::new();
    for part in parts {
        changes.append(&mut part?);
    }
    Ok(changes)
}

fn asset_changes(
    overlay: &Overlay,
    burned: BTreeMap<AssetId, Amount>,
    changes: &mut Vec<Change>,
) -> Result<(), EngineError> {
    for (asset, amount) in burned {
        if amount == Amount::ZERO {
            continue;
        }
        let unknown = || EngineError::Bug(format!("burned {amount} of unknown asset {asset}"));
        let old = overlay.chain().asset(&asset)?.ok_or_else(unknown)?;
        let burned = old.burned.checked_add(amount).filter(|burned| *burned <= old.supply);
        let burned = burned
            .ok_or_else(|| EngineError::Bug(format!("more of {asset} burned than exists")))?;
        let new = AssetRecord { burned, ..old.clone() };
        changes.push(Change {
            key: StateKey::Asset(asset),
            old: Some(StateValue::Asset(old)),
            new: Some(StateValue::Asset(new)),
        });
    }
    Ok(())
}

/// Code is stored once per hash, however many deploy it.
fn code_changes<'a>(
    transactions: impl Iterator<Item = &'a TransactionType>,
    overlay: &Overlay,
    mut codes: BTreeSet<Hash>,
    changes: &mut Vec<Change>,
) -> Result<(), EngineError> {
    for data in transactions {
        if codes.is_empty() {
            break;
        }
        if let TransactionType::DeployContract { code, .. }
        | TransactionType::UpgradeContract { code, .. } = data
        {
            let hash = code_hash(code);
            let key = StateKey::Code(hash);
            if codes.remove(&hash) && overlay.chain().storage_value(&key)?.is_none() {
                let new = Some(StateValue::Code(code.as_slice().into()));
                changes.push(Change { key, old: None, new });
            }
        }
    }
    Ok(())
}
