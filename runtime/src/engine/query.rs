//! Questions to an engine: values at the tip, simulations, read-only calls, warming up.

use std::iter::once;
use std::sync::Arc;

use tos_host_api::{AccessEntry, AccessMode, Address, Amount, AssetId, ContractId, Gas, limits};

use super::{ContractEngine, TipState};
use crate::access::AccessSet;
use crate::error::{EngineError, InvalidTransaction};
use crate::execute::{
    BlockEnv, Executor, GuestMessage, Interrupt, Scope, TxRef, callable, engine_fault,
};
use crate::pipeline::{BlockOutputs, Crew, LoadedModules, load_accounts, load_modules, merge};
use crate::planted::{Bug, planted};
use crate::sandbox::prepare::limits::STACK_WORDS_MAX;
use crate::sandbox::{self, CallEnd, CallRequest};
use crate::schedule::{AccessTable, TableBuilder, TableTx};
use crate::state::{Account, ChangeSet, ContractRecord, Journal, Overlay, SlotKey};
use crate::types::{
    AccessList, BlockContext, ExecutionStatus, HaltReason, Receipt, RevertReason, Transaction,
    UnsignedTransaction,
};
use crate::verify::check_shape;

/// What a transaction would do on the tip.
#[derive(Debug)]
pub struct Simulation {
    /// Its receipt, or why it could not be included.
    pub result: Result<Receipt, InvalidTransaction>,
    /// Every account it touches and how, what failing calls touched included.
    pub access: AccessSet,
    /// What to put into [`UnsignedTransaction::access`].
    pub access_list: AccessList,
    /// Gas it pays for with that list.
    pub gas_used: Gas,
    /// What it would change, alone in a block without a beneficiary.
    pub change_set: ChangeSet,
    /// What its contracts had to say.
    pub messages: Vec<GuestMessage>,
}

/// What a read-only call returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// How it ended.
    pub status: ExecutionStatus,
    /// What the contract returned.
    pub return_data: Vec<u8>,
    /// Gas it used; nobody pays for it.
    pub gas_used: Gas,
    /// What the contract had to say.
    pub messages: Vec<GuestMessage>,
}

impl ContractEngine {
    /// An account at the tip; the default where there is none.
    ///
    /// # Errors
    /// The storage failed.
    pub fn account(&self, address: &Address) -> Result<Account, EngineError> {
        let _tip = self.usable_tip()?;
        self.inner.pipeline.chain.account(address)
    }

    /// A balance at the tip.
    ///
    /// # Errors
    /// The storage failed.
    pub fn balance(&self, address: &Address, asset: AssetId) -> Result<Amount, EngineError> {
        Ok(self.account(address)?.balance(&asset))
    }

    /// A contract at the tip, if there is one.
    ///
    /// # Errors
    /// The storage failed.
    pub fn contract(&self, id: &ContractId) -> Result<Option<ContractRecord>, EngineError> {
        let _tip = self.usable_tip()?;
        self.inner.pipeline.chain.contract(id)
    }

    /// An asset at the tip, if there is one: its supply and what was burned.
    ///
    /// # Errors
    /// The storage failed.
    pub fn asset(&self, id: &AssetId) -> Result<Option<crate::state::AssetRecord>, EngineError> {
        let _tip = self.usable_tip()?;
        self.inner.pipeline.chain.asset(id)
    }

    /// A byte slot at the tip.
    ///
    /// # Errors
    /// The storage failed.
    pub fn storage_value(&self, key: &SlotKey) -> Result<Option<Arc<[u8]>>, EngineError> {
        let _tip = self.usable_tip()?;
        self.inner.pipeline.chain.slot(key.by_ref())
    }

    /// A counter slot at the tip; zero where there is none.
    ///
    /// # Errors
    /// The storage failed.
    pub fn counter_value(&self, key: &SlotKey) -> Result<u128, EngineError> {
        let _tip = self.usable_tip()?;
        self.inner.pipeline.chain.counter(key.by_ref())
    }

