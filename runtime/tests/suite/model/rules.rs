//! What a block does, said once more in the simplest words: validity, fees, nonces, transfers,
//! burns, deposits, deployments, upgrades, rewards. What contracts do is `guests.rs`'s business.
//!
//! Nothing here calls the engine; its types of inputs and outputs are all that is shared. The one
//! thing taken from the engine's word is how much gas a guest used, within its bounds.

use std::collections::BTreeMap;

use tos_runtime::{
    AccessMode, Address, AssetId, ContractId, Deposit, ExecutionStatus, HaltReason, Hash,
    InvalidTransaction, ModuleFault, Receipt, RevertReason, Transaction, TransactionType,
};
use tos_runtime::{Amount, Gas, Nonce, TopoHeight};

use super::facts::{Fact, Facts, Value};
use super::guests::{Frame, Guest, Run, Stop};

/// A call with this much gas beyond what is charged at once never runs out of it, unless it means to.
pub(super) const AMPLE_GAS: u64 = 300_000;

/// The whole chain as the model sees it.
pub(super) struct Model {
    pub(super) facts: Facts,
    /// What every module does that the workload deploys.
    guests: BTreeMap<Hash, Guest>,
    /// Contracts as of the beginning of the block: what it deploys is called in the next.
    pub(super) callable: BTreeMap<ContractId, Guest>,
    /// Statuses that were foreseen, and those that depended on how far the gas would go.
    pub(super) foreseen: usize,
    pub(super) metered: usize,
}

/// How a transaction is expected to end.
pub(super) struct Expected {
    pub(super) result: Result<ExecutionStatus, InvalidTransaction>,
    pub(super) fee: u64,
    pub(super) gas_used: u64,
    pub(super) return_data: Vec<u8>,
    pub(super) events: usize,
    pub(super) contract: Option<ContractId>,
}

/// What applying came to: how it ended, and whether a guest has run.
#[derive(Default)]
struct Applied {
    stop: Option<Why>,
    ran: bool,
    return_data: Vec<u8>,
    events: usize,
    contract: Option<ContractId>,
}

enum Why {
    Reverted(RevertReason),
    Halted(HaltReason),
}

impl Applied {
    fn reverted(reason: RevertReason) -> Self {
        Self { stop: Some(Why::Reverted(reason)), ..Self::default() }
    }
}

impl Model {
    pub(super) fn new(guests: BTreeMap<Hash, Guest>) -> Self {
        let (facts, callable) = Default::default();
        Self { facts, guests, callable, foreseen: 0, metered: 0 }
    }

    /// Everything before the first block.
    pub(super) fn allocate(&mut self, who: Address, asset: AssetId, amount: u64) {
        self.facts.add(Fact::Balance(who, asset), amount.into());
        self.facts.add(Fact::Supply(asset), amount.into());
    }

    /// A whole block; `told` is what the engine says came of each transaction.
    pub(super) fn block(
        &mut self,
        height: u64,
        beneficiary: Option<Address>,
        txs: &[Transaction],
        told: &[Result<Receipt, InvalidTransaction>],
    ) -> Vec<Expected> {
        let contracts = self.facts.0.iter().filter_map(|(fact, value)| match (fact, value) {
            (Fact::Contract(id), Value::Contract(code, ..)) => Some((*id, self.guests[code])),
            _ => None,
        });
        self.callable = contracts.collect();
        let each = txs.iter().zip(told);
        let expected: Vec<_> = each.map(|(tx, told)| self.transaction(height, tx, told)).collect();
        let fees: u64 = expected.iter().map(|expected| expected.fee).sum();
        let to = match beneficiary {
            Some(who) => Fact::Balance(who, AssetId::NATIVE),
            None => Fact::Burned(AssetId::NATIVE),
        };
        self.facts.add(to, fees.into());
        expected
    }

