//! One entry for everything that can go wrong, and for what no other contract here uses. For tests
//! of the SDK on the engine, not to start from.
#![no_std]

use token::TokenClient;
use tos_sdk::prelude::*;

/// What tests ask for.
#[contract]
pub struct Probe {
    /// Never set.
    nothing: Value<u64>,
    /// Notes by their number.
    notes: Map<u32, Note>,
    /// What everybody was paid.
    paid: PerAccount<Counter>,
    /// Votes for each choice.
    votes: Counters<u8>,
}

/// What a note is.
#[derive(Data, Clone)]
pub enum Note {
    /// Nothing.
    Empty,
    /// Words of somebody.
    Words {
        /// Whose.
        by: PublicKey,
        /// Which.
        text: String,
    },
    /// A pair of numbers.
    Pair(i16, u128),
}

/// Somebody's pay.
#[derive(Data)]
pub struct Wage {
    /// Who gets it.
    pub to: Address,
    /// How much.
    pub amount: u64,
}

/// What the probe fails with.
#[error]
pub enum ProbeError {
    /// The amount is zero.
    ///
    /// Only the first paragraph is part of the message.
    Zero = 7,
    /// The callee failed with its code 1.
    CalleeInsufficient = 8,
    /// The callee did not return.
    CalleeFailed = 9,
}

/// What other tokens have in common.
#[interface]
pub trait Fungible {
    /// Moves the caller's tokens.
    fn transfer(&mut self, to: Address, amount: u64) -> Result<(), FungibleError>;
    /// How many tokens somebody has.
    fn balance_of(&self, holder: Address) -> u128;
}

/// What other tokens fail with.
#[error]
pub enum FungibleError {
    /// The balance is too small.
    Insufficient = 1,
}

#[entries]
impl Probe {
    /// An index out of bounds.
    pub fn index(&self, at: u32) -> u8 {
        [1, 2, 3][at as usize]
    }

    /// An overflow.
    pub fn add(&self, a: u8, b: u8) -> u8 {
        a + b
    }

    /// An error that is returned.
    pub fn returned(&self, amount: u64) -> Result<u64, ProbeError> {
        if amount == 0 { Err(ProbeError::Zero) } else { Ok(amount) }
    }

    /// An error at its place.
    pub fn required(&self, amount: u64) {
        require!(amount > 0, ProbeError::Zero);
    }

    /// A value that is not there.
    pub fn missing(&self) -> u64 {
        self.nothing.load()
    }

    /// More than the host takes.
    pub fn long_result(&self) -> Vec<u8> {
        vec![7; 5000]
    }

    /// Recursion with a kilobyte for each level.
    pub fn deep(&self, levels: u32) -> u64 {
        dig(levels)
    }

    /// A template that says too little: it credits, too.
    #[access(to: read)]
    pub fn wrong_template(&mut self, to: Address) {
        self.paid.of_mut(to).add(1);
    }

    /// Pays everybody and thanks somebody.
    #[access(wages[..].to: credit, thanks: credit)]
    pub fn pay(&mut self, wages: Vec<Wage>, thanks: Option<PublicKey>) {
        for wage in wages {
            self.paid.of_mut(wage.to).add(wage.amount);
        }
        if let Some(key) = thanks {
            self.paid.of_mut(key).add(1);
        }
    }

    /// What somebody was paid.
    pub fn paid(&self, to: Address) -> u128 {
        self.paid.of(to).get()
    }

    /// Counts a vote, without template.
    pub fn vote(&mut self, choice: u8) {
        self.votes.add(&choice, 1);
    }

    /// How many votes a choice has.
    pub fn votes(&self, choice: u8) -> u128 {
        self.votes.get(&choice)
    }

    /// Keeps a note; returns the one before.
    #[access(contract: write)]
    pub fn note(&mut self, number: u32, note: Note) -> Option<Note> {
        let before = self.notes.get(&number);
        self.notes.set(&number, &note);
        before
    }

    /// How many tokens exist, by the client that comes with the token.
    pub fn supply_of(&self, token: ContractId) -> Result<u128, ProbeError> {
        TokenClient::at(token).total_supply().or(Err(ProbeError::CalleeFailed))
    }

    /// Calls the same name of a token, of which only the interface is known.
    #[access(contract: write, to: credit)]
    pub fn forward(
        &mut self,
        token: ContractId,
        to: Address,
        amount: u64,
        gas: u64,
    ) -> Result<u128, ProbeError> {
        let token = FungibleClient::at(token).with_gas(gas);
        match token.transfer(&to, &amount) {
            Ok(()) => {}
            Err(CallError::Reverted(FungibleError::Insufficient)) => {
                return Err(ProbeError::CalleeInsufficient);
            }
            Err(_) => return Err(ProbeError::CalleeFailed),
        }
        token.balance_of(&env::contract().into()).or(Err(ProbeError::CalleeFailed))
    }
}

#[inline(never)]
fn dig(levels: u32) -> u64 {
    let room = core::hint::black_box([u64::from(levels); 128]);
    if levels == 0 { 0 } else { dig(levels - 1) + room[0] }
}
