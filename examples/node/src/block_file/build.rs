//! Brings a block file to an engine: a chain with its accounts and contracts, and its transactions,
//! signed. What the author left out is found in the contract's own description, or by rehearsing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, anyhow};
use tos_runtime::{
    AccessEntry, AccessList, Address, Amount, AssetId, Block, CallAccessError, ChainId,
    ContractEngine, ContractId, Deposit, EngineConfig, ExecutionObserver, ExecutionStatus, Gas,
    Genesis, GuestMessage, InvalidTransaction, MemoryStorage, Nonce, ProtocolParams, Receipt,
    TopoHeight, Transaction, TransactionType, Transfer, TxIndex, UnsignedTransaction,
    VerifiedTransaction,
};

use super::model::{Action, BlockFile, Content, ContractSpec, Party, TransactionSpec, Value};
use super::source::Source;
use crate::{contract, outcome};

/// The network of block files.
const CHAIN: ChainId = ChainId(1);
/// Most gas for the guest of a rehearsed call that states no limit: about a twentieth of a second.
const REHEARSAL_GAS: Gas = Gas(50_000_000);
/// Gas for the guest of a call that states no limit and does not come to an end in rehearsal.
const HALTING_GAS: Gas = Gas(100_000);

/// A chain in memory on which the file's contracts stand and its block has yet to come.
pub(crate) struct Chain<'f> {
    file: &'f BlockFile,
    /// The engine, whose tip is the state before the block.
    pub engine: ContractEngine,
    /// By index of the file's contracts.
    contracts: Vec<ContractId>,
    messages: Messages,
}

/// What contracts say while a block executes, by transaction.
#[derive(Debug, Clone, Default)]
struct Messages(Arc<Mutex<BTreeMap<TxIndex, Vec<String>>>>);

impl ExecutionObserver for Messages {
    fn guest_message(&self, tx: TxIndex, message: &GuestMessage) {
        let mut messages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        messages.entry(tx).or_default().push(message.text.clone());
    }
}

/// A transaction with everything its author left out.
pub(crate) struct Completed {
    /// The transaction, signed.
    pub transaction: Transaction,
    /// Its accounts are those of the contract's own template.
    pub by_template: bool,
}

/// The file's transactions, in order.
///
/// Each is rehearsed on a chain of its own on which the earlier ones have been executed, so that
/// what it is found to touch and to use is what it will touch and use in the block.
pub(crate) fn transactions(file: &BlockFile, source: &Source) -> Result<Vec<Completed>> {
    let chain = Chain::open(file, source, 1)?;
    let rehearse = |spec: &TransactionSpec| {
        let (transaction, by_template) = chain.complete(spec)?;
        let transaction = transaction.sign(&file.accounts[spec.signed_by].key);
        // One that is refused here, or rejected, changes nothing for those that follow.
        if let Ok(verified) = chain.engine.verify(transaction.clone()) {
            let _ = chain.append(verified)?;
        }
        Ok(Completed { transaction, by_template })
    };
    file.transactions.iter().map(rehearse).collect()
}

impl<'f> Chain<'f> {
    /// Makes the chain: genesis, then a block for each contract.
    pub(crate) fn open(file: &'f BlockFile, source: &Source, threads: usize) -> Result<Self> {
        let mut genesis = Genesis::new(ProtocolParams::new(CHAIN));
        for account in &file.accounts {
            for (asset, amount) in &account.balances {
                genesis = genesis.with_balance(account.public(), *asset, *amount);
            }
        }
        let messages = Messages::default();
        let engine = ContractEngine::builder()
            .observer(messages.clone())
            .storage(MemoryStorage::new())
            .config(EngineConfig { max_parallel_threads: threads, ..EngineConfig::default() })
            .genesis(genesis)
            .build()?;
        let mut chain = Self { file, engine, contracts: Vec::new(), messages };
        // An id depends on deployer, nonce and code, so all are known before the first deployment
        // and inputs may name any of them.
        chain.contracts = file.contracts.iter().map(|spec| chain.contract_id(spec)).collect();
        for contract in &file.contracts {
            chain.deploy(contract).map_err(|error| {
                let mut fault = contract.place.clone();
                fault.message = format!("this contract cannot be deployed: {error:#}");
                source.describe(&fault)
            })?;
        }
        Ok(chain)
    }

