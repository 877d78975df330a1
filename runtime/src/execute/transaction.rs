//! One transaction: validate, charge, apply, settle. The same for the sequential executor, the
//! parallel one and simulation.

use std::collections::HashMap;
use std::sync::Arc;

use tos_host_api::{Address, Amount, AssetId, ContractId, Gas, Hash, HostFunction, Nonce, TxIndex};

use super::invoke::LastCall;
use super::{Callable, GuestMessage, Interrupt, Lent, Observer, Scope, engine_fault};
use crate::config::ProtocolParams;
use crate::error::{EngineError, InvalidTransaction};
use crate::explain::{Recorder, RecordingPlan};
use crate::planted::{Bug, planted};
use crate::sandbox::{CallPermit, Modules, Preparation, Verdict};
use crate::schedule::TableEntry;
use crate::state::{Journal, Taken};
use crate::types::{
    BlockContext, ExecutionStatus, HaltReason, Receipt, TransactionType, UnsignedTransaction,
};

/// The engine's own steps name this function if they ever touch an undeclared account, which the
/// derived access sets rule out.
pub(super) const NATIVE: HostFunction = HostFunction::Transfer;

/// Contracts by id. Looked up in for every call and never iterated; randomly seeded, because
/// deployers can try many ids.
pub(crate) type Contracts = HashMap<ContractId, Callable, foldhash::fast::RandomState>;

/// Verdicts on modules by the hash of their code.
pub(crate) type Deployed = HashMap<Hash, Verdict, foldhash::fast::RandomState>;

/// What all transactions of a block share.
#[derive(Clone)]
pub(crate) struct BlockEnv {
    pub(crate) context: Arc<BlockContext>,
    pub(crate) params: Arc<ProtocolParams>,
    pub(crate) modules: Arc<Modules>,
    /// How modules are prepared in this block.
    pub(crate) preparation: Arc<Preparation>,
    /// The contracts the block invokes or upgrades, as of the parent state: code is never part of a
    /// conflict because what a block deploys is callable only in the next one.
    pub(crate) contracts: Arc<Contracts>,
    /// Verdicts on the modules the block deploys.
    pub(crate) deployed: Arc<Deployed>,
    pub(crate) observer: Option<Observer>,
    /// How the execution is recorded, if it is.
    pub(crate) recording: Option<RecordingPlan>,
}

impl BlockEnv {
    /// A copy for one worker. Calls clone these references, and a reference count that two cores
    /// write costs more than everything else a short call does.
    pub(crate) fn for_worker(&self) -> Self {
        Self { context: Arc::new((*self.context).clone()), ..self.clone() }
    }

    /// What a worker writes down beside its work, if anything.
    pub(crate) fn recorder(&self) -> Option<Recorder> {
        self.recording.map(RecordingPlan::recorder)
    }

    /// Whether the block can run a guest at all.
    pub(crate) fn runs_contracts(&self) -> bool {
        !self.contracts.is_empty() || !self.deployed.is_empty()
    }
}

/// A transaction on its way through an executor.
#[derive(Clone, Copy)]
pub(crate) struct TxRef<'a> {
    pub(crate) tx: &'a UnsignedTransaction,
    pub(crate) id: Hash,
    pub(crate) intrinsic_gas: Gas,
    pub(crate) index: TxIndex,
}

/// What a transaction leaves behind besides its journal.
pub(crate) struct TxOutput {
    pub(crate) result: Result<Receipt, InvalidTransaction>,
    /// What most leave none of: an output is moved several times, and there are many.
    rare: Option<Box<Rare>>,
}

/// What a transaction may leave behind besides its receipt.
#[derive(Default)]
pub(crate) struct Rare {
    pub(crate) burned: Vec<(AssetId, Amount)>,
    /// Hash of the code it deployed, to be stored with the block.
    pub(crate) code: Option<Hash>,
    pub(crate) messages: Vec<GuestMessage>,
}

/// What the kind-specific part of a transaction did.
pub(super) struct Applied {
    /// `Ok` when it succeeded.
    pub(super) result: Result<(), Interrupt>,
    /// Gas used, intrinsic included. A halt pays the limit instead.
    pub(super) gas_used: Gas,
    pub(super) return_data: Vec<u8>,
    pub(super) contract: Option<ContractId>,
    pub(super) code: Option<Hash>,
}

impl Applied {
    /// A transaction that ran no contract.
    pub(super) fn native(result: Result<(), Interrupt>, gas_used: Gas) -> Self {
        Self { result, gas_used, return_data: Vec::new(), contract: None, code: None }
    }
}

/// Executes transactions of one block, one after the other. Each worker has its own.
pub(crate) struct Executor {
    pub(super) env: Arc<BlockEnv>,
    pub(super) scope: Lent<Scope>,
    /// The contract and entry that were called last, which are there.
    pub(super) last_call: Option<LastCall>,
}

