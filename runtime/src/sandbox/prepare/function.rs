//! Writes one function with its metering.
//!
//! ```text
//! (func (param ...) (local ... i64 i32)
//!   block $exhausted
//!     ;; charge the first metered block, take the frame's words
//!     block $body (result ...)
//!       ;; the guest's code, charging each metered block where it starts; `return` is `br $body`
//!     end
//!     ;; give the frame's words back
//!     return
//!   end
//!   unreachable)
//! ```
//!
//! A branch to the function's own label means `$body` now, at the same depth, so the guest's
//! branches stay as they are.

use wasm_encoder::reencode::{self, Reencode, RoundtripReencoder};
use wasm_encoder::{BlockType, Function, InstructionSink, ValType};
use wasmparser::{FunctionBody, Operator};

use super::bodies::BodyFacts;
use super::limits;
use super::metering::Charge;

/// Where the injected parts are in the prepared module's index spaces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Injected {
    /// Global with the gas left.
    pub(super) gas: u32,
    /// Global with the words of stack left.
    pub(super) stack: u32,
    /// Function that charges the length of a bulk operation and returns it.
    pub(super) charge_bulk: u32,
    /// Function that charges the pages of a `memory.grow` and returns them.
    pub(super) charge_grow: u32,
}

/// The words a call of this function takes from the stack; `None` if it is not accounted for.
///
/// A function that calls nothing can only be the last one on the stack, where [`FRAME_WORDS_MAX`]
/// and [`OPERATORS_MAX`] bound it, and such functions are the ones called most often.
///
/// The operators are part of the frame because an optimiser may keep the result of any of them
/// until later: a native frame is bounded by them, not by the operands WebAssembly can see.
///
/// [`FRAME_WORDS_MAX`]: limits::FRAME_WORDS_MAX
/// [`OPERATORS_MAX`]: limits::OPERATORS_MAX
pub(super) fn stack_words(facts: &BodyFacts) -> Option<i32> {
    let words = facts.frame_words
        + limits::FRAME_WORDS_MIN
        + facts.operators / limits::OPERATORS_PER_FRAME_WORD;
    facts.calls.then_some(i32::try_from(words).unwrap_or(i32::MAX))
}

/// What is known about a function before it is written.
pub(super) struct Plan<'a> {
    pub(super) params: u32,
    pub(super) result: Option<ValType>,
    pub(super) facts: &'a BodyFacts,
    pub(super) charges: &'a [Charge],
    pub(super) injected: Injected,
}

impl Plan<'_> {
    /// Local for the gas left, while it is compared.
    fn gas_local(&self) -> u32 {
        self.params + self.facts.locals as u32
    }

    /// Local for the words left, while they are compared.
    fn stack_local(&self) -> u32 {
        self.gas_local() + 1
    }

    /// Writes the function.
    pub(super) fn write(&self, body: &FunctionBody<'_>) -> Result<Function, reencode::Error> {
        let words = stack_words(self.facts);
        let mut reencoder = RoundtripReencoder;
        let mut locals = Vec::new();
        for group in body.get_locals_reader()? {
            let (count, value_type) = group?;
            locals.push((count, reencoder.val_type(value_type)?));
        }
        locals.extend([(1, ValType::I64), (1, ValType::I32)]);

        let mut function = Function::new(locals);
        function.instructions().block(BlockType::Empty);
        let mut charges = self.charges.iter().peekable();
        if let Some(charge) = charges.next_if(|charge| charge.before == 0) {
            charge_gas(function.instructions(), self.injected.gas, self.gas_local(), charge.gas, 0);
        }
        if let Some(words) = words {
            self.take_words(function.instructions(), words);
        }
        function.instructions().block(self.result.map_or(BlockType::Empty, BlockType::Result));

        // Constructs of the guest that are open, its function included. The one around them is
        // `$exhausted`.
        let mut depth = 1_u32;
        for (position, operator) in body.get_operators_reader()?.into_iter().enumerate() {
            if let Some(charge) = charges.next_if(|charge| charge.before == position) {
                let (gas, local) = (self.injected.gas, self.gas_local());
                charge_gas(function.instructions(), gas, local, charge.gas, depth);
            }
            let operator = operator?;
            match &operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => depth += 1,
                Operator::End => depth -= 1,
                _ => {}
            }
            self.operator(&mut function, &operator, depth, words.is_some())?;
        }
        if let Some(words) = words {
            self.give_back_words(function.instructions(), words);
        }
        function.instructions().return_().end().unreachable().end();
        Ok(function)
    }

    fn operator(
        &self,
        function: &mut Function,
        operator: &Operator<'_>,
        depth: u32,
        accounted: bool,
    ) -> Result<(), reencode::Error> {
        match operator {
            Operator::Return if accounted => {
                function.instructions().br(depth - 1);
                return Ok(());
            }
            Operator::MemoryCopy { .. } | Operator::MemoryFill { .. } => {
                function.instructions().call(self.injected.charge_bulk);
            }
            Operator::MemoryGrow { .. } => {
                function.instructions().call(self.injected.charge_grow);
            }
            _ => {}
        }
        function.instruction(&RoundtripReencoder.instruction(operator.clone())?);
        Ok(())
    }

    fn take_words(&self, mut sink: InstructionSink<'_>, words: i32) {
        let (stack, local) = (self.injected.stack, self.stack_local());
        sink.global_get(stack).i32_const(words).i32_sub().local_tee(local).global_set(stack);
        sink.local_get(local).i32_const(0).i32_lt_s().br_if(0);
    }

    fn give_back_words(&self, mut sink: InstructionSink<'_>, words: i32) {
        let stack = self.injected.stack;
        sink.global_get(stack).i32_const(words).i32_add().global_set(stack);
    }
}

/// Charges a fixed amount; leaves for the construct at `exhausted` when it is not there.
fn charge_gas(mut sink: InstructionSink<'_>, global: u32, local: u32, gas: u64, exhausted: u32) {
    sink.global_get(global).i64_const(gas as i64).i64_sub().local_tee(local).global_set(global);
    sink.local_get(local).i64_const(0).i64_lt_s().br_if(exhausted);
}

/// Writes the function that charges `ceil(n / 2^shift) x price` for its parameter and returns it.
pub(super) fn charge_by_operand(global: u32, shift: u32, price: u16) -> Function {
    let mut function = Function::new([(1, ValType::I64)]);
    let mut sink = function.instructions();
    sink.block(BlockType::Empty);
    sink.global_get(global).local_get(0).i64_extend_i32_u();
    sink.i64_const((1 << shift) - 1).i64_add().i64_const(shift.into()).i64_shr_u();
    sink.i64_const(price.into()).i64_mul().i64_sub().local_tee(1).global_set(global);
    sink.local_get(1).i64_const(0).i64_lt_s().br_if(0);
    sink.local_get(0).return_().end().unreachable().end();
    function
}
