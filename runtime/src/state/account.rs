//! Records of accounts, contracts and assets as they are stored.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use tos_host_api::{Address, Amount, AssetId, Hash, Nonce};

/// An account: how many transactions it has sent and what it holds.
///
/// Invariant: `assets` holds neither the native asset nor zero amounts, so that equal accounts have
/// equal encodings. An account equal to the default does not exist.
#[derive(
    Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct Account {
    /// Transactions sent so far. Kept when the account is empty, so that none can be replayed.
    pub nonce: Nonce,
    /// Native balance.
    pub native: Amount,
    /// Balances of other assets.
    pub assets: BTreeMap<AssetId, Amount>,
}

impl Account {
    /// The balance of an asset; zero where there is none.
    #[must_use]
    pub fn balance(&self, asset: &AssetId) -> Amount {
        if asset.is_native() {
            self.native
        } else {
            self.assets.get(asset).copied().unwrap_or(Amount::ZERO)
        }
    }

    /// Sets the balance of an asset, keeping the invariant.
    pub(crate) fn set_balance(&mut self, asset: AssetId, amount: Amount) {
        if asset.is_native() {
            self.native = amount;
        } else if amount == Amount::ZERO {
            self.assets.remove(&asset);
        } else {
            self.assets.insert(asset, amount);
        }
    }

    /// Whether the account exists, that is, differs from the default.
    #[must_use]
    pub fn exists(&self) -> bool {
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
