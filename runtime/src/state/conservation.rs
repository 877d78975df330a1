//! Money is conserved: the check that runs on every block, in release builds too.

use std::collections::BTreeMap;

use tos_host_api::{Amount, AssetId};

use super::{ChangeSet, StateValue};
use crate::error::EngineError;

/// Checks that a change set moves and burns, but neither creates nor loses.
///
/// Fees need no term of their own: they are credited to the beneficiary or burned before the change
/// set is made.
///
/// # Errors
/// [`EngineError::NotConserved`] with the first asset whose changed balances and burned units do
/// not add up to what they were.
pub(crate) fn check_conservation(change_set: &ChangeSet) -> Result<(), EngineError> {
    // Sums of at most 2^32 amounts of 64 bits fit 128 bits.
    let mut native = (0_u128, 0_u128);
    let mut others = BTreeMap::<AssetId, (u128, u128)>::new();
    for change in change_set.changes() {
        let mut add = |asset: AssetId, amount: Amount, after: bool| {
            let sums =
                if asset.is_native() { &mut native } else { others.entry(asset).or_default() };
            let sum = if after { &mut sums.1 } else { &mut sums.0 };
            *sum += u128::from(amount.0);
        };
        for (value, after) in [(&change.old, false), (&change.new, true)] {
            match value {
                Some(StateValue::Account(account)) => {
                    add(AssetId::NATIVE, account.native, after);
                    for (asset, amount) in account.assets.iter() {
                        add(asset, amount, after);
                    }
                }
                Some(StateValue::Asset(record)) => {
                    let crate::state::StateKey::Asset(asset) = change.key else { continue };
                    add(asset, record.burned, after);
                }
                Some(
                    StateValue::Contract(_)
                    | StateValue::Code(_)
                    | StateValue::Slot(_)
                    | StateValue::Counter(_),
                )
                | None => {}
            }
        }
    }
    let all = others.into_iter().chain([(AssetId::NATIVE, native)]);
    for (asset, (before, after)) in all {
        if before != after {
            return Err(EngineError::NotConserved { asset, before, after });
        }
    }
    Ok(())
}
