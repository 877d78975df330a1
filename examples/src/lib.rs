//! What the examples share: people who sign transactions. A real node gets those from wallets.

use tos_runtime::{
    AccessList, Address, Amount, AssetId, Block, ChainId, ContractEngine, EngineError, Gas,
    Genesis, Nonce, ProtocolParams, PublicKey, SigningKey, TopoHeight, Transaction,
    TransactionType, Transfer, UnsignedTransaction, UnverifiedBlock,
};

/// The network of the examples.
pub const CHAIN: ChainId = ChainId(1);
/// Native units everybody has at the beginning.
pub const FUNDS: Amount = Amount(1_000_000_000);

/// Somebody with a key and an account.
#[derive(Debug, Clone)]
pub struct Person {
    key: SigningKey,
    /// The nonce of the next transaction.
    nonce: Nonce,
}

impl Person {
    /// A person whose key is made from a number. A real key is random.
    #[must_use]
    pub fn new(number: u8) -> Self {
        Self { key: SigningKey::from([number; 32]), nonce: Nonce::ZERO }
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.key.verification_key().into())
    }

    /// The account.
    #[must_use]
    pub fn address(&self) -> Address {
        Address::Key(self.public())
    }

    /// A transaction as it is before its gas limit, its accesses and its signature.
    #[must_use]
    pub fn draft(&self, data: TransactionType) -> UnsignedTransaction {
        UnsignedTransaction {
            chain_id: CHAIN,
            source: self.public(),
            nonce: self.nonce,
            gas_limit: Gas(30_000_000),
            gas_price: Amount(1),
            expiry: TopoHeight(u64::MAX),
            access: AccessList::new(),
            data,
        }
    }

    /// Signs a draft; the next one has the next nonce.
    ///
    /// # Panics
    /// After 2^64 transactions.
    pub fn sign(&mut self, draft: UnsignedTransaction) -> Transaction {
        self.nonce = draft.nonce.checked_add(Nonce(1)).expect("nobody signs 2^64 transactions");
        draft.sign(&self.key)
    }

    /// A payment in the native asset.
    pub fn pay(&mut self, to: Address, amount: u64) -> Transaction {
        let transfer = Transfer { destination: to, asset: AssetId::NATIVE, amount: Amount(amount) };
        let mut draft = self.draft(TransactionType::Transfers(vec![transfer]));
        // A transfer's gas is known beforehand, so nothing needs to be reserved on top.
        draft.gas_limit = Gas(26_000);
        self.sign(draft)
    }
}

/// A genesis in which each of these people holds [`FUNDS`].
#[must_use]
pub fn genesis(people: &[&Person]) -> Genesis {
    people.iter().fold(Genesis::new(ProtocolParams::new(CHAIN)), |genesis, person| {
        genesis.with_balance(person.public(), AssetId::NATIVE, FUNDS)
    })
}

/// A block of these transactions on the engine's tip, verified.
///
/// # Errors
/// Those of [`ContractEngine::verify_block`].
pub fn block_on_tip(
    engine: &ContractEngine,
    transactions: Vec<Transaction>,
) -> Result<Block, EngineError> {
    let context = engine.next_context(1_700_000_000_000);
    engine.verify_block(UnverifiedBlock { context, beneficiary: None, transactions })
}
