//! How a call gets into a prepared module: through one exported function for all entries.
//!
//! Reaching a global from outside of a guest takes about as long as a short host function does, and
//! around every call there are several to reach. So gas goes in as an argument and comes back as
//! the result, whose highest bit tells whether any other has to be looked at:
//!
//! ```text
//! (func (export "tos:enter") (param $entry i32) (param $gas i64) (param $known i32) (result i64)
//!   ;; global "tos:gas" = $gas
//!   ;; call the entry with this number
//!   ;; global "tos:gas", and the highest bit if global "tos:written" is not $known, or if one of
//!   ;; the guest's own globals is not what it was at first
//! )
//! ```
//!
//! Gas that is left is never below zero, so that bit is free. The calls of a contract write to much
//! the same places, and put their stack pointer back: it is hardly ever set. None of this is
//! charged, and a module can neither see nor call this function, which comes after its own.
//!
//! One function for all entries, because a compiler makes a trampoline for each function that is
//! exported: a thousand empty entries compile in half the time that exporting each of them takes.

use wasm_encoder::{BlockType, Function, InstructionSink, ValType};
use wasmparser::{ConstExpr, Operator};

use super::function::Counters;
use crate::planted::{Bug, planted};

/// Parameters of [`ENTER_EXPORT`](super::ENTER_EXPORT): the entry's number
/// ([`ModuleInfo::entry_number`](super::ModuleInfo::entry_number)), units of gas, and what the
/// caller knows [`WRITTEN_EXPORT`](super::WRITTEN_EXPORT) to hold.
pub type EntryParams = (i32, i64, i32);

/// What [`ENTER_EXPORT`](super::ENTER_EXPORT) returns, if it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryResult(pub i64);

impl EntryResult {
    /// Units of gas left.
    #[must_use]
    pub fn gas_left(self) -> u64 {
        (self.0 & i64::MAX).cast_unsigned()
    }

    /// Whether [`WRITTEN_EXPORT`](super::WRITTEN_EXPORT) is not what the caller said, or a global of
    /// the guest not what it is at first.
    #[must_use]
    pub fn globals_differ(self) -> bool {
        self.0 < 0
    }
}

/// Types of the parameters.
pub(super) const PARAMS: [ValType; 3] = [ValType::I32, ValType::I64, ValType::I32];
/// Type of the result.
pub(super) const RESULT: ValType = ValType::I64;
/// Distance from the lowest bit to the highest.
const HIGHEST_BIT: i64 = 63;

/// A mutable global of the guest and its value at first.
pub(super) struct GuestGlobal {
    index: u32,
    initial: Initial,
}

enum Initial {
    I32(i32),
    I64(i64),
}

impl GuestGlobal {
    /// The global with this index and initial value; `None` for a value that the gate refuses.
    pub(super) fn new(index: u32, initial: &ConstExpr<'_>) -> Option<Self> {
        let initial = match initial.get_operators_reader().read().ok()? {
            Operator::I32Const { value } => Initial::I32(value),
            Operator::I64Const { value } => Initial::I64(value),
            _ => return None,
        };
        Some(Self { index, initial })
    }

    /// Whether it has changed, as an `i32`.
    fn differs(&self, sink: &mut InstructionSink<'_>) {
        sink.global_get(self.index);
        match self.initial {
            Initial::I32(value) => sink.i32_const(value).i32_ne(),
            Initial::I64(value) => sink.i64_const(value).i64_ne(),
        };
    }
}

/// Writes the function that is exported; `entries` are the functions of entries by number.
pub(super) fn write(entries: &[u32], counters: Counters, globals: &[GuestGlobal]) -> Function {
    let (number, gas, known) = (0, 1, 2);
    let mut function = Function::new([]);
    let mut sink = function.instructions();
    sink.local_get(gas).global_set(counters.gas);
    choose(&mut sink, number, entries);
    sink.global_get(counters.gas);
    if planted(Bug::NewWritesUntold) {
        sink.i32_const(0);
    } else {
        sink.global_get(counters.written).local_get(known).i32_ne();
    }
    let told = if planted(Bug::ChangedGlobalsUntold) { &[] } else { globals };
    for global in told {
        global.differs(&mut sink);
        sink.i32_or();
    }
    sink.i64_extend_i32_u().i64_const(HIGHEST_BIT).i64_shl().i64_or().end();
    function
}

/// Calls the entry whose number is in a local. Behind each block, from the innermost on, is what is
/// done for one number, the first of them for no entry's.
fn choose(sink: &mut InstructionSink<'_>, number: u32, entries: &[u32]) {
    let count = entries.len() as u32;
    let others = count + 1;
    (0..others + 1).for_each(|_| {
        sink.block(BlockType::Empty);
    });
    sink.local_get(number).br_table(1..others, 0);
    sink.end().unreachable();
    for (function, outer) in entries.iter().zip((0..count).rev()) {
        sink.end().call(*function).br(outer);
    }
    sink.end();
}
