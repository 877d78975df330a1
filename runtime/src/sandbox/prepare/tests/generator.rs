//! Generates programs that end: random statements over locals, memory, globals and calls of earlier
//! functions, with every control structure. Loops count down; everything else only goes forward.

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ElementSection, Elements, ExportKind, ExportSection,
    Function, FunctionSection, GlobalSection, GlobalType, MemArg, MemorySection, MemoryType,
    Module, RefType, TableSection, TableType, TypeSection, ValType,
};

/// A small generator of numbers (SplitMix64): the same seed gives the same program everywhere.
pub(super) struct Rng(pub(super) u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }
}

const VALUE_TYPES: [ValType; 2] = [ValType::I32, ValType::I64];
const GLOBALS: [ValType; 2] = [ValType::I32, ValType::I64];
/// Locals of each type a body may read and write, besides its loop counters.
const LOCALS_PER_TYPE: u32 = 3;
/// Loops of one body at most, each with a counter of its own.
const LOOPS_MAX: u32 = 6;

#[derive(Clone)]
struct Signature {
    params: Vec<ValType>,
    result: Option<ValType>,
}

/// A construct that a branch may lead to.
#[derive(Clone, Copy, PartialEq)]
enum Label {
    /// Branches to it carry nothing.
    Forward,
    /// Branches to it carry a value.
    Value(ValType),
    /// Leads back; only the loop itself does that.
    Loop,
}

struct Body<'r> {
    rng: &'r mut Rng,
    code: Function,
    signature: Signature,
    /// Functions that may be called: the earlier ones.
    callable: &'r [Signature],
    labels: Vec<Label>,
    loops: u32,
    /// Statements and operands left to generate.
    budget: u32,
}

