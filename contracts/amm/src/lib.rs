//! A market between a token and native money: a constant product pool.
//!
//! Native money comes with a call, as its deposit. Tokens do not: whoever sells them or adds
//! liquidity first lets the pool spend them with the token's `approve`, and the pool fetches what
//! it needs with `transfer_from`. The pool sends tokens with `transfer`.
//!
//! The pool goes by its own books and not by its balances, so that nobody moves the price by
//! sending it something. All rounding is in the pool's favour: neither a swap nor a change of
//! liquidity ever makes a share worth less. Calls of one pool wait for each other; pools do not,
//! also with the same token, since a transfer of tokens touches the two holders only.
//!
//! A pool is as good as its token: one that lies about transfers can take the native money.
#![no_std]

use token::{TokenClient, TokenError};
use tos_sdk::prelude::*;

/// One pool.
#[contract]
pub struct Amm {
    /// The token.
    token: Value<ContractId>,
    /// What belongs to the pool.
    reserves: Value<Reserves>,
    /// How many shares of that there are.
    total_shares: Value<u64>,
    /// Who has them.
    shares: PerAccount<Counter>,
}

/// What belongs to the pool.
#[derive(Data, Clone, Copy, Default)]
pub struct Reserves {
    /// Native units.
    pub native: u64,
    /// Tokens.
    pub token: u64,
}

/// What somebody gives in a swap.
#[derive(Data, Clone, Copy)]
pub enum Side {
    /// Native units for tokens.
    Native,
    /// Tokens for native units.
    Token,
}

/// What stays of each 1000 units given: the fee is 0.3 %.
const KEPT_PER_MILLE: u128 = 997;

/// Shares of the first deposit that nobody gets: so the pool is never empty again, and a share
/// never so dear that rounding takes much from those who come later.
pub const LOCKED_SHARES: u64 = 1_000;

/// What can go wrong.
#[error]
pub enum AmmError {
    /// The call brought nothing along, or asked for nothing.
    NothingGiven = 1,
    /// The pool has no liquidity.
    Empty = 2,
    /// The price is worse than the caller's bound.
    Slippage = 3,
    /// The pool would hold more than fits.
    TooMuch = 4,
    /// The liquidity is not worth a share.
    TooLittle = 5,
    /// The caller has fewer shares.
    InsufficientShares = 6,
    /// The caller has fewer tokens.
    InsufficientTokens = 7,
    /// The caller has not let the pool spend that many tokens.
    NotApproved = 8,
    /// The token failed in another way, or the address is no token.
    TokenFailed = 9,
}

/// Somebody has swapped.
#[event("amm.swap")]
pub struct Swapped {
    /// Who.
    #[topic]
    pub trader: Address,
    /// What they gave.
    pub gave: Side,
    /// How much of it.
    pub amount_in: u64,
    /// How much of the other side they got.
    pub amount_out: u64,
}

/// The liquidity has changed.
#[event("amm.liquidity")]
pub struct LiquidityChanged {
    /// Whose shares.
    #[topic]
    pub provider: Address,
    /// What belongs to the pool now.
    pub reserves: Reserves,
    /// How many shares there are now.
    pub total_shares: u64,
}

#[entries]
impl Amm {
    /// Makes a pool, without liquidity, for a token.
    #[init]
    #[access()]
    pub fn init(&mut self, token: ContractId) {
        self.token.set(&token);
        self.reserves.set(&Reserves::default());
        self.total_shares.set(&0);
    }

    /// Buys at least `min_out` tokens for all native money that the call brings along.
    #[access(caller: credit, contract: write)]
    #[payable]
    pub fn buy(&mut self, min_out: u64) -> Result<u64, AmmError> {
        let amount_in = env::deposit(AssetId::NATIVE);
        let amount_out = self.swap(Side::Native, amount_in, min_out)?;
        self.send_tokens(env::caller(), amount_out)?;
        Ok(amount_out)
    }

    /// Sells tokens, which the caller has let the pool spend, for at least `min_out` native units.
    #[access(caller: write, contract: write)]
    pub fn sell(&mut self, amount_in: u64, min_out: u64) -> Result<u64, AmmError> {
        let amount_out = self.swap(Side::Token, amount_in, min_out)?;
        self.fetch_tokens(env::caller(), amount_in)?;
        env::pay(env::caller(), AssetId::NATIVE, amount_out);
        Ok(amount_out)
    }

    /// Adds the native money that the call brings along, and tokens of the same worth but at most
    /// `max_tokens`, for at least `min_shares` shares. The first to do so sets the price: they add
    /// all of both.
    #[access(caller: write, contract: write)]
    #[payable]
    pub fn add_liquidity(&mut self, max_tokens: u64, min_shares: u64) -> Result<u64, AmmError> {
        let provider = env::caller();
        let native = env::deposit(AssetId::NATIVE);
        require!(native > 0 && max_tokens > 0, AmmError::NothingGiven);
        let (reserves, total) = (self.reserves.load(), self.total_shares.load());
        let (tokens, issued, shares) = if total == 0 {
            // The square root of a product of two `u64` is one too.
            let issued = (u128::from(native) * u128::from(max_tokens)).isqrt() as u64;
            let shares = issued.checked_sub(LOCKED_SHARES).ok_or(AmmError::TooLittle)?;
            (max_tokens, issued, shares)
        } else {
            let tokens = part(reserves.token, native, reserves.native, Round::Up)?;
            let shares = part(total, native, reserves.native, Round::Down)?;
            (tokens, shares, shares)
        };
        require!(shares > 0, AmmError::TooLittle);
        require!(tokens <= max_tokens && shares >= min_shares, AmmError::Slippage);
        let reserves =
            Reserves { native: sum(reserves.native, native)?, token: sum(reserves.token, tokens)? };
        self.shares.of_mut(provider).add(shares);
        self.set_liquidity(provider, reserves, sum(total, issued)?);
        self.fetch_tokens(provider, tokens)?;
        Ok(shares)
    }

