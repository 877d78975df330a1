//! After the last transaction: results, fees, burned units, deployed code, and the changes of the
//! block in the order of their keys, checked and encoded. Nothing is hashed here.
//!
//! Accounts are divided into ranges of addresses, so that each range can be sorted, turned into
//! changes, checked and encoded on its own, by whichever worker is free, while it is in its cache.
//! How many ranges and workers there are changes nothing: what they make is put together in order.

mod outputs;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use tos_host_api::{Amount, AssetId, Hash};

pub(crate) use self::outputs::BlockOutputs;
use self::outputs::{Totals, add_burned};
use super::Crew;
use crate::error::EngineError;
use crate::grain::{ACCOUNTS_PER_RANGE, ACCOUNTS_PER_SCAN};
use crate::outcome::Results;
use crate::planted::{Bug, planted};
use crate::schedule::AccountIdx;
use crate::state::{
    AssetRecord, Change, ChangeSet, Changes, Overlay, Ranked, Section, SectionKey, StateKey,
    StateValue, Sums,
};
use crate::sync::Mutex;
use crate::types::{TransactionType, code_hash};

/// What a block came to.
pub(crate) struct Merged {
    pub(crate) change_set: ChangeSet,
    pub(crate) results: Results,
    pub(crate) gas_fee: Amount,
    pub(crate) burned_supply: Amount,
}

/// Collects outputs, given in block order, and the overlay into results and changes.
///
/// # Errors
/// Money is not conserved, sums leave their types, or the storage failed.
pub(crate) fn merge<'a>(
    transactions: impl Iterator<Item = &'a TransactionType>,
    overlay: &Arc<Overlay>,
    crew: Crew<'_>,
    outputs: BlockOutputs,
    beneficiary: Option<AccountIdx>,
) -> Result<Merged, EngineError> {
    let outputs = Arc::new(outputs);
    let Totals { gas_fee, mut burned, codes } = Totals::of(&outputs, crew)?;
    let burned_supply = burned.get(&AssetId::NATIVE).copied().unwrap_or(Amount::ZERO);
    match beneficiary {
        Some(account) if planted(Bug::RewardPaidTwice) => {
            overlay.credit_fees(account, 2 * gas_fee.0)?;
        }
        Some(account) => overlay.credit_fees(account, gas_fee.0)?,
        None => add_burned(&mut burned, AssetId::NATIVE, gas_fee)?,
    }
    let mut others = Changes::default();
    asset_changes(overlay, burned, &mut others)?;
    code_changes(transactions, overlay, codes, &mut others)?;
    let outputs = Arc::into_inner(outputs)
        .ok_or_else(|| EngineError::Bug("a worker kept the outputs of a block".into()))?;
    let (results, mut parts) = collect(overlay, crew, outputs)?;
    parts.push(others);
    let change_set = ChangeSet::of_sections(in_order(parts)?)?;
    Ok(Merged { change_set, results, gas_fee, burned_supply })
}

/// Puts parts together, which are in the order of accounts, and checks that money is conserved.
fn in_order(parts: Vec<Changes>) -> Result<Vec<Section>, EngineError> {
    let mut sections = BTreeMap::<SectionKey, Vec<Section>>::new();
    let mut sums = Sums::default();
    for part in parts {
        let (of_part, sums_of_part) = part.close()?;
        sums.absorb(sums_of_part);
        for (key, section) in of_part {
            sections.entry(key).or_default().push(section);
        }
    }
    if !planted(Bug::MintsUnchecked) && !planted(Bug::ConservationUnchecked) {
        sums.check()?;
    }
    Ok(sections.into_values().flatten().collect())
}

/// What one worker made.
enum Part {
    Results(Results),
    Changes(Result<Changes, EngineError>),
}

