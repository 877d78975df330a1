//! What the guests of the workload do, said natively: no module is looked at here. Whether each
//! account may be touched is decided by the access list alone.

use std::collections::BTreeMap;

use tos_host_api::Status;
use tos_runtime::{AccessMode, Address, AssetId, ContractId, HaltReason, HostFunction};

use super::facts::{Fact, Value};
use super::rules::Model;

/// A module of the workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guest {
    Counter,
    Token,
    /// The token in Rust, which has more entries and takes no deposits.
    RustToken,
    Abort,
    Trap,
    Spin,
    /// Touches whom it is told to.
    Undeclared,
    /// Calls whom it is told to.
    Proxy,
}

/// One call that runs.
pub(super) struct Frame<'a> {
    pub(super) contract: ContractId,
    pub(super) caller: Address,
    pub(super) input: &'a [u8],
    pub(super) deposits: usize,
}

/// Why a call did not succeed.
pub(super) enum Stop {
    Abort(u32),
    Halt(HaltReason),
}

type End = Result<Vec<u8>, Stop>;

/// All calls of one transaction.
pub(super) struct Run<'a> {
    pub(super) model: &'a mut Model,
    pub(super) access: BTreeMap<Address, AccessMode>,
    pub(super) running: Vec<ContractId>,
    pub(super) events: usize,
}

impl Guest {
    pub(super) fn entries(self) -> &'static [&'static str] {
        match self {
            Self::Counter => &["add", "bump", "get"],
            Self::Token => &["transfer", "balance_of", "total_supply"],
            Self::RustToken => &["transfer", "mint", "burn", "balance_of", "total_supply"],
            Self::Abort => &["abort"],
            Self::Trap => &["unreachable", "divide_by_zero", "out_of_bounds"],
            Self::Spin => &["spin", "fill"],
            Self::Undeclared => &["touch"],
            Self::Proxy => &["forward", "again", "take", "seen"],
        }
    }

    pub(super) fn has_constructor(self) -> bool {
        matches!(self, Self::Token | Self::RustToken)
    }
}

