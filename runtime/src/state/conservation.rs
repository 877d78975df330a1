//! Money is conserved: the check that runs on every block, in release builds too.

use std::collections::BTreeMap;

use tos_host_api::{Amount, AssetId};

use super::{AccountParts, Change, StateKey, StateValue};
use crate::error::EngineError;

/// What changed balances and burned units come to, before and after.
///
/// Fees need no term of their own: they are credited to the beneficiary or burned before the
/// changes are made. Sums of at most 2^32 amounts of 64 bits fit 128 bits.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    native: (u128, u128),
    others: BTreeMap<AssetId, (u128, u128)>,
}

impl Sums {
    /// Adds what a change changes.
    pub(crate) fn add(&mut self, change: &Change) {
        for (value, after) in [(&change.old, false), (&change.new, true)] {
            match value {
                Some(StateValue::Account(account)) => self.add_account(account.parts(), after),
                Some(StateValue::Asset(record)) => {
                    let StateKey::Asset(asset) = change.key else { continue };
                    add(self.of(asset), record.burned, after);
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

    /// Adds what changes between two values of an account.
    pub(crate) fn add_accounts(&mut self, old: AccountParts<'_>, new: AccountParts<'_>) {
        if std::ptr::eq(old.assets, new.assets) {
            // The very same before and after: only the native balance can make a difference.
            add(&mut self.native, old.native, false);
            add(&mut self.native, new.native, true);
        } else {
            self.add_account(old, false);
            self.add_account(new, true);
        }
    }

    fn add_account(&mut self, account: AccountParts<'_>, after: bool) {
        add(&mut self.native, account.native, after);
        for (asset, amount) in account.assets.iter() {
            add(self.of(asset), amount, after);
        }
    }

    /// Adds what others came to.
    pub(crate) fn absorb(&mut self, sums: Self) {
        for (asset, (before, after)) in sums.all() {
            let own = self.of(asset);
            own.0 += before;
            own.1 += after;
        }
    }

    /// Checks that the changes, which are all of a block's, move and burn, but neither create nor
    /// lose.
    ///
    /// # Errors
    /// [`EngineError::NotConserved`] with the first asset whose changed balances and burned units
    /// do not add up to what they were.
    pub(crate) fn check(self) -> Result<(), EngineError> {
        match self.all().find(|(_, (before, after))| before != after) {
            Some((asset, (before, after))) => {
                Err(EngineError::NotConserved { asset, before, after })
            }
            None => Ok(()),
        }
    }

    fn of(&mut self, asset: AssetId) -> &mut (u128, u128) {
        if asset.is_native() { &mut self.native } else { self.others.entry(asset).or_default() }
    }

    fn all(self) -> impl Iterator<Item = (AssetId, (u128, u128))> {
        self.others.into_iter().chain([(AssetId::NATIVE, self.native)])
    }
}

fn add(sums: &mut (u128, u128), amount: Amount, after: bool) {
    let sum = if after { &mut sums.1 } else { &mut sums.0 };
    *sum += u128::from(amount.0);
}

#[cfg(test)]
mod tests {
    use tos_host_api::{Address, Nonce, PublicKey};

    use super::*;
    use crate::state::{Account, AssetRecord};

    const GOLD: AssetId = AssetId([2; 32]);

    fn account(id: u8, native: u64, gold: u64) -> (StateKey, StateValue) {
        let mut account = Account { nonce: Nonce(1), ..Account::default() };
        account.set_balance(AssetId::NATIVE, Amount(native));
        account.set_balance(GOLD, Amount(gold));
        let address = Address::Key(PublicKey([id; 32]));
        (StateKey::Account(address), StateValue::Account(account))
    }

    fn burned(asset: AssetId, burned: u64) -> (StateKey, StateValue) {
        let record = AssetRecord { supply: Amount(u64::MAX), burned: Amount(burned) };
        (StateKey::Asset(asset), StateValue::Asset(record))
    }

    /// Checks a change from the first to the second value of each key.
    fn check(changes: &[[(StateKey, StateValue); 2]]) -> Result<(), EngineError> {
        let change = |[(key, old), (_, new)]: &[(StateKey, StateValue); 2]| Change {
            key: key.clone(),
            old: Some(old.clone()),
            new: Some(new.clone()),
        };
        let changes: Vec<Change> = changes.iter().map(change).collect();
        // In two parts, as two workers would have them.
        let (mut sums, mut others) = (Sums::default(), Sums::default());
        let (some, rest) = changes.split_at(changes.len() / 2);
        some.iter().for_each(|change| sums.add(change));
        rest.iter().for_each(|change| others.add(change));
        sums.absorb(others);
        sums.check()
    }

    #[test]
    fn what_moves_and_what_burns_is_conserved() {
        check(&[
            [account(1, 10, 5), account(1, 3, 0)],
            [account(2, u64::MAX - 7, 0), account(2, u64::MAX, 4)],
            [burned(GOLD, 1), burned(GOLD, 2)],
        ])
        .expect("nothing is created or lost");
    }

    #[test]
    fn a_unit_too_many_or_too_few_of_any_asset_is_an_error() {
        let cases = [
            (AssetId::NATIVE, vec![[account(1, 10, 5), account(1, 11, 5)]]),
            (AssetId::NATIVE, vec![[account(1, 10, 5), account(1, 9, 5)]]),
            (GOLD, vec![[account(1, 10, 5), account(1, 10, 6)]]),
            (GOLD, vec![[burned(GOLD, 5), burned(GOLD, 6)]]),
            (AssetId::NATIVE, vec![[burned(AssetId::NATIVE, 5), burned(AssetId::NATIVE, 4)]]),
            // One asset does not make up for another.
            (GOLD, vec![[account(1, 10, 5), account(1, 11, 4)]]),
        ];
        for (expected, changes) in cases {
            match check(&changes) {
                Err(EngineError::NotConserved { asset, .. }) => assert_eq!(asset, expected),
                other => panic!("expected NotConserved, found {other:?}"),
            }
        }
    }
}
