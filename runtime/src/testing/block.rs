//! Blocks of several transactions.

use std::fmt::Write as _;

use borsh::BorshSerialize;
use tos_host_api::{
    AccessMode, Address, Amount, AssetId, ContractId, Gas, Nonce, TopoHeight, TxIndex,
};

use super::{Called, TestAccount, TestChain};
use crate::outcome::BlockOutcome;
use crate::types::{
    AccessList, Deposit, Transaction, TransactionType, Transfer, UnsignedTransaction,
};

/// Gas that calls of a test may use unless they say otherwise.
const GAS_LIMIT: Gas = Gas(20_000_000);

/// A call before somebody sends it.
#[derive(Debug, Clone)]
#[must_use = "a call does nothing until it is sent"]
pub struct TestCall {
    contract: ContractId,
    entry: String,
    input: Vec<u8>,
    deposits: Vec<Deposit>,
    gas_limit: Gas,
    access: Option<AccessList>,
}

impl TestCall {
    /// A call of an entry. Several arguments are a tuple, none is `()`.
    ///
    /// # Panics
    /// When the arguments cannot be encoded.
    pub fn new(contract: ContractId, entry: &str, arguments: impl BorshSerialize) -> Self {
        Self {
            contract,
            entry: entry.into(),
            input: encode(&arguments),
            deposits: Vec::new(),
            gas_limit: GAS_LIMIT,
            access: None,
        }
    }

    /// Brings an amount of an asset along.
    pub fn deposit(mut self, asset: AssetId, amount: u64) -> Self {
        self.deposits.push(Deposit { asset, amount: Amount(amount) });
        self.deposits.sort_by_key(|deposit| deposit.asset);
        self
    }

    /// May use so much gas.
    pub fn gas_limit(mut self, gas_limit: u64) -> Self {
        self.gas_limit = Gas(gas_limit);
        self
    }

    /// Declares exactly these accounts instead of what the kit finds out.
    pub fn access(mut self, access: AccessList) -> Self {
        self.access = Some(access);
        self
    }
}

/// Encodes arguments as entries take them: one after the other.
#[track_caller]
pub(super) fn encode(arguments: &impl BorshSerialize) -> Vec<u8> {
    borsh::to_vec(arguments).unwrap_or_else(|error| panic!("the arguments: {error}"))
}

/// Puts a block together. Its transactions keep the order in which they were added.
#[must_use = "a block does nothing until it is executed"]
pub struct BlockBuilder<'a> {
    chain: &'a mut TestChain,
    transactions: Vec<Transaction>,
    what: Vec<String>,
    superfluous: Vec<AccessList>,
}

impl<'a> BlockBuilder<'a> {
    pub(super) fn new(chain: &'a mut TestChain) -> Self {
        Self { chain, transactions: Vec::new(), what: Vec::new(), superfluous: Vec::new() }
    }

    /// Adds a call of an entry.
    #[track_caller]
    pub fn call(
        &mut self,
        who: &TestAccount,
        contract: ContractId,
        entry: &str,
        arguments: impl BorshSerialize,
    ) -> &mut Self {
        self.send(who, TestCall::new(contract, entry, arguments))
    }

    /// Adds a call.
    #[track_caller]
    pub fn send(&mut self, who: &TestAccount, call: TestCall) -> &mut Self {
        let TestCall { contract, entry, input, deposits, gas_limit, access } = call;
        let what = format!("{} calls {}.{entry}", who.name(), self.chain.name_of(contract.into()));
        let data = TransactionType::InvokeContract { contract, entry, input, deposits };
        self.add(who, data, gas_limit, access, what)
    }

    /// Adds a payment.
    #[track_caller]
    pub fn transfer(
        &mut self,
        who: &TestAccount,
        to: impl Into<Address>,
        asset: AssetId,
        amount: u64,
    ) -> &mut Self {
        let destination = to.into();
        let what = format!("{} pays {}", who.name(), self.chain.name_of(destination));
        let transfer = Transfer { destination, asset, amount: Amount(amount) };
        let data = TransactionType::Transfers(vec![transfer]);
        self.add(who, data, GAS_LIMIT, Some(Vec::new()), what)
    }

