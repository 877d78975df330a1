//! One engine and the people who use it.

use std::collections::HashMap;

use tos_runtime::{
    AccessEntry, AccessMode, Address, Amount, AssetId, Block, BlockOutcome, ContractEngine,
    ContractEngineBuilder, ContractId, Deposit, Gas, Genesis, InvalidTransaction, MemoryStorage,
    Nonce, ProtocolParams, Receipt, Storage, TopoHeight, Transaction, TransactionType, Transfer,
    UnsignedTransaction, VerifiedTransaction,
};

use super::{CHAIN, GOLD, SILVER, account, key, person};

/// Native units everybody starts with.
pub(crate) const FUNDS: u64 = 1_000_000_000_000;
/// Units of the other assets everybody starts with.
const OTHER_FUNDS: u64 = 1_000_000;

/// A genesis in which people 0 to `people - 1` hold [`FUNDS`] and some of the other assets.
pub(crate) fn genesis(people: u64) -> Genesis {
    fund(Genesis::new(ProtocolParams::new(CHAIN)), 0..people)
}

/// Gives people their funds.
pub(crate) fn fund(genesis: Genesis, people: std::ops::Range<u64>) -> Genesis {
    people.fold(genesis, |genesis, number| {
        genesis
            .with_balance(person(number), AssetId::NATIVE, Amount(FUNDS))
            .with_balance(person(number), GOLD, Amount(OTHER_FUNDS))
            .with_balance(person(number), SILVER, Amount(OTHER_FUNDS))
    })
}

/// A transaction before somebody sends it.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) data: TransactionType,
    pub(crate) access: Vec<AccessEntry>,
    pub(crate) gas_limit: u64,
    pub(crate) gas_price: u64,
    pub(crate) expiry: u64,
}

impl Order {
    pub(crate) fn new(data: TransactionType) -> Self {
        let gas_limit = match &data {
            TransactionType::Transfers(transfers) => 20_000 + 12_000 * transfers.len() as u64,
            TransactionType::Burn { .. } => 20_000,
            TransactionType::InvokeContract { .. } => 400_000,
            TransactionType::DeployContract { code, .. }
            | TransactionType::UpgradeContract { code, .. } => {
                20_000_000 + 1_600 * code.len() as u64
            }
        };
        Self { data, access: Vec::new(), gas_limit, gas_price: 1, expiry: u64::MAX }
    }

    pub(crate) fn transfer(to: impl Into<Address>, amount: u64) -> Self {
        Self::transfers(vec![(to.into(), AssetId::NATIVE, amount)])
    }

    pub(crate) fn transfers(list: Vec<(Address, AssetId, u64)>) -> Self {
        let transfer =
            |(destination, asset, amount)| Transfer { destination, asset, amount: Amount(amount) };
        Self::new(TransactionType::Transfers(list.into_iter().map(transfer).collect()))
    }

    pub(crate) fn burn(asset: AssetId, amount: u64) -> Self {
        Self::new(TransactionType::Burn { asset, amount: Amount(amount) })
    }

    pub(crate) fn deploy(code: Vec<u8>, input: &[u8]) -> Self {
        let input = input.to_vec();
        Self::new(TransactionType::DeployContract { code, input, deposits: Vec::new() })
    }

    pub(crate) fn upgrade(contract: ContractId, code: Vec<u8>, input: &[u8]) -> Self {
        Self::new(TransactionType::UpgradeContract { contract, code, input: input.to_vec() })
    }

    pub(crate) fn invoke(contract: ContractId, entry: &str, input: &[u8]) -> Self {
        Self::new(TransactionType::InvokeContract {
            contract,
            entry: entry.into(),
            input: input.to_vec(),
            deposits: Vec::new(),
        })
    }

    pub(crate) fn deposit(mut self, asset: AssetId, amount: u64) -> Self {
        if let TransactionType::InvokeContract { deposits, .. }
        | TransactionType::DeployContract { deposits, .. } = &mut self.data
        {
            deposits.push(Deposit { asset, amount: Amount(amount) });
            deposits.sort_by_key(|deposit| deposit.asset);
        }
        self
    }

    /// Declares an account; keeps the list canonical.
    pub(crate) fn access(mut self, account: impl Into<Address>, mode: AccessMode) -> Self {
        self.access.push(AccessEntry::new(account, mode));
        self.access.sort_by_key(|entry| entry.account);
        self
    }

    pub(crate) fn gas_limit(mut self, gas_limit: u64) -> Self {
        self.gas_limit = gas_limit;
        self
    }

    pub(crate) fn gas_price(mut self, gas_price: u64) -> Self {
        self.gas_price = gas_price;
        self
    }

    pub(crate) fn expiry(mut self, expiry: u64) -> Self {
        self.expiry = expiry;
        self
    }

    /// The transaction of person `number` with this nonce, not signed.
    pub(crate) fn unsigned(self, number: u64, nonce: u64) -> UnsignedTransaction {
        UnsignedTransaction {
            chain_id: CHAIN,
            source: person(number),
            nonce: Nonce(nonce),
            gas_limit: Gas(self.gas_limit),
            gas_price: Amount(self.gas_price),
            expiry: TopoHeight(self.expiry),
            access: self.access,
            data: self.data,
        }
    }

    /// The signed transaction of person `number` with this nonce.
    pub(crate) fn signed(self, number: u64, nonce: u64) -> Transaction {
        self.unsigned(number, nonce).sign(&key(number))
    }
}

/// Common calls of the example contracts.
pub(crate) struct Call;

