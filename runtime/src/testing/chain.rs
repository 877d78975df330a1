//! The chain of a test: who is on it, what is deployed, where it stands.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use tos_host_api::{Address, Amount, AssetId, ChainId, ContractId, TopoHeight, TxIndex};

use super::block::{TestCall, encode};
use super::called::decode;
use super::fleet::Fleet;
use super::{BlockBuilder, Called, TestAccount};
use crate::engine::ContractEngine;
use crate::execute::GuestMessage;
use crate::outcome::BlockOutcome;
use crate::storage::{MemoryStorage, Storage};
use crate::types::{
    AccessList, Transaction, TransactionType, UnsignedTransaction, UnverifiedBlock,
};
use crate::{Genesis, ProtocolParams};

/// Native units of everybody who is asked for by name.
const FUNDS: u64 = 1_000_000_000_000;
/// Units of each asset that the faucet starts with.
const SUPPLY: u64 = 1 << 60;
/// Time between blocks in milliseconds.
const BLOCK_TIME: u64 = 1_000;

/// A chain in memory, for tests of contracts.
pub struct TestChain {
    fleet: Fleet,
    faucet: TestAccount,
    names: BTreeMap<Address, String>,
    timestamp: u64,
}

/// A place in a chain's history to return to.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot {
    topoheight: TopoHeight,
    timestamp: u64,
}

impl Default for TestChain {
    fn default() -> Self {
        Self::new()
    }
}

impl TestChain {
    /// An asset beside the native one; see [`TestChain::give`].
    pub const GOLD: AssetId = AssetId([2; 32]);
    /// Another asset beside the native one.
    pub const SILVER: AssetId = AssetId([3; 32]);

    /// An empty chain.
    ///
    /// # Panics
    /// When the engine cannot be built on this machine.
    #[must_use]
    pub fn new() -> Self {
        Self::on(MemoryStorage::new())
    }

    /// An empty chain whose reference engine keeps its state here; for a storage that fails, see
    /// [`super::FailingStorage`].
    ///
    /// # Panics
    /// When the engine cannot be built on this storage.
    #[must_use]
    pub fn on(storage: impl Storage) -> Self {
        let faucet = TestAccount::named("faucet");
        let assets = [AssetId::NATIVE, Self::GOLD, Self::SILVER];
        let genesis = assets
            .into_iter()
            .fold(Genesis::new(ProtocolParams::new(ChainId(1))), |genesis, asset| {
                genesis.with_balance(faucet.public_key(), asset, Amount(SUPPLY))
            });
        let names = BTreeMap::from([(faucet.address(), faucet.name().to_owned())]);
        let fleet = Fleet::new(&genesis, Arc::new(storage));
        Self { fleet, faucet, names, timestamp: 0 }
    }

    /// Somebody with this name and a trillion native units. Whoever is new gets them in a block of
    /// its own.
    #[track_caller]
    pub fn account(&mut self, name: &str) -> TestAccount {
        let account = TestAccount::named(name);
        if self.names.insert(account.address(), name.to_owned()).is_none() {
            self.give(&account, AssetId::NATIVE, FUNDS);
        }
        account
    }

    /// Several people; see [`TestChain::account`].
    #[track_caller]
    pub fn accounts<const N: usize>(&mut self, names: [&str; N]) -> [TestAccount; N] {
        names.map(|name| self.account(name))
    }

    /// Gives an account money from nowhere, in a block of its own.
    #[track_caller]
    pub fn give(&mut self, to: impl Into<Address>, asset: AssetId, amount: u64) {
        let faucet = self.faucet.clone();
        self.transfer(&faucet, to, asset, amount).expect_ok();
    }

    /// Deploys a contract; `code` is the path of a module or its bytes.
    ///
    /// # Panics
    /// When there is no such file, or the deployment fails; the text says what the gate or the
    /// constructor said.
    #[track_caller]
    pub fn deploy(
        &mut self,
        who: &TestAccount,
        code: impl ContractCode,
        arguments: impl BorshSerialize,
    ) -> ContractId {
        let called = self.try_deploy(who, code, arguments).expect_ok();
        called.receipt().contract.expect("a successful deployment creates a contract")
    }

    /// Deploys a contract, or not.
    ///
    /// # Panics
    /// When there is no such file.
    #[track_caller]
    #[must_use = "say what you expect of it, for example with `expect_ok`"]
    pub fn try_deploy(
        &mut self,
        who: &TestAccount,
        code: impl ContractCode,
        arguments: impl BorshSerialize,
    ) -> Called {
        let (name, code) = code.load();
        let refused = crate::prepare::check(&code).err().map(|rejection| rejection.to_string());
        // As much as any module may cost.
        let gas_limit = self.engine().params().transaction_gas_limit;
        let input = encode(&arguments);
        let data = TransactionType::DeployContract { code, input, deposits: Vec::new() };
        let mut what = format!("{} deploys {name}", who.name());
        if let Some(refused) = refused {
            what = format!("{what} ({refused})");
        }
        let mut block = self.block();
        block.add(who, data, gas_limit, None, what);
        let called = single(block);
        if let Some(contract) = called.result.as_ref().ok().and_then(|receipt| receipt.contract) {
            self.names.insert(contract.into(), name);
        }
        called
    }

    /// Calls an entry in a block of its own. Several arguments are a tuple, none is `()`.
    #[track_caller]
    #[must_use = "say what you expect of it, for example with `expect_ok`"]
    pub fn call(
        &mut self,
        who: &TestAccount,
        contract: ContractId,
        entry: &str,
        arguments: impl BorshSerialize,
    ) -> Called {
        self.send(who, TestCall::new(contract, entry, arguments))
    }

