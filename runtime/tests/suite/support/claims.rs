//! Claims about outcomes, recomputed from what an outcome says and from nothing the engine computed
//! on the way.

use std::collections::BTreeMap;

use tos_runtime::{
    Account, Address, AssetId, BlockOutcome, ContractEngine, ExecutionStatus, HaltReason, Receipt,
    StateKey, StateValue,
};

use super::account;

/// By asset: what balances and burned units gained, taken together. All zero if money is conserved.
pub(crate) fn gains(outcome: &BlockOutcome) -> BTreeMap<AssetId, i128> {
    let mut gains = BTreeMap::<AssetId, i128>::new();
    for change in outcome.change_set().changes() {
        for (value, sign) in [(&change.old, -1), (&change.new, 1)] {
            match (&change.key, value) {
                (StateKey::Account(_), Some(StateValue::Account(account))) => {
                    *gains.entry(AssetId::NATIVE).or_default() += sign * amount(account.native.0);
                    for (asset, balance) in account.assets.iter() {
                        *gains.entry(asset).or_default() += sign * amount(balance.0);
                    }
                }
                (StateKey::Asset(asset), Some(StateValue::Asset(record))) => {
                    *gains.entry(*asset).or_default() += sign * amount(record.burned.0);
                }
                _ => {}
            }
        }
    }
    gains
}

fn amount(units: u64) -> i128 {
    i128::from(units)
}

/// Demands that no asset gained or lost a unit and that the fees are those of the receipts.
#[track_caller]
pub(crate) fn assert_conserved(outcome: &BlockOutcome, what: &str) {
    for (asset, gain) in gains(outcome) {
        assert_eq!(gain, 0, "{what}: asset {asset} gained");
    }
    let fees: u64 = outcome.results().iter().flatten().map(|receipt| receipt.fee.0).sum();
    assert_eq!(outcome.gas_fee().0, fees, "{what}: the block's fees are those of its receipts");
}

/// Demands that a block without a beneficiary changed nothing but nonces and fees: of each of these
/// people the nonce by one and the native balance by the fee.
#[track_caller]
pub(crate) fn assert_only_nonces_and_fees(outcome: &BlockOutcome, payers: &[(u64, u64)]) {
    let mut expected = BTreeMap::new();
    for (number, fee) in payers {
        let (transactions, fees) = expected.entry(account(*number)).or_insert((0_u64, 0_u64));
        *transactions += 1;
        *fees += fee;
    }
    for change in outcome.change_set().changes() {
        match (&change.key, &change.old, &change.new) {
            (
                StateKey::Account(address),
                Some(StateValue::Account(old)),
                Some(StateValue::Account(new)),
            ) => {
                let (transactions, fees) = expected
                    .remove(address)
                    .unwrap_or_else(|| panic!("{address} sent nothing and changed: {change:?}"));
                let mut paid = old.clone();
                paid.nonce.0 += transactions;
                paid.native.0 -= fees;
                assert_eq!(new, &paid, "{address} after paying its fee");
            }
            (
                StateKey::Asset(asset),
                Some(StateValue::Asset(old)),
                Some(StateValue::Asset(new)),
            ) => {
                let burned = u128::from(new.burned.0) - u128::from(old.burned.0);
                let fees: u64 = payers.iter().map(|(_, fee)| fee).sum();
                assert!(asset.is_native(), "asset {asset} was burned by a failed transaction");
                assert_eq!(burned, u128::from(fees), "the fees, and only they, are burned");
            }
            _ => panic!("a failed transaction changed {change:?}"),
        }
    }
    assert!(expected.is_empty(), "senders without a change: {expected:?}");
}

/// The receipt of a transaction that must have been included.
#[track_caller]
pub(crate) fn receipt(outcome: &BlockOutcome, idx: usize) -> &Receipt {
    outcome.results()[idx].as_ref().unwrap_or_else(|invalid| panic!("not included: {invalid}"))
}

/// Stable codes of the results; 999 for transactions that were not included.
pub(crate) fn codes(outcome: &BlockOutcome) -> Vec<u32> {
    outcome
        .results()
        .iter()
        .map(|result| result.as_ref().map_or(999, |receipt| receipt.status.code()))
        .collect()
}

/// The account, mode and host call that a status blames, if it is an undeclared access.
pub(crate) fn undeclared(
    status: &ExecutionStatus,
) -> Option<(Address, tos_runtime::AccessMode, tos_runtime::HostFunction)> {
    match status {
        ExecutionStatus::Halted(HaltReason::UndeclaredAccess {
            account,
            needed,
            host_function,
        }) => Some((*account, *needed, *host_function)),
        _ => None,
    }
}

/// Everything the engine can be asked about these keys. Codes have no getter; a contract whose code
/// is lost shows when it is called.
#[track_caller]
pub(crate) fn values<'a>(
    engine: &ContractEngine,
    keys: impl IntoIterator<Item = &'a StateKey>,
) -> BTreeMap<StateKey, Option<StateValue>> {
    let read = |key: &StateKey| match key {
        StateKey::Account(address) => {
            let account = engine.account(address).expect("it is read");
            (account != Account::default()).then_some(StateValue::Account(account))
        }
        StateKey::Asset(asset) => engine.asset(asset).expect("it is read").map(StateValue::Asset),
        StateKey::Contract(id) => {
            engine.contract(id).expect("it is read").map(|it| StateValue::Contract(it.into()))
        }
        StateKey::Slot(slot) => {
            engine.storage_value(slot).expect("it is read").map(StateValue::Slot)
        }
        StateKey::Counter(slot) => {
            let value = engine.counter_value(slot).expect("it is read");
            (value > 0).then_some(StateValue::Counter(value))
        }
        StateKey::Code(_) => None,
    };
    keys.into_iter().map(|key| (key.clone(), read(key))).collect()
}
