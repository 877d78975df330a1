//! What operators cost. Holds numbers only; where they are charged is `metering.rs`.

use borsh::{BorshDeserialize, BorshSerialize};

use super::operators::OperatorClass;

/// Units of the counter inside a module that make one gas. Operators are priced in units,
/// everything else in gas: a simple operator takes a fraction of what a host function does.
pub const UNITS_PER_GAS: u64 = 100;

/// Pages of initial memory that the price of a call includes. A module that starts with more pays
/// for each of the others at every call what growing by it would cost: the host has to find and
/// clear those that the call touches.
pub const START_PAGES: u64 = 2;

/// Prices of operators, by class, in units of the counter: hundredths of a gas, and so of a
/// nanosecond.
///
/// Measured by the bench `calibration` of `tos-benches`, as machine code of the sandbox's settings.
/// An operator takes one time when copies of it wait for each other (its latency) and another when
/// they do not (its throughput). The price is the larger of the throughput and half of the latency
/// of a class's worst operator; it is raised where a program made of little else would still take
/// more than about a nanosecond per gas: reads that miss the nearer caches, branches that go at
/// random. It is never below 10, so that a long function of operators that compile to nothing
/// still pays for its size. Most programs therefore take less time than they pay for, up to a tenth
/// of it where they read memory that is near.
///
/// First values of this measurement; moving one is a protocol change.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct OperatorCosts {
    /// Each call of a function, on the callee's side: frame, metering of the frame.
    pub entry: u32,
    /// Each declared local variable at a call: it is set to zero.
    pub local: u32,
    /// Each pass of a loop's head.
    pub loop_head: u32,
    /// Constants, locals, `drop`, `select`, `nop`.
    pub simple: u32,
    /// Addition, logic, shifts, comparison, width changes.
    pub arithmetic: u32,
    /// `clz`, `ctz` and `popcnt`, which take several instructions.
    pub count_bits: u32,
    /// Multiplication.
    pub multiply: u32,
    /// Division and remainder.
    pub divide: u32,
    /// A read of memory.
    pub load: u32,
    /// A write of memory.
    pub store: u32,
    /// A read or write of a global.
    pub global: u32,
    /// `if`, `br`, `br_if`, `return`, `unreachable`.
    pub branch: u32,
    /// `br_table`.
    pub branch_table: u32,
    /// `call`, on the caller's side.
    pub call: u32,
    /// `call_indirect`, on the caller's side.
    pub call_indirect: u32,
    /// `memory.size`.
    pub memory_size: u32,
    /// `memory.grow`, whatever it asks for.
    pub memory_grow: u32,
    /// Each page that `memory.grow` asks for, granted or not.
    pub memory_grow_page: u32,
    /// `memory.copy` and `memory.fill`, whatever their length.
    pub memory_bulk: u32,
    /// Each 8 bytes of `memory.copy` and `memory.fill`, started ones included.
    pub memory_bulk_word: u32,
}

impl OperatorCosts {
    /// Version of the default prices.
    pub const VERSION: u32 = 2;
    /// The highest price allowed. 20,000 operators, or 2^32 pages or words, times this stay below
    /// 2^57, so that no sum or product of prices overflows the counter.
    pub const PRICE_MAX: u32 = 1 << 24;

    /// Every price with its name.
    #[must_use]
    pub fn all(&self) -> [(&'static str, u32); 20] {
        [
            ("entry", self.entry),
            ("local", self.local),
            ("loop_head", self.loop_head),
            ("simple", self.simple),
            ("arithmetic", self.arithmetic),
            ("count_bits", self.count_bits),
            ("multiply", self.multiply),
            ("divide", self.divide),
            ("load", self.load),
            ("store", self.store),
            ("global", self.global),
            ("branch", self.branch),
            ("branch_table", self.branch_table),
            ("call", self.call),
            ("call_indirect", self.call_indirect),
            ("memory_size", self.memory_size),
            ("memory_grow", self.memory_grow),
            ("memory_grow_page", self.memory_grow_page),
            ("memory_bulk", self.memory_bulk),
            ("memory_bulk_word", self.memory_bulk_word),
        ]
    }

    /// What one operator costs, besides anything proportional to its operands. Structure is free:
    /// it compiles to nothing, and its size is paid for at deployment.
    pub(super) fn of(&self, class: OperatorClass) -> u64 {
        u64::from(match class {
            OperatorClass::Structure => 0,
            OperatorClass::Loop => self.loop_head,
            OperatorClass::Simple => self.simple,
            OperatorClass::Arithmetic => self.arithmetic,
            OperatorClass::CountBits => self.count_bits,
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

    /// What starting a call costs on top of the call's own price, for a module whose memory has
    /// so many pages from the start.
    #[must_use]
    pub fn of_start(&self, memory_pages: u64) -> u64 {
        u64::from(self.memory_grow_page) * memory_pages.saturating_sub(START_PAGES)
    }

    /// What entering a function costs.
    pub(super) fn of_entry(&self, locals: u64) -> u64 {
        u64::from(self.entry) + u64::from(self.local) * locals
    }
}

impl Default for OperatorCosts {
    fn default() -> Self {
        Self {
            entry: 100,
            local: 10,
            loop_head: 20,
            simple: 10,
            arithmetic: 40,
            count_bits: 300,
            multiply: 50,
            divide: 300,
            load: 800,
            store: 60,
            global: 40,
            branch: 100,
            branch_table: 500,
            call: 100,
            call_indirect: 800,
            memory_size: 20,
            memory_grow: 2_000,
            memory_grow_page: 2_500_000,
            memory_bulk: 500,
            memory_bulk_word: 12,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lists_every_price_once() {
        let costs = OperatorCosts::default();
        let listed: Vec<u32> = costs.all().iter().map(|(_, price)| *price).collect();
        // The encoding is the fields one after the other, so none can be left out of it.
        assert_eq!(
            borsh::to_vec(&listed).expect("encodes")[4..],
            borsh::to_vec(&costs).expect("encodes")
        );
        assert!(listed.iter().all(|price| (10..=OperatorCosts::PRICE_MAX).contains(price)));
    }

    #[test]
    fn the_highest_prices_cannot_overflow_the_counter() {
        let price = u128::from(OperatorCosts::PRICE_MAX);
        let operators = u128::from(super::super::limits::OPERATORS_MAX);
        let locals = u128::from(super::super::limits::LOCALS_MAX);
        // A metered block of everything a function can hold; a bulk operation of all of memory.
        assert!((operators + locals + 1) * price < 1 << 62);
        assert!((1 << 32) * price < 1 << 62);
    }
}