    fn transaction(
        &mut self,
        height: u64,
        tx: &Transaction,
        told: &Result<Receipt, InvalidTransaction>,
    ) -> Expected {
        let mut expected = Expected {
            result: Ok(ExecutionStatus::Success),
            fee: 0,
            gas_used: 0,
            return_data: Vec::new(),
            events: 0,
            contract: None,
        };
        if let Err(invalid) = self.validate(height, tx) {
            expected.result = Err(invalid);
            self.foreseen += 1;
            return expected;
        }
        let native = Fact::Balance(Address::Key(tx.source), AssetId::NATIVE);
        let (limit, price) = (tx.gas_limit.0, tx.gas_price.0);
        let reserve = u128::from(limit) * u128::from(price);
        assert!(self.facts.take(native.clone(), reserve), "validity covers the reserve");
        let before = self.facts.clone();
        let mut applied = self.apply(tx);
        let measured = told.as_ref().map_or(0, |receipt| receipt.gas_used.0);
        let ran_out = Ok(&ExecutionStatus::Halted(HaltReason::OutOfGas));
        let intrinsic = intrinsic(tx);
        let tight = applied.ran && limit < intrinsic + AMPLE_GAS;
        self.metered += usize::from(tight);
        self.foreseen += usize::from(!tight);
        if tight && told.as_ref().map(|receipt| &receipt.status) == ran_out {
            applied.stop = Some(Why::Halted(HaltReason::OutOfGas));
        }
        if applied.stop.is_some() {
            self.facts = before;
        }
        let success = applied.stop.is_none();
        let halted = matches!(applied.stop, Some(Why::Halted(_)));
        expected.gas_used = match (halted, applied.ran) {
            (true, _) => limit,
            // A guest uses some, and never more than it has.
            (false, true) if (intrinsic + 1..=limit).contains(&measured) => measured,
            _ => intrinsic,
        };
        expected.fee = expected.gas_used * price;
        expected.result = Ok(match applied.stop {
            None => ExecutionStatus::Success,
            Some(Why::Reverted(reason)) => ExecutionStatus::Reverted(reason),
            Some(Why::Halted(reason)) => ExecutionStatus::Halted(reason),
        });
        expected.return_data = if halted { Vec::new() } else { applied.return_data };
        expected.events = if success { applied.events } else { 0 };
        expected.contract = applied.contract.filter(|_| success);
        self.facts.add(native, reserve - u128::from(expected.fee));
        self.facts.add(Fact::Nonce(Address::Key(tx.source)), 1);
        expected
    }

    /// Faults in the order in which they are looked for.
    fn validate(&self, height: u64, tx: &Transaction) -> Result<(), InvalidTransaction> {
        if height > tx.expiry.0 {
            let topoheight = TopoHeight(height);
            return Err(InvalidTransaction::Expired { expiry: tx.expiry, topoheight });
        }
        let source = Address::Key(tx.source);
        let nonce = self.facts.number(&Fact::Nonce(source)) as u64;
        let (expected, found) = (Nonce(nonce), tx.nonce);
        if found.0 < nonce {
            return Err(InvalidTransaction::NonceTooLow { expected, found });
        }
        if found.0 > nonce {
            return Err(InvalidTransaction::NonceTooHigh { expected, found });
        }
        let sent: u128 = match &tx.data {
            TransactionType::Transfers(list) => native(list.iter().map(|t| (t.asset, t.amount))),
            TransactionType::Burn { asset, amount } => native([(*asset, *amount)].into_iter()),
            data => native(data.deposits().iter().map(|d| (d.asset, d.amount))),
        };
        let needed = u128::from(tx.gas_limit.0) * u128::from(tx.gas_price.0) + sent;
        let balance = self.facts.number(&Fact::Balance(source, AssetId::NATIVE));
        if balance < needed {
            let found = Amount(balance as u64);
            return Err(InvalidTransaction::Unaffordable { needed, found });
        }
        Ok(())
    }

