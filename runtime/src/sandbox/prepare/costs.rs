//! What operators cost. Holds numbers only; where they are charged is `metering.rs`.

use borsh::{BorshDeserialize, BorshSerialize};

use super::operators::OperatorClass;

/// Units of the counter inside a module that make one gas. Operators are priced in units,
/// everything else in gas: a simple operator takes a fraction of what a host function does.
pub const UNITS_PER_GAS: u64 = 1;

/// Gas per operator, by class; one gas is meant to be about a nanosecond.
///
/// The fields are 16 bits wide so that no sum or product of them can overflow: 20,000 operators, or
/// 2^32 pages or bytes, times 65,535 stay far below 2^63. First values, to be moved by
/// measurement; moving one is a protocol change.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct OperatorCosts {
    /// Each call of a function, on the callee's side: frame, metering of the frame.
    pub entry: u16,
    /// Each declared local variable at a call: it is set to zero.
    pub local: u16,
    /// Each pass of a loop's head.
    pub loop_head: u16,
    /// Constants, locals, `drop`, `select`, `nop`.
    pub simple: u16,
    /// Addition, logic, shifts, comparison, width changes.
    pub arithmetic: u16,
    /// Multiplication.
    pub multiply: u16,
    /// Division and remainder.
    pub divide: u16,
    /// A read of memory.
    pub load: u16,
    /// A write of memory.
    pub store: u16,
    /// A read or write of a global.
    pub global: u16,
    /// `if`, `br`, `br_if`, `return`, `unreachable`.
    pub branch: u16,
    /// `br_table`.
    pub branch_table: u16,
    /// `call`, on the caller's side.
    pub call: u16,
    /// `call_indirect`, on the caller's side.
    pub call_indirect: u16,
    /// `memory.size`.
    pub memory_size: u16,
    /// `memory.grow`, whatever it asks for.
    pub memory_grow: u16,
    /// Each page that `memory.grow` asks for, granted or not.
    pub memory_grow_page: u16,
    /// `memory.copy` and `memory.fill`, whatever their length.
    pub memory_bulk: u16,
    /// Each 8 bytes of `memory.copy` and `memory.fill`, started ones included.
    pub memory_bulk_word: u16,
}

impl OperatorCosts {
    /// Version of the default prices.
    pub const VERSION: u32 = 1;

    /// What one operator costs, besides anything proportional to its operands. Structure is free:
    /// it compiles to nothing, and its size is paid for at deployment.
    pub(super) fn of(&self, class: OperatorClass) -> u64 {
        u64::from(match class {
            OperatorClass::Structure => 0,
            OperatorClass::Loop => self.loop_head,
            OperatorClass::Simple => self.simple,
            OperatorClass::Arithmetic => self.arithmetic,
            OperatorClass::Multiply => self.multiply,
            OperatorClass::Divide => self.divide,
            OperatorClass::Load => self.load,
            OperatorClass::Store => self.store,
            OperatorClass::Global => self.global,
            OperatorClass::Branch => self.branch,
            OperatorClass::BranchTable => self.branch_table,
            OperatorClass::Call => self.call,
            OperatorClass::CallIndirect => self.call_indirect,
            OperatorClass::MemorySize => self.memory_size,
            OperatorClass::MemoryGrow => self.memory_grow,
            OperatorClass::MemoryBulk => self.memory_bulk,
        })
    }

    /// What entering a function costs.
    pub(super) fn of_entry(&self, locals: u64) -> u64 {
        u64::from(self.entry) + u64::from(self.local) * locals
    }
}

impl Default for OperatorCosts {
    fn default() -> Self {
        Self {
            entry: 5,
            local: 1,
            loop_head: 1,
            simple: 1,
            arithmetic: 1,
            multiply: 2,
            divide: 8,
            load: 2,
            store: 2,
            global: 2,
            branch: 1,
            branch_table: 4,
            call: 3,
            call_indirect: 8,
            memory_size: 2,
            memory_grow: 300,
            memory_grow_page: 8_000,
            memory_bulk: 20,
            memory_bulk_word: 1,
        }
    }
}