impl Run<'_> {
    /// Runs an entry; also says what it returned before it failed.
    pub(super) fn enter(
        &mut self,
        guest: Guest,
        entry: &str,
        frame: &Frame<'_>,
    ) -> (Result<(), Stop>, Vec<u8>) {
        self.running.push(frame.contract);
        let mut returned = Vec::new();
        let end = match guest {
            Guest::Counter => self.counter(entry, frame),
            Guest::Token => self.token(entry, frame),
            Guest::RustToken => self.rust_token(entry, frame),
            Guest::Abort => self.abort(frame, &mut returned),
            Guest::Trap => {
                let mark = self.write(frame, frame.caller, b"mark", b"mark");
                mark.and(Err(Stop::Halt(HaltReason::Trap)))
            }
            Guest::Spin => Err(Stop::Halt(HaltReason::OutOfGas)),
            Guest::Undeclared => self.touch(frame),
            Guest::Proxy => self.proxy(entry, frame, &mut returned),
        };
        self.running.pop();
        match end {
            Ok(data) => (Ok(()), data),
            Err(stop) => (Err(stop), returned),
        }
    }

    fn counter(&mut self, entry: &str, frame: &Frame<'_>) -> End {
        let own = Address::Contract(frame.contract);
        match entry {
            "add" => {
                let amount = number(frame.input).ok_or(Stop::Abort(1))?;
                self.counter_add(frame, own, b"total", amount)?;
                Ok(Vec::new())
            }
            "bump" => {
                self.touches(own, AccessMode::Read, HostFunction::StorageRead)?;
                let slot = Fact::Slot(frame.contract, own, b"bumps".to_vec());
                let bumps = match self.model.facts.0.get(&slot) {
                    Some(Value::Bytes(bytes)) => number(bytes).unwrap_or(0),
                    _ => 0,
                };
                let bumped = (bumps + 1).to_le_bytes();
                self.write(frame, own, b"bumps", &bumped)?;
                Ok(bumped.to_vec())
            }
            _ => self.counter_read(frame, own, b"total"),
        }
    }

    fn token(&mut self, entry: &str, frame: &Frame<'_>) -> End {
        let own = Address::Contract(frame.contract);
        match entry {
            "init" => {
                let supply = number(frame.input).ok_or(Stop::Abort(2))?;
                self.counter_add(frame, frame.caller, b"balance", supply)?;
                self.counter_add(frame, own, b"supply", supply)?;
                Ok(Vec::new())
            }
            "transfer" => {
                let (to, amount) = payment(frame.input).ok_or(Stop::Abort(2))?;
                self.counter_sub(frame, frame.caller, b"balance", amount, 1)?;
                self.counter_add(frame, to, b"balance", amount)?;
                self.events += 1;
                Ok(Vec::new())
            }
            "balance_of" => {
                let holder = address(frame.input).ok_or(Stop::Abort(2))?;
                self.counter_read(frame, holder, b"balance")
            }
            _ => self.counter_read(frame, own, b"supply"),
        }
    }

    fn rust_token(&mut self, entry: &str, frame: &Frame<'_>) -> End {
        const TAKES_NO_DEPOSITS: Stop = Stop::Abort(0xffff_fffa);
        const BAD_INPUT: Stop = Stop::Abort(0xffff_fffe);
        let own = Address::Contract(frame.contract);
        if frame.deposits > 0 {
            return Err(TAKES_NO_DEPOSITS);
        }
        match entry {
            "init" => {
                let supply = number(frame.input).ok_or(BAD_INPUT)?;
                self.write(frame, own, b"authority", &frame.caller.to_bytes())?;
                self.counter_add(frame, frame.caller, b"balances", supply)?;
                self.counter_add(frame, own, b"supply", supply)?;
                self.events += 1;
            }
            "transfer" => {
                let (to, amount) = payment(frame.input).ok_or(BAD_INPUT)?;
                self.counter_sub(frame, frame.caller, b"balances", amount, 1)?;
                self.counter_add(frame, to, b"balances", amount)?;
                self.events += 1;
            }
            "mint" | "burn" => {
                let (who, amount) = payment(frame.input).ok_or(BAD_INPUT)?;
                self.touches(own, AccessMode::Read, HostFunction::StorageRead)?;
                let slot = Fact::Slot(frame.contract, own, b"authority".to_vec());
                let caller = Value::Bytes(frame.caller.to_bytes().to_vec());
                if self.model.facts.0.get(&slot) != Some(&caller) {
                    return Err(Stop::Abort(2));
                }
                if entry == "mint" {
                    self.counter_add(frame, who, b"balances", amount)?;
                    self.counter_add(frame, own, b"supply", amount)?;
                } else {
                    self.counter_sub(frame, who, b"balances", amount, 1)?;
                    self.counter_sub(frame, own, b"supply", amount, 1)?;
                }
                self.events += 1;
            }
            "balance_of" => {
                let holder = address(frame.input).ok_or(BAD_INPUT)?;
                return self.counter_read(frame, holder, b"balances");
            }
            _ => return self.counter_read(frame, own, b"supply"),
        }
        Ok(Vec::new())
    }

    fn abort(&mut self, frame: &Frame<'_>, returned: &mut Vec<u8>) -> End {
        self.write(frame, frame.caller, b"mark", b"mark")?;
        self.events += 1;
        *returned = b"kept".to_vec();
        let code = <[u8; 4]>::try_from(frame.input).map_or(0, u32::from_le_bytes);
        Err(Stop::Abort(code))
    }

    fn touch(&mut self, frame: &Frame<'_>) -> End {
        use HostFunction::{Balance, StorageRemove, Transfer};
        use HostFunction::{CounterRead, CounterSub, StorageLen, StorageRead};
        let who = address(&frame.input[..33]).expect("the workload names accounts");
        let own = Address::Contract(frame.contract);
        let slot = Fact::Slot(frame.contract, who, b"slot".to_vec());
        match frame.input[33] {
            0 => self.touches(who, AccessMode::Read, StorageRead)?,
            1 => self.touches(who, AccessMode::Read, StorageLen)?,
            2 => self.write(frame, who, b"slot", b"slot")?,
            3 => {
                self.touches(who, AccessMode::Write, StorageRemove)?;
                self.model.facts.0.remove(&slot);
            }
            4 => self.counter_add(frame, who, b"slot", 1)?,
            5 => {
                self.touches(who, AccessMode::Write, CounterSub)?;
                let counter = Fact::Counter(frame.contract, who, b"slot".to_vec());
                // The guest does not look whether there was anything to take.
                self.model.facts.take(counter, 1);
            }
            6 => self.touches(who, AccessMode::Read, CounterRead)?,
            7 => self.touches(who, AccessMode::Read, Balance)?,
            8 => {
                self.touches(own, AccessMode::Write, Transfer)?;
                self.touches(who, AccessMode::Credit, Transfer)?;
                let paid = Fact::Balance(own, AssetId::NATIVE);
                if self.model.facts.take(paid, 1) {
                    self.model.facts.add(Fact::Balance(who, AssetId::NATIVE), 1);
                }
            }
            _ => {}
        }
        Ok(frame.input[..33].to_vec())
    }

    fn proxy(&mut self, entry: &str, frame: &Frame<'_>, returned: &mut Vec<u8>) -> End {
        let own = Address::Contract(frame.contract);
        match entry {
            "take" => return Ok(Vec::new()),
            "seen" => {
                self.touches(own, AccessMode::Read, HostFunction::StorageRead)?;
                let slot = Fact::Slot(frame.contract, own, b"seen".to_vec());
                let written = self.model.facts.0.contains_key(&slot);
                return Ok(if written { b"seen".to_vec() } else { Vec::new() });
            }
            _ => {}
        }
        let input = frame.input;
        let flags = input[33];
        if flags & 4 != 0 {
            self.write(frame, own, b"seen", b"seen")?;
        }
        self.events += usize::from(flags & 16 != 0);
        let name_end = 83 + usize::from(input[82]);
        let entry = std::str::from_utf8(&input[83..name_end]).expect("the workload's names");
        let asset = AssetId(input[42..74].try_into().expect("32 bytes"));
        let amount = number(&input[74..82]).expect("8 bytes");
        let deposit = (flags & 2 != 0).then_some((asset, amount));
        let to = address(&input[..33]).expect("the workload names accounts");
        let (status, code, data) = self.call_on(own, to, entry, &input[name_end..], deposit)?;
        *returned = [&status.to_le_bytes()[..], &code.to_le_bytes(), &data].concat();
        if status != 0 && flags & 1 != 0 {
            return Err(Stop::Abort(100));
        }
        if flags & 8 != 0 {
            return Err(Stop::Abort(7));
        }
        Ok(std::mem::take(returned))
    }

    /// A call from contract to contract: status, code of a revert, return data.
    fn call_on(
        &mut self,
        caller: Address,
        to: Address,
        entry: &str,
        input: &[u8],
        deposit: Option<(AssetId, u64)>,
    ) -> Result<(i32, u32, Vec<u8>), Stop> {
        let refused = |status: Status| Ok((status.code(), 0, Vec::new()));
        if deposit.is_some() {
            self.touches(caller, AccessMode::Write, HostFunction::Call)?;
            self.touches(to, AccessMode::Credit, HostFunction::Call)?;
        }
        let Address::Contract(contract) = to else { return refused(Status::NoSuchContract) };
        if self.running.contains(&contract) {
            return refused(Status::Reentry);
        }
        let Some(guest) = self.model.callable.get(&contract).copied() else {
            return refused(Status::NoSuchContract);
        };
        if !guest.entries().contains(&entry) {
            return refused(Status::NoSuchEntry);
        }
        let (before, events) = (self.model.facts.clone(), self.events);
        if let Some((asset, amount)) = deposit {
            if !asset.is_native() && self.model.facts.number(&Fact::Supply(asset)) == 0 {
                return refused(Status::UnknownAsset);
            }
            if !self.model.facts.take(Fact::Balance(caller, asset), amount.into()) {
                return refused(Status::Insufficient);
            }
            self.model.facts.add(Fact::Balance(to, asset), amount.into());
        }
        let deposits = usize::from(deposit.is_some());
        let (end, data) = self.enter(guest, entry, &Frame { contract, caller, input, deposits });
        let answer = match end {
            Ok(()) => return Ok((0, 0, data)),
            Err(Stop::Abort(code)) => (Status::Reverted.code(), code, data),
            // Nobody may go on after this one.
            Err(stop @ Stop::Halt(HaltReason::UndeclaredAccess { .. })) => return Err(stop),
            Err(Stop::Halt(_)) => (Status::Halted.code(), 0, Vec::new()),
        };
        self.model.facts = before;
        self.events = events;
        Ok(answer)
    }

    /// Whether the declared mode of an account permits what is done to it.
    fn touches(&self, who: Address, needed: AccessMode, by: HostFunction) -> Result<(), Stop> {
        match self.access.get(&who) {
            Some(mode) if *mode == AccessMode::Write || *mode == needed => Ok(()),
            _ => Err(Stop::Halt(HaltReason::UndeclaredAccess {
                account: who,
                needed,
                host_function: by,
            })),
        }
    }

    fn write(
        &mut self,
        frame: &Frame<'_>,
        who: Address,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), Stop> {
        self.touches(who, AccessMode::Write, HostFunction::StorageWrite)?;
        let slot = Fact::Slot(frame.contract, who, key.to_vec());
        self.model.facts.0.insert(slot, Value::Bytes(value.to_vec()));
        Ok(())
    }

    fn counter_add(
        &mut self,
        frame: &Frame<'_>,
        who: Address,
        key: &[u8],
        amount: u64,
    ) -> Result<(), Stop> {
        self.touches(who, AccessMode::Credit, HostFunction::CounterAdd)?;
        let counter = Fact::Counter(frame.contract, who, key.to_vec());
        self.model.facts.add(counter, amount.into());
        Ok(())
    }

    /// Aborts with this code when there is less.
    fn counter_sub(
        &mut self,
        frame: &Frame<'_>,
        who: Address,
        key: &[u8],
        amount: u64,
        code: u32,
    ) -> Result<(), Stop> {
        self.touches(who, AccessMode::Write, HostFunction::CounterSub)?;
        let counter = Fact::Counter(frame.contract, who, key.to_vec());
        if self.model.facts.take(counter, amount.into()) { Ok(()) } else { Err(Stop::Abort(code)) }
    }

    fn counter_read(&mut self, frame: &Frame<'_>, who: Address, key: &[u8]) -> End {
        self.touches(who, AccessMode::Read, HostFunction::CounterRead)?;
        let counter = Fact::Counter(frame.contract, who, key.to_vec());
        Ok(self.model.facts.number(&counter).to_le_bytes().to_vec())
    }
}

fn number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_le_bytes)
}

fn address(bytes: &[u8]) -> Option<Address> {
    bytes.try_into().ok().and_then(Address::from_bytes)
}

/// An address and an amount.
fn payment(input: &[u8]) -> Option<(Address, u64)> {
    let (to, amount) = input.split_at_checked(33)?;
    Some((address(to)?, number(amount)?))
}
