//! A token. Balances are counters in their holders' own partitions, so transfers between different
//! people run in parallel, and a thousand people can pay one shop at once.
#![no_std]

use tos_sdk::prelude::*;

/// A token with one issuer.
#[contract]
pub struct Token {
    /// What everybody has.
    balances: PerAccount<Counter>,
    /// What holders let others spend, by spender.
    allowances: PerAccount<Map<Address, u64>>,
    /// What exists.
    supply: Counter,
    /// Who may mint and burn.
    authority: Value<Address>,
}

/// What can go wrong.
#[error]
pub enum TokenError {
    /// The balance is too small.
    Insufficient = 1,
    /// Only the authority may do this.
    NotAuthority = 2,
    /// The holder has not allowed that much.
    NotAllowed = 3,
}

/// Tokens have moved.
#[event("token.transfer")]
pub struct Transferred {
    /// Who had them.
    #[topic]
    pub from: Address,
    /// Who has them.
    #[topic]
    pub to: Address,
    /// How many.
    pub amount: u64,
}

/// Tokens have come into being.
#[event("token.mint")]
pub struct Minted {
    /// Who has them.
    #[topic]
    pub to: Address,
    /// How many.
    pub amount: u64,
}

/// Tokens have ceased to exist.
#[event("token.burn")]
pub struct Burned {
    /// Who had them.
    #[topic]
    pub from: Address,
    /// How many.
    pub amount: u64,
}

/// A holder lets somebody spend.
#[event("token.approval")]
pub struct Approved {
    /// Whose tokens.
    #[topic]
    pub holder: Address,
    /// Who may spend them.
    #[topic]
    pub spender: Address,
    /// How many, all in all.
    pub amount: u64,
}

#[entries]
impl Token {
    /// Gives the supply to the deployer, who becomes the authority.
    #[init]
    #[access()]
    pub fn init(&mut self, supply: u64) {
        let deployer = env::caller();
        self.authority.set(&deployer);
        self.create(deployer, supply);
    }

    /// Moves the caller's tokens.
    #[access(caller: write, to: credit)]
    pub fn transfer(&mut self, to: Address, amount: u64) -> Result<(), TokenError> {
        self.pay(env::caller(), to, amount)
    }

    /// Lets somebody spend the caller's tokens; replaces what was allowed.
    #[access(caller: write)]
    pub fn approve(&mut self, spender: Address, amount: u64) {
        let holder = env::caller();
        let mut allowances = self.allowances.of_mut(holder);
        if amount == 0 {
            allowances.remove(&spender);
        } else {
            allowances.set(&spender, &amount);
        }
        env::emit(&Approved { holder, spender, amount });
    }

    /// Moves tokens of a holder who allows it.
    #[access(from: write, to: credit)]
    pub fn transfer_from(
        &mut self,
        from: Address,
        to: Address,
        amount: u64,
    ) -> Result<(), TokenError> {
        let spender = env::caller();
        let mut allowances = self.allowances.of_mut(from);
        let allowed = allowances.load_or_default(&spender);
        let rest = allowed.checked_sub(amount).ok_or(TokenError::NotAllowed)?;
        allowances.set(&spender, &rest);
        self.pay(from, to, amount)
    }

    /// Creates tokens. For the authority.
    #[access(contract: write, to: credit)]
    pub fn mint(&mut self, to: Address, amount: u64) -> Result<(), TokenError> {
        self.check_authority()?;
        self.create(to, amount);
        Ok(())
    }

    /// Destroys a holder's tokens. For the authority.
    #[access(contract: write, from: write)]
    pub fn burn(&mut self, from: Address, amount: u64) -> Result<(), TokenError> {
        self.check_authority()?;
        self.balances.of_mut(from).sub_or(amount, TokenError::Insufficient)?;
        self.supply.sub_or(amount, TokenError::Insufficient)?;
        env::emit(&Burned { from, amount });
        Ok(())
    }

    /// How many tokens somebody has.
    pub fn balance_of(&self, holder: Address) -> u128 {
        self.balances.of(holder).get()
    }

    /// How many of a holder's tokens somebody may spend.
    pub fn allowance(&self, holder: Address, spender: Address) -> u64 {
        self.allowances.of(holder).load_or_default(&spender)
    }

    /// How many tokens exist.
    pub fn total_supply(&self) -> u128 {
        self.supply.get()
    }

    /// Who may mint and burn.
    pub fn authority(&self) -> Address {
        self.authority.load()
    }

    fn check_authority(&self) -> Result<(), TokenError> {
        if env::caller() == self.authority.load() { Ok(()) } else { Err(TokenError::NotAuthority) }
    }

    fn pay(&mut self, from: Address, to: Address, amount: u64) -> Result<(), TokenError> {
        self.balances.of_mut(from).sub_or(amount, TokenError::Insufficient)?;
        self.balances.of_mut(to).add(amount);
        env::emit(&Transferred { from, to, amount });
        Ok(())
    }

    fn create(&mut self, to: Address, amount: u64) {
        self.balances.of_mut(to).add(amount);
        self.supply.add(amount);
        env::emit(&Minted { to, amount });
    }
}
