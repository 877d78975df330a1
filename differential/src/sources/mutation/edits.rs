//! The edits themselves: what may become of one operator. Most keep the types of operands and
//! results, so that many mutants are valid; the gate sorts out the others.

use std::collections::BTreeMap;

use tos_benches::Rng;
use tos_host_api::functions::{HOST_FUNCTIONS, ValueType};
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{BlockType, Function, Instruction, MemArg};
use wasmparser::Operator;

use super::Rewriter;

/// Operators that can stand for each other.
#[rustfmt::skip]
const ALIKE: &[&[Instruction<'static>]] = &[
    &[Instruction::I32Add, Instruction::I32Sub, Instruction::I32Mul, Instruction::I32DivS,
      Instruction::I32DivU, Instruction::I32RemS, Instruction::I32RemU, Instruction::I32And,
      Instruction::I32Or, Instruction::I32Xor, Instruction::I32Shl, Instruction::I32ShrS,
      Instruction::I32ShrU, Instruction::I32Rotl, Instruction::I32Rotr, Instruction::I32Eq,
      Instruction::I32Ne, Instruction::I32LtS, Instruction::I32LtU, Instruction::I32GtS,
      Instruction::I32GtU, Instruction::I32LeS, Instruction::I32LeU, Instruction::I32GeS,
      Instruction::I32GeU],
    &[Instruction::I64Add, Instruction::I64Sub, Instruction::I64Mul, Instruction::I64DivS,
      Instruction::I64DivU, Instruction::I64RemS, Instruction::I64RemU, Instruction::I64And,
      Instruction::I64Or, Instruction::I64Xor, Instruction::I64Shl, Instruction::I64ShrS,
      Instruction::I64ShrU, Instruction::I64Rotl, Instruction::I64Rotr],
    &[Instruction::I64Eq, Instruction::I64Ne, Instruction::I64LtS, Instruction::I64LtU,
      Instruction::I64GtS, Instruction::I64GtU, Instruction::I64LeS, Instruction::I64LeU,
      Instruction::I64GeS, Instruction::I64GeU],
    &[Instruction::I32Eqz, Instruction::I32Clz, Instruction::I32Ctz, Instruction::I32Popcnt,
      Instruction::I32Extend8S, Instruction::I32Extend16S],
    &[Instruction::I64Clz, Instruction::I64Ctz, Instruction::I64Popcnt, Instruction::I64Extend8S,
      Instruction::I64Extend16S, Instruction::I64Extend32S],
    &[Instruction::I64ExtendI32S, Instruction::I64ExtendI32U],
];

/// Addresses and lengths with something at their edges.
const NUMBERS: [i64; 12] =
    [0, 1, 2, 7, 8, 33, 64, 0xfff8, 0xffff, 0x1_0000, i32::MAX as i64, i32::MIN as i64];

/// How much is to be edited.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edits {
    /// Operators to change, drop or repeat.
    pub(super) changes: usize,
    /// Host calls to add.
    pub(super) host_calls: usize,
}

/// What happens to one operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    Change,
    CallHost,
}

/// Which operators are edited, by their position in the module.
#[derive(Debug)]
pub(super) struct Plan(BTreeMap<usize, Edit>);

impl Edits {
    pub(super) fn plan(self, operators: usize, rng: &mut Rng) -> Plan {
        let mut plan = BTreeMap::new();
        for (count, edit) in [(self.host_calls, Edit::CallHost), (self.changes, Edit::Change)] {
            for _ in 0..count {
                plan.insert(rng.below(operators.max(1)), edit);
            }
        }
        Plan(plan)
    }
}

impl Plan {
    pub(super) fn at(&self, position: usize) -> Option<Edit> {
        self.0.get(&position).copied()
    }
}

