//! Host functions without a chain behind them. Every row of the table gets the same treatment, so
//! that functions added later are covered without a line here: what a function answers, and what it
//! writes, is a hash of its name, its arguments and how many calls came before.
//!
//! Like the real crossing, a call charges first and looks at pointers next. Which parameters are
//! pointers is read off their names, by the conventions of `host-api/ABI.md`: a name followed by a
//! length or count is read, `out` is written, accounts and assets have their encoded size.

use tos_host_api::functions::{HostFunctionSpec, ValueType};
use tos_host_api::{Address, HostFunction};

/// Calls after which a guest is stopped in any case; bounds the time a run takes.
const CALLS_MAX: u64 = 1_024;
/// One call in so many stops the guest.
const STOPS_ONE_IN: u64 = 128;
/// From this call on memory is hashed at every [`HASH_EVERY`]th call only.
const HASHED_CALLS: u64 = 24;
const HASH_EVERY: u64 = 16;

/// Seed of a host that never stops a guest of its own accord.
pub const PATIENT: u64 = u64::MAX;

/// One call as it reached the host. All of it has to be the same on every engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostCall {
    /// Name of the host function.
    pub function: &'static str,
    /// Arguments; 32-bit ones without sign.
    pub arguments: Vec<u64>,
    /// Gas left when the guest called.
    pub gas: i64,
    /// Words of stack left when the guest called.
    pub stack: i32,
    /// Hash of the whole memory when the guest called. Some calls of a guest that calls very often
    /// go without.
    pub memory: Option<blake3::Hash>,
}

/// Why the host stopped a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// A price was higher than the gas left.
    OutOfGas,
    /// Anything else the host may object to.
    Refused,
}

/// What a host function needs of its caller.
pub struct Crossing<'a> {
    /// Row of the function in the table.
    pub row: &'static HostFunctionSpec,
    /// Arguments; 32-bit ones without sign.
    pub arguments: Vec<u64>,
    /// Gas left.
    pub gas: i64,
    /// Words of stack left.
    pub stack: i32,
    /// The guest's memory.
    pub memory: &'a mut [u8],
}

/// The host of one run.
#[derive(Debug)]
pub struct MockHost {
    seed: u64,
    /// Calls so far.
    pub calls: Vec<HostCall>,
    /// What the guest has returned last.
    pub returned: Vec<u8>,
    /// Set when the host has stopped the guest.
    pub stopped: Option<Stop>,
}

/// A range of memory that a call names, by the position of its parameter.
enum Range {
    Read(u64, u64),
    Write(u64, u64),
}

impl MockHost {
    /// A host; equal seeds answer alike.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, calls: Vec::new(), returned: Vec::new(), stopped: None }
    }

    /// Does one call. Returns the gas left and the result (0 without one), or no result when the
    /// guest has to stop.
    pub fn call(&mut self, crossing: Crossing<'_>) -> (i64, Option<u64>) {
        let count = self.calls.len() as u64;
        let hashed = count < HASHED_CALLS || count.is_multiple_of(HASH_EVERY);
        self.calls.push(HostCall {
            function: crossing.row.name,
            arguments: crossing.arguments.clone(),
            gas: crossing.gas,
            stack: crossing.stack,
            memory: hashed.then(|| blake3::hash(crossing.memory)),
        });
        match self.answer(crossing, count) {
            Ok((gas, result)) => (gas, Some(result)),
            Err((gas, stop)) => {
                self.stopped = Some(stop);
                (gas, None)
            }
        }
    }

    fn answer(&mut self, crossing: Crossing<'_>, count: u64) -> Result<(i64, u64), (i64, Stop)> {
        let Crossing { row, arguments, gas, memory, .. } = crossing;
        let mut dice = Dice::new(self.seed, row.name, &arguments, count);
        let gas = charge(gas, row.gas.base)?;
        let stops = dice.below(STOPS_ONE_IN) == 0 || row.function == HostFunction::Abort;
        if self.seed != PATIENT && (stops || count >= CALLS_MAX) {
            return Err((gas, Stop::Refused));
        }
        let ranges = ranges(row, &arguments);
        let memory_len = memory.len() as u64;
        let fits = |start: u64, len: u64| start + len <= memory_len;
        // Random programs pass wild pointers all the time. They would never get past the first
        // call if each of them were the end, as it is on the real host.
        let wild = ranges.iter().any(|range| match *range {
            Range::Read(start, len) | Range::Write(start, len) => len > 0 && !fits(start, len),
        });
        if wild && dice.below(8) == 0 {
            return Err((gas, Stop::Refused));
        }
        let mut gas = gas;
        let mut written = 0;
        for range in ranges {
            match range {
                Range::Read(start, len) if fits(start, len) => {
                    gas = charge(gas, row.gas.per_byte * len)?;
                    let bytes = &memory[start as usize..(start + len) as usize];
                    if row.function == HostFunction::SetReturn {
                        self.returned = bytes.to_vec();
                    }
                    dice.mix(bytes);
                }
                Range::Write(start, room) => {
                    // As often as not exactly what the guest has room for: contracts insist on it.
                    let len = if dice.below(2) == 0 { room } else { dice.below(room.min(96) + 9) };
                    written = len;
                    if len <= room && fits(start, len) {
                        gas = charge(gas, row.gas.per_byte * len)?;
                        dice.fill(&mut memory[start as usize..(start + len) as usize]);
                    }
                }
                Range::Read(..) => {}
            }
        }
        Ok((gas, result(row, &mut dice, written)))
    }
}

