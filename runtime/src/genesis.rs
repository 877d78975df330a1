//! The beginning of a chain: its parameters and who holds what.

use std::collections::BTreeMap;

use tos_host_api::{Address, Amount, AssetId, Hash, TopoHeight};

use crate::config::ProtocolParams;
use crate::error::{EngineError, OpenError};
use crate::outcome::{Digests, HeaderParts, Results, seal};
use crate::state::{Account, AssetRecord, Change, ChangeSet, StateKey, StateValue};
use crate::storage::BlockRecord;
use crate::types::BlockContext;

/// What an account holds at the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// Who.
    pub account: Address,
    /// Which asset. An asset exists if some allocation names it.
    pub asset: AssetId,
    /// How much.
    pub amount: Amount,
}

/// The beginning of a chain. The native asset always exists; the supply of every asset is what the
/// allocations add up to, and nothing is minted later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    /// What every node agrees on.
    pub params: ProtocolParams,
    /// Who holds what; each pair of account and asset once, in any order.
    pub allocations: Vec<Allocation>,
}

impl Genesis {
    /// A beginning in which nobody holds anything.
    #[must_use]
    pub fn new(params: ProtocolParams) -> Self {
        Self { params, allocations: Vec::new() }
    }

    /// Adds an allocation.
    #[must_use]
    pub fn with_balance(
        mut self,
        account: impl Into<Address>,
        asset: AssetId,
        amount: Amount,
    ) -> Self {
        self.allocations.push(Allocation { account: account.into(), asset, amount });
        self
    }

    /// The record of height 0. Its parent is the id of the parameters, so its state digest, which
    /// names the chain, covers them.
    pub(crate) fn record(&self) -> Result<BlockRecord, EngineError> {
        let change_set = self.change_set()?;
        let results = Results::of(0, std::iter::empty()).encoded;
        let receipts = Hash(*blake3::hash(&results).as_bytes());
        let digests = Digests { delta: change_set.hash(), receipts };
        let parent = self.params.id();
        let mut hasher = blake3::Hasher::new_derive_key("tos-runtime genesis v1");
        hasher.update(&parent.0);
        hasher.update(&digests.delta.0);
        let header = HeaderParts {
            context: BlockContext {
                topoheight: TopoHeight::ZERO,
                stable_topoheight: TopoHeight::ZERO,
                timestamp: 0,
                block_version: 0,
                parent,
            },
            beneficiary: None,
            announced: None,
            block_hash: Hash(*hasher.finalize().as_bytes()),
        };
        Ok(seal(header, digests, change_set, results))
    }

    fn change_set(&self) -> Result<ChangeSet, EngineError> {
        let mut accounts = BTreeMap::<Address, Account>::new();
        let mut supplies = BTreeMap::from([(AssetId::NATIVE, Amount::ZERO)]);
        let mut seen = std::collections::BTreeSet::new();
        for Allocation { account, asset, amount } in &self.allocations {
            if !seen.insert((account, asset)) {
                let text = format!("{account} is allocated {asset} twice");
                return Err(OpenError::Genesis(text).into());
            }
            let supply = supplies.entry(*asset).or_default();
            *supply = supply.checked_add(*amount).ok_or_else(|| {
                OpenError::Genesis(format!("allocations of {asset} add up to more than 2^64 - 1"))
            })?;
            accounts.entry(*account).or_default().set_balance(*asset, *amount);
        }
        let accounts = accounts
            .into_iter()
            .filter(|(_, account)| account.exists())
            .map(|(address, account)| (StateKey::Account(address), StateValue::Account(account)));
        let assets = supplies.into_iter().map(|(asset, supply)| {
            let record = AssetRecord { supply, burned: Amount::ZERO };
            (StateKey::Asset(asset), StateValue::Asset(record))
        });
        let changes = accounts
            .chain(assets)
            .map(|(key, value)| Change { key, old: None, new: Some(value) })
            .collect();
        ChangeSet::new(changes)
    }
}