/// Results, and the changes of all accounts and their partitions.
fn collect(
    overlay: &Arc<Overlay>,
    crew: Crew<'_>,
    outputs: BlockOutputs,
) -> Result<(Results, Vec<Changes>), EngineError> {
    let len = overlay.len();
    let ranges = len.div_ceil(ACCOUNTS_PER_RANGE).max(1);
    let borders = overlay.borders(ranges);
    let shared = Arc::clone(overlay);
    let touched = crew.map(len.div_ceil(ACCOUNTS_PER_SCAN), move |part| {
        let start = part * ACCOUNTS_PER_SCAN;
        shared.touched(start..len.min(start + ACCOUNTS_PER_SCAN), &borders)
    })?;

    // Someone who works alone makes one part, which then need not be put together.
    let per_part = if crew.is_one() { ranges } else { 1 };
    let shared = Arc::clone(overlay);
    let outputs = Mutex::new(Some(outputs));
    let made = crew.map(1 + ranges.div_ceil(per_part), move |part| match part.checked_sub(1) {
        // The longest part comes first, so that it is not the one waited for.
        None => {
            let outputs = outputs.lock().take();
            Part::Results(outputs.map(BlockOutputs::into_results).unwrap_or_default())
        }
        Some(part) => {
            let start = part * per_part;
            let of_part = start..ranges.min(start + per_part);
            Part::Changes(range_changes(&shared, &touched, of_part))
        }
    })?;
    let mut results = Results::default();
    let mut parts = Vec::with_capacity(made.len());
    for part in made {
        match part {
            Part::Results(made) => results = made,
            Part::Changes(changes) => parts.push(changes?),
        }
    }
    Ok((results, parts))
}

/// The changes of the accounts in these ranges; `touched` has them by scan and range.
fn range_changes(
    overlay: &Overlay,
    touched: &[Vec<Vec<Ranked>>],
    ranges: Range<usize>,
) -> Result<Changes, EngineError> {
    let of_ranges = touched.iter().flat_map(|scan| &scan[ranges.clone()]);
    let all = of_ranges.map(Vec::len).sum();
    let mut changes = Changes::for_accounts(all);
    let mut ranked = Vec::new();
    let first = ranges.start;
    for range in ranges {
        ranked.clear();
        touched.iter().for_each(|scan| ranked.extend_from_slice(&scan[range]));
        overlay.sort(&mut ranked);
        overlay.changes(&ranked, &mut changes)?;
        if range == first {
            changes.expect_more(ranked.len(), all);
        }
    }
    Ok(changes)
}

fn asset_changes(
    overlay: &Overlay,
    burned: BTreeMap<AssetId, Amount>,
    changes: &mut Changes,
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
        let (old, new) = (Some(StateValue::Asset(old)), Some(StateValue::Asset(new)));
        changes.push(SectionKey::Assets, &Change { key: StateKey::Asset(asset), old, new });
    }
    Ok(())
}

/// Code is stored once per hash, however many deploy it.
fn code_changes<'a>(
    transactions: impl Iterator<Item = &'a TransactionType>,
    overlay: &Overlay,
    mut codes: BTreeSet<Hash>,
    changes: &mut Changes,
) -> Result<(), EngineError> {
    let mut deployed = BTreeMap::new();
    for data in transactions {
        if codes.is_empty() {
            break;
        }
        if let TransactionType::DeployContract { code, .. }
        | TransactionType::UpgradeContract { code, .. } = data
        {
            let hash = code_hash(code);
            if codes.remove(&hash) {
                deployed.insert(hash, code);
            }
        }
    }
    for (hash, code) in deployed {
        let key = StateKey::Code(hash);
        if overlay.chain().storage_value(&key)?.is_none() {
            let new = Some(StateValue::Code(code.as_slice().into()));
            changes.push(SectionKey::Codes, &Change { key, old: None, new });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tos_host_api::{Address, PublicKey};

    use super::*;
    use crate::state::Account;

    /// What a worker made of the native balance of an account.
    fn part(id: u8, balances: [u64; 2]) -> Changes {
        let [old, new] = balances.map(|balance| {
            let mut account = Account::default();
            account.set_balance(AssetId::NATIVE, Amount(balance));
            Some(StateValue::Account(account))
        });
        let key = StateKey::Account(Address::Key(PublicKey([id; 32])));
        let mut changes = Changes::default();
        changes.push(SectionKey::Accounts, &Change { key, old, new });
        changes
    }

    #[test]
    fn what_workers_made_has_to_add_up() {
        let moved = || vec![part(1, [10, 4]), part(2, [1, 7])];
        assert!(in_order(moved()).is_ok());
        for (id, balances) in [(3, [5, 6]), (3, [6, 5])] {
            let made = in_order(moved().into_iter().chain([part(id, balances)]).collect());
            let (before, after) = (11 + u128::from(balances[0]), 11 + u128::from(balances[1]));
            match made.err().expect("a unit too many or too few") {
                EngineError::NotConserved { asset: AssetId::NATIVE, before: b, after: a } => {
                    assert_eq!((b, a), (before, after));
                }
                other => panic!("{other}"),
            }
        }
    }
}