impl Rewriter<'_> {
    /// Writes an operator, edited or not.
    pub(super) fn edit(
        &mut self,
        edit: Option<Edit>,
        operator: Operator<'_>,
        function: &mut Function,
    ) -> Result<(), reencode::Error> {
        let is_end = matches!(operator, Operator::End | Operator::Else);
        let instruction = self.instruction(operator)?;
        match edit {
            Some(Edit::CallHost) => {
                self.call_host(function);
                function.instruction(&instruction);
            }
            Some(Edit::Change) if !is_end => self.change(instruction, function),
            Some(Edit::Change) | None => {
                function.instruction(&instruction);
            }
        }
        Ok(())
    }

    fn change(&mut self, instruction: Instruction<'_>, function: &mut Function) {
        match self.rng.below(10) {
            // Dropped.
            0 => {}
            // Repeated.
            1 => {
                function.instruction(&instruction).instruction(&instruction);
            }
            2 => self.bulk(function, &instruction),
            _ => {
                let changed = self.varied(instruction);
                function.instruction(&changed);
            }
        }
    }

    /// The operator with another immediate, or another one with the same type.
    fn varied<'a>(&mut self, instruction: Instruction<'a>) -> Instruction<'a> {
        use Instruction as I;
        let near = |rng: &mut Rng, index: u32| match rng.below(2) {
            0 => index.saturating_sub(1),
            _ => index + 1,
        };
        match instruction {
            I::I32Const(value) => I::I32Const(self.number(value.into()) as i32),
            I::I64Const(value) => I::I64Const(self.number(value)),
            I::LocalGet(index) => I::LocalGet(near(self.rng, index)),
            I::LocalSet(index) => I::LocalSet(near(self.rng, index)),
            I::LocalTee(index) => I::LocalTee(near(self.rng, index)),
            I::GlobalGet(index) => I::GlobalGet(near(self.rng, index)),
            I::GlobalSet(index) => I::GlobalSet(near(self.rng, index)),
            I::Br(depth) if self.rng.percent(50) => I::BrIf(depth),
            I::Br(depth) => I::Br(near(self.rng, depth)),
            I::BrIf(depth) => I::BrIf(near(self.rng, depth)),
            I::Call(index) => I::Call(near(self.rng, index)),
            I::Block(ty) => I::Loop(ty),
            I::Loop(ty) => I::Block(ty),
            I::MemoryCopy { .. } => I::MemoryFill(0),
            I::MemoryFill(_) => I::MemoryCopy { src_mem: 0, dst_mem: 0 },
            I::I32Load(at) | I::I32Load8U(at) => self.load32(at),
            I::I64Load(at) => self.load64(at),
            I::I32Store(at) => I::I32Store16(self.moved(at, 1)),
            I::I64Store(at) => I::I64Store32(self.moved(at, 2)),
            other => self.alike(other),
        }
    }

    fn alike<'a>(&mut self, instruction: Instruction<'a>) -> Instruction<'a> {
        let wanted = format!("{instruction:?}");
        let same = |candidate: &Instruction<'_>| format!("{candidate:?}") == wanted;
        match ALIKE.iter().find(|group| group.iter().any(same)) {
            Some(group) => group[self.rng.below(group.len())].clone(),
            None => instruction,
        }
    }

    fn load32<'a>(&mut self, at: MemArg) -> Instruction<'a> {
        match self.rng.below(4) {
            0 => Instruction::I32Load8S(self.moved(at, 0)),
            1 => Instruction::I32Load16U(self.moved(at, 1)),
            2 => Instruction::I32Load16S(self.moved(at, 1)),
            _ => Instruction::I32Load(self.moved(at, 2)),
        }
    }

    fn load64<'a>(&mut self, at: MemArg) -> Instruction<'a> {
        match self.rng.below(4) {
            0 => Instruction::I64Load8S(self.moved(at, 0)),
            1 => Instruction::I64Load32U(self.moved(at, 2)),
            2 => Instruction::I64Load16S(self.moved(at, 1)),
            _ => Instruction::I64Load(self.moved(at, 3)),
        }
    }

    /// The same access somewhere near, or across the end of memory.
    fn moved(&mut self, at: MemArg, align_max: u32) -> MemArg {
        let offset = match self.rng.below(8) {
            0 => 0xfffd,
            1 => u64::from(u32::MAX),
            _ => at.offset + self.rng.below(16) as u64,
        };
        MemArg { offset, align: at.align.min(align_max), ..at }
    }

    fn number(&mut self, near: i64) -> i64 {
        match self.rng.below(4) {
            0 => near.wrapping_add(1),
            1 => near.wrapping_sub(1),
            2 => near ^ (1 << self.rng.below(64)),
            _ => NUMBERS[self.rng.below(NUMBERS.len())],
        }
    }

    /// Bulk operators and a growth in front of the operator; leaves nothing on the stack.
    fn bulk(&mut self, function: &mut Function, instruction: &Instruction<'_>) {
        let mut place = || NUMBERS[self.rng.below(10)] as i32;
        let (to, from, len) = (place(), place(), place());
        let mut sink = function.instructions();
        match self.rng.below(3) {
            0 => sink.i32_const(to).i32_const(from).i32_const(len).memory_copy(0, 0),
            1 => sink.i32_const(to).i32_const(from).i32_const(len).memory_fill(0),
            _ => sink.i32_const(0).i32_const(1).memory_grow(0).i32_store(MemArg {
                offset: 128,
                align: 2,
                memory_index: 0,
            }),
        };
        function.instruction(instruction);
    }

    /// A call of any host function, with pointers into the first page most of the time. Its result
    /// goes to memory, so that what the guest does depends on it.
    fn call_host(&mut self, function: &mut Function) {
        let which = self.rng.below(HOST_FUNCTIONS.len());
        let row = &HOST_FUNCTIONS[which];
        let index = self.counts.imports + which as u32;
        let result_at = MemArg { offset: 0, align: 0, memory_index: 0 };
        let mut sink = function.instructions();
        sink.block(BlockType::Empty);
        if row.result.is_some() {
            sink.i32_const(self.rng.below(0x1000) as i32);
        }
        for &(name, ty) in row.params {
            let is_length = name.ends_with("len") || name.ends_with("cap");
            match ty {
                ValueType::I64 => sink.i64_const(self.rng.next_u64() as i64),
                ValueType::I32 if self.rng.percent(3) => sink.i32_const(self.rng.next_u64() as i32),
                ValueType::I32 if name.ends_with("count") => {
                    sink.i32_const(self.rng.below(6) as i32)
                }
                ValueType::I32 if is_length => sink.i32_const(self.rng.below(80) as i32),
                ValueType::I32 => sink.i32_const(self.rng.below(0x2000) as i32),
            };
        }
        sink.call(index);
        match row.result {
            Some(ValueType::I32) => drop(sink.i32_store(result_at)),
            Some(ValueType::I64) => drop(sink.i64_store(result_at)),
            None => {}
        }
        sink.end();
    }
}