    /// Gives shares back for their part of the pool, at least `min_native` and `min_tokens`.
    #[access(caller: write, contract: write)]
    pub fn remove_liquidity(
        &mut self,
        shares: u64,
        min_native: u64,
        min_tokens: u64,
    ) -> Result<Reserves, AmmError> {
        let provider = env::caller();
        require!(shares > 0, AmmError::NothingGiven);
        self.shares.of_mut(provider).sub_or(shares, AmmError::InsufficientShares)?;
        let (reserves, total) = (self.reserves.load(), self.total_shares.load());
        let native = part(reserves.native, shares, total, Round::Down)?;
        let token = part(reserves.token, shares, total, Round::Down)?;
        require!(native >= min_native && token >= min_tokens, AmmError::Slippage);
        // A part of the whole is not more than the whole.
        let rest = Reserves { native: reserves.native - native, token: reserves.token - token };
        self.set_liquidity(provider, rest, total - shares);
        self.send_tokens(provider, token)?;
        env::pay(provider, AssetId::NATIVE, native);
        Ok(Reserves { native, token })
    }

    /// What a swap of this amount would give now.
    pub fn quote(&self, give: Side, amount: u64) -> Result<u64, AmmError> {
        let Reserves { native, token } = self.reserves.load();
        match give {
            Side::Native => amount_out(amount, native, token),
            Side::Token => amount_out(amount, token, native),
        }
    }

    /// What belongs to the pool.
    pub fn reserves(&self) -> Reserves {
        self.reserves.load()
    }

    /// How many shares somebody has.
    pub fn shares_of(&self, provider: Address) -> u128 {
        self.shares.of(provider).get()
    }

    /// How many shares there are, with those that nobody has.
    pub fn total_shares(&self) -> u64 {
        self.total_shares.load()
    }

    /// The token.
    pub fn token(&self) -> ContractId {
        self.token.load()
    }

    /// Enters a swap into the books; says what it gives.
    fn swap(&mut self, gave: Side, amount_in: u64, min_out: u64) -> Result<u64, AmmError> {
        let amount_out = self.quote(gave, amount_in)?;
        require!(amount_out > 0 && amount_out >= min_out, AmmError::Slippage);
        let Reserves { native, token } = self.reserves.load();
        // What goes out is less than what there is.
        let reserves = match gave {
            Side::Native => Reserves { native: sum(native, amount_in)?, token: token - amount_out },
            Side::Token => Reserves { native: native - amount_out, token: sum(token, amount_in)? },
        };
        self.reserves.set(&reserves);
        env::emit(&Swapped { trader: env::caller(), gave, amount_in, amount_out });
        Ok(amount_out)
    }

    fn set_liquidity(&mut self, provider: Address, reserves: Reserves, total_shares: u64) {
        self.reserves.set(&reserves);
        self.total_shares.set(&total_shares);
        env::emit(&LiquidityChanged { provider, reserves, total_shares });
    }

    fn send_tokens(&self, to: Address, amount: u64) -> Result<(), AmmError> {
        TokenClient::at(self.token.load()).transfer(&to, &amount).map_err(token_error)
    }

    fn fetch_tokens(&self, from: Address, amount: u64) -> Result<(), AmmError> {
        let pool = env::contract().into();
        let token = TokenClient::at(self.token.load());
        token.transfer_from(&from, &pool, &amount).map_err(token_error)
    }
}

/// What the caller can do something about.
fn token_error(error: CallError<TokenError>) -> AmmError {
    match error {
        CallError::Reverted(TokenError::Insufficient) => AmmError::InsufficientTokens,
        CallError::Reverted(TokenError::NotAllowed) => AmmError::NotApproved,
        _ => AmmError::TokenFailed,
    }
}

/// What an amount gives: as much as leaves the product of the reserves as it was, rounded down,
/// where the fee does not count as given but stays. Everything fits: a product of two `u64` is a
/// `u128`, and less goes out than there is.
fn amount_out(amount_in: u64, reserve_in: u64, reserve_out: u64) -> Result<u64, AmmError> {
    require!(amount_in > 0, AmmError::NothingGiven);
    require!(reserve_in > 0, AmmError::Empty);
    let counted = u128::from(amount_in) * KEPT_PER_MILLE / 1_000;
    Ok((u128::from(reserve_out) * counted / (u128::from(reserve_in) + counted)) as u64)
}

enum Round {
    Up,
    Down,
}

/// `whole * share / of`.
fn part(whole: u64, share: u64, of: u64, round: Round) -> Result<u64, AmmError> {
    let (product, of) = (u128::from(whole) * u128::from(share), u128::from(of));
    let part = match round {
        Round::Up => product.div_ceil(of),
        Round::Down => product / of,
    };
    part.try_into().or(Err(AmmError::TooMuch))
}

fn sum(a: u64, b: u64) -> Result<u64, AmmError> {
    a.checked_add(b).ok_or(AmmError::TooMuch)
}