    /// Adds a transaction of any kind.
    #[track_caller]
    pub(super) fn add(
        &mut self,
        who: &TestAccount,
        data: TransactionType,
        gas_limit: Gas,
        access: Option<AccessList>,
        what: String,
    ) -> &mut Self {
        let engine = self.chain.engine();
        let account = engine.account(&who.address()).unwrap_or_else(|error| panic!("{error}"));
        let source = who.public_key();
        let earlier = self.transactions.iter().filter(|tx| tx.source == source).count();
        let mut tx = UnsignedTransaction {
            chain_id: engine.params().chain_id,
            source,
            nonce: account.nonce,
            gas_limit,
            gas_price: Amount(1),
            expiry: TopoHeight(u64::MAX),
            access: Vec::new(),
            data,
        };
        let (access, superfluous) = match access {
            Some(access) => (access, AccessList::new()),
            None => self.chain.access_of(&tx, &what),
        };
        tx.access = access;
        tx.nonce = Nonce(account.nonce.0 + earlier as u64);
        self.transactions.push(tx.sign(who.signing_key()));
        self.what.push(what);
        self.superfluous.push(superfluous);
        self
    }

    /// Executes the block on every engine of the kit, compares, and commits it.
    ///
    /// # Panics
    /// When the engines do not agree.
    #[track_caller]
    pub fn execute(self) -> ExecutedBlock {
        let Self { chain, transactions, what, superfluous } = self;
        let sent = transactions.iter().map(|tx| tx.access.clone());
        let lists: Vec<_> = sent.zip(superfluous).collect();
        let (outcome, heard) = chain.run(transactions);
        let mut called = Vec::with_capacity(what.len());
        for (idx, ((result, what), (access, superfluous))) in
            outcome.results().iter().zip(what).zip(lists).enumerate()
        {
            let said = heard.iter().filter(|(tx, _)| *tx as usize == idx);
            let messages = said.map(|(_, message)| message.clone()).collect();
            called.push(Called { what, result: result.clone(), messages, access, superfluous });
        }
        let names = chain.names();
        ExecutedBlock { outcome, called, names }
    }
}

/// A block that was executed and committed.
pub struct ExecutedBlock {
    outcome: BlockOutcome,
    called: Vec<Called>,
    names: std::collections::BTreeMap<Address, String>,
}

impl ExecutedBlock {
    /// Its transactions, in order.
    pub fn called(&self) -> &[Called] {
        &self.called
    }

    /// Everything else about it: change set, digests, fees, schedule.
    #[must_use]
    pub fn outcome(&self) -> &BlockOutcome {
        &self.outcome
    }

    /// Demands that every transaction succeeded.
    ///
    /// # Panics
    /// With the first that did not.
    #[track_caller]
    pub fn expect_ok(self) -> Self {
        for called in &self.called {
            let _ = called.clone().expect_ok();
        }
        self
    }

    /// Demands that the block has so many batches: levels of transactions that wait for each other.
    /// One batch is a block in which nobody waits.
    ///
    /// # Panics
    /// With the batches there are, and for each transaction that waits for whom and why.
    #[track_caller]
    pub fn assert_batches(&self, expected: usize) -> &Self {
        let found = self.outcome.schedule().batches().len();
        assert!(found == expected, "expected {expected} batches, found {found}:\n{}", self.waits());
        self
    }

    /// Who waits for whom and why, a line each.
    fn waits(&self) -> String {
        let schedule = self.outcome.schedule();
        let mut text = String::new();
        for (number, batch) in schedule.batches().iter().enumerate() {
            let _ = writeln!(text, "  batch {number}: transactions {:?}", batch.transactions);
        }
        for (tx, called) in self.called.iter().enumerate() {
            for wait in schedule.waits_for(tx as TxIndex) {
                let earlier = &self.called[wait.transaction as usize].what;
                let account = self.names.get(&wait.account).cloned();
                let account = account.unwrap_or_else(|| wait.account.to_string());
                let modes: [AccessMode; 2] = [wait.earlier, wait.later];
                let _ = writeln!(
                    text,
                    "  {tx} ({}) waits for {} ({earlier}): both touch {account}, {} then {}",
                    called.what, wait.transaction, modes[0], modes[1]
                );
            }
        }
        text
    }
}