impl Executor {
    pub(crate) fn new(env: Arc<BlockEnv>, journal: Journal, permit: Option<CallPermit>) -> Self {
        let scope = Lent::new(Scope::new(Arc::clone(&env), journal, permit));
        Self { env, scope, last_call: None }
    }

    /// Makes the last transaction's changes visible to those that wait for it.
    ///
    /// # Errors
    /// See [`crate::state::Overlay::merge`].
    pub(crate) fn publish(&self, batch: u32, tx: TxIndex) -> Result<(), EngineError> {
        let journal = &self.scope.journal;
        journal.overlay().merge(journal, batch, tx)
    }

    /// Executes one transaction into the journal; publishing is the caller's business.
    ///
    /// # Errors
    /// The engine failed; the block has to be given up.
    pub(crate) fn execute_transaction(
        &mut self,
        tx: TxRef<'_>,
        access: &[TableEntry],
    ) -> Result<TxOutput, EngineError> {
        let mut output = None;
        self.execute_into(tx, access, &mut output)?;
        output.ok_or_else(|| EngineError::Bug("a transaction came to nothing".into()))
    }

    /// The same with the output where it is going to stay: a receipt is large, and who hands one on
    /// copies it.
    ///
    /// # Errors
    /// The engine failed; the block has to be given up.
    pub(super) fn execute_into(
        &mut self,
        tx: TxRef<'_>,
        access: &[TableEntry],
        output: &mut Option<TxOutput>,
    ) -> Result<(), EngineError> {
        self.scope.begin(tx, access);
        let reserve = match self.validate(tx.tx).map_err(engine_fault)? {
            Ok(reserve) => reserve,
            Err(invalid) => {
                *output = Some(TxOutput::of_result(Err(invalid)));
                return Ok(());
            }
        };
        self.charge(tx.tx, reserve).map_err(engine_fault)?;
        let applied = self.apply(tx);
        self.settle(tx, reserve, applied, output)
    }

    /// Decides whether the transaction may be included; returns the fee reserve.
    fn validate(
        &mut self,
        tx: &UnsignedTransaction,
    ) -> Result<Result<u64, InvalidTransaction>, Interrupt> {
        let expected = self.env.params.chain_id;
        if tx.chain_id != expected {
            return Ok(Err(InvalidTransaction::WrongChain { expected, found: tx.chain_id }));
        }
        let topoheight = self.env.context.topoheight;
        let last = planted(Bug::ExpiryOffByOne) && topoheight == tx.expiry;
        if topoheight > tx.expiry || last {
            return Ok(Err(InvalidTransaction::Expired { expiry: tx.expiry, topoheight }));
        }
        let source = Address::Key(tx.source);
        let expected = Nonce(self.scope.journal.nonce(&source, NATIVE)?);
        let found = tx.nonce;
        if found < expected {
            return Ok(Err(InvalidTransaction::NonceTooLow { expected, found }));
        }
        if found > expected && !planted(Bug::NonceGapsAccepted) {
            return Ok(Err(InvalidTransaction::NonceTooHigh { expected, found }));
        }
        if found.0 == u64::MAX {
            return Ok(Err(InvalidTransaction::NonceExhausted));
        }
        let balance = self.scope.journal.balance(&source, &AssetId::NATIVE, NATIVE)?;
        let reserve = u128::from(tx.gas_limit.0) * u128::from(tx.gas_price.0);
        // Not money but a bound for it: a sum that leaves 128 bits is as unaffordable as the
        // largest one that does not.
        let needed = reserve.saturating_add(native_value(&tx.data));
        match u64::try_from(reserve) {
            Ok(reserve) if needed <= u128::from(balance) => Ok(Ok(reserve)),
            _ => Ok(Err(InvalidTransaction::Unaffordable { needed, found: Amount(balance) })),
        }
    }

    /// Sets the fee reserve aside.
    fn charge(&mut self, tx: &UnsignedTransaction, reserve: u64) -> Result<(), Interrupt> {
        match self.scope.journal.debit(
            &Address::Key(tx.source),
            &AssetId::NATIVE,
            reserve,
            NATIVE,
        )? {
            Taken::Yes => Ok(()),
            Taken::Insufficient { .. } => {
                Err(EngineError::Bug("a validated reserve is not there".into()).into())
            }
        }
    }

    /// Carries the transaction out, or leaves the journal as it was.
    fn apply(&mut self, tx: TxRef<'_>) -> Applied {
        let checkpoint = self.scope.journal.checkpoint();
        let applied = match &tx.tx.data {
            TransactionType::Transfers(transfers) => self.transfer(tx, transfers),
            TransactionType::Burn { asset, amount } => self.burn(tx, *asset, *amount),
            TransactionType::DeployContract { code, input, deposits } => {
                self.deploy(tx, code, input, deposits)
            }
            TransactionType::InvokeContract { contract, entry, input, deposits } => {
                self.invoke(tx, *contract, entry, input, deposits)
            }
            TransactionType::UpgradeContract { contract, code, input } => {
                self.upgrade(tx, *contract, code, input)
            }
        };
        if applied.result.is_err() && !planted(Bug::FailureKeepsItsWrites) {
            self.scope.journal.rollback(checkpoint);
        }
        applied
    }