    fn apply(&mut self, tx: &Transaction) -> Applied {
        let source = Address::Key(tx.source);
        match &tx.data {
            TransactionType::Transfers(list) => {
                let mut order = Vec::<(AssetId, u128)>::new();
                for transfer in list {
                    match order.iter_mut().find(|(asset, _)| *asset == transfer.asset) {
                        Some((_, sum)) => *sum += u128::from(transfer.amount.0),
                        None => order.push((transfer.asset, transfer.amount.0.into())),
                    }
                }
                for (asset, sum) in order {
                    if let Err(reason) = self.debit(source, asset, sum) {
                        return Applied::reverted(reason);
                    }
                }
                for t in list {
                    self.facts.add(Fact::Balance(t.destination, t.asset), t.amount.0.into());
                }
                Applied::default()
            }
            TransactionType::Burn { asset, amount } => {
                if let Err(reason) = self.debit(source, *asset, amount.0.into()) {
                    return Applied::reverted(reason);
                }
                self.facts.add(Fact::Burned(*asset), amount.0.into());
                Applied::default()
            }
            TransactionType::InvokeContract { contract, entry, input, deposits } => {
                let Some(guest) = self.callable.get(contract).copied() else {
                    return Applied::reverted(RevertReason::NoSuchContract(*contract));
                };
                if !guest.entries().contains(&entry.as_str()) {
                    return Applied::reverted(RevertReason::NoSuchEntry);
                }
                self.call(tx, *contract, guest, entry, (input, deposits))
            }
            TransactionType::DeployContract { code, input, deposits } => {
                let hash = hash(code);
                let id = contract_id(tx, hash);
                let Some(guest) = self.guests.get(&hash).copied() else {
                    return Applied::reverted(RevertReason::ModuleRefused(ModuleFault::Malformed));
                };
                self.install(id, hash, code, source, 1);
                let applied = match guest.has_constructor() {
                    true => self.call(tx, id, guest, "init", (input, deposits)),
                    // Input and deposits that nobody takes would be lost.
                    false if input.is_empty() && deposits.is_empty() => Applied::default(),
                    false => Applied::reverted(RevertReason::NoSuchEntry),
                };
                Applied { contract: Some(id), ..applied }
            }
            TransactionType::UpgradeContract { contract, code, input } => {
                let known = self.facts.0.get(&Fact::Contract(*contract)).cloned();
                let (Some(Value::Contract(_, authority, version)), true) =
                    (known, self.callable.contains_key(contract))
                else {
                    return Applied::reverted(RevertReason::NoSuchContract(*contract));
                };
                if authority != source {
                    return Applied::reverted(RevertReason::NotAuthority);
                }
                let hash = hash(code);
                if !self.guests.contains_key(&hash) {
                    return Applied::reverted(RevertReason::ModuleRefused(ModuleFault::Malformed));
                }
                // None of the guests has a migration, so nobody takes an input.
                if !input.is_empty() {
                    return Applied::reverted(RevertReason::NoSuchEntry);
                }
                self.install(*contract, hash, code, authority, version + 1);
                Applied::default()
            }
        }
    }

    fn install(&mut self, id: ContractId, hash: Hash, code: &[u8], owner: Address, version: u32) {
        self.facts.0.insert(Fact::Contract(id), Value::Contract(hash, owner, version));
        self.facts.0.insert(Fact::Code(hash), Value::Bytes(code.to_vec()));
    }

    /// Moves the deposits, then runs an entry.
    fn call(
        &mut self,
        tx: &Transaction,
        contract: ContractId,
        guest: Guest,
        entry: &str,
        (input, deposits): (&[u8], &[Deposit]),
    ) -> Applied {
        let (source, own) = (Address::Key(tx.source), Address::Contract(contract));
        for Deposit { asset, amount } in deposits {
            if let Err(reason) = self.debit(source, *asset, amount.0.into()) {
                return Applied::reverted(reason);
            }
            self.facts.add(Fact::Balance(own, *asset), amount.0.into());
        }
        let mut run = Run { model: self, access: access(tx), running: Vec::new(), events: 0 };
        let frame = Frame { contract, caller: source, input, deposits: deposits.len() };
        let (end, return_data) = run.enter(guest, entry, &frame);
        let stop = match end {
            Ok(()) => None,
            Err(Stop::Abort(code)) => Some(Why::Reverted(RevertReason::Contract(code))),
            Err(Stop::Halt(reason)) => Some(Why::Halted(reason)),
        };
        Applied { stop, ran: true, return_data, events: run.events, contract: None }
    }

