//! A block file as it was written: names resolved to what they name, nothing executed yet.

use tos_runtime::{AccessMode, Address, Amount, AssetId, PublicKey, SigningKey};

use super::source::Fault;

/// A whole block file.
#[derive(Debug)]
pub(crate) struct BlockFile {
    /// What the file shows.
    pub about: Option<String>,
    /// Assets besides the native one, by name.
    pub assets: Vec<(String, AssetId)>,
    /// Users.
    pub accounts: Vec<AccountSpec>,
    /// Contracts that are there before the block.
    pub contracts: Vec<ContractSpec>,
    /// The block's timestamp in milliseconds.
    pub timestamp: u64,
    /// Who receives the fees.
    pub beneficiary: Option<Party>,
    /// The block.
    pub transactions: Vec<TransactionSpec>,
    /// Read-only calls after the block.
    pub views: Vec<CallSpec>,
}

/// A user with a key made from the name.
#[derive(Debug)]
pub(crate) struct AccountSpec {
    /// The name.
    pub name: String,
    /// The key.
    pub key: SigningKey,
    /// What the account holds at genesis.
    pub balances: Vec<(AssetId, Amount)>,
}

impl AccountSpec {
    /// A user of this name. Equal names have equal keys in every file, so that addresses can be
    /// quoted; such keys are of course no secret.
    pub(crate) fn new(name: &str, balances: Vec<(AssetId, Amount)>) -> Self {
        let secret = blake3::derive_key("tos-node block file account v1", name.as_bytes());
        Self { name: name.to_owned(), key: SigningKey::from(secret), balances }
    }

    /// The account's key as others see it.
    pub(crate) fn public(&self) -> PublicKey {
        PublicKey(self.key.verification_key().into())
    }
}

/// The id of a named asset.
pub(crate) fn asset_id(name: &str) -> AssetId {
    AssetId(blake3::derive_key("tos-node block file asset v1", name.as_bytes()))
}

/// A contract deployed before the block.
#[derive(Debug)]
pub(crate) struct ContractSpec {
    /// The name.
    pub name: String,
    /// Index of the account that deploys it.
    pub owner: usize,
    /// Its module.
    pub code: Vec<u8>,
    /// Input of its constructor.
    pub input: Vec<Value>,
    /// A fault at its place, for a deployment that fails; the message is still to be written.
    pub place: Fault,
}

/// Somebody with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Party {
    /// A named account, by index.
    Account(usize),
    /// A named contract, by index.
    Contract(usize),
    /// Anybody else.
    Address(Address),
}

/// A transaction of the block.
#[derive(Debug)]
pub(crate) struct TransactionSpec {
    /// What the author has to say about it.
    pub note: Option<String>,
    /// Index of the account that sends it.
    pub from: usize,
    /// Index of the account that signs it, which should be the same one.
    pub signed_by: usize,
    /// What it does.
    pub action: Action,
    /// Its nonce, if it shall not be the right one.
    pub nonce: Option<u64>,
    /// Its gas limit, if it shall not follow from a rehearsal.
    pub gas_limit: Option<u64>,
    /// Native units per unit of gas.
    pub gas_price: u64,
    /// Last height at which it may be included.
    pub expiry: Option<u64>,
    /// Its access list, if it shall not follow from a rehearsal.
    pub access: Option<Vec<(Party, AccessMode)>>,
    /// The outcome expected, if any.
    pub expect: Option<String>,
}

/// What a transaction does.
#[derive(Debug)]
pub(crate) enum Action {
    /// Moves assets.
    Transfers(Vec<TransferSpec>),
    /// Destroys some of the sender's balance.
    Burn(AssetId, Amount),
    /// Calls a contract.
    Call {
        /// Whom, where and with what.
        call: CallSpec,
        /// What it brings along.
        deposits: Vec<(AssetId, Amount)>,
    },
    /// Deploys a module.
    Deploy {
        /// Name of its file, for the reader.
        file: String,
        /// The module.
        code: Vec<u8>,
        /// Input of its constructor.
        input: Vec<Value>,
        /// What it brings along.
        deposits: Vec<(AssetId, Amount)>,
    },
    /// Replaces a contract's module.
    Upgrade {
        /// The contract.
        contract: Party,
        /// Name of the file, for the reader.
        file: String,
        /// The module.
        code: Vec<u8>,
        /// Input of its `migrate` entry.
        input: Vec<Value>,
    },
}

/// One transfer.
#[derive(Debug)]
pub(crate) struct TransferSpec {
    /// Who receives.
    pub to: Party,
    /// What.
    pub asset: AssetId,
    /// How much.
    pub amount: Amount,
}

/// A contract, an entry and an input.
#[derive(Debug)]
pub(crate) struct CallSpec {
    /// The contract.
    pub contract: Party,
    /// The entry's name.
    pub entry: String,
    /// Its input.
    pub input: Vec<Value>,
}

/// A typed value of an input. Values are encoded without gaps, numbers little-endian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value {
    /// As the author wrote it.
    pub text: String,
    /// What the contract gets.
    pub content: Content,
}

/// The content of a [`Value`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// Bytes as they are.
    Bytes(Vec<u8>),
    /// An address, which may be that of a contract yet to be deployed.
    Party(Party),
}
