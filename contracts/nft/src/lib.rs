//! Tokens of which each is one of a kind.
//!
//! Who owns a token is not kept with its owner, where nobody could look it up by token, nor in a
//! map of the contract, for which all transfers would wait. A token's id is an address that nobody
//! has, and what is known about the token is in the partition of that address: a transfer writes
//! the token and its sender, and only adds to the receiver's number of tokens. So different people
//! transfer different tokens at once, also to one and the same collector.
#![no_std]

use tos_sdk::prelude::*;

/// A collection with one issuer.
#[contract]
pub struct Nft {
    /// What changes with a token's owner; in the token's own partition.
    titles: PerAccount<Value<Title>>,
    /// Where a token is described; in the token's own partition.
    uris: PerAccount<Value<String>>,
    /// How many tokens somebody has.
    balances: PerAccount<Counter>,
    /// How many tokens exist.
    supply: Counter,
    /// Who may mint.
    authority: Value<Address>,
}

/// A token's name: 32 bytes that the authority chooses, such as the hash of a picture.
pub type TokenId = ContractId;

/// Whose a token is.
#[derive(Data)]
pub struct Title {
    /// Who owns it.
    pub owner: Address,
    /// Who else may transfer it, once.
    pub approved: Option<Address>,
}

/// Longest URI in bytes.
pub const URI_LEN_MAX: usize = 256;

/// What can go wrong.
#[error]
pub enum NftError {
    /// Only the authority may do this.
    NotAuthority = 1,
    /// A token has this id.
    TokenExists = 2,
    /// No token has this id.
    NoToken = 3,
    /// The URI has more than 256 bytes.
    UriTooLong = 4,
    /// The token is somebody else's.
    NotOwner = 5,
    /// The caller neither owns the token nor is approved.
    NotAllowed = 6,
}

/// A token has come into being.
#[event("nft.mint")]
pub struct Minted {
    /// Which.
    #[topic]
    pub token: TokenId,
    /// Who has it.
    #[topic]
    pub to: Address,
}

/// A token has moved.
#[event("nft.transfer")]
pub struct Transferred {
    /// Which.
    #[topic]
    pub token: TokenId,
    /// Who had it.
    #[topic]
    pub from: Address,
    /// Who has it.
    #[topic]
    pub to: Address,
}

/// An owner lets somebody else transfer a token, or nobody any more.
#[event("nft.approval")]
pub struct Approved {
    /// Which token.
    #[topic]
    pub token: TokenId,
    /// Who may transfer it.
    pub spender: Option<Address>,
}

#[entries]
impl Nft {
    /// Makes the deployer the authority.
    #[init]
    #[access()]
    pub fn init(&mut self) {
        self.authority.set(&env::caller());
    }

    /// Creates a token. For the authority.
    #[access(contract: write, token: write, to: credit)]
    pub fn mint(&mut self, token: TokenId, to: Address, uri: String) -> Result<(), NftError> {
        require!(env::caller() == self.authority.load(), NftError::NotAuthority);
        require!(uri.len() <= URI_LEN_MAX, NftError::UriTooLong);
        let mut title = self.titles.of_mut(token);
        require!(!title.is_set(), NftError::TokenExists);
        title.set(&Title { owner: to, approved: None });
        self.uris.of_mut(token).set(&uri);
        self.balances.of_mut(to).add(1);
        self.supply.add(1);
        env::emit(&Minted { token, to });
        Ok(())
    }

    /// Moves a token from its owner, who is the caller or has approved the caller.
    #[access(from: write, token: write, to: credit)]
    pub fn transfer(&mut self, from: Address, to: Address, token: TokenId) -> Result<(), NftError> {
        let caller = env::caller();
        let Title { owner, approved } = self.title(token)?;
        require!(owner == from, NftError::NotOwner);
        require!(caller == owner || approved == Some(caller), NftError::NotAllowed);
        // Whom the former owner approved has no say any more.
        self.titles.of_mut(token).set(&Title { owner: to, approved: None });
        self.balances.of_mut(from).sub_or(1, NftError::NotOwner)?;
        self.balances.of_mut(to).add(1);
        env::emit(&Transferred { token, from, to });
        Ok(())
    }

    /// Lets somebody transfer one of the caller's tokens, instead of whoever could before.
    #[access(token: write)]
    pub fn approve(&mut self, token: TokenId, spender: Option<Address>) -> Result<(), NftError> {
        let owner = self.title(token)?.owner;
        require!(env::caller() == owner, NftError::NotOwner);
        self.titles.of_mut(token).set(&Title { owner, approved: spender });
        env::emit(&Approved { token, spender });
        Ok(())
    }

    /// Who owns a token.
    pub fn owner_of(&self, token: TokenId) -> Result<Address, NftError> {
        Ok(self.title(token)?.owner)
    }

    /// Who besides its owner may transfer a token.
    pub fn approved(&self, token: TokenId) -> Result<Option<Address>, NftError> {
        Ok(self.title(token)?.approved)
    }

    /// Where a token is described.
    pub fn uri(&self, token: TokenId) -> Result<String, NftError> {
        self.uris.of(token).get().ok_or(NftError::NoToken)
    }

    /// How many tokens somebody has.
    pub fn balance_of(&self, owner: Address) -> u128 {
        self.balances.of(owner).get()
    }

    /// How many tokens exist.
    pub fn total_supply(&self) -> u128 {
        self.supply.get()
    }

    fn title(&self, token: TokenId) -> Result<Title, NftError> {
        self.titles.of(token).get().ok_or(NftError::NoToken)
    }
}