impl Body<'_> {
    fn local(&mut self, ty: ValType) -> u32 {
        let params = self.signature.params.len() as u32;
        let own = params
            + if ty == ValType::I64 { LOCALS_PER_TYPE } else { 0 }
            + self.rng.below(LOCALS_PER_TYPE.into()) as u32;
        let fitting = |index: &u32| self.signature.params[*index as usize] == ty;
        let fitting: Vec<_> = (0..params).filter(fitting).collect();
        match self.rng.below(fitting.len() as u64 + 2) as usize {
            index if index < fitting.len() => fitting[index],
            _ => own,
        }
    }

    fn constant(&mut self, ty: ValType) {
        let value = match self.rng.below(4) {
            0 => self.rng.below(4) as i64,
            1 => -1 - self.rng.below(4) as i64,
            _ => self.rng.next() as i64,
        };
        let mut sink = self.code.instructions();
        if ty == ValType::I64 {
            sink.i64_const(value)
        } else {
            sink.i32_const(value as i32)
        };
    }

    fn address(&mut self) {
        self.value(ValType::I32);
        self.code.instructions().i32_const(0xfff).i32_and();
    }

    fn memarg(&mut self) -> MemArg {
        MemArg { offset: self.rng.below(256), align: 0, memory_index: 0 }
    }

    /// Leaves a value.
    fn value(&mut self, ty: ValType) {
        self.budget = self.budget.saturating_sub(1);
        let choices = if self.budget == 0 { 2 } else { 13 };
        match self.rng.below(choices) {
            0 => self.constant(ty),
            1 | 2 => {
                let local = self.local(ty);
                self.code.instructions().local_get(local);
            }
            3 | 4 => self.binary(ty),
            5 => self.convert(ty),
            6 => {
                self.address();
                let memarg = self.memarg();
                let mut sink = self.code.instructions();
                if ty == ValType::I64 {
                    sink.i64_load(memarg)
                } else {
                    sink.i32_load16_s(memarg)
                };
            }
            7 => {
                let global = GLOBALS.iter().position(|&global| global == ty).expect("one each");
                self.code.instructions().global_get(global as u32);
            }
            8 => self.value_block(ty),
            9 => self.value_if(ty),
            10 => self.call_for(ty),
            11 => {
                self.value(ty);
                self.value(ty);
                self.value(ValType::I32);
                self.code.instructions().select();
            }
            _ => {
                self.value(ty);
                let local = self.local(ty);
                self.code.instructions().local_tee(local);
            }
        }
    }

    fn binary(&mut self, ty: ValType) {
        self.value(ty);
        self.value(ty);
        let (wide, which) = (ty == ValType::I64, self.rng.below(9));
        let may_trap = self.rng.chance(12);
        let mut sink = self.code.instructions();
        match (wide, which) {
            (false, 0) => sink.i32_add(),
            (false, 1) => sink.i32_sub(),
            (false, 2) => sink.i32_mul(),
            (false, 3) => sink.i32_xor(),
            (false, 4) => sink.i32_shl(),
            (false, 5) => sink.i32_rotr(),
            (false, 6) => sink.i32_lt_s(),
            (false, 7) if may_trap => sink.i32_div_s(),
            (false, 7) => sink.i32_const(1).i32_or().i32_div_u(),
            (false, _) => sink.i32_const(1).i32_or().i32_rem_u(),
            (true, 0) => sink.i64_add(),
            (true, 1) => sink.i64_sub(),
            (true, 2) => sink.i64_mul(),
            (true, 3) => sink.i64_and(),
            (true, 4) => sink.i64_shr_s(),
            (true, 5) => sink.i64_rotl(),
            (true, 6) => sink.i64_ge_u().i64_extend_i32_u(),
            (true, 7) if may_trap => sink.i64_rem_s(),
            (true, 7) => sink.i64_const(1).i64_or().i64_div_u(),
            (true, _) => sink.i64_or(),
        };
    }

    fn convert(&mut self, ty: ValType) {
        if ty == ValType::I64 {
            self.value(ValType::I32);
            self.code.instructions().i64_extend_i32_s();
        } else {
            self.value(ValType::I64);
            self.code.instructions().i32_wrap_i64();
        }
    }

    fn value_block(&mut self, ty: ValType) {
        self.code.instructions().block(BlockType::Result(ty));
        self.labels.push(Label::Value(ty));
        self.statements(1);
        self.value(ty);
        self.labels.pop();
        self.code.instructions().end();
    }

    fn value_if(&mut self, ty: ValType) {
        self.value(ValType::I32);
        self.code.instructions().if_(BlockType::Result(ty));
        self.labels.push(Label::Value(ty));
        self.value(ty);
        self.code.instructions().else_();
        self.statements(1);
        self.value(ty);
        self.labels.pop();
        self.code.instructions().end();
    }

    fn call_for(&mut self, ty: ValType) {
        let fitting: Vec<_> =
            (0..self.callable.len()).filter(|&f| self.callable[f].result == Some(ty)).collect();
        let Some(&function) = fitting.get(self.rng.below(8) as usize) else {
            return self.constant(ty);
        };
        self.call(function);
    }

    fn call(&mut self, function: usize) {
        for &param in &self.callable[function].params {
            self.value(param);
        }
        if self.rng.chance(3) {
            // The table holds the functions in order; every function has a type of its own.
            self.code.instructions().i32_const(function as i32).call_indirect(0, function as u32);
        } else {
            self.code.instructions().call(function as u32);
        }
    }

    fn statements(&mut self, at_most: u64) {
        for _ in 0..self.rng.below(at_most + 1) {
            self.statement();
        }
    }

    fn statement(&mut self) {
        self.budget = self.budget.saturating_sub(1);
        if self.budget == 0 {
            return;
        }
        match self.rng.below(16) {
            0..=2 => {
                let ty = VALUE_TYPES[self.rng.below(2) as usize];
                self.value(ty);
                let local = self.local(ty);
                self.code.instructions().local_set(local);
            }
            3 | 4 => {
                self.address();
                self.value(ValType::I64);
                let memarg = self.memarg();
                self.code.instructions().i64_store(memarg);
            }
            5 => {
                let global = self.rng.below(GLOBALS.len() as u64) as usize;
                self.value(GLOBALS[global]);
                self.code.instructions().global_set(global as u32);
            }
            6 => self.forward_block(),
            7 | 8 => self.counted_loop(),
            9 => self.plain_if(),
            10 | 11 => self.branch_if(),
            12 => self.leave(),
            13 => self.bulk(),
            14 if !self.callable.is_empty() => {
                let function = self.rng.below(self.callable.len() as u64) as usize;
                self.call(function);
                if self.callable[function].result.is_some() {
                    self.code.instructions().drop();
                }
            }
            _ => drop(self.code.instructions().nop()),
        }
    }

    fn forward_block(&mut self) {
        self.code.instructions().block(BlockType::Empty);
        self.labels.push(Label::Forward);
        self.statements(4);
        self.labels.pop();
        self.code.instructions().end();
    }

    fn plain_if(&mut self) {
        self.value(ValType::I32);
        self.code.instructions().if_(BlockType::Empty);
        self.labels.push(Label::Forward);
        self.statements(3);
        if self.rng.chance(2) {
            self.code.instructions().else_();
            self.statements(3);
        }
        self.labels.pop();
        self.code.instructions().end();
    }

    fn counted_loop(&mut self) {
        if self.loops == LOOPS_MAX {
            return;
        }
        let counter = self.signature.params.len() as u32 + 2 * LOCALS_PER_TYPE + self.loops;
        self.loops += 1;
        let passes = 1 + self.rng.below(4) as i32;
        self.code.instructions().i32_const(passes).local_set(counter).loop_(BlockType::Empty);
        self.labels.push(Label::Loop);
        self.statements(3);
        let early = self.rng.chance(2);
        let mut sink = self.code.instructions();
        sink.local_get(counter).i32_const(1).i32_sub().local_tee(counter);
        if early {
            // Another way to write it: leave the loop's end to the counter running out.
            sink.if_(BlockType::Empty).br(1).end();
        } else {
            sink.br_if(0);
        }
        self.statements(2);
        self.labels.pop();
        self.code.instructions().end();
    }

    /// Branch depths whose labels take nothing.
    fn targets(&self) -> Vec<u32> {
        let labels = self.labels.iter().rev().enumerate();
        labels.filter(|(_, label)| **label == Label::Forward).map(|(d, _)| d as u32).collect()
    }

    fn branch_if(&mut self) {
        let targets = self.targets();
        if targets.is_empty() {
            return;
        }
        let target = targets[self.rng.below(targets.len() as u64) as usize];
        self.value(ValType::I32);
        self.code.instructions().br_if(target);
    }

    /// Leaves for good, from inside a construct so that what follows it can still run.
    fn leave(&mut self) {
        self.value(ValType::I32);
        self.code.instructions().if_(BlockType::Empty);
        self.labels.push(Label::Forward);
        let targets = self.targets();
        let (which, any) = (self.rng.below(4), self.rng.below(targets.len() as u64) as usize);
        match which {
            0 => drop(self.code.instructions().br(targets[any])),
            1 => {
                self.value(ValType::I32);
                self.code.instructions().br_table(targets[1..].to_vec(), targets[any]);
            }
            2 => self.branch_with_value(),
            _ => {
                if let Some(ty) = self.signature.result {
                    self.value(ty);
                }
                self.code.instructions().return_();
            }
        }
        if self.rng.chance(2) {
            self.dead();
        }
        self.labels.pop();
        self.code.instructions().end();
    }

    fn branch_with_value(&mut self) {
        let labels = self.labels.clone();
        let carrying = labels.iter().rev().enumerate().find_map(|(depth, label)| match label {
            Label::Value(ty) => Some((depth as u32, *ty)),
            _ => None,
        });
        match carrying {
            Some((depth, ty)) => {
                self.value(ty);
                self.code.instructions().br(depth);
            }
            None => drop(self.code.instructions().br(0)),
        }
    }

    /// Code that never runs.
    fn dead(&mut self) {
        let mut sink = self.code.instructions();
        sink.i32_add().drop().block(BlockType::Empty).nop().br(0).end();
        sink.i64_const(1).drop().loop_(BlockType::Empty).br(0).end();
    }

    fn bulk(&mut self) {
        match self.rng.below(3) {
            0 => {
                self.code.instructions().i32_const(i32::from(self.rng.chance(4)));
                self.code.instructions().memory_grow(0).drop();
            }
            which => {
                self.address();
                self.address();
                self.value(ValType::I32);
                let mut sink = self.code.instructions();
                sink.i32_const(0x3ff).i32_and();
                if which == 1 {
                    sink.memory_copy(0, 0)
                } else {
                    sink.memory_fill(0)
                };
            }
        }
    }
}