    /// Sends a call in a block of its own.
    #[track_caller]
    #[must_use = "say what you expect of it, for example with `expect_ok`"]
    pub fn send(&mut self, who: &TestAccount, call: TestCall) -> Called {
        let mut block = self.block();
        block.send(who, call);
        single(block)
    }

    /// Pays in a block of its own.
    #[track_caller]
    #[must_use = "say what you expect of it, for example with `expect_ok`"]
    pub fn transfer(
        &mut self,
        who: &TestAccount,
        to: impl Into<Address>,
        asset: AssetId,
        amount: u64,
    ) -> Called {
        let mut block = self.block();
        block.transfer(who, to, asset, amount);
        single(block)
    }

    /// Starts a block of several transactions.
    pub fn block(&mut self) -> BlockBuilder<'_> {
        BlockBuilder::new(self)
    }

    /// Calls an entry read-only at the tip.
    ///
    /// # Panics
    /// When it fails, or returns something else.
    #[track_caller]
    #[must_use]
    pub fn view<T: BorshDeserialize>(
        &self,
        contract: ContractId,
        entry: &str,
        arguments: impl BorshSerialize,
    ) -> T {
        let what = format!("view {}.{entry}", self.name_of(contract.into()));
        let view = self.engine().view(contract, entry, &encode(&arguments));
        let view = view.unwrap_or_else(|error| panic!("{what}: {error}"));
        let said: Vec<_> = view.messages.iter().map(|message| &*message.text).collect();
        assert!(view.status.is_success(), "{what}: {}\n  said: {said:?}", view.status);
        decode(&view.return_data, &what)
    }

    /// A balance at the tip.
    ///
    /// # Panics
    /// When the storage fails.
    #[track_caller]
    #[must_use]
    pub fn balance(&self, account: impl Into<Address>, asset: AssetId) -> u64 {
        let balance = self.engine().balance(&account.into(), asset);
        balance.unwrap_or_else(|error| panic!("{error}")).0
    }

    /// The height of the newest block.
    #[must_use]
    pub fn topoheight(&self) -> TopoHeight {
        self.engine().tip().topoheight
    }

    /// Makes empty blocks until the newest has this height.
    ///
    /// # Panics
    /// When the chain is beyond it.
    #[track_caller]
    pub fn advance_to(&mut self, topoheight: u64) {
        let now = self.topoheight().0;
        assert!(now <= topoheight, "the chain is at {now}, beyond {topoheight}");
        for _ in now..topoheight {
            self.run(Vec::new());
        }
    }

    /// Sets the timestamp of the newest block, in milliseconds; the next one is a second later.
    pub fn set_timestamp(&mut self, timestamp: u64) {
        self.timestamp = timestamp;
    }

    /// Marks where the chain stands.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { topoheight: self.topoheight(), timestamp: self.timestamp }
    }

    /// Returns to where the chain stood: undoes the blocks since.
    ///
    /// # Panics
    /// When the chain has never been there.
    #[track_caller]
    pub fn restore(&mut self, snapshot: Snapshot) {
        self.fleet.rollback_to(snapshot.topoheight);
        self.timestamp = snapshot.timestamp;
    }

    /// The engine that the others are compared with, for everything this kit does not offer.
    #[must_use]
    pub fn engine(&self) -> &ContractEngine {
        &self.fleet.reference
    }

    /// What an account is called in this test, or its address.
    pub(super) fn name_of(&self, account: Address) -> String {
        self.names.get(&account).cloned().unwrap_or_else(|| account.to_string())
    }

    pub(super) fn names(&self) -> BTreeMap<Address, String> {
        self.names.clone()
    }

    /// What a transaction has to declare, as far as the tip tells, and what its template declares
    /// beyond that.
    #[track_caller]
    pub(super) fn access_of(
        &self,
        tx: &UnsignedTransaction,
        what: &str,
    ) -> (AccessList, AccessList) {
        let simulation = self.engine().simulate(tx);
        let simulation = simulation.unwrap_or_else(|error| panic!("simulation: {error}"));
        let superfluous = self.superfluous(tx, &simulation, what);
        (simulation.access_list, superfluous)
    }

    /// Makes a block of these transactions.
    #[track_caller]
    pub(super) fn run(
        &mut self,
        transactions: Vec<Transaction>,
    ) -> (BlockOutcome, Vec<(TxIndex, GuestMessage)>) {
        self.timestamp += BLOCK_TIME;
        let context = self.engine().next_context(self.timestamp);
        self.fleet.run(UnverifiedBlock { context, beneficiary: None, transactions })
    }
}

/// Executes a block of one transaction.
#[track_caller]
fn single(block: BlockBuilder<'_>) -> Called {
    let executed = block.execute();
    executed.called()[0].clone()
}

/// A module to deploy.
pub trait ContractCode {
    /// Its name for the text of failures, and its bytes.
    ///
    /// # Panics
    /// When it cannot be read.
    fn load(self) -> (String, Vec<u8>);
}

impl ContractCode for &str {
    #[track_caller]
    fn load(self) -> (String, Vec<u8>) {
        let path = Path::new(self);
        let name = path.file_stem().map_or_else(|| self.into(), |name| name.to_string_lossy());
        let hint = "build it first, see contracts/README.md";
        let bytes = std::fs::read(path);
        let bytes = bytes.unwrap_or_else(|error| panic!("{}: {error}; {hint}", path.display()));
        (name.into_owned(), bytes)
    }
}

impl ContractCode for Vec<u8> {
    fn load(self) -> (String, Vec<u8>) {
        ("a contract".into(), self)
    }
}

impl ContractCode for &[u8] {
    fn load(self) -> (String, Vec<u8>) {
        self.to_vec().load()
    }
}
