//! The accounts of a workload, the genesis that funds them, the contracts they use, and the
//! transactions they sign. What they send is decided by the generators.

use tos_runtime::{
    AccessEntry, AccessList, AccessMode, Address, Amount, AssetId, ChainId, ContractId, Gas,
    Genesis, Nonce, ProtocolParams, PublicKey, SigningKey, TopoHeight, Transaction,
    TransactionType, Transfer, UnsignedTransaction,
};

use crate::Rng;

/// Source of the counter contract.
pub const COUNTER_WAT: &str = include_str!("../../contracts/wat/counter.wat");
/// Source of the token contract.
pub const TOKEN_WAT: &str = include_str!("../../contracts/wat/token.wat");

/// The asset that accounts hold besides the native one.
pub const SECOND_ASSET: AssetId = AssetId(*b"the second asset of the workload");

/// Native units per account: enough for a million transactions each.
const NATIVE_FUNDS: Amount = Amount(1_000_000_000_000);
/// Units of the second asset per account.
const SECOND_FUNDS: Amount = Amount(1_000_000_000);
/// Tokens per account.
const TOKEN_FUNDS: u64 = 1_000_000_000;
/// Transactions per block while the tokens are handed out.
const SETUP_BLOCK_TXS: usize = 50_000;

/// The module of a contract written in WAT.
///
/// # Panics
/// When the text is no module.
#[must_use]
pub fn assemble(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).expect("the contracts of the workloads assemble")
}

/// The contracts of a world.
#[derive(Debug, Clone, Copy)]
pub struct Contracts {
    /// The token; every account holds some.
    pub token: ContractId,
    /// A counter that is only added to, under `Credit`.
    pub counter: ContractId,
    /// Another counter, which is read and written back under `Write`.
    pub hot_counter: ContractId,
}

/// Somebody who signs: a key and the nonce of the next transaction.
#[derive(Debug, Clone)]
struct Signer {
    key: SigningKey,
    public: PublicKey,
    nonce: Nonce,
}

impl Signer {
    fn new(secret: [u8; 32]) -> Self {
        let key = SigningKey::from(secret);
        let public = PublicKey(key.verification_key().into());
        Self { key, public, nonce: Nonce::ZERO }
    }

    /// Signs the next transaction; its nonce counts as used from here on.
    fn sign(&mut self, params: &ProtocolParams, order: Order) -> Transaction {
        let mut unsigned = UnsignedTransaction {
            chain_id: params.chain_id,
            source: self.public,
            nonce: self.nonce,
            gas_limit: Gas::ZERO,
            gas_price: Amount(1),
            expiry: TopoHeight(u64::MAX),
            access: order.access,
            data: order.data,
        };
        unsigned.gas_limit = params
            .costs
            .intrinsic(&unsigned)
            .and_then(|intrinsic| intrinsic.checked_add(order.execution_gas))
            .expect("the orders of the workloads are small");
        self.nonce = self.nonce.checked_add(Nonce(1)).expect("nobody sends 2^64 transactions");
        unsigned.sign(&self.key)
    }
}

/// What a transaction shall do, before somebody sends it.
#[derive(Debug, Clone)]
pub struct Order {
    /// The declared accesses besides the sender's own.
    access: AccessList,
    /// Gas for what happens inside the guest, on top of the intrinsic gas. Close to what is used,
    /// since a block is filled by the gas its transactions declare.
    execution_gas: Gas,
    data: TransactionType,
}

impl Order {
    /// Moves assets.
    #[must_use]
    pub fn transfers(transfers: Vec<Transfer>) -> Self {
        let data = TransactionType::Transfers(transfers);
        Self { access: AccessList::new(), execution_gas: Gas::ZERO, data }
    }

    /// Moves an amount of the native asset.
    #[must_use]
    pub fn transfer(destination: impl Into<Address>, amount: Amount) -> Self {
        let destination = destination.into();
        Self::transfers(vec![Transfer { destination, asset: AssetId::NATIVE, amount }])
    }

    /// Pays in tokens: the receiver is only credited.
    #[must_use]
    pub fn token_transfer(token: ContractId, to: impl Into<Address>, amount: u64) -> Self {
        let to = to.into();
        let mut input = to.to_bytes().to_vec();
        input.extend_from_slice(&amount.to_le_bytes());
        Self::invoke(token, "transfer", input)
            .with_access(AccessEntry::new(to, AccessMode::Credit))
            .with_execution_gas(Gas(25_000))
    }

    /// Adds to a counter contract, which commutes.
    #[must_use]
    pub fn counter_add(counter: ContractId, amount: u64) -> Self {
        Self::invoke(counter, "add", amount.to_le_bytes().to_vec())
            .with_access(AccessEntry::new(counter, AccessMode::Credit))
            .with_execution_gas(Gas(20_000))
    }

    /// Reads, changes and writes a slot of a counter contract, which does not commute.
    #[must_use]
    pub fn counter_bump(counter: ContractId) -> Self {
        Self::invoke(counter, "bump", Vec::new())
            .with_access(AccessEntry::new(counter, AccessMode::Write))
            .with_execution_gas(Gas(20_000))
    }

    /// Calls an entry. Touches nothing but the sender until accesses are added.
    #[must_use]
    pub fn invoke(contract: ContractId, entry: &str, input: Vec<u8>) -> Self {
        let entry = entry.to_owned();
        let data = TransactionType::InvokeContract { contract, entry, input, deposits: Vec::new() };
        Self { access: AccessList::new(), execution_gas: Gas(1_000), data }
    }

