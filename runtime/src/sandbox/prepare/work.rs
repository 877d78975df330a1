//! Estimates how long a module takes to compile beyond what its bytes take.
//!
//! Deployments pay by the byte, so the time per byte must be bounded. Most operators take about a
//! microsecond per byte or less. A few are a byte or three that stand for dozens of machine
//! instructions, or for branches, which cost the compiler more the more values are kept over them.
//! Compilers emit them sparsely; an author who means harm emits nothing else. One unit of work is
//! about 5 microseconds.

use wasmparser::Operator;

/// Values kept over branches that make a unit.
const KEPT_VALUES_PER_UNIT: u64 = 16;
/// Values around an operator that crowds them that are as much work as one kept over a branch.
const CROWDED_VALUES: u64 = 4;
/// Values joined where branches meet that make a unit.
const MERGED_VALUES_PER_UNIT: u64 = 8;

/// What a function asks of the compiler.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Work {
    /// Conditional branches in compiled code.
    pub(super) branches: u64,
    /// Values kept over them, and in part over operators that crowd.
    pub(super) kept_values: u64,
    /// Units of operators.
    operators: u64,
}

impl Work {
    /// Counts an operator behind which there are this many operands, parameters and locals, and
    /// perhaps a charge because it ends a construct that is left early.
    pub(super) fn operator(&mut self, operator: &Operator<'_>, values: u64, charged: bool) {
        let branches = branches(operator) + u64::from(charged);
        self.branches += branches;
        self.kept_values += branches * values;
        if crowds(operator) {
            self.kept_values += values / CROWDED_VALUES;
        }
        self.operators += units(operator) + u64::from(charged);
    }

    /// Units of work of the whole function.
    pub(super) fn units(&self, merged_values: u64) -> u64 {
        self.operators
            + self.kept_values / KEPT_VALUES_PER_UNIT
            + merged_values / MERGED_VALUES_PER_UNIT
    }
}

/// Conditional branches that compiled code has because of an operator, with the charge that
/// metering puts behind or into it.
fn branches(operator: &Operator<'_>) -> u64 {
    match operator {
        Operator::BrIf { .. } | Operator::If { .. } | Operator::Loop { .. } => 2,
        Operator::MemoryGrow { .. } | Operator::MemoryCopy { .. } | Operator::MemoryFill { .. } => {
            1
        }
        // In the table? Initialised? Not null? Of this type?
        Operator::CallIndirect { .. } => 4,
        Operator::BrTable { targets } => 1 + u64::from(targets.len()) / 16,
        _ => 0,
    }
}

/// Whether an operator takes the registers away from the values around it.
fn crowds(operator: &Operator<'_>) -> bool {
    matches!(operator, Operator::Call { .. } | Operator::I32Popcnt | Operator::I64Popcnt)
}

/// Units of an operator by itself.
fn units(operator: &Operator<'_>) -> u64 {
    match operator {
        Operator::CallIndirect { .. } => 8,
        Operator::Call { .. }
        | Operator::I32Clz
        | Operator::I32Ctz
        | Operator::I64Clz
        | Operator::I64Ctz => 1,
        // Calls of the host with a charge by the operand; and what the oldest processors of a kind
        // have no instruction for.
        Operator::MemoryGrow { .. }
        | Operator::MemoryCopy { .. }
        | Operator::MemoryFill { .. }
        | Operator::I32Popcnt
        | Operator::I64Popcnt => 4,
        _ => branches(operator),
    }
}