    /// Executes a transaction on the tip and changes nothing. The access list it carries is
    /// ignored; the one it needs is part of the answer.
    ///
    /// The set is found by executing as a block would and adding what turns out to be missing, so
    /// there is no second code path that could disagree; a call that touches `n` accounts runs at
    /// most `2n + 1` times, each for no more gas than the transaction's limit. A commit can come
    /// between two runs; the receipt is that of the last one, on the tip of its time.
    ///
    /// # Errors
    /// The engine failed; whatever the transaction does wrong is part of the result.
    pub fn simulate(&self, tx: &UnsignedTransaction) -> Result<Simulation, EngineError> {
        let mut tx = tx.clone();
        tx.access.clear();
        loop {
            // Taken anew for each run: a commit waits for one of them, not for all.
            let tip = self.usable_tip()?;
            let params = &self.inner.pipeline.rules.at(tip.next_height()).params;
            let intrinsic_gas = match check_shape(&tx, params) {
                Ok(intrinsic_gas) => intrinsic_gas,
                Err(invalid) => return Ok(Simulation::invalid(&tx, invalid)),
            };
            let mut set = AccessSet::of(&tx);
            let run = self.simulate_once(&tip, &tx, &set, intrinsic_gas)?;
            let missing = match run.result.as_ref().map(|receipt| &receipt.status) {
                Ok(ExecutionStatus::Halted(HaltReason::UndeclaredAccess {
                    account,
                    needed,
                    ..
                })) => Some(AccessEntry::new(*account, *needed)),
                _ => None,
            };
            match missing {
                Some(entry) if set.entries().len() <= limits::ACCESS_ENTRIES_MAX => {
                    set.insert(entry);
                    tx.access = set.to_list(&tx);
                }
                _ => return Ok(Simulation::of(&tx, set, run)),
            }
        }
    }

    fn simulate_once(
        &self,
        tip: &TipState,
        tx: &UnsignedTransaction,
        set: &AccessSet,
        intrinsic_gas: Gas,
    ) -> Result<Run, EngineError> {
        let pipeline = &self.inner.pipeline;
        let (table, overlay) = self.private_overlay(set.entries(), tx.gas_limit)?;
        let preparation = &pipeline.rules.at(tip.next_height()).preparation;
        let data = once(&tx.data);
        let loaded = load_modules(&pipeline.chain, &pipeline.modules, preparation, data)?;
        let env = self.private_env(tip, loaded);
        let makes_calls = env.runs_contracts();
        let reference = TxRef { tx, id: tx.id(), intrinsic_gas, index: 0 };
        let execute = |permit| {
            let journal = Journal::new(Arc::clone(&overlay));
            let mut executor = Executor::new(Arc::new(env), journal, permit);
            let output = executor.execute_transaction(reference, table.of(0))?;
            if output.result.is_ok() {
                executor.publish(0, 0)?;
            }
            Ok::<_, EngineError>(output)
        };
        let mut output = pipeline.modules.with_calls(makes_calls, execute)?;
        let messages = output.take_messages();
        let result = output.result.clone();
        let merged =
            merge(once(&tx.data), &overlay, Crew::one(), BlockOutputs::of_one(output), None)?;
        let change_set = merged.change_set;
        if planted(Bug::SimulationsLeaveTraces) {
            pipeline.chain.apply(&change_set);
        }
        Ok(Run { result, messages, change_set })
    }

    /// What a block of one transaction on the tip would share.
    fn private_env(&self, tip: &TipState, (contracts, deployed): LoadedModules) -> BlockEnv {
        let pipeline = &self.inner.pipeline;
        let rules = pipeline.rules.at(tip.next_height());
        BlockEnv {
            context: Arc::new(next_block(tip)),
            params: Arc::clone(&rules.params),
            modules: Arc::clone(&pipeline.modules),
            preparation: Arc::clone(&rules.preparation),
            contracts,
            deployed,
            observer: None,
            recording: None,
        }
    }

    /// An overlay for one transaction or read-only call.
    fn private_overlay(
        &self,
        entries: &[AccessEntry],
        gas_limit: Gas,
    ) -> Result<(AccessTable, Arc<Overlay>), EngineError> {
        let pipeline = &self.inner.pipeline;
        let mut builder = TableBuilder::with_capacity(1);
        builder.push(entries, TableTx::new(entries, gas_limit));
        let table = builder.finish();
        let cells = load_accounts(&pipeline.chain, table.accounts())?;
        let addresses = Arc::clone(table.accounts());
        let overlay = Overlay::new(Arc::clone(&pipeline.chain), addresses, cells);
        Ok((table, Arc::new(overlay)))
    }

