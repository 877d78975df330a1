//! A wallet of several owners. It pays when enough of them approve; anybody can pay into it, by an
//! ordinary transfer to its address.
//!
//! A payout's id is the hash of what it says, so an approval is one of exactly this payout,
//! whatever else is proposed before it. That is also why an approval need not look at the proposal:
//! it writes into the owner's partition and adds to a counter, so owners approve at the same time.
#![no_std]

use tos_sdk::prelude::*;

/// A wallet whose owners stay the same.
#[contract]
pub struct MultisigWallet {
    /// Set for each owner.
    owners: PerAccount<Value<bool>>,
    /// How many owners have to approve.
    threshold: Value<u32>,
    /// What was proposed.
    proposals: Map<Hash, Proposal>,
    /// What an owner has approved.
    approved: PerAccount<Map<Hash, bool>>,
    /// How many owners have approved a payout.
    approvals: Counters<Hash>,
}

/// Who is to be paid.
#[derive(Data)]
pub struct Payout {
    /// Whom.
    pub to: Address,
    /// How much native money.
    pub amount: u64,
    /// Anything that tells this payout from others that say the same.
    pub reference: u64,
}

/// A payout and what has become of it.
#[derive(Data)]
pub struct Proposal {
    /// The payout.
    pub payout: Payout,
    /// Whether it has been executed.
    pub paid: bool,
}

/// What can go wrong.
#[error]
pub enum WalletError {
    /// The threshold is zero or more than the owners.
    BadThreshold = 1,
    /// An owner is named twice.
    DuplicateOwner = 2,
    /// Only an owner may do this.
    NotOwner = 3,
    /// This payout was proposed before; another reference makes it another one.
    AlreadyProposed = 4,
    /// The owner has approved this payout before.
    AlreadyApproved = 5,
    /// No payout with this id was proposed.
    NotProposed = 6,
    /// The payout is not to this receiver.
    WrongReceiver = 7,
    /// The payout has been executed.
    AlreadyPaid = 8,
    /// Too few owners have approved the payout.
    TooFewApprovals = 9,
    /// The wallet has less than the payout.
    Insufficient = 10,
}

/// A payout is proposed.
#[event("wallet.proposed")]
pub struct Proposed {
    /// Its id.
    #[topic]
    pub id: Hash,
    /// Who proposed it.
    #[topic]
    pub owner: Address,
    /// What it says.
    pub payout: Payout,
}

/// An owner has approved a payout.
#[event("wallet.approved")]
pub struct Approved {
    /// The payout's id.
    #[topic]
    pub id: Hash,
    /// Who.
    #[topic]
    pub owner: Address,
}

/// A payout has been paid.
#[event("wallet.paid")]
pub struct Paid {
    /// Its id.
    #[topic]
    pub id: Hash,
    /// To whom.
    #[topic]
    pub to: Address,
    /// How much.
    pub amount: u64,
}

#[entries]
impl MultisigWallet {
    /// Names the owners, and how many of them have to approve.
    #[init]
    #[access(owners[..]: write)]
    pub fn init(&mut self, owners: Vec<Address>, threshold: u32) -> Result<(), WalletError> {
        let enough = 1 <= threshold && threshold as usize <= owners.len();
        require!(enough, WalletError::BadThreshold);
        for owner in owners {
            let mut is_owner = self.owners.of_mut(owner);
            require!(!is_owner.is_set(), WalletError::DuplicateOwner);
            is_owner.set(&true);
        }
        self.threshold.set(&threshold);
        Ok(())
    }

    /// Proposes a payout, which the caller thereby approves, and returns its id. For owners.
    #[access(caller: write, contract: write)]
    pub fn propose(&mut self, payout: Payout) -> Result<Hash, WalletError> {
        let owner = self.calling_owner()?;
        let id = env::blake3(&payout.to_bytes());
        require!(!self.proposals.contains(&id), WalletError::AlreadyProposed);
        let proposal = Proposal { payout, paid: false };
        self.proposals.set(&id, &proposal);
        env::emit(&Proposed { id, owner, payout: proposal.payout });
        if !self.approved.of(owner).contains(&id) {
            self.count(owner, id);
        }
        Ok(id)
    }

    /// Approves the payout with this id. For owners, each once.
    #[access(caller: write, contract: credit)]
    pub fn approve(&mut self, id: Hash) -> Result<(), WalletError> {
        let owner = self.calling_owner()?;
        require!(!self.approved.of(owner).contains(&id), WalletError::AlreadyApproved);
        self.count(owner, id);
        Ok(())
    }

    /// Pays a payout that enough owners have approved; `to` is its receiver. For owners.
    #[access(caller: read, contract: write, to: credit)]
    pub fn execute(&mut self, id: Hash, to: Address) -> Result<(), WalletError> {
        self.calling_owner()?;
        let mut proposal = self.proposals.get(&id).ok_or(WalletError::NotProposed)?;
        let amount = proposal.payout.amount;
        require!(proposal.payout.to == to, WalletError::WrongReceiver);
        require!(!proposal.paid, WalletError::AlreadyPaid);
        let enough = self.approvals.get(&id) >= u128::from(self.threshold.load());
        require!(enough, WalletError::TooFewApprovals);
        proposal.paid = true;
        self.proposals.set(&id, &proposal);
        env::transfer(to, AssetId::NATIVE, amount).or(Err(WalletError::Insufficient))?;
        env::emit(&Paid { id, to, amount });
        Ok(())
    }

    /// Whether somebody is an owner.
    pub fn is_owner(&self, who: Address) -> bool {
        self.owners.of(who).is_set()
    }

    /// How many owners have to approve.
    pub fn threshold(&self) -> u32 {
        self.threshold.load()
    }

    /// The payout with this id, if it was proposed.
    pub fn proposal(&self, id: Hash) -> Option<Proposal> {
        self.proposals.get(&id)
    }

    /// How many owners have approved a payout.
    pub fn approvals(&self, id: Hash) -> u128 {
        self.approvals.get(&id)
    }

    fn calling_owner(&self) -> Result<Address, WalletError> {
        let caller = env::caller();
        if self.owners.of(caller).is_set() { Ok(caller) } else { Err(WalletError::NotOwner) }
    }

    /// Counts an owner's approval.
    fn count(&mut self, owner: Address, id: Hash) {
        self.approved.of_mut(owner).set(&id, &true);
        self.approvals.add(&id, 1);
        env::emit(&Approved { id, owner });
    }
}