    /// Gives back what the reserve holds beyond the fee, raises the nonce, writes the receipt.
    fn settle(
        &mut self,
        tx: TxRef<'_>,
        reserve: u64,
        applied: Applied,
        output: &mut Option<TxOutput>,
    ) -> Result<(), EngineError> {
        let Applied { result, gas_used, return_data, contract, code } = applied;
        let (status, gas_used) = match result {
            Ok(()) => (ExecutionStatus::Success, gas_used),
            Err(Interrupt::Revert(reason)) => (ExecutionStatus::Reverted(reason), gas_used),
            Err(Interrupt::Halt(reason)) if planted(Bug::HaltPaysOnlyWhatItUsed) => {
                (ExecutionStatus::Halted(reason), gas_used)
            }
            Err(Interrupt::Halt(reason)) => (ExecutionStatus::Halted(reason), tx.tx.gas_limit),
            Err(Interrupt::Fault(_)) if planted(Bug::FaultBecomesAReceipt) => {
                (ExecutionStatus::Halted(HaltReason::Trap), tx.tx.gas_limit)
            }
            Err(Interrupt::Fault(error)) => return Err(*error),
        };
        let over = || above_the_limit(gas_used);
        let fee = gas_used.0.checked_mul(tx.tx.gas_price.0).ok_or_else(over)?;
        let free = planted(Bug::NoFeeOnHalt) && matches!(status, ExecutionStatus::Halted(_));
        let fee = if free { 0 } else { fee };
        let refund = reserve.checked_sub(fee).ok_or_else(over)?;
        let source = Address::Key(tx.tx.source);
        let stays = planted(Bug::RevertKeepsTheNonce) && !status.is_success();
        let nonce = tx.tx.nonce.0.checked_add(u64::from(!stays)).ok_or_else(over)?;
        self.scope
            .journal
            .credit(&source, &AssetId::NATIVE, refund, NATIVE)
            .and_then(|()| self.scope.journal.set_nonce(&source, nonce, NATIVE))
            .map_err(engine_fault)?;
        let success = status.is_success();
        let messages = std::mem::take(&mut self.scope.messages);
        let halted = matches!(status, ExecutionStatus::Halted(_));
        if let Some(observer) = &self.env.observer {
            messages.iter().for_each(|message| observer.guest_message(tx.index, message));
        }
        let burned = self.scope.journal.burned().to_vec();
        *output = Some(TxOutput {
            result: Ok(Receipt {
                status,
                gas_used,
                fee: Amount(fee),
                contract: contract.filter(|_| success),
                return_data: if halted { Vec::new() } else { return_data },
                events: self.scope.journal.take_events(),
            }),
            rare: Rare { burned, code: code.filter(|_| success), messages }.boxed(),
        });
        Ok(())
    }
}

impl TxOutput {
    /// The output of a transaction that has a result and nothing else.
    pub(super) fn of_result(result: Result<Receipt, InvalidTransaction>) -> Self {
        Self { result, rare: None }
    }

    /// What it leaves besides its result, if it leaves anything.
    pub(crate) fn rare(&self) -> Option<&Rare> {
        self.rare.as_deref()
    }

    /// Takes what the guest had to say.
    pub(crate) fn take_messages(&mut self) -> Vec<GuestMessage> {
        self.rare.as_mut().map(|rare| std::mem::take(&mut rare.messages)).unwrap_or_default()
    }
}

impl Rare {
    fn boxed(self) -> Option<Box<Self>> {
        let Self { burned, code, messages } = &self;
        let any = !burned.is_empty() || code.is_some() || !messages.is_empty();
        any.then(|| Box::new(self))
    }
}

#[cold]
fn above_the_limit(gas_used: Gas) -> EngineError {
    EngineError::Bug(format!("gas used {gas_used} is above the limit"))
}

/// Native units the transaction moves away from its source, besides fees.
fn native_value(data: &TransactionType) -> u128 {
    let native = |asset: &AssetId, amount: Amount| {
        if asset.is_native() { u128::from(amount.0) } else { 0 }
    };
    match data {
        TransactionType::Transfers(transfers) => {
            transfers.iter().map(|transfer| native(&transfer.asset, transfer.amount)).sum()
        }
        TransactionType::Burn { asset, amount } => native(asset, *amount),
        TransactionType::DeployContract { deposits, .. }
        | TransactionType::InvokeContract { deposits, .. } => {
            deposits.iter().map(|deposit| native(&deposit.asset, deposit.amount)).sum()
        }
        TransactionType::UpgradeContract { .. } => 0,
    }
}
