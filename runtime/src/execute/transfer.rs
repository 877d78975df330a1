//! Transfers and burns: the transactions that run no contract.

use tos_host_api::{Address, Amount, AssetId};

use super::Interrupt;
use super::transaction::{Applied, Executor, NATIVE, TxRef};
use crate::error::EngineError;
use crate::planted::{Bug, planted};
use crate::state::Taken;
use crate::types::{Deposit, RevertReason, Transfer};

impl Executor {
    /// All or nothing: the sums are debited first, then every destination is credited.
    pub(super) fn transfer(&mut self, tx: TxRef<'_>, transfers: &[Transfer]) -> Applied {
        let source = Address::Key(tx.tx.source);
        let result = self.move_all(&source, transfers);
        Applied::native(result, tx.intrinsic_gas)
    }

    fn move_all(&mut self, source: &Address, transfers: &[Transfer]) -> Result<(), Interrupt> {
        if let [transfer] = transfers {
            self.debit_sum(source, transfer.asset, u128::from(transfer.amount.0))?;
        } else {
            for (asset, sum) in sums(transfers) {
                self.debit_sum(source, asset, sum)?;
            }
        }
        for Transfer { destination, asset, amount } in transfers {
            let minted = u64::from(planted(Bug::MintsUnchecked));
            self.scope.journal.credit(destination, asset, amount.0 + minted, NATIVE)?;
        }
        Ok(())
    }

    /// Destroys an amount of the source's balance.
    pub(super) fn burn(&mut self, tx: TxRef<'_>, asset: AssetId, amount: Amount) -> Applied {
        let source = Address::Key(tx.tx.source);
        let result = self.debit_sum(&source, asset, u128::from(amount.0));
        if result.is_ok() {
            self.scope.journal.burn(asset, amount);
        }
        Applied::native(result, tx.intrinsic_gas)
    }

    /// Moves what a call brings along from the source to the contract.
    pub(super) fn move_deposits(
        &mut self,
        source: &Address,
        contract: &Address,
        deposits: &[Deposit],
    ) -> Result<(), Interrupt> {
        for Deposit { asset, amount } in deposits {
            self.debit_sum(source, *asset, u128::from(amount.0))?;
            self.scope.journal.credit(contract, asset, amount.0, NATIVE)?;
        }
        Ok(())
    }

    /// Debits a sum or reverts.
    fn debit_sum(&mut self, source: &Address, asset: AssetId, sum: u128) -> Result<(), Interrupt> {
        if !asset.is_native() && self.scope.journal.overlay().chain().asset(&asset)?.is_none() {
            return Err(RevertReason::UnknownAsset(asset).into());
        }
        let insufficient =
            |found| Err(RevertReason::InsufficientBalance { asset, needed: sum, found }.into());
        let Ok(amount) = u64::try_from(sum) else {
            return insufficient(Amount(self.scope.journal.balance(source, &asset, NATIVE)?));
        };
        match self.scope.journal.debit(source, &asset, amount, NATIVE)? {
            Taken::Yes => Ok(()),
            Taken::Insufficient { found } => {
                let found = u64::try_from(found)
                    .map_err(|_| EngineError::Bug("a balance is larger than an amount".into()))?;
                insufficient(Amount(found))
            }
        }
    }
}

/// The sum per asset, in order of first mention. Few assets, so a scan will do.
fn sums(transfers: &[Transfer]) -> Vec<(AssetId, u128)> {
    let mut sums = Vec::<(AssetId, u128)>::new();
    for Transfer { asset, amount, .. } in transfers {
        // At most `TRANSFERS_MAX` amounts of 64 bits: the sum fits 128 bits by far.
        match sums.iter_mut().find(|(known, _)| known == asset) {
            Some((_, sum)) => *sum += u128::from(amount.0),
            None => sums.push((*asset, u128::from(amount.0))),
        }
    }
    sums
}
