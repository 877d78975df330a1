//! The accounts of a workload, the genesis that funds them, the contracts they use, and the
//! transactions they sign. What they send is decided by the generators.

use tos_runtime::{
    AccessEntry, AccessList, AccessMode, Address, Amount, AssetId, ChainId, ContractId, Deposit,
    Gas, Genesis, Nonce, ProtocolParams, PublicKey, SigningKey, TopoHeight, Transaction,
    TransactionType, Transfer, UnsignedTransaction,
};

use crate::Rng;
use crate::threads::in_parallel;

/// Source of the counter contract.
pub const COUNTER_WAT: &str = include_str!("../../contracts/wat/counter.wat");
/// Source of the token contract in WAT.
pub const TOKEN_WAT: &str = include_str!("../../contracts/wat/token.wat");
/// The token contract in Rust, which worlds use.
pub const TOKEN: &[u8] = include_bytes!("../../contracts/wasm/token.wasm");
/// The pool of tokens and native money in Rust.
pub const AMM: &[u8] = include_bytes!("../../contracts/wasm/amm.wasm");

/// The asset that accounts hold besides the native one.
pub const SECOND_ASSET: AssetId = AssetId(*b"the second asset of the workload");

/// Native units per account: enough for a million transactions each.
const NATIVE_FUNDS: Amount = Amount(1_000_000_000_000);
/// Units of the second asset per account.
const SECOND_FUNDS: Amount = Amount(1_000_000_000);
/// Tokens per account.
const TOKEN_FUNDS: u64 = 1_000_000_000;
/// Native units that the pool begins with.
const POOL_NATIVE: u64 = 100_000_000_000;
/// Tokens that the pool begins with.
const POOL_TOKENS: u64 = 1_000_000_000_000;
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
    /// A pool of the token and native money; its calls run one after the other.
    pub pool: ContractId,
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
        self.write(params, order).sign(&self.key)
    }

    /// The next transaction, unsigned; its nonce counts as used from here on.
    fn write(&mut self, params: &ProtocolParams, order: Order) -> UnsignedTransaction {
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
        unsigned
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

    /// Buys tokens from a pool, which reads and writes its books.
    #[must_use]
    pub fn buy(pool: ContractId, amount: u64) -> Self {
        let at_least = 1_u64;
        Self::invoke(pool, "buy", at_least.to_le_bytes().to_vec())
            .with_access(AccessEntry::new(pool, AccessMode::Write))
            .with_deposits(vec![Deposit { asset: AssetId::NATIVE, amount: Amount(amount) }])
            .with_execution_gas(Gas(80_000))
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
        Self { access: AccessList::new(), execution_gas: Gas(200_000), data }
    }

    /// Declares one more access.
    #[must_use]
    pub fn with_access(mut self, entry: AccessEntry) -> Self {
        self.access.push(entry);
        self.access.sort_unstable();
        self
    }

    /// Sends assets along with a call.
    ///
    /// # Panics
    /// When the order is no call.
    #[must_use]
    pub fn with_deposits(mut self, sent: Vec<Deposit>) -> Self {
        match &mut self.data {
            TransactionType::InvokeContract { deposits, .. }
            | TransactionType::DeployContract { deposits, .. } => *deposits = sent,
            data => panic!("no call that takes deposits: {data:?}"),
        }
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
        Self::with_holders(accounts, accounts, seed)
    }

    /// A world of this many accounts, of which only the first `holders` are given tokens: handing
    /// them out takes a contract call each. All others have the same keys as in [`World::new`].
    ///
    /// # Panics
    /// When there are fewer than two accounts: nobody could pay anybody else.
    #[must_use]
    pub fn with_holders(accounts: usize, holders: usize, seed: u64) -> Self {
        assert!(accounts >= 2, "a world needs at least two accounts");
        let mut rng = Rng::new(seed);
        let deployer = Signer::new(rng.bytes());
        let secrets: Vec<[u8; 32]> = (0..accounts).map(|_| rng.bytes()).collect();
        let mut world = Self {
            params: ProtocolParams::new(ChainId(1)),
            deployer,
            accounts: in_parallel(&secrets, |secret| Signer::new(*secret)),
            contracts: Contracts {
                token: ContractId::default(),
                counter: ContractId::default(),
                hot_counter: ContractId::default(),
                pool: ContractId::default(),
            },
            setup: Vec::new(),
        };
        let holders = holders.min(accounts);
        world.deploy_contracts(holders);
        world.fill_pool();
        world.hand_out_tokens(holders);
        world
    }

    /// The same world on a chain where growth of the state costs nothing, so that gas stands for
    /// time alone.
    #[must_use]
    pub fn without_growth(mut self) -> Self {
        self.params.costs.state_byte = 0;
        self
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

    /// The keys of all accounts.
    #[must_use]
    pub fn keys(&self) -> Vec<PublicKey> {
        self.accounts.iter().map(|account| account.public).collect()
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

    /// A genesis that funds every account, with a second asset besides the native one.
    #[must_use]
    pub fn genesis(&self) -> Genesis {
        self.accounts.iter().fold(self.native_genesis(), |genesis, account| {
            genesis.with_balance(account.public, SECOND_ASSET, SECOND_FUNDS)
        })
    }

    /// A genesis that funds every account with native units only.
    #[must_use]
    pub fn native_genesis(&self) -> Genesis {
        let genesis = Genesis::new(self.params.clone());
        std::iter::once(&self.deployer).chain(&self.accounts).fold(genesis, |genesis, account| {
            genesis.with_balance(account.public, AssetId::NATIVE, NATIVE_FUNDS)
        })
    }

    /// The first blocks of the chain: one that deploys the contracts, one that fills the pool, then
    /// those that hand out the tokens.
    #[must_use]
    pub fn setup(&self) -> &[Vec<Transaction>] {
        &self.setup
    }

    /// Has an account sign an order as its next transaction.
    pub fn send(&mut self, account: usize, order: Order) -> Transaction {
        self.accounts[account].sign(&self.params, order)
    }

    /// Has accounts sign orders, each as its next transaction, in this order. The same as
    /// [`World::send`] one by one, on all cores.
    ///
    /// # Panics
    /// When an order is too large for a transaction: a mistake in the workload.
    pub fn send_all(&mut self, orders: Vec<(usize, Order)>) -> Vec<Transaction> {
        let Self { accounts, params, .. } = self;
        let mut write =
            |(account, order): (usize, Order)| (account, accounts[account].write(params, order));
        let unsigned: Vec<_> = orders.into_iter().map(&mut write).collect();
        in_parallel(&unsigned, |(account, tx)| tx.clone().sign(&self.accounts[*account].key))
    }

    /// Back to the nonces of a chain's beginning: for several blocks on one tip.
    pub fn rewind(&mut self) {
        for account in &mut self.accounts {
            account.nonce = Nonce::ZERO;
        }
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

    fn deploy_contracts(&mut self, holders: usize) {
        let supply = TOKEN_FUNDS
            .checked_mul(holders as u64)
            .and_then(|handed_out| handed_out.checked_add(POOL_TOKENS))
            .expect("the supply of the token fits");
        let token = Order::deploy(TOKEN.into(), supply.to_le_bytes().to_vec());
        let counter = Order::deploy(assemble(COUNTER_WAT), Vec::new());
        let deployments =
            [token, counter.clone(), counter].map(|order| self.deployer.sign(&self.params, order));
        let deployed = |tx: &Transaction| tx.deployed_contract().expect("it is a deployment");
        let [token, counter, hot_counter] = deployments.each_ref().map(deployed);
        let pool = self.deployer.sign(&self.params, Order::deploy(AMM.into(), token.0.to_vec()));
        self.contracts = Contracts { token, counter, hot_counter, pool: deployed(&pool) };
        self.setup.push(deployments.into_iter().chain([pool]).collect());
    }

    /// The deployer gives the pool what it begins with.
    fn fill_pool(&mut self) {
        let Contracts { token, pool, .. } = self.contracts;
        let spender = Address::Contract(pool).to_bytes();
        let approve = [&spender[..], &POOL_TOKENS.to_le_bytes()].concat();
        let approve = Order::invoke(token, "approve", approve);
        let shares_min = 0_u64;
        let add = [POOL_TOKENS.to_le_bytes(), shares_min.to_le_bytes()].concat();
        let add = Order::invoke(pool, "add_liquidity", add)
            .with_access(AccessEntry::new(pool, AccessMode::Write))
            .with_deposits(vec![Deposit { asset: AssetId::NATIVE, amount: Amount(POOL_NATIVE) }]);
        let orders = [approve, add].map(|order| order.with_execution_gas(Gas(200_000)));
        self.setup.push(orders.map(|order| self.deployer.sign(&self.params, order)).into());
    }

    /// The token's supply is the deployer's, who pays everybody a share. All of these have
    /// one sender and run one after the other; it happens once per chain.
    fn hand_out_tokens(&mut self, holders: usize) {
        let Self { accounts, deployer, params, contracts, setup, .. } = self;
        for accounts in accounts[..holders].chunks(SETUP_BLOCK_TXS) {
            let mut pay = |account: &Signer| {
                let order = Order::token_transfer(contracts.token, account.public, TOKEN_FUNDS);
                deployer.write(params, order)
            };
            let unsigned: Vec<_> = accounts.iter().map(&mut pay).collect();
            setup.push(in_parallel(&unsigned, |tx| tx.clone().sign(&deployer.key)));
        }
    }
}
