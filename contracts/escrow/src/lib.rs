//! An escrow. Whoever pays deposits money for somebody and releases it when the goods have come;
//! when a deal expires, the payer can take the money back.
//!
//! A deal is in its payer's partition, so any number of people open deals at once. Money that
//! leaves does so from the contract's one account: releases and refunds of one escrow wait for each
//! other.
#![no_std]

use tos_sdk::prelude::*;

/// An escrow for anybody's deals, in any asset.
#[contract]
pub struct Escrow {
    /// Open deals by payer; then by payee and the payer's own reference, such as an order's number.
    deals: PerAccount<Map<(Address, u64), Deal>>,
}

/// Money that waits.
#[derive(Data)]
pub struct Deal {
    /// What kind of money.
    pub asset: AssetId,
    /// How much.
    pub amount: u64,
    /// The first block in which the payer can take it back.
    pub expires: TopoHeight,
}

/// What can go wrong.
#[error]
pub enum EscrowError {
    /// The call brought nothing of the asset along.
    NothingDeposited = 1,
    /// The deal would have expired already.
    ExpiresTooSoon = 2,
    /// The payer has an open deal with this payee and reference.
    DealExists = 3,
    /// The payer has no open deal with this payee and reference.
    NoDeal = 4,
    /// The deal has not expired.
    NotExpired = 5,
}

/// A deal is open.
#[event("escrow.opened")]
pub struct Opened {
    /// Whose money.
    #[topic]
    pub payer: Address,
    /// For whom.
    #[topic]
    pub payee: Address,
    /// The payer's reference.
    pub reference: u64,
    /// What kind of money.
    pub asset: AssetId,
    /// How much.
    pub amount: u64,
    /// The first block in which the payer can take it back.
    pub expires: TopoHeight,
}

/// A deal is over.
#[event("escrow.closed")]
pub struct Closed {
    /// Whose money it was.
    #[topic]
    pub payer: Address,
    /// For whom it was.
    #[topic]
    pub payee: Address,
    /// The payer's reference.
    pub reference: u64,
    /// Whether the payee has got it.
    pub released: bool,
}

#[entries]
impl Escrow {
    /// Opens a deal over all that the call brings along of an asset.
    #[access(caller: write, contract: credit)]
    #[payable]
    pub fn open(
        &mut self,
        payee: Address,
        reference: u64,
        asset: AssetId,
        expires: TopoHeight,
    ) -> Result<(), EscrowError> {
        let payer = env::caller();
        let amount = env::deposit(asset);
        require!(amount > 0, EscrowError::NothingDeposited);
        require!(expires > env::topoheight(), EscrowError::ExpiresTooSoon);
        let mut deals = self.deals.of_mut(payer);
        require!(!deals.contains(&(payee, reference)), EscrowError::DealExists);
        deals.set(&(payee, reference), &Deal { asset, amount, expires });
        env::emit(&Opened { payer, payee, reference, asset, amount, expires });
        Ok(())
    }

    /// Gives the payee the money of one of the caller's deals, expired or not.
    #[access(caller: write, contract: write, payee: credit)]
    pub fn release(&mut self, payee: Address, reference: u64) -> Result<(), EscrowError> {
        let payer = env::caller();
        let deal = self.close(payer, payee, reference, true)?;
        env::pay(payee, deal.asset, deal.amount);
        Ok(())
    }

    /// Gives the caller the money of one of their deals back, which has expired.
    #[access(caller: write, contract: write)]
    pub fn refund(&mut self, payee: Address, reference: u64) -> Result<(), EscrowError> {
        let payer = env::caller();
        let deal = self.close(payer, payee, reference, false)?;
        require!(env::topoheight() >= deal.expires, EscrowError::NotExpired);
        env::pay(payer, deal.asset, deal.amount);
        Ok(())
    }

    /// An open deal.
    pub fn deal(&self, payer: Address, payee: Address, reference: u64) -> Option<Deal> {
        self.deals.of(payer).get(&(payee, reference))
    }

    /// Ends a deal. Whoever fails afterwards undoes that too.
    fn close(
        &mut self,
        payer: Address,
        payee: Address,
        reference: u64,
        released: bool,
    ) -> Result<Deal, EscrowError> {
        let mut deals = self.deals.of_mut(payer);
        let deal = deals.get(&(payee, reference)).ok_or(EscrowError::NoDeal)?;
        deals.remove(&(payee, reference));
        env::emit(&Closed { payer, payee, reference, released });
        Ok(deal)
    }
}
