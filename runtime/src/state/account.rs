//! Records of accounts, contracts and assets as they are stored.

use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use tos_host_api::{Address, Amount, AssetId, Hash, Nonce};

use crate::planted::{Bug, planted};

/// An account: how many transactions it has sent and what it holds.
///
/// An account equal to the default does not exist.
#[derive(
    Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct Account {
    /// Transactions sent so far. Kept when the account is empty, so that none can be replayed.
    pub nonce: Nonce,
    /// Native balance.
    pub native: Amount,
    /// Balances of other assets.
    pub assets: AssetBalances,
}

/// Balances of assets other than the native one.
///
/// Invariant: ascending by asset, no asset twice, neither the native asset nor zero amounts; so
/// equal balances have equal encodings. Clones share their entries, because accounts are copied
/// far more often than their rarer assets change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AssetBalances {
    /// A thin pointer: accounts are many and their other assets few.
    entries: Option<Arc<Vec<(AssetId, Amount)>>>,
}

impl AssetBalances {
    /// The balances, ascending by asset.
    pub fn iter(&self) -> impl Iterator<Item = (AssetId, Amount)> {
        self.entries().iter().copied()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_none()
    }

    /// Reads something of them, which brings them into the cache.
    pub(crate) fn touch(&self) -> u8 {
        self.entries().first().map_or(0, |(asset, _)| asset.0[0])
    }

    fn entries(&self) -> &[(AssetId, Amount)] {
        self.entries.as_deref().map_or(&[], Vec::as_slice)
    }

    fn get(&self, asset: &AssetId) -> Option<Amount> {
        let idx = self.entries().binary_search_by(|(known, _)| known.cmp(asset)).ok()?;
        self.entries().get(idx).map(|(_, amount)| *amount)
    }

    fn set(&mut self, asset: AssetId, amount: Amount) {
        let mut entries = self.entries().to_vec();
        match entries.binary_search_by(|(known, _)| known.cmp(&asset)) {
            Ok(idx) if amount == Amount::ZERO => drop(entries.remove(idx)),
            Ok(idx) => entries[idx].1 = amount,
            Err(_) if amount == Amount::ZERO => {}
            Err(idx) => entries.insert(idx, (asset, amount)),
        }
        self.entries = (!entries.is_empty()).then(|| Arc::new(entries));
    }

    /// Becomes these entries, which keep the invariant. Nothing is copied if they are what it is.
    pub(super) fn become_ascending<I>(&mut self, entries: impl Fn() -> I)
    where
        I: ExactSizeIterator<Item = (AssetId, Amount)>,
    {
        let as_many =
            planted(Bug::AssetsTakenForUnchanged) && self.entries().len() == entries().len();
        if as_many || self.iter().eq(entries()) {
            return;
        }
        let entries = entries();
        self.entries = (entries.len() > 0).then(|| Arc::new(entries.collect()));
    }

    /// Balances from stored entries, if they keep the invariant.
    fn from_entries(entries: Vec<(AssetId, Amount)>) -> Option<Self> {
        let ascending = entries.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let proper =
            |(asset, amount): &(AssetId, Amount)| !asset.is_native() && *amount != Amount::ZERO;
        let entries = (ascending && entries.iter().all(proper)).then_some(entries)?;
        Some(Self { entries: (!entries.is_empty()).then(|| Arc::new(entries)) })
    }
}

impl Account {
    /// The account as nonce, native balance and the rest are; nothing is copied.
    pub(crate) fn parts(&self) -> AccountParts<'_> {
        AccountParts { nonce: self.nonce, native: self.native, assets: &self.assets }
    }

    /// The balance of an asset; zero where there is none.
    #[must_use]
    pub fn balance(&self, asset: &AssetId) -> Amount {
        if asset.is_native() { self.native } else { self.assets.get(asset).unwrap_or(Amount::ZERO) }
    }

    /// Sets the balance of an asset, keeping the invariant.
    pub(crate) fn set_balance(&mut self, asset: AssetId, amount: Amount) {
        if asset.is_native() {
            self.native = amount;
        } else {
            self.assets.set(asset, amount);
        }
    }

    /// Whether the account exists, that is, differs from the default.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.parts().exists()
    }
}

