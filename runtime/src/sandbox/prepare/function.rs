//! Writes one function with its metering.
//!
//! ```text
//! (func (param ...) (local ...) (local $gas i64) (local $words i32)
//!   ;; fetch the counter: $gas = global "tos:gas"
//!   block $exhausted
//!     block $stopped
//!       ;; charge the first metered block; take the frame's words
//!       block $body (result ...)
//!         ;; the guest's code, charging each metered block where it starts
//!       end
//!       ;; give the frame's words back; store the counter; tell where it wrote
//!       return
//!     end
//!     ;; out of stack, or `unreachable`: store the counter
//!     unreachable
//!   end
//!   ;; out of gas: store what is below zero
//!   unreachable)
//! ```
//!
//! Inside a function the counter lives in a local, so that a loop does not wait for memory on every
//! pass. It is stored before every call and fetched after it, and stored wherever the function
//! ends by its own doing: at its end, on `return`, on `unreachable`, and when stack runs out.
//!
//! A charge compares first and subtracts after: what is left then has not to be kept for the way
//! out, which saves two instructions of each charge (6 % of a token payment's, see
//! `benches/README.md`).
//!
//! The guest's branches stay as they are: a branch to the function's own label means `$body` now,
//! at the same depth. `return` becomes a branch to `$body`, and `unreachable` one to `$stopped`.

use wasm_encoder::reencode::{self, Reencode, RoundtripReencoder};
use wasm_encoder::{BlockType, Function, InstructionSink, ValType};
use wasmparser::{FunctionBody, Operator};

use super::bodies::BodyFacts;
use super::costs::OperatorCosts;
use super::limits;
use super::metering::Charge;
use super::writes::WriteLocals;

use crate::planted::{Bug, planted};

/// Where the injected counters are among the prepared module's globals.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counters {
    /// The gas left.
    pub(super) gas: u32,
    /// The words of stack left.
    pub(super) stack: u32,
    /// Where the call has written, see `writes.rs`.
    pub(super) written: u32,
}

/// The words a call of this function takes from the stack; `None` if it is not accounted for.
///
/// A function that calls nothing can only be the last one on the stack, where [`FRAME_WORDS_MAX`]
/// and [`OPERATORS_MAX`] bound it, and such functions are the ones called most often.
///
/// Operators and merged values count a little as well: see [`HIDDEN_VALUES_PER_FRAME_WORD`].
///
/// [`HIDDEN_VALUES_PER_FRAME_WORD`]: limits::HIDDEN_VALUES_PER_FRAME_WORD
/// [`FRAME_WORDS_MAX`]: limits::FRAME_WORDS_MAX
/// [`OPERATORS_MAX`]: limits::OPERATORS_MAX
fn stack_words(facts: &BodyFacts) -> Option<i32> {
    let hidden = facts.operators
        + facts.merged_values
        + facts.charged_operands * limits::CHARGED_OPERAND_VALUES;
    let words =
        facts.frame_words + limits::FRAME_WORDS_MIN + hidden / limits::HIDDEN_VALUES_PER_FRAME_WORD;
    let counted = facts.calls && !planted(Bug::StackNeverEnds);
    counted.then_some(i32::try_from(words).unwrap_or(i32::MAX))
}

/// What is known about a function before it is written.
pub(super) struct Plan<'a> {
    pub(super) params: u32,
    pub(super) result: Option<ValType>,
    pub(super) facts: &'a BodyFacts,
    pub(super) charges: &'a [Charge],
    pub(super) costs: &'a OperatorCosts,
    pub(super) counters: Counters,
    /// The address that writes are told from.
    pub(super) writes_from: u32,
}

impl Plan<'_> {
    /// Writes the function.
    pub(super) fn write(&self, body: &FunctionBody<'_>) -> Result<Function, reencode::Error> {
        let gas_local = self.params + self.facts.locals as u32;
        let mut locals = Vec::new();
        for group in body.get_locals_reader()? {
            let (count, value_type) = group?;
            locals.push((count, RoundtripReencoder.val_type(value_type)?));
        }
        let write_locals = WriteLocals::starting_at(gas_local + 2);
        locals.push((1, ValType::I64));
        if self.facts.writes {
            locals.push((1 + WriteLocals::I32_COUNT, ValType::I32));
            locals.push((WriteLocals::I64_COUNT, ValType::I64));
        } else {
            locals.push((1, ValType::I32));
        }
        let mut writer = Writer {
            function: Function::new(locals),
            costs: self.costs,
            counters: self.counters,
            gas_local,
            scratch_local: gas_local + 1,
            write_locals,
            writes_from: self.writes_from,
            depth: 0,
        };

        let mut charges = self.charges.iter().peekable();
        writer.fetch_gas();
        writer.sink().block(BlockType::Empty).block(BlockType::Empty);
        if let Some(charge) = charges.next_if(|charge| charge.before == 0) {
            writer.charge(charge.gas);
        }
        let words = stack_words(self.facts);
        if let Some(words) = words {
            writer.take_words(words);
        }
        writer.open(self.result.map_or(BlockType::Empty, BlockType::Result));
        for (position, operator) in body.get_operators_reader()?.into_iter().enumerate() {
            if let Some(charge) = charges.next_if(|charge| charge.before == position) {
                writer.charge(charge.gas);
            }
            writer.operator(operator?)?;
        }
        if let Some(words) = words {
            writer.give_back_words(words);
        }
        writer.store_gas();
        if self.facts.writes {
            write_locals.tell(&mut writer.sink(), self.counters.written);
        }
        writer.sink().return_().end();
        writer.store_gas();
        writer.sink().unreachable().end();
        writer.store_exhausted();
        writer.sink().unreachable().end();
        Ok(writer.function)
    }
}

