//! Which operators a contract may use, and which of them are priced alike.

use wasmparser::Operator;

/// Operators that take about the same time and therefore share a price.
///
/// An operator without a class is refused by the gate. So every operator that runs is priced, and
/// the two lists cannot drift apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorClass {
    /// Only marks structure and compiles to nothing: `block`, `end`, `else`.
    Structure,
    /// Head of a loop, passed on every iteration.
    Loop,
    /// Constants, locals, `drop`, `select`, `nop`.
    Simple,
    /// Addition, logic, shifts, comparison, width changes.
    Arithmetic,
    /// `clz`, `ctz` and `popcnt`: no one instruction does them on every processor we compile for.
    CountBits,
    /// Multiplication.
    Multiply,
    /// Division and remainder.
    Divide,
    /// Reads of memory.
    Load,
    /// Writes of memory.
    Store,
    /// Reads and writes of a global.
    Global,
    /// `if`, `br`, `br_if`, `return`, `unreachable`.
    Branch,
    /// `br_table`.
    BranchTable,
    /// `call`, of a function in the module or on the host.
    Call,
    /// `call_indirect`.
    CallIndirect,
    /// `memory.size`.
    MemorySize,
    /// `memory.grow`, besides what each page asked for costs.
    MemoryGrow,
    /// `memory.copy` and `memory.fill`, besides what their length costs.
    MemoryBulk,
}

impl OperatorClass {
    /// The class of an operator; `None` if contracts may not use it.
    pub(super) fn of(operator: &Operator<'_>) -> Option<Self> {
        use Operator as O;
        Some(match operator {
            O::Block { .. } | O::Else | O::End => Self::Structure,
            O::Loop { .. } => Self::Loop,
            O::Nop
            | O::Drop
            | O::Select
            | O::I32Const { .. }
            | O::I64Const { .. }
            | O::LocalGet { .. }
            | O::LocalSet { .. }
            | O::LocalTee { .. } => Self::Simple,
            O::GlobalGet { .. } | O::GlobalSet { .. } => Self::Global,
            O::If { .. } | O::Br { .. } | O::BrIf { .. } | O::Return | O::Unreachable => {
                Self::Branch
            }
            O::BrTable { .. } => Self::BranchTable,
            O::Call { .. } => Self::Call,
            O::CallIndirect { .. } => Self::CallIndirect,
            O::MemorySize { .. } => Self::MemorySize,
            O::MemoryGrow { .. } => Self::MemoryGrow,
            O::MemoryCopy { .. } | O::MemoryFill { .. } => Self::MemoryBulk,
            _ => return Self::of_memory_access(operator).or_else(|| Self::of_number(operator)),
        })
    }

    fn of_memory_access(operator: &Operator<'_>) -> Option<Self> {
        use Operator as O;
        Some(match operator {
            O::I32Load { .. }
            | O::I32Load8S { .. }
            | O::I32Load8U { .. }
            | O::I32Load16S { .. }
            | O::I32Load16U { .. }
            | O::I64Load { .. }
            | O::I64Load8S { .. }
            | O::I64Load8U { .. }
            | O::I64Load16S { .. }
            | O::I64Load16U { .. }
            | O::I64Load32S { .. }
            | O::I64Load32U { .. } => Self::Load,
            O::I32Store { .. }
            | O::I32Store8 { .. }
            | O::I32Store16 { .. }
            | O::I64Store { .. }
            | O::I64Store8 { .. }
            | O::I64Store16 { .. }
            | O::I64Store32 { .. } => Self::Store,
            _ => return None,
        })
    }

    #[rustfmt::skip] // One line per row of the specification's table reads better.
    fn of_number(operator: &Operator<'_>) -> Option<Self> {
        use Operator as O;
        Some(match operator {
            O::I32Eqz | O::I32Eq | O::I32Ne | O::I32LtS | O::I32LtU | O::I32GtS | O::I32GtU
            | O::I32LeS | O::I32LeU | O::I32GeS | O::I32GeU
            | O::I64Eqz | O::I64Eq | O::I64Ne | O::I64LtS | O::I64LtU | O::I64GtS | O::I64GtU
            | O::I64LeS | O::I64LeU | O::I64GeS | O::I64GeU
            | O::I32Add | O::I32Sub
            | O::I32And | O::I32Or | O::I32Xor
            | O::I32Shl | O::I32ShrS | O::I32ShrU | O::I32Rotl | O::I32Rotr
            | O::I64Add | O::I64Sub
            | O::I64And | O::I64Or | O::I64Xor
            | O::I64Shl | O::I64ShrS | O::I64ShrU | O::I64Rotl | O::I64Rotr
            | O::I32WrapI64 | O::I64ExtendI32S | O::I64ExtendI32U
            | O::I32Extend8S | O::I32Extend16S
            | O::I64Extend8S | O::I64Extend16S | O::I64Extend32S => Self::Arithmetic,
            O::I32Clz | O::I32Ctz | O::I32Popcnt | O::I64Clz | O::I64Ctz | O::I64Popcnt => {
                Self::CountBits
            }
            O::I32Mul | O::I64Mul => Self::Multiply,
            O::I32DivS | O::I32DivU | O::I32RemS | O::I32RemU
            | O::I64DivS | O::I64DivU | O::I64RemS | O::I64RemU => Self::Divide,
            _ => return None,
        })
    }
}

/// The WebAssembly proposal an operator belongs to; operators of the first version that contracts
/// may not use are the floats.
pub(super) fn proposal(operator: &Operator<'_>) -> &'static str {
    macro_rules! name_proposals {
        ($(
            @$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? =>
            $visit:ident ($($ann:tt)*)
        )*) => {
            match operator {
                $(Operator::$op { .. } => stringify!($proposal),)*
                // The enum is open; wasmparser's own list covers all of it.
                _ => "unknown",
            }
        };
    }
    match wasmparser::for_each_operator!(name_proposals) {
        "mvp" | "saturating_float_to_int" => "floats",
        other => other,
    }
}