fn charge(gas: i64, price: u64) -> Result<i64, (i64, Stop)> {
    match gas.checked_sub_unsigned(price) {
        Some(rest) if rest >= 0 => Ok(rest),
        _ => Err((0, Stop::OutOfGas)),
    }
}

fn ranges(row: &HostFunctionSpec, arguments: &[u64]) -> Vec<Range> {
    let mut ranges = Vec::new();
    for (index, &(name, ty)) in row.params.iter().enumerate() {
        let next = row.params.get(index + 1).map_or("", |&(name, _)| name);
        let (start, next_argument) = (arguments[index], arguments.get(index + 1).copied());
        let length = next_argument.unwrap_or(0);
        let is_account = row.access.iter().any(|&(account, _)| account == name);
        match ty {
            ValueType::I64 => {}
            ValueType::I32 if name.starts_with("out") && next.contains("cap") => {
                ranges.push(Range::Write(start, length));
            }
            ValueType::I32 if name.starts_with("out") => {
                ranges.push(Range::Write(start, Address::ENCODED_LEN as u64));
            }
            ValueType::I32 if is_account => {
                ranges.push(Range::Read(start, Address::ENCODED_LEN as u64));
            }
            ValueType::I32 if name == "asset" => ranges.push(Range::Read(start, 32)),
            ValueType::I32 if next == "len" || next.ends_with("_len") => {
                ranges.push(Range::Read(start, length));
            }
            // Topics and the like: so many of 32 bytes each.
            ValueType::I32 if next.ends_with("_count") => {
                ranges.push(Range::Read(start, length * 32));
            }
            ValueType::I32 => {}
        }
    }
    ranges
}

fn result(row: &HostFunctionSpec, dice: &mut Dice, written: u64) -> u64 {
    match row.result {
        None => 0,
        Some(ValueType::I64) => match dice.below(3) {
            0 => dice.below(10),
            1 => dice.below(1 << 32),
            _ => dice.next(),
        },
        Some(ValueType::I32) => match dice.below(4) {
            0 if !row.statuses.is_empty() => {
                let status = row.statuses[dice.below(row.statuses.len() as u64) as usize];
                u64::from(status.code() as u32)
            }
            _ => written & 0x7fff_ffff,
        },
    }
}

/// A stream of numbers that is a function of one call.
struct Dice(blake3::Hasher);

impl Dice {
    fn new(seed: u64, name: &str, arguments: &[u64], count: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes()).update(&count.to_le_bytes()).update(name.as_bytes());
        for argument in arguments {
            hasher.update(&argument.to_le_bytes());
        }
        Self(hasher)
    }

    fn mix(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn next(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.update(&[1]);
        self.0.finalize_xof().fill(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(host: &mut MockHost, function: HostFunction, arguments: &[u64]) -> (i64, Option<u64>) {
        let mut memory = [7; 256];
        let arguments = arguments.to_vec();
        let row = function.spec();
        host.call(Crossing { row, arguments, gas: 10_000, stack: 9, memory: &mut memory })
    }

    #[test]
    fn equal_seeds_answer_alike_and_others_do_not() {
        let answers = |seed| {
            let mut host = MockHost::new(seed);
            let mut call = || call(&mut host, HostFunction::Timestamp, &[]);
            (0..8).map(|_| call()).collect::<Vec<_>>()
        };
        assert_eq!(answers(1), answers(1));
        assert_ne!(answers(1), answers(2));
    }

    #[test]
    fn a_call_charges_what_the_table_says() {
        let row = HostFunction::SetReturn.spec();
        let price = row.gas.base + 5 * row.gas.per_byte;
        let mut host = MockHost::new(3);
        let (gas, _) = call(&mut host, HostFunction::SetReturn, &[0, 5]);
        assert_eq!(gas, 10_000 - price as i64);
        assert_eq!(host.returned, [7; 5]);
    }

    #[test]
    fn who_cannot_pay_is_stopped_with_nothing_left() {
        let mut host = MockHost::new(3);
        let row = HostFunction::Source.spec();
        let gas = row.gas.base as i64 - 1;
        let crossing = Crossing { row, arguments: vec![0], gas, stack: 0, memory: &mut [0; 64] };
        assert_eq!(host.call(crossing), (0, None));
        assert_eq!(host.stopped, Some(Stop::OutOfGas));
    }
}