/// A function while it is written.
struct Writer<'a> {
    function: Function,
    costs: &'a OperatorCosts,
    counters: Counters,
    /// Holds the gas left.
    gas_local: u32,
    /// Holds an operand or the words left for a moment.
    scratch_local: u32,
    write_locals: WriteLocals,
    writes_from: u32,
    /// Constructs open inside `$stopped`, which is therefore the label at this depth.
    depth: u32,
}

impl Writer<'_> {
    fn sink(&mut self) -> InstructionSink<'_> {
        self.function.instructions()
    }

    fn open(&mut self, ty: BlockType) {
        self.sink().block(ty);
        self.depth += 1;
    }

    fn operator(&mut self, operator: Operator<'_>) -> Result<(), reencode::Error> {
        // `ceil(bytes / 8)`: a copy moves words.
        const WORD_SHIFT: u8 = 3;
        let stopped = self.depth;
        match &operator {
            Operator::Return => {
                // Labels: the guest's constructs, `$body`, `$stopped`, `$exhausted`.
                self.sink().br(stopped - 1);
                return Ok(());
            }
            Operator::Unreachable => {
                self.sink().br(stopped);
                return Ok(());
            }
            Operator::Call { .. } | Operator::CallIndirect { .. } => {
                if !planted(Bug::GasNotStoredBeforeCalls) {
                    self.store_gas();
                }
                self.copy(operator)?;
                self.fetch_gas();
                return Ok(());
            }
            Operator::MemoryCopy { .. } | Operator::MemoryFill { .. } => {
                self.charge_operand(WORD_SHIFT, self.costs.memory_bulk_word);
            }
            Operator::MemoryGrow { .. } if planted(Bug::GrowingMemoryIsFree) => {}
            Operator::MemoryGrow { .. } => self.charge_operand(0, self.costs.memory_grow_page),
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                self.depth += 1;
            }
            Operator::End => self.depth -= 1,
            _ => {}
        }
        let (locals, from) = (self.write_locals, self.writes_from);
        locals.mark(&mut self.sink(), &operator, from);
        self.copy(operator)
    }

    fn copy(&mut self, operator: Operator<'_>) -> Result<(), reencode::Error> {
        self.function.instruction(&RoundtripReencoder.instruction(operator)?);
        Ok(())
    }

    fn fetch_gas(&mut self) {
        let (global, local) = (self.counters.gas, self.gas_local);
        self.sink().global_get(global).local_set(local);
    }

    fn store_gas(&mut self) {
        let (global, local) = (self.counters.gas, self.gas_local);
        self.sink().local_get(local).global_set(global);
    }

    /// Stores what tells that gas did not suffice: how much was asked for, nobody needs.
    fn store_exhausted(&mut self) {
        let global = self.counters.gas;
        self.sink().i64_const(-1).global_set(global);
    }

    /// The label to branch to when gas does not suffice.
    fn exhausted(&self) -> u32 {
        self.depth + 1
    }

    /// Charges a fixed amount; leaves for good when gas does not suffice.
    fn charge(&mut self, gas: u64) {
        let (local, price, exhausted) = (self.gas_local, gas as i64, self.exhausted());
        let mut sink = self.sink();
        sink.local_get(local).i64_const(price).i64_lt_s().br_if(exhausted);
        sink.local_get(local).i64_const(price).i64_sub().local_set(local);
    }

    /// Charges `ceil(n / 2^shift) x price` for the operand on top and leaves it there; leaves for
    /// good when gas does not suffice.
    fn charge_operand(&mut self, shift: u8, price: u32) {
        let (gas, operand, exhausted) = (self.gas_local, self.scratch_local, self.exhausted());
        let mut sink = self.sink();
        sink.local_tee(operand).local_get(gas).local_get(operand).i64_extend_i32_u();
        if shift > 0 {
            sink.i64_const((1 << shift) - 1).i64_add().i64_const(shift.into()).i64_shr_u();
        }
        sink.i64_const(price.into()).i64_mul();
        sink.i64_sub().local_tee(gas).i64_const(0).i64_lt_s().br_if(exhausted);
    }

    fn take_words(&mut self, words: i32) {
        let (global, left, stopped) = (self.counters.stack, self.scratch_local, self.depth);
        let mut sink = self.sink();
        sink.global_get(global).i32_const(words).i32_sub().local_tee(left).global_set(global);
        sink.local_get(left).i32_const(0).i32_lt_s().br_if(stopped);
    }

    fn give_back_words(&mut self, words: i32) {
        let global = self.counters.stack;
        let words = if planted(Bug::StackNotGivenBack) { 0 } else { words };
        self.sink().global_get(global).i32_const(words).i32_add().global_set(global);
    }
}