    fn debit(&mut self, who: Address, asset: AssetId, needed: u128) -> Result<(), RevertReason> {
        if !asset.is_native() && self.facts.number(&Fact::Supply(asset)) == 0 {
            return Err(RevertReason::UnknownAsset(asset));
        }
        let fact = Fact::Balance(who, asset);
        let found = Amount(self.facts.number(&fact) as u64);
        match self.facts.take(fact, needed) {
            true => Ok(()),
            false => Err(RevertReason::InsufficientBalance { asset, needed, found }),
        }
    }
}

/// The native part of what is sent.
fn native(sent: impl Iterator<Item = (AssetId, Amount)>) -> u128 {
    sent.filter(|(asset, _)| asset.is_native()).map(|(_, amount)| u128::from(amount.0)).sum()
}

/// What a call may touch: what it declares, what it brings money to, and whatever it writes anyway.
fn access(tx: &Transaction) -> BTreeMap<Address, AccessMode> {
    let mut modes: BTreeMap<_, _> = tx.access.iter().map(|it| (it.account, it.mode)).collect();
    if let TransactionType::InvokeContract { contract, deposits, .. } = &tx.data
        && !deposits.is_empty()
    {
        let mode = modes.entry(Address::Contract(*contract)).or_insert(AccessMode::Credit);
        // Who reads and is credited, writes.
        *mode = if *mode == AccessMode::Credit { *mode } else { AccessMode::Write };
    }
    if let TransactionType::DeployContract { code, .. } = &tx.data {
        modes.insert(Address::Contract(contract_id(tx, hash(code))), AccessMode::Write);
    }
    modes.insert(Address::Key(tx.source), AccessMode::Write);
    modes
}

/// What is charged before anything runs, in prices written out here.
pub(super) fn intrinsic(tx: &Transaction) -> u64 {
    let bytes = |len: usize| 10 * len as u64;
    let code = |code: &[u8]| 1_500 * (8_192 + code.len() as u64);
    let kind = match &tx.data {
        TransactionType::Transfers(list) => 11_000 * list.len() as u64,
        TransactionType::Burn { .. } => 1_000,
        TransactionType::InvokeContract { entry, input, deposits, .. } => {
            5_000 + bytes(input.len() + entry.len()) + 11_000 * deposits.len() as u64
        }
        TransactionType::DeployContract { code: module, input, deposits } => {
            5_000 + bytes(input.len()) + 11_000 * deposits.len() as u64 + code(module) + 10_000
        }
        TransactionType::UpgradeContract { code: module, input, .. } => {
            5_000 + bytes(input.len()) + code(module)
        }
    };
    15_000 + 500 * tx.access.len() as u64 + kind
}

pub(super) fn hash(bytes: &[u8]) -> Hash {
    Hash(*blake3::hash(bytes).as_bytes())
}

fn contract_id(tx: &Transaction, code: Hash) -> ContractId {
    let mut hasher = blake3::Hasher::new_derive_key("tos-runtime contract id v1");
    hasher.update(&tx.chain_id.0.to_le_bytes());
    hasher.update(&tx.source.0);
    hasher.update(&tx.nonce.0.to_le_bytes());
    hasher.update(&code.0);
    ContractId(*hasher.finalize().as_bytes())
}

/// What the receipt must be, but for the contents of events.
pub(super) fn assert_receipt(
    expected: &Expected,
    told: &Result<Receipt, InvalidTransaction>,
    what: &str,
) {
    let status = told.as_ref().map(|receipt| receipt.status.clone()).map_err(Clone::clone);
    assert_eq!(status, expected.result, "{what}: how it ended");
    let Ok(receipt) = told else { return };
    assert_eq!(receipt.gas_used, Gas(expected.gas_used), "{what}: gas");
    assert_eq!(receipt.fee, Amount(expected.fee), "{what}: fee");
    assert_eq!(receipt.return_data, expected.return_data, "{what}: return data");
    assert_eq!(receipt.events.len(), expected.events, "{what}: number of events");
    assert_eq!(receipt.contract, expected.contract, "{what}: contract");
}