/// What an account consists of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AccountParts<'a> {
    pub(crate) nonce: Nonce,
    pub(crate) native: Amount,
    pub(crate) assets: &'a AssetBalances,
}

impl AccountParts<'_> {
    /// See [`Account::exists`].
    pub(crate) fn exists(&self) -> bool {
        self.nonce != Nonce::ZERO || self.native != Amount::ZERO || !self.assets.is_empty()
    }
}

/// A deployed contract.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ContractRecord {
    /// BLAKE3 of the module as deployed.
    pub code_hash: Hash,
    /// Who may upgrade it: the deployer.
    pub authority: Address,
    /// Starts at 1; each upgrade adds one.
    pub version: u32,
}

/// An asset and what has become of it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct AssetRecord {
    /// Units created at genesis. Circulating is `supply - burned`.
    pub supply: Amount,
    /// Units destroyed since.
    pub burned: Amount,
}

/// Zero amounts and the native asset are left out; of several amounts of one asset the last counts.
impl FromIterator<(AssetId, Amount)> for AssetBalances {
    fn from_iter<I: IntoIterator<Item = (AssetId, Amount)>>(amounts: I) -> Self {
        let mut balances = Self::default();
        for (asset, amount) in amounts {
            if !asset.is_native() {
                balances.set(asset, amount);
            }
        }
        balances
    }
}

/// Encoded as the list of entries.
mod encoding {
    use std::io::{Error, ErrorKind, Read, Result, Write};

    use super::{Amount, AssetBalances, AssetId, BorshDeserialize, BorshSerialize};

    impl BorshSerialize for AssetBalances {
        fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
            self.entries().serialize(writer)
        }
    }

    impl BorshDeserialize for AssetBalances {
        fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
            let entries = Vec::<(AssetId, Amount)>::deserialize_reader(reader)?;
            let wrong = || Error::new(ErrorKind::InvalidData, "asset balances out of order");
            Self::from_entries(entries).ok_or_else(wrong)
        }
    }

    impl serde::Serialize for AssetBalances {
        fn serialize<S: serde::Serializer>(
            &self,
            serializer: S,
        ) -> std::result::Result<S::Ok, S::Error> {
            serializer.collect_map(self.iter())
        }
    }

    impl<'de> serde::Deserialize<'de> for AssetBalances {
        fn deserialize<D: serde::Deserializer<'de>>(
            deserializer: D,
        ) -> std::result::Result<Self, D::Error> {
            type Entries = std::collections::BTreeMap<AssetId, Amount>;
            let entries = <Entries as serde::Deserialize>::deserialize(deserializer)?;
            let wrong = || serde::de::Error::custom("zero or native amount among other assets");
            Self::from_entries(entries.into_iter().collect()).ok_or_else(wrong)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balances_that_stay_the_same_stay_shared() {
        let balances = |amount| [(AssetId([1; 32]), Amount(amount))].into_iter().collect();
        let (before, other): (AssetBalances, AssetBalances) = (balances(5), balances(6));
        let mut after = before.clone();
        for target in [&before, &other, &AssetBalances::default(), &before] {
            after.become_ascending(|| target.entries().iter().copied());
            assert_eq!(&after, target);
        }
        let copy = after.clone();
        after.become_ascending(|| other.entries().iter().copied());
        after.become_ascending(|| other.entries().iter().copied());
        assert_eq!(copy, before, "a copy is not changed");
        let shared = before.clone();
        let mut same = before.clone();
        same.become_ascending(|| balances(5).entries().to_vec().into_iter());
        let entries = |balances: &AssetBalances| balances.entries.clone().expect("there is one");
        assert!(Arc::ptr_eq(&entries(&same), &entries(&shared)));
    }
}