fn body(rng: &mut Rng, signature: &Signature, callable: &[Signature]) -> Function {
    let locals = [
        (LOCALS_PER_TYPE, ValType::I32),
        (LOCALS_PER_TYPE, ValType::I64),
        (LOOPS_MAX, ValType::I32),
    ];
    let label = signature.result.map_or(Label::Forward, Label::Value);
    let mut body = Body {
        rng,
        code: Function::new(locals),
        signature: signature.clone(),
        callable,
        labels: vec![label],
        loops: 0,
        budget: 120,
    };
    for _ in 0..8 {
        body.statement();
    }
    if let Some(ty) = signature.result {
        body.value(ty);
    }
    body.code.instructions().end();
    body.code
}

/// A module whose entry `run` ends, in a trap now and then.
pub(super) fn program(seed: u64) -> Vec<u8> {
    let mut rng = Rng(seed);
    let mut signatures: Vec<Signature> = (0..5)
        .map(|_| Signature {
            params: (0..rng.below(4)).map(|_| VALUE_TYPES[rng.below(2) as usize]).collect(),
            result: VALUE_TYPES.get(rng.below(3) as usize).copied(),
        })
        .collect();
    signatures.push(Signature { params: Vec::new(), result: None });
    let entry = signatures.len() as u32 - 1;

    let (mut types, mut functions) = (TypeSection::new(), FunctionSection::new());
    let mut code = CodeSection::new();
    for (index, signature) in signatures.iter().enumerate() {
        types.ty().function(signature.params.iter().copied(), signature.result);
        functions.function(index as u32);
        code.function(&body(&mut rng, signature, &signatures[..index]));
    }
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: signatures.len() as u64,
        maximum: None,
        shared: false,
    });
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: Some(8),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut globals = GlobalSection::new();
    let mutable = |val_type| GlobalType { val_type, mutable: true, shared: false };
    globals.global(mutable(GLOBALS[0]), &ConstExpr::i32_const(1));
    globals.global(mutable(GLOBALS[1]), &ConstExpr::i64_const(2));
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0).export("run", ExportKind::Func, entry);
    exports.export("g0", ExportKind::Global, 0).export("g1", ExportKind::Global, 1);
    let mut elements = ElementSection::new();
    let indices: Vec<u32> = (0..=entry).collect();
    elements.active(None, &ConstExpr::i32_const(0), Elements::Functions((&indices).into()));

    let mut module = Module::new();
    module.section(&types).section(&functions).section(&tables).section(&memories);
    module.section(&globals).section(&exports).section(&elements).section(&code);
    module.finish()
}