impl Call {
    /// Pays tokens; the receiver is only credited.
    pub(crate) fn token_transfer(token: ContractId, to: Address, amount: u64) -> Order {
        let mut input = to.to_bytes().to_vec();
        input.extend_from_slice(&amount.to_le_bytes());
        Order::invoke(token, "transfer", &input).access(to, AccessMode::Credit)
    }

    /// Adds to the shared counter without reading it.
    pub(crate) fn counter_add(counter: ContractId, amount: u64) -> Order {
        Order::invoke(counter, "add", &amount.to_le_bytes()).access(counter, AccessMode::Credit)
    }

    /// Reads the shared slot and writes it back.
    pub(crate) fn counter_bump(counter: ContractId) -> Order {
        Order::invoke(counter, "bump", &[]).access(counter, AccessMode::Write)
    }
}

/// An engine with helpers that panic where a test cannot go on.
pub(crate) struct Chain {
    pub(crate) engine: ContractEngine,
    /// Nonces within the block that is being put together.
    pending: HashMap<u64, u64>,
}

impl Chain {
    /// A chain in memory with `people` funded people.
    #[track_caller]
    pub(crate) fn new(people: u64) -> Self {
        Self::on(MemoryStorage::new(), people)
    }

    /// A chain on this storage.
    #[track_caller]
    pub(crate) fn on(storage: impl Storage, people: u64) -> Self {
        let builder = ContractEngine::builder().storage(storage).genesis(genesis(people));
        Self::build(builder)
    }

    #[track_caller]
    pub(crate) fn build(builder: ContractEngineBuilder) -> Self {
        Self { engine: builder.build().expect("the engine opens"), pending: HashMap::new() }
    }

    /// The transaction of person `number` with the next nonce.
    #[track_caller]
    pub(crate) fn send(&mut self, number: u64, order: Order) -> Transaction {
        let stored = self.nonce(number);
        let nonce = self.pending.entry(number).or_insert(stored);
        *nonce = stored.max(*nonce) + 1;
        order.signed(number, *nonce - 1)
    }

    #[track_caller]
    pub(crate) fn verified(&self, transactions: Vec<Transaction>) -> Vec<VerifiedTransaction> {
        tos_runtime::verify_batch(transactions, self.engine.params())
            .expect("the transactions are well formed")
    }

    /// A block on the tip; fees go to nobody.
    #[track_caller]
    pub(crate) fn block(&mut self, transactions: Vec<Transaction>) -> Block {
        self.pending.clear();
        let timestamp = 1_000 * (self.engine.tip().topoheight.0 + 1);
        Block::new(self.engine.next_context(timestamp), self.verified(transactions))
    }

    /// Executes with both executors, compares, returns the outcome without committing it.
    #[track_caller]
    pub(crate) fn execute(&mut self, transactions: Vec<Transaction>) -> BlockOutcome {
        let block = self.block(transactions);
        self.execute_block(&block)
    }

    #[track_caller]
    pub(crate) fn execute_block(&self, block: &Block) -> BlockOutcome {
        let sequential = self.engine.execute_block_sequentially(block).expect("it executes");
        let parallel = self.engine.execute_block(block).expect("it executes");
        let what = "sequential and parallel";
        super::assert_agree(&self.engine, block, &sequential, &parallel, what);
        parallel
    }

    /// Executes with both executors, compares and commits; returns the results.
    #[track_caller]
    pub(crate) fn run(
        &mut self,
        transactions: Vec<Transaction>,
    ) -> Vec<Result<Receipt, InvalidTransaction>> {
        let outcome = self.execute(transactions);
        let results = outcome.results().to_vec();
        self.engine.commit(outcome).expect("it commits");
        results
    }

    /// One order of one person in a block of its own; it must be included.
    #[track_caller]
    pub(crate) fn one(&mut self, number: u64, order: Order) -> Receipt {
        let tx = self.send(number, order);
        self.run(vec![tx]).remove(0).expect("it is included")
    }

    /// Like [`Chain::one`] without committing.
    #[track_caller]
    pub(crate) fn execute_one(&mut self, number: u64, order: Order) -> Receipt {
        let tx = self.send(number, order);
        super::receipt(&self.execute(vec![tx]), 0).clone()
    }

    /// Deploys a guest as person 0.
    #[track_caller]
    pub(crate) fn deploy(&mut self, code: Vec<u8>, input: &[u8]) -> ContractId {
        let receipt = self.one(0, Order::deploy(code, input));
        receipt.contract.unwrap_or_else(|| panic!("not deployed: {}", receipt.status))
    }

    #[track_caller]
    pub(crate) fn balance(&self, number: u64) -> u64 {
        self.asset_balance(number, AssetId::NATIVE)
    }

    #[track_caller]
    pub(crate) fn asset_balance(&self, number: u64, asset: AssetId) -> u64 {
        self.engine.balance(&account(number), asset).expect("it is read").0
    }

    #[track_caller]
    pub(crate) fn nonce(&self, number: u64) -> u64 {
        self.engine.account(&account(number)).expect("it is read").nonce.0
    }

    /// What a view returns; it must succeed.
    #[track_caller]
    pub(crate) fn view(&self, contract: ContractId, entry: &str, input: &[u8]) -> Vec<u8> {
        let view = self.engine.view(contract, entry, input).expect("it runs");
        assert!(view.status.is_success(), "view {entry}: {}", view.status);
        view.return_data
    }

    /// A view that returns a counter.
    #[track_caller]
    pub(crate) fn view_number(&self, contract: ContractId, entry: &str, input: &[u8]) -> u128 {
        let bytes = self.view(contract, entry, input);
        u128::from_le_bytes(bytes.try_into().expect("a counter has 16 bytes"))
    }
}
