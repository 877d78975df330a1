//! Transactions as they are written, signed and stored. Checking them is `verify.rs`'s business.

use std::ops::Deref;

use borsh::{BorshDeserialize, BorshSerialize};
use ed25519_zebra::SigningKey;
use serde::{Deserialize, Serialize};
use tos_host_api::{
    AccessEntry, Address, Amount, AssetId, ChainId, ContractId, Gas, Hash, Nonce, PublicKey,
    TopoHeight,
};

/// Accounts a contract call declares, in canonical form: sorted by account, no duplicates, at most
/// [`tos_host_api::limits::ACCESS_ENTRIES_MAX`] entries. The source is always
/// `Write`: it need not be listed, and whatever mode it is listed with becomes `Write`.
pub type AccessList = Vec<AccessEntry>;

/// Separates the signed bytes of a transaction from anything else a key may sign.
pub(crate) const SIGNING_DOMAIN: &[u8] = b"tos-runtime transaction v1\0";

/// Moves an amount of one asset to one account.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Transfer {
    /// Who receives. May repeat within a transaction and may be the source.
    pub destination: Address,
    /// Which asset.
    pub asset: AssetId,
    /// How much. Zero is allowed and moves nothing.
    pub amount: Amount,
}

/// An amount of one asset that a call brings along to the contract's account.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Deposit {
    /// Which asset. Deposits are listed in ascending order of asset, each once.
    pub asset: AssetId,
    /// How much; more than zero.
    pub amount: Amount,
}

/// What a transaction does.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum TransactionType {
    /// Moves assets, all or nothing. The sums are debited first, then the destinations credited.
    Transfers(Vec<Transfer>) = 0,
    /// Destroys an amount of the source's balance.
    Burn {
        /// Which asset.
        asset: AssetId,
        /// How much.
        amount: Amount,
    } = 1,
    /// Stores a module and runs its constructor. Callable from the next block on.
    DeployContract {
        /// The module, a WebAssembly binary.
        code: Vec<u8>,
        /// Input of the constructor (the entry `init`, if exported).
        input: Vec<u8>,
        /// What the constructor brings along to the new contract.
        deposits: Vec<Deposit>,
    } = 2,
    /// Calls an exported entry of a contract.
    InvokeContract {
        /// The contract.
        contract: ContractId,
        /// Name of the exported function.
        entry: String,
        /// Bytes the contract reads as its input.
        input: Vec<u8>,
        /// What the call brings along.
        deposits: Vec<Deposit>,
    } = 3,
    /// Replaces a contract's module. Only its upgrade authority may.
    UpgradeContract {
        /// The contract.
        contract: ContractId,
        /// The new module.
        code: Vec<u8>,
        /// Input of the entry `migrate`, if the new module exports it.
        input: Vec<u8>,
    } = 4,
}

impl TransactionType {
    /// Whether it runs a contract.
    #[must_use]
    pub fn is_call(&self) -> bool {
        match self {
            Self::Transfers(_) | Self::Burn { .. } => false,
            Self::DeployContract { .. }
            | Self::InvokeContract { .. }
            | Self::UpgradeContract { .. } => true,
        }
    }

    /// What the transaction brings along to a contract.
    #[must_use]
    pub fn deposits(&self) -> &[Deposit] {
        match self {
            Self::DeployContract { deposits, .. } | Self::InvokeContract { deposits, .. } => {
                deposits
            }
            Self::Transfers(_) | Self::Burn { .. } | Self::UpgradeContract { .. } => &[],
        }
    }
}

/// Everything a signature covers.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct UnsignedTransaction {
    /// The network it is meant for.
    pub chain_id: ChainId,
    /// Who sends, signs and pays.
    pub source: PublicKey,
    /// The source's nonce before this transaction.
    pub nonce: Nonce,
    /// Most gas it may use; a halted transaction pays all of it.
    pub gas_limit: Gas,
    /// Native units per unit of gas.
    pub gas_price: Amount,
    /// The last height at which it may be included.
    pub expiry: TopoHeight,
    /// Accounts a contract call touches; empty for transfers and burns, whose set is derived.
    pub access: AccessList,
    /// What it does.
    pub data: TransactionType,
}

impl UnsignedTransaction {
    /// The bytes a signature covers: a domain tag and the canonical encoding.
    ///
    /// # Panics
    /// Never: writing to a `Vec` cannot fail and all lengths fit `u32`.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = SIGNING_DOMAIN.to_vec();
        borsh::to_writer(&mut bytes, self).expect("writing to a Vec cannot fail");
        bytes
    }

    /// The transaction's id: BLAKE3 of the signed bytes. The signature is not part of it.
    #[must_use]
    pub fn id(&self) -> Hash {
        Hash(*blake3::hash(&self.signed_bytes()).as_bytes())
    }

    /// Signs with the source's key.
    #[must_use]
    pub fn sign(self, key: &SigningKey) -> Transaction {
        let signature = Signature(key.sign(&self.signed_bytes()).to_bytes());
        Transaction { unsigned: self, signature }
    }

    /// The id of the contract this transaction deploys, if it is a deployment.
    #[must_use]
    pub fn deployed_contract(&self) -> Option<ContractId> {
        match &self.data {
            TransactionType::DeployContract { code, .. } => {
                Some(contract_id(self.chain_id, &self.source, self.nonce, &code_hash(code)))
            }
            TransactionType::Transfers(_)
            | TransactionType::Burn { .. }
            | TransactionType::InvokeContract { .. }
            | TransactionType::UpgradeContract { .. } => None,
        }
    }
}

/// The hash under which code is stored: BLAKE3 of the bytes as deployed.
pub(crate) fn code_hash(code: &[u8]) -> Hash {
    Hash(*blake3::hash(code).as_bytes())
}

/// A contract's id. One source never uses a nonce twice, so no two deployments share an id.
pub(crate) fn contract_id(
    chain_id: ChainId,
    source: &PublicKey,
    nonce: Nonce,
    code_hash: &Hash,
) -> ContractId {
    let mut hasher = blake3::Hasher::new_derive_key("tos-runtime contract id v1");
    hasher.update(&chain_id.0.to_le_bytes());
    hasher.update(&source.0);
    hasher.update(&nonce.0.to_le_bytes());
    hasher.update(&code_hash.0);
    ContractId(*hasher.finalize().as_bytes())
}

/// An ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Signature(pub [u8; 64]);

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signature(")?;
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

/// A signed transaction whose signature nobody has checked yet.
///
/// Reads as if it had the fields of [`UnsignedTransaction`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Transaction {
    /// What is signed.
    pub unsigned: UnsignedTransaction,
    /// The source's signature over [`UnsignedTransaction::signed_bytes`].
    pub signature: Signature,
}

impl Transaction {
    /// The canonical encoding.
    ///
    /// # Panics
    /// Never: writing to a `Vec` cannot fail.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("writing to a Vec cannot fail")
    }

    /// Decodes [`Transaction::encode`].
    ///
    /// # Errors
    /// Truncated bytes, trailing bytes, an unknown kind. Allocates no more than the bytes warrant.
    pub fn decode(bytes: &[u8]) -> std::io::Result<Self> {
        borsh::from_slice(bytes)
    }
}

impl Deref for Transaction {
    type Target = UnsignedTransaction;

    fn deref(&self) -> &UnsignedTransaction {
        &self.unsigned
    }
}
