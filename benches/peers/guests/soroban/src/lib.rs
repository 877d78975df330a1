//! A token for the Soroban host: balances by address in persistent entries, payments authorized by
//! whoever pays, an event per payment. Balances are made by the genesis of the measurement.
#![no_std]

use soroban_sdk::{Address, Env, contract, contracterror, contractevent, contractimpl};

/// The token.
#[contract]
pub struct Token;

/// What can go wrong.
#[contracterror]
#[derive(Debug, Clone, Copy)]
pub enum TokenError {
    /// The balance is too small.
    Insufficient = 1,
    /// The amount is negative.
    Negative = 2,
}

/// Tokens have moved.
#[contractevent]
pub struct Transfer {
    /// Who had them.
    #[topic]
    pub from: Address,
    /// Who has them.
    #[topic]
    pub to: Address,
    /// How many.
    pub amount: i128,
}

#[contractimpl]
impl Token {
    /// Moves tokens of somebody who allows it.
    pub fn transfer(env: Env, from: Address, to: Address, amount: i128) -> Result<(), TokenError> {
        from.require_auth();
        if amount < 0 {
            return Err(TokenError::Negative);
        }
        let balances = env.storage().persistent();
        let have = Self::balance(env.clone(), from.clone());
        if have < amount {
            return Err(TokenError::Insufficient);
        }
        balances.set(&from, &(have - amount));
        let received = Self::balance(env.clone(), to.clone()) + amount;
        balances.set(&to, &received);
        Transfer { from, to, amount }.publish(&env);
        Ok(())
    }

    /// How many tokens somebody has.
    pub fn balance(env: Env, holder: Address) -> i128 {
        env.storage().persistent().get(&holder).unwrap_or(0)
    }
}