    /// Deploys a module.
    #[must_use]
    pub fn deploy(code: Vec<u8>, input: Vec<u8>) -> Self {
        let data = TransactionType::DeployContract { code, input, deposits: Vec::new() };
        Self { access: AccessList::new(), execution_gas: Gas(60_000), data }
    }

    /// Declares one more access.
    #[must_use]
    pub fn with_access(mut self, entry: AccessEntry) -> Self {
        self.access.push(entry);
        self.access.sort_unstable();
        self
    }

    /// Sets the gas for what happens inside the guest.
    #[must_use]
    pub fn with_execution_gas(mut self, gas: Gas) -> Self {
        self.execution_gas = gas;
        self
    }
}

/// Accounts with their keys and nonces, and the contracts they use.
///
/// Invariant: the nonces are right as long as every transaction it has signed is included once, in
/// the order of signing.
#[derive(Debug, Clone)]
pub struct World {
    params: ProtocolParams,
    deployer: Signer,
    accounts: Vec<Signer>,
    contracts: Contracts,
    setup: Vec<Vec<Transaction>>,
}

impl World {
    /// A world of this many accounts.
    ///
    /// # Panics
    /// When there are fewer than two accounts: nobody could pay anybody else.
    #[must_use]
    pub fn new(accounts: usize, seed: u64) -> Self {
        assert!(accounts >= 2, "a world needs at least two accounts");
        let mut rng = Rng::new(seed);
        let mut world = Self {
            params: ProtocolParams::new(ChainId(1)),
            deployer: Signer::new(rng.bytes()),
            accounts: (0..accounts).map(|_| Signer::new(rng.bytes())).collect(),
            contracts: Contracts {
                token: ContractId::default(),
                counter: ContractId::default(),
                hot_counter: ContractId::default(),
            },
            setup: Vec::new(),
        };
        world.deploy_contracts();
        world.hand_out_tokens();
        world
    }

    /// How many accounts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Never: a world has at least two accounts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// The address of an account.
    #[must_use]
    pub fn address(&self, account: usize) -> Address {
        Address::Key(self.accounts[account].public)
    }

    /// The contracts.
    #[must_use]
    pub fn contracts(&self) -> Contracts {
        self.contracts
    }

    /// The parameters of the chain.
    #[must_use]
    pub fn params(&self) -> &ProtocolParams {
        &self.params
    }

    /// The account that deploys the contracts and receives the fees.
    #[must_use]
    pub fn operator(&self) -> Address {
        Address::Key(self.deployer.public)
    }

    /// A genesis that funds every account.
    #[must_use]
    pub fn genesis(&self) -> Genesis {
        let mut genesis = Genesis::new(self.params.clone()).with_balance(
            self.deployer.public,
            AssetId::NATIVE,
            NATIVE_FUNDS,
        );
        for account in &self.accounts {
            genesis = genesis
                .with_balance(account.public, AssetId::NATIVE, NATIVE_FUNDS)
                .with_balance(account.public, SECOND_ASSET, SECOND_FUNDS);
        }
        genesis
    }

    /// The first blocks of the chain: one that deploys the contracts, then those that hand out the
    /// tokens.
    #[must_use]
    pub fn setup(&self) -> &[Vec<Transaction>] {
        &self.setup
    }

    /// Has an account sign an order as its next transaction.
    pub fn send(&mut self, account: usize, order: Order) -> Transaction {
        self.accounts[account].sign(&self.params, order)
    }

    /// Takes over the nonces of a chain that exists already.
    ///
    /// # Errors
    /// Those of `nonce_of`.
    pub fn resume<E>(
        &mut self,
        mut nonce_of: impl FnMut(&Address) -> Result<Nonce, E>,
    ) -> Result<(), E> {
        for account in &mut self.accounts {
            account.nonce = nonce_of(&Address::Key(account.public))?;
        }
        Ok(())
    }

    fn deploy_contracts(&mut self) {
        let supply = TOKEN_FUNDS
            .checked_mul(self.accounts.len() as u64)
            .expect("the supply of the token fits");
        let token = Order::deploy(assemble(TOKEN_WAT), supply.to_le_bytes().to_vec());
        let counter = Order::deploy(assemble(COUNTER_WAT), Vec::new());
        let deployments =
            [token, counter.clone(), counter].map(|order| self.deployer.sign(&self.params, order));
        let [token, counter, hot_counter] = deployments
            .each_ref()
            .map(|tx| tx.deployed_contract().expect("a deployment has a contract"));
        self.contracts = Contracts { token, counter, hot_counter };
        self.setup.push(deployments.into());
    }

    /// The token mints its supply to the deployer, who pays everybody a share. All of these have
    /// one sender and run one after the other; it happens once per chain.
    fn hand_out_tokens(&mut self) {
        let Self { accounts, deployer, params, contracts, setup, .. } = self;
        for accounts in accounts.chunks(SETUP_BLOCK_TXS) {
            let pay = |account: &Signer| {
                let order = Order::token_transfer(contracts.token, account.public, TOKEN_FUNDS);
                deployer.sign(params, order)
            };
            setup.push(accounts.iter().map(pay).collect());
        }
    }
}