    /// Calls an entry of a contract read-only at the tip. No account needs to be declared; their
    /// number is bounded by what a transaction may declare, the gas of each of the at most
    /// `accounts + 1` runs by [`crate::EngineConfig::view_gas_limit`]. A commit can come between
    /// two runs; the answer is that of the last one, on the tip of its time.
    ///
    /// # Errors
    /// [`EngineError::NoSuchContract`]; anything else is the engine's own. A call that reverts or
    /// halts says so in [`View::status`].
    pub fn view(
        &self,
        contract: ContractId,
        entry: &str,
        input: &[u8],
    ) -> Result<View, EngineError> {
        // Each account found costs one more run.
        const ACCOUNTS_MAX: usize = limits::ACCESS_ENTRIES_MAX;
        let mut set = AccessSet::default();
        loop {
            let (end, messages) = self.view_once(contract, entry, input, &set)?;
            let status = match end.result {
                Ok(()) => ExecutionStatus::Success,
                Err(Interrupt::Revert(reason)) => ExecutionStatus::Reverted(reason),
                Err(Interrupt::Halt(HaltReason::UndeclaredAccess { account, .. }))
                    if set.mode(&account).is_none() && set.entries().len() < ACCOUNTS_MAX =>
                {
                    set.insert(AccessEntry::new(account, AccessMode::Read));
                    continue;
                }
                Err(Interrupt::Halt(reason)) => ExecutionStatus::Halted(reason),
                Err(fault @ Interrupt::Fault(_)) => return Err(engine_fault(fault)),
            };
            let CallEnd { gas_used, return_data, .. } = end;
            return Ok(View { status, return_data, gas_used, messages });
        }
    }

    /// One run of a view, which may read the accounts of `set`. Holds the tip while it lasts.
    fn view_once(
        &self,
        contract: ContractId,
        entry: &str,
        input: &[u8],
        set: &AccessSet,
    ) -> Result<(CallEnd, Vec<GuestMessage>), EngineError> {
        let tip = self.usable_tip()?;
        let pipeline = &self.inner.pipeline;
        let rules = pipeline.rules.at(tip.next_height());
        let (chain, modules) = (&pipeline.chain, &pipeline.modules);
        let callable = callable(chain, modules, &rules.preparation, &contract)?
            .ok_or(EngineError::NoSuchContract(contract))?;
        let Some(entry) = callable.module.info.callable_entry(entry) else {
            let result = Err(Interrupt::Revert(RevertReason::NoSuchEntry));
            let end = CallEnd { result, gas_used: Gas::ZERO, return_data: Vec::new() };
            return Ok((end, Vec::new()));
        };
        let gas = rules.params.transaction_gas_limit.min(self.inner.config.view_gas_limit);
        let env = Arc::new(self.private_env(&tip, Default::default()));
        let (table, overlay) = self.private_overlay(set.entries(), gas)?;
        let mut journal = Journal::new(overlay);
        journal.begin(table.of(0));
        let call = |permit| {
            let scope = Box::new(Scope::new(env, journal, permit));
            let request = CallRequest {
                module: &callable.module,
                entry,
                gas,
                stack_words: STACK_WORDS_MAX,
                caller: scope.source,
                contract,
                input,
                deposits: &[],
                read_only: true,
            };
            sandbox::call(request, scope)
        };
        let (end, scope) = pipeline.modules.with_calls(true, call);
        Ok((end, scope.messages))
    }

    /// Brings into memory what a transaction will need: compiles what it deploys, loads the module
    /// it calls and the accounts it declares. For transactions that wait to be included.
    ///
    /// # Errors
    /// The engine failed; a module that the gate refuses is no error here.
    pub fn warm(&self, tx: &Transaction) -> Result<(), EngineError> {
        let tip = self.usable_tip()?;
        let pipeline = &self.inner.pipeline;
        let rules = pipeline.rules.at(tip.next_height());
        check_shape(tx, &rules.params).map_or(Ok(()), |_| {
            let data = once(&tx.data);
            load_modules(&pipeline.chain, &pipeline.modules, &rules.preparation, data)?;
            for entry in AccessSet::of(tx).entries() {
                pipeline.chain.account(&entry.account)?;
            }
            Ok(())
        })
    }
}

/// The block a simulation imagines: the next one, as late as the last.
fn next_block(tip: &TipState) -> BlockContext {
    tip.next(tip.timestamp)
}

/// What came of running a transaction once.
struct Run {
    result: Result<Receipt, InvalidTransaction>,
    messages: Vec<GuestMessage>,
    change_set: ChangeSet,
}

impl Simulation {
    fn of(tx: &UnsignedTransaction, access: AccessSet, run: Run) -> Self {
        let gas_used = run.result.as_ref().map_or(Gas::ZERO, |receipt| receipt.gas_used);
        // The list it was executed with: what the kind of transaction implies is not repeated, and
        // the gas used is exactly the gas of declaring this list.
        let access_list = tx.access.clone();
        let Run { result, messages, change_set } = run;
        Self { result, access, access_list, gas_used, change_set, messages }
    }

    fn invalid(tx: &UnsignedTransaction, invalid: InvalidTransaction) -> Self {
        Self {
            result: Err(invalid),
            access: AccessSet::of(tx),
            access_list: Vec::new(),
            gas_used: Gas::ZERO,
            change_set: ChangeSet::default(),
            messages: Vec::new(),
        }
    }
}
