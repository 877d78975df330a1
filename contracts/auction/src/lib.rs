//! An auction of one lot, an amount of any asset, for native money.
//!
//! Nobody is paid by somebody else's call: what a bid, or the end, makes due is put down, and each
//! collects their own. A bid then touches nobody but the bidder and the auction, and a bidder whose
//! account could not be paid would not be in anybody's way. Bids of one auction wait for each
//! other, since each has to beat the last; those of different auctions do not.
#![no_std]

use tos_sdk::prelude::*;

/// One auction. Its deployer sells.
#[contract]
pub struct Auction {
    /// Who sells.
    seller: Value<Address>,
    /// What is sold, once it is on offer.
    lot: Value<Lot>,
    /// The highest bid so far.
    highest: Value<Bid>,
    /// Whether the lot and its price have been put down as due.
    closed: Value<bool>,
    /// What people can collect, by asset.
    due: Map<(Address, AssetId), u64>,
}

/// What is sold, and how.
#[derive(Data)]
pub struct Lot {
    /// What kind of asset.
    pub asset: AssetId,
    /// How much of it.
    pub amount: u64,
    /// The least that counts as a bid.
    pub reserve: u64,
    /// The first block in which no bid counts.
    pub ends: TopoHeight,
}

/// An offer.
#[derive(Data)]
pub struct Bid {
    /// Whose.
    pub bidder: Address,
    /// How much native money, which the auction holds.
    pub amount: u64,
}

/// What can go wrong.
#[error]
pub enum AuctionError {
    /// Only the seller may do this.
    NotSeller = 1,
    /// The lot is on offer already.
    AlreadyOpen = 2,
    /// The call brought nothing to sell along.
    NothingOffered = 3,
    /// The auction would have ended already.
    EndsTooSoon = 4,
    /// The lot is not on offer yet.
    NotOpen = 5,
    /// The auction has ended.
    Ended = 6,
    /// The bid is below the reserve or not above the highest bid.
    TooLow = 7,
    /// The auction has not ended yet.
    NotEnded = 8,
    /// The auction is closed already.
    AlreadyClosed = 9,
    /// Nothing of this asset is due to the caller.
    NothingDue = 10,
}

/// The lot is on offer.
#[event("auction.opened")]
pub struct Opened {
    /// What kind of asset.
    #[topic]
    pub asset: AssetId,
    /// How much of it.
    pub amount: u64,
    /// The least that counts as a bid.
    pub reserve: u64,
    /// The first block in which no bid counts.
    pub ends: TopoHeight,
}

/// There is a new highest bid.
#[event("auction.bid")]
pub struct Outbid {
    /// Whose.
    #[topic]
    pub bidder: Address,
    /// How much.
    pub amount: u64,
}

/// The auction is over.
#[event("auction.closed")]
pub struct Closed {
    /// Who has won, if anybody bid.
    pub winner: Option<Address>,
    /// The price.
    pub price: u64,
}

#[entries]
impl Auction {
    /// Makes the deployer the seller.
    #[init]
    #[access()]
    pub fn init(&mut self) {
        self.seller.set(&env::caller());
    }

    /// Puts on offer what the call brings along of an asset. For the seller, once.
    #[access(contract: write)]
    #[payable]
    pub fn open(
        &mut self,
        asset: AssetId,
        reserve: u64,
        ends: TopoHeight,
    ) -> Result<(), AuctionError> {
        require!(env::caller() == self.seller.load(), AuctionError::NotSeller);
        require!(!self.lot.is_set(), AuctionError::AlreadyOpen);
        let amount = env::deposit(asset);
        require!(amount > 0, AuctionError::NothingOffered);
        require!(ends > env::topoheight(), AuctionError::EndsTooSoon);
        self.lot.set(&Lot { asset, amount, reserve, ends });
        env::emit(&Opened { asset, amount, reserve, ends });
        Ok(())
    }

    /// Bids the native money that the call brings along. Whoever is outbid can collect theirs.
    #[access(contract: write)]
    #[payable]
    pub fn bid(&mut self) -> Result<(), AuctionError> {
        let lot = self.offered()?;
        require!(env::topoheight() < lot.ends, AuctionError::Ended);
        let bid = Bid { bidder: env::caller(), amount: env::deposit(AssetId::NATIVE) };
        require!(bid.amount > 0 && bid.amount >= lot.reserve, AuctionError::TooLow);
        if let Some(last) = self.highest.get() {
            require!(bid.amount > last.amount, AuctionError::TooLow);
            self.owe(last.bidder, AssetId::NATIVE, last.amount);
        }
        self.highest.set(&bid);
        env::emit(&Outbid { bidder: bid.bidder, amount: bid.amount });
        Ok(())
    }

    /// Ends the auction: the lot is due to the highest bidder and the price to the seller, or the
    /// lot to the seller if nobody bid. Anybody may do this.
    #[access(contract: write)]
    pub fn close(&mut self) -> Result<(), AuctionError> {
        let lot = self.offered()?;
        require!(env::topoheight() >= lot.ends, AuctionError::NotEnded);
        require!(!self.closed.is_set(), AuctionError::AlreadyClosed);
        self.closed.set(&true);
        let seller = self.seller.load();
        let (winner, price) = match self.highest.get() {
            Some(bid) => (Some(bid.bidder), bid.amount),
            None => (None, 0),
        };
        self.owe(winner.unwrap_or(seller), lot.asset, lot.amount);
        self.owe(seller, AssetId::NATIVE, price);
        env::emit(&Closed { winner, price });
        Ok(())
    }

    /// Pays the caller all that is due to them of an asset.
    #[access(contract: write, caller: credit)]
    pub fn collect(&mut self, asset: AssetId) -> Result<u64, AuctionError> {
        let caller = env::caller();
        let amount = self.due.get(&(caller, asset)).ok_or(AuctionError::NothingDue)?;
        self.due.remove(&(caller, asset));
        env::pay(caller, asset, amount);
        Ok(amount)
    }

    /// What is sold, once it is on offer.
    pub fn lot(&self) -> Option<Lot> {
        self.lot.get()
    }

    /// The highest bid so far.
    pub fn highest(&self) -> Option<Bid> {
        self.highest.get()
    }

    /// What somebody can collect of an asset.
    pub fn due(&self, who: Address, asset: AssetId) -> u64 {
        self.due.load_or_default(&(who, asset))
    }

    fn offered(&self) -> Result<Lot, AuctionError> {
        self.lot.get().ok_or(AuctionError::NotOpen)
    }

    /// Puts down that money is due. The sum cannot overflow: the contract's account holds all of
    /// it, and an asset's supply is a `u64`.
    fn owe(&mut self, to: Address, asset: AssetId, amount: u64) {
        if amount > 0 {
            let due = self.due.load_or_default(&(to, asset)) + amount;
            self.due.set(&(to, asset), &due);
        }
    }
}