    /// What contracts have said since this was last asked, by transaction.
    pub(crate) fn take_messages(&self) -> BTreeMap<TxIndex, Vec<String>> {
        let mut messages = self.messages.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *messages)
    }

    /// The address of somebody in the file.
    pub(crate) fn address(&self, party: Party) -> Address {
        match party {
            Party::Account(account) => self.file.accounts[account].public().into(),
            Party::Contract(contract) => self.contracts[contract].into(),
            Party::Address(address) => address,
        }
    }

    /// The id of a contract in the file. Parsing sees to it that a contract is asked for.
    pub(crate) fn contract(&self, party: Party) -> ContractId {
        match self.address(party) {
            Address::Contract(contract) => contract,
            Address::Key(key) => ContractId(key.0),
        }
    }

    /// The bytes of an input.
    pub(crate) fn encode(&self, values: &[Value]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for value in values {
            match &value.content {
                Content::Bytes(content) => bytes.extend_from_slice(content),
                Content::Party(party) => bytes.extend_from_slice(&self.address(*party).to_bytes()),
            }
        }
        bytes
    }

    /// The nonce that a deployment has: one more for each earlier one of the same owner.
    fn contract_id(&self, spec: &ContractSpec) -> ContractId {
        let earlier = self.file.contracts.iter().take_while(|other| !std::ptr::eq(*other, spec));
        let nonce = earlier.filter(|other| other.owner == spec.owner).count() as u64;
        let code = spec.code.clone();
        let data =
            TransactionType::DeployContract { code, input: Vec::new(), deposits: Vec::new() };
        let mut draft = self.draft(spec.owner, Nonce(nonce));
        draft.data = data;
        draft.deployed_contract().unwrap_or_default()
    }

    /// A contract is set up at no charge, so that the balances in the file hold when its block
    /// comes.
    fn deploy(&self, contract: &ContractSpec) -> Result<()> {
        let spec = TransactionSpec {
            note: None,
            from: contract.owner,
            signed_by: contract.owner,
            action: Action::Deploy {
                file: String::new(),
                code: contract.code.clone(),
                input: contract.input.clone(),
                deposits: Vec::new(),
            },
            nonce: None,
            gas_limit: None,
            gas_price: 0,
            expiry: None,
            access: None,
            expect: None,
        };
        let (transaction, _) = self.complete(&spec)?;
        let transaction = transaction.sign(&self.file.accounts[contract.owner].key);
        self.take_messages();
        let result = self.append(self.engine.verify(transaction)?)?;
        if result.as_ref().is_ok_and(|receipt| receipt.status.is_success()) {
            return Ok(());
        }
        let said = self.take_messages().into_values().flatten();
        let told = contract::refusal(&contract.code).into_iter().chain(said);
        let sentence = std::iter::once(outcome::sentence(&result)).chain(told);
        Err(anyhow!(sentence.collect::<Vec<_>>().join("; ")))
    }

    fn draft(&self, source: usize, nonce: Nonce) -> UnsignedTransaction {
        UnsignedTransaction {
            chain_id: CHAIN,
            source: self.file.accounts[source].public(),
            nonce,
            gas_limit: Gas::ZERO,
            gas_price: Amount::ZERO,
            expiry: TopoHeight(u64::MAX),
            access: Vec::new(),
            data: TransactionType::Transfers(Vec::new()),
        }
    }

    /// A transaction with everything its author left out, and whether its accounts are those of the
    /// contract's own template.
    fn complete(&self, spec: &TransactionSpec) -> Result<(UnsignedTransaction, bool)> {
        let source = &self.file.accounts[spec.from];
        let nonce = self.engine.account(&source.public().into())?.nonce;
        let mut tx = self.draft(spec.from, nonce);
        tx.data = self.data(&spec.action);
        if let Some(access) = &spec.access {
            tx.access = access
                .iter()
                .map(|(party, mode)| AccessEntry::new(self.address(*party), *mode))
                .collect();
            tx.access.sort_unstable();
        }
        tx.gas_limit = match spec.gas_limit {
            Some(gas_limit) => Gas(gas_limit),
            None => self.intrinsic(&tx)?.checked_add(REHEARSAL_GAS).context("gas overflows")?,
        };
        let derived =
            matches!(tx.data, TransactionType::Transfers(_) | TransactionType::Burn { .. });
        let template = match &spec.access {
            None if !derived => self.template(&tx)?,
            _ => None,
        };
        let by_template = template.is_some();
        let stated = template.or_else(|| spec.access.is_some().then(|| tx.access.clone()));
        let guest_gas = if derived { Gas::ZERO } else { self.rehearse(&mut tx, stated)? };
        if spec.gas_limit.is_none() {
            tx.gas_limit = self.intrinsic(&tx)?.checked_add(guest_gas).context("gas overflows")?;
        }
        tx.nonce = spec.nonce.map_or(nonce, Nonce);
        tx.gas_price = Amount(spec.gas_price);
        tx.expiry = TopoHeight(spec.expiry.unwrap_or(u64::MAX));
        Ok((tx, by_template))
    }

    /// The accounts a call touches according to the contract's own template, if it has one. When the
    /// arguments do not fit it, the call says so itself.
    fn template(&self, tx: &UnsignedTransaction) -> Result<Option<AccessList>> {
        match self.engine.call_access(tx) {
            Ok(list) => Ok(Some(list)),
            Err(CallAccessError::Engine(error)) => Err(error.into()),
            Err(_) => Ok(None),
        }
    }

    /// Simulates a call to find its accesses, unless they are stated, and the gas its guest needs.
    fn rehearse(&self, tx: &mut UnsignedTransaction, stated: Option<AccessList>) -> Result<Gas> {
        let simulation = self.engine.simulate(tx)?;
        let halted = match &simulation.result {
            Ok(receipt) => matches!(receipt.status, ExecutionStatus::Halted(_)),
            Err(_) => true,
        };
        tx.access = simulation.access_list;
        let intrinsic = self.intrinsic(tx)?;
        if let Some(stated) = stated {
            tx.access = stated;
        }
        if halted {
            return Ok(HALTING_GAS);
        }
        let used = simulation.gas_used.checked_sub(intrinsic).unwrap_or(Gas::ZERO);
        // A tenth more, since the block may find longer values than the rehearsal.
        used.checked_add(Gas(used.0 / 10)).context("gas overflows")
    }

    fn intrinsic(&self, tx: &UnsignedTransaction) -> Result<Gas> {
        self.engine.params().costs.intrinsic(tx).context("gas overflows")
    }

    fn data(&self, action: &Action) -> TransactionType {
        match action {
            Action::Transfers(transfers) => TransactionType::Transfers(
                transfers
                    .iter()
                    .map(|transfer| Transfer {
                        destination: self.address(transfer.to),
                        asset: transfer.asset,
                        amount: transfer.amount,
                    })
                    .collect(),
            ),
            Action::Burn(asset, amount) => TransactionType::Burn { asset: *asset, amount: *amount },
            Action::Call { call, deposits } => TransactionType::InvokeContract {
                contract: self.contract(call.contract),
                entry: call.entry.clone(),
                input: self.encode(&call.input),
                deposits: deposits_of(deposits),
            },
            Action::Deploy { code, input, deposits, .. } => TransactionType::DeployContract {
                code: code.clone(),
                input: self.encode(input),
                deposits: deposits_of(deposits),
            },
            Action::Upgrade { contract, code, input, .. } => TransactionType::UpgradeContract {
                contract: self.contract(*contract),
                code: code.clone(),
                input: self.encode(input),
            },
        }
    }

    /// Commits a block of one transaction and returns its result.
    fn append(
        &self,
        transaction: VerifiedTransaction,
    ) -> Result<std::result::Result<Receipt, InvalidTransaction>> {
        let block = self.block(vec![transaction]);
        let outcome = self.engine.execute_block_sequentially(&block)?;
        let result = outcome.results().first().cloned().context("its block is empty")?;
        self.engine.commit(outcome)?;
        Ok(result)
    }

    /// A block on the tip.
    pub(crate) fn block(&self, transactions: Vec<VerifiedTransaction>) -> Block {
        Block::new(self.engine.next_context(self.file.timestamp), transactions)
    }
}

/// Deposits in the order that the protocol asks for.
fn deposits_of(deposits: &[(AssetId, Amount)]) -> Vec<Deposit> {
    let mut deposits: Vec<_> =
        deposits.iter().map(|(asset, amount)| Deposit { asset: *asset, amount: *amount }).collect();
    deposits.sort_unstable_by_key(|deposit| deposit.asset);
    deposits
}
