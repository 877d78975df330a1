//! The journal's view of accounts: nonces, balances, contract records.

use tos_host_api::{AccessMode, Address, Amount, AssetId, ContractId, HostFunction};

use super::super::ContractRecord;
use super::{AccountDraft, AssetDraft, Journal, Taken, Undo, overflow};
use crate::execute::Interrupt;

impl Journal {
    /// The draft at a position with nonce and native balance loaded.
    #[inline]
    fn loaded(&mut self, position: usize) -> &mut AccountDraft {
        let draft = &mut self.drafts[position];
        if !draft.loaded {
            (draft.nonce, draft.native) = self.overlay.account(draft.account);
            draft.loaded = true;
        }
        draft
    }

    /// An account's nonce.
    pub(crate) fn nonce(&mut self, account: &Address, by: HostFunction) -> Result<u64, Interrupt> {
        let position = self.find(account, AccessMode::Read, by)?;
        Ok(self.loaded(position).nonce)
    }

    /// Sets an account's nonce. Not undone by a rollback: a nonce survives its transaction.
    pub(crate) fn set_nonce(
        &mut self,
        account: &Address,
        nonce: u64,
        by: HostFunction,
    ) -> Result<(), Interrupt> {
        let position = self.find(account, AccessMode::Write, by)?;
        let draft = self.loaded(position);
        draft.nonce = nonce;
        draft.touched = true;
        Ok(())
    }

    /// An account's balance of an asset.
    pub(crate) fn balance(
        &mut self,
        account: &Address,
        asset: &AssetId,
        by: HostFunction,
    ) -> Result<u64, Interrupt> {
        let position = self.find(account, AccessMode::Read, by)?;
        if asset.is_native() {
            return Ok(self.loaded(position).native);
        }
        let index = self.asset(position, asset);
        Ok(self.drafts[position].assets[index].balance)
    }

    /// Takes an amount from an account, if it has it.
    pub(crate) fn debit(
        &mut self,
        account: &Address,
        asset: &AssetId,
        amount: u64,
        by: HostFunction,
    ) -> Result<Taken, Interrupt> {
        let position = self.find(account, AccessMode::Write, by)?;
        let found = self.balance(account, asset, by)?;
        let Some(rest) = found.checked_sub(amount) else {
            return Ok(Taken::Insufficient { found: u128::from(found) });
        };
        self.set_balance(position, asset, rest);
        Ok(Taken::Yes)
    }

    /// Gives an amount to an account. Under `Credit` the balance is not read.
    pub(crate) fn credit(
        &mut self,
        account: &Address,
        asset: &AssetId,
        amount: u64,
        by: HostFunction,
    ) -> Result<(), Interrupt> {
        let position = self.find(account, AccessMode::Credit, by)?;
        let overflow = || overflow("balance", *account);
        if self.drafts[position].mode == AccessMode::Write {
            let sum = self.balance(account, asset, by)?.checked_add(amount);
            self.set_balance(position, asset, sum.ok_or_else(overflow)?);
            return Ok(());
        }
        if asset.is_native() {
            let draft = &mut self.drafts[position];
            self.undo.push(Undo::Native { position, native: draft.native, added: draft.added });
            draft.added = draft.added.checked_add(amount).ok_or_else(overflow)?;
        } else {
            let index = self.asset(position, asset);
            let draft = &mut self.drafts[position].assets[index];
            let (balance, added) = (draft.balance, draft.added);
            self.undo.push(Undo::Asset { position, index, balance, added });
            draft.added = added.checked_add(amount).ok_or_else(overflow)?;
        }
        self.drafts[position].touched = true;
        Ok(())
    }

    /// Notes that an amount, already debited, leaves circulation.
    pub(crate) fn burn(&mut self, asset: AssetId, amount: Amount) {
        self.burned.push((asset, amount));
    }

    #[inline]
    fn set_balance(&mut self, position: usize, asset: &AssetId, balance: u64) {
        if asset.is_native() {
            let draft = self.loaded(position);
            let (native, added) = (draft.native, draft.added);
            draft.native = balance;
            self.undo.push(Undo::Native { position, native, added });
        } else {
            let index = self.asset(position, asset);
            let draft = &mut self.drafts[position].assets[index];
            let (before, added) = (draft.balance, draft.added);
            draft.balance = balance;
            self.undo.push(Undo::Asset { position, index, balance: before, added });
        }
        self.drafts[position].touched = true;
    }

    /// The index of an asset's draft; loads the balance unless the mode is `Credit`.
    fn asset(&mut self, position: usize, asset: &AssetId) -> usize {
        let draft = &mut self.drafts[position];
        if let Some(index) = draft.assets.iter().position(|known| known.asset == *asset) {
            return index;
        }
        let balance = match draft.mode {
            AccessMode::Credit => 0,
            AccessMode::Read | AccessMode::Write => {
                self.overlay.asset_balance(draft.account, asset)
            }
        };
        draft.assets.push(AssetDraft { asset: *asset, balance, added: 0 });
        draft.assets.len() - 1
    }

    /// The record of a contract.
    pub(crate) fn contract(
        &mut self,
        id: &ContractId,
        by: HostFunction,
    ) -> Result<Option<ContractRecord>, Interrupt> {
        let position = self.find(&Address::Contract(*id), AccessMode::Read, by)?;
        let draft = &self.drafts[position];
        match &draft.contract {
            Some(record) => Ok(Some(record.clone())),
            None => Ok(self.overlay.contract(draft.account, id)?),
        }
    }

    /// Sets the record of a contract.
    pub(crate) fn set_contract(
        &mut self,
        id: &ContractId,
        record: ContractRecord,
        by: HostFunction,
    ) -> Result<(), Interrupt> {
        let position = self.find(&Address::Contract(*id), AccessMode::Write, by)?;
        let draft = &mut self.drafts[position];
        let before = draft.contract.replace(record).map(Box::new);
        draft.touched = true;
        self.undo.push(Undo::Contract { position, record: before });
        Ok(())
    }
}
