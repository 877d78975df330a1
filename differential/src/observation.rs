//! What one run of an entry leaves behind, all of which has to be the same on every engine.
//!
//! That includes a run that ends in a trap. `prepare` promises only that the gas then is what it was
//! at the last call or return (and that a halted call pays its whole limit); but the counters are
//! ordinary globals of the module, so their values at a trap are a matter of WebAssembly's
//! semantics, like memory and the guest's own globals, and all of them are compared.

use std::fmt;

use anyhow::{Result, bail};

use crate::host::{HostCall, MockHost, Stop};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// The entry returned.
    Completed,
    /// The guest or a host function needed more gas than there was.
    OutOfGas,
    /// The guest needed more stack than there was.
    StackLimit,
    /// An instruction trapped.
    Trap,
    /// A host function stopped the guest.
    HostStop,
}

impl End {
    /// Every class, in the order of the report.
    pub const ALL: [Self; 5] =
        [Self::Completed, Self::OutOfGas, Self::StackLimit, Self::Trap, Self::HostStop];

    /// Tells the classes apart as the runtime does: by the host's word first, then by the counters,
    /// never by an engine's trap code.
    fn of(returned: bool, host: &MockHost, gas: i64, stack: i32) -> Result<Self> {
        Ok(match (host.stopped, returned, gas < 0, stack < 0) {
            (Some(Stop::OutOfGas), false, false, false) => Self::OutOfGas,
            (Some(Stop::Refused), false, false, false) => Self::HostStop,
            (None, true, false, false) => Self::Completed,
            (None, false, true, _) => Self::OutOfGas,
            (None, false, false, true) => Self::StackLimit,
            (None, false, false, false) => Self::Trap,
            other => bail!("host, return and counters contradict each other: {other:?}"),
        })
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Completed => "completed",
            Self::OutOfGas => "out of gas",
            Self::StackLimit => "stack limit",
            Self::Trap => "trap",
            Self::HostStop => "host stop",
        })
    }
}

/// The state of an instance after a run, as an engine reads it out.
pub struct After<'a> {
    /// Whether the entry returned.
    pub returned: bool,
    /// The counter of gas.
    pub gas: i64,
    /// The counter of stack.
    pub stack: i32,
    /// The whole memory.
    pub memory: &'a [u8],
    /// The guest's mutable globals by index.
    pub globals: Vec<(u32, u64)>,
    /// The host of the run.
    pub host: MockHost,
}

/// What one run left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// How it ended.
    pub end: End,
    /// Gas left; below zero when the guest itself asked for too much.
    pub gas_left: i64,
    /// Words of stack left; below zero when the guest asked for too much.
    pub stack_left: i32,
    /// Hash of the whole memory.
    pub memory: blake3::Hash,
    /// Size of the memory in bytes.
    pub memory_bytes: usize,
    /// The guest's mutable globals by index; 32-bit ones without sign.
    pub globals: Vec<(u32, u64)>,
    /// The return data.
    pub returned: Vec<u8>,
    /// The calls of host functions.
    pub calls: Vec<HostCall>,
}

impl Observation {
    /// The observation of a run.
    ///
    /// # Errors
    /// The state contradicts itself, such as a call that returned with a counter below zero.
    pub fn of(after: After<'_>) -> Result<Self> {
        let After { returned, gas, stack, memory, globals, host } = after;
        Ok(Self {
            end: End::of(returned, &host, gas, stack)?,
            gas_left: gas,
            stack_left: stack,
            memory: blake3::hash(memory),
            memory_bytes: memory.len(),
            globals,
            returned: host.returned,
            calls: host.calls,
        })
    }

    /// Says in what another observation differs; `None` if in nothing.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        let part = |name: &str, a: &dyn fmt::Debug, b: &dyn fmt::Debug| {
            let (a, b) = (format!("{a:?}"), format!("{b:?}"));
            (a != b).then(|| format!("{name}: {a} against {b}"))
        };
        let found = [
            part("end", &self.end, &other.end),
            part("gas left", &self.gas_left, &other.gas_left),
            part("stack left", &self.stack_left, &other.stack_left),
            part("memory size", &self.memory_bytes, &other.memory_bytes),
            part("memory hash", &self.memory, &other.memory),
            part("globals", &self.globals, &other.globals),
            part("return data", &self.returned, &other.returned),
            part("number of host calls", &self.calls.len(), &other.calls.len()),
            self.calls
                .iter()
                .zip(&other.calls)
                .enumerate()
                .find_map(|(index, (a, b))| part(&format!("host call {index}"), a, b)),
        ];
        let found: Vec<_> = found.into_iter().flatten().collect();
        // What is not listed above may not be forgotten silently.
        debug_assert_eq!(found.is_empty(), self == other);
        (!found.is_empty()).then(|| found.join("\n  "))
    }
}
