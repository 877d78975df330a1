//! Generates functions that need as much native stack as their logical frame allows, and more if
//! there is a way: values that live across a call, waiting operands, values joined where branches
//! meet, arguments, operators that compile to many instructions.

use tos_benches::Rng;
use tos_host_api::HostFunction;
use tos_host_api::limits::{IMPORT_MODULE, MEMORY_EXPORT};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection, MemArg,
    MemorySection, MemoryType, Module, RefType, TableSection, TableType, TypeSection, ValType,
};

/// Something that costs native stack, and how much of it.
#[derive(Debug, Clone, Copy)]
enum Piece {
    /// Operands that wait below the call.
    Operands,
    /// Locals assigned before the call and read behind it.
    Locals,
    /// Results an optimiser keeps for the second time they are needed, behind the call.
    Expressions,
    /// A value joined behind each `if`.
    Ifs,
    /// Locals joined at the many targets of `br_table`.
    Tables,
    /// Locals joined at the end of a block that many branches leave.
    Branches,
    /// Calls with many arguments whose results live on.
    Calls,
    /// Divisions, which compile to checks and branches.
    Divisions,
    /// Loads and stores at computed addresses.
    Memory,
    /// Bulk operators and growth, which call into the engine.
    Bulk,
    /// Locals that change in a loop around the call.
    Loops,
    /// Growth whose operand is the result of the one before: one operator each, and metering adds a
    /// charge with a branch to it.
    Growth,
    /// Loops around next to nothing: the gas counter is joined at each head.
    Heads,
    /// Branches with next to nothing between them: the gas counter is charged behind each.
    Exits,
    /// Arms of next to nothing: the gas counter is charged in each and joined behind.
    Arms,
}

const PIECES: [Piece; 15] = [
    Piece::Operands,
    Piece::Locals,
    Piece::Expressions,
    Piece::Ifs,
    Piece::Tables,
    Piece::Branches,
    Piece::Calls,
    Piece::Divisions,
    Piece::Memory,
    Piece::Bulk,
    Piece::Loops,
    Piece::Growth,
    Piece::Heads,
    Piece::Exits,
    Piece::Arms,
];

// Imported functions, types and defined functions in this order.
const PROBE: u32 = 0;
const ARGUMENTS_TYPE: u32 = 1;
const ARGUMENTS: u32 = 1;
const FIRST: u32 = 2;
/// Parameters of the function that [`Piece::Calls`] calls.
const ARGUMENTS_MAX: u32 = 32;

/// What one function looks like.
struct Shape {
    params: u32,
    locals: u32,
    pieces: Vec<(Piece, u32)>,
    /// The function called in the middle, and whether through the table. `None` in a leaf.
    next: Option<(u32, bool)>,
    next_params: u32,
}

/// A module whose entry `run` recurses without end through one to three functions, and whose entry
/// `leaf` calls a function that calls nothing. Not every one passes the gate: some are too large.
///
/// A piece has at most `1 << size` parts.
pub(super) fn module(rng: &mut Rng, size: u32) -> Vec<u8> {
    let count = 1 + rng.below(3) as u32;
    let params: Vec<u32> = (0..=count).map(|_| rng.below(33) as u32).collect();
    let mut shapes: Vec<Shape> = (0..count)
        .map(|index| {
            let next = (index + 1) % count;
            let params = (params[index as usize], params[next as usize]);
            let indirect = rng.percent(50);
            shape(rng, size, params, Some((FIRST + next, indirect)))
        })
        .collect();
    shapes.push(shape(rng, size, (params[count as usize], 0), None));
    assemble(&shapes)
}

fn shape(
    rng: &mut Rng,
    size: u32,
    (params, next_params): (u32, u32),
    next: Option<(u32, bool)>,
) -> Shape {
    let locals = if rng.percent(50) { rng.below(257) } else { rng.below(9) } as u32;
    let pieces = (0..1 + rng.below(3)).map(|_| {
        // Small ones as often as large ones: sizes that differ by a factor are equally likely.
        let most = 1 << (2 + rng.below(size as usize - 1));
        (PIECES[rng.below(PIECES.len())], 1 + rng.below(most) as u32)
    });
    Shape { params, locals: locals.max(1), pieces: pieces.collect(), next, next_params }
}

fn assemble(shapes: &[Shape]) -> Vec<u8> {
    let (mut types, mut imports) = (TypeSection::new(), ImportSection::new());
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    let i64s = |count: u32| std::iter::repeat_n(ValType::I64, count as usize);
    types.ty().function([], [ValType::I64]);
    types.ty().function(i64s(ARGUMENTS_MAX), [ValType::I64]);
    types.ty().function([], []);
    imports.import(IMPORT_MODULE, HostFunction::GasLeft.spec().name, EntityType::Function(0));
    functions.function(ARGUMENTS_TYPE);
    let mut arguments = Function::new([]);
    arguments.instructions().local_get(3).local_get(30).i64_add().end();
    code.function(&arguments);
    for (index, shape) in (0..).zip(shapes) {
        types.ty().function(i64s(shape.params), [ValType::I64]);
        functions.function(3 + index);
        code.function(&body(shape));
    }
    let last = FIRST + shapes.len() as u32 - 1;
    for (target, params) in [(FIRST, shapes[0].params), (last, shapes[shapes.len() - 1].params)] {
        functions.function(2);
        let mut entry = Function::new([]);
        let mut sink = entry.instructions();
        for index in 0..params {
            sink.i64_const(i64::from(index) + 3);
        }
        sink.call(target).drop().end();
        code.function(&entry);
    }
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions);
    surroundings(&mut module, last);
    module.section(&code);
    module.finish()
}

/// Table, memory, globals, exports and the table's elements.
fn surroundings(module: &mut Module, last: u32) {
    let (mut tables, mut memories) = (TableSection::new(), MemorySection::new());
    let (mut globals, mut exports) = (GlobalSection::new(), ExportSection::new());
    let mut elements = ElementSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: u64::from(last) + 1,
        maximum: None,
        shared: false,
    });
    memories.memory(MemoryType {
        minimum: 1,
        maximum: Some(2),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let ty = GlobalType { val_type: ValType::I64, mutable: true, shared: false };
    globals.global(ty, &ConstExpr::i64_const(5));
    exports.export(MEMORY_EXPORT, ExportKind::Memory, 0);
    exports.export("run", ExportKind::Func, last + 1).export("leaf", ExportKind::Func, last + 2);
    let all: Vec<u32> = (0..=last).collect();
    elements.active(None, &ConstExpr::i32_const(0), Elements::Functions((&all).into()));
    module.section(&tables).section(&memories).section(&globals);
    module.section(&exports).section(&elements);
}

fn body(shape: &Shape) -> Function {
    let mut writer = Writer {
        code: Function::new([(shape.locals, ValType::I64)]),
        slots: shape.params + shape.locals,
        calls: shape.next.is_some(),
    };
    if shape.next.is_some() {
        writer.code.instructions().call(PROBE).drop();
    }
    for &(piece, size) in &shape.pieces {
        writer.before(piece, size);
    }
    writer.middle(shape);
    for &(piece, size) in shape.pieces.iter().rev() {
        writer.behind(piece, size);
    }
    writer.code.instructions().global_get(0).end();
    writer.code
}

struct Writer {
    code: Function,
    /// Parameters and locals.
    slots: u32,
    /// Whether the function may call others.
    calls: bool,
}

impl Writer {
    fn at(offset: u32) -> MemArg {
        MemArg { offset: offset.into(), align: 0, memory_index: 0 }
    }

    fn slot(&self, index: u32) -> u32 {
        // Neighbours in the code are not neighbours among the locals.
        (index * 7 + 3) % self.slots
    }

    /// The recursive call; its result goes into the global.
    fn middle(&mut self, shape: &Shape) {
        let Some((next, indirect)) = shape.next else { return };
        for index in 0..shape.next_params {
            let slot = self.slot(index);
            self.code.instructions().local_get(slot);
        }
        let mut sink = self.code.instructions();
        if indirect {
            sink.i32_const(next as i32).call_indirect(0, 3 + next - FIRST);
        } else {
            sink.call(next);
        }
        sink.global_set(0);
    }

    fn before(&mut self, piece: Piece, size: u32) {
        match piece {
            Piece::Operands => {
                for index in 0..size {
                    let slot = self.slot(index);
                    let mut sink = self.code.instructions();
                    match index % 3 {
                        0 => sink.i32_const(8).i64_load(Self::at(index)),
                        1 => sink.local_get(slot).i64_const(index.into()).i64_mul(),
                        _ => sink.local_get(slot),
                    };
                }
            }
            Piece::Loops => {
                self.locals(size);
                self.code.instructions().loop_(BlockType::Empty);
                self.locals(size / 2);
            }
            _ => self.anywhere(piece, size),
        }
    }

    fn behind(&mut self, piece: Piece, size: u32) {
        match piece {
            Piece::Operands => {
                let mut sink = self.code.instructions();
                sink.global_get(0);
                for _ in 0..size {
                    sink.i64_xor();
                }
                sink.global_set(0);
            }
            Piece::Locals => self.read(size),
            Piece::Loops => {
                self.read(size);
                self.code.instructions().local_get(0).i64_eqz().br_if(0).end();
            }
            _ => {
                self.anywhere(piece, size);
                self.read(size.min(self.slots));
            }
        }
    }

    /// Assigns a value of its own to each of so many locals.
    fn locals(&mut self, size: u32) {
        for index in 0..size {
            let (from, to) = (self.slot(index + 1), self.slot(index));
            let mut sink = self.code.instructions();
            sink.local_get(from).i64_const(i64::from(index) + 9).i64_mul().local_set(to);
        }
    }

    fn read(&mut self, size: u32) {
        for index in 0..size {
            let slot = self.slot(index);
            self.code.instructions().local_get(slot).global_get(0).i64_xor().global_set(0);
        }
    }

    /// What can stand before and behind the call alike.
    fn anywhere(&mut self, piece: Piece, size: u32) {
        match piece {
            Piece::Locals | Piece::Operands | Piece::Loops => self.locals(size),
            Piece::Expressions => self.each(size, |writer, index| {
                let slot = writer.slot(index);
                let mut sink = writer.code.instructions();
                sink.global_get(0).local_get(slot).i64_const(i64::from(index % 61) + 1).i64_rotl();
                sink.i64_const(index.into()).i64_mul().i64_xor().global_set(0);
            }),
            Piece::Ifs => self.each(size, |writer, index| {
                let (from, to) = (writer.slot(index + 1), writer.slot(index));
                let mut sink = writer.code.instructions();
                sink.local_get(from).i64_eqz().if_(BlockType::Result(ValType::I64));
                sink.i64_const(index.into()).else_().local_get(to).i64_const(index.into());
                sink.i64_add().end().local_set(to);
            }),
            Piece::Tables => self.tables(size),
            Piece::Branches => {
                self.code.instructions().block(BlockType::Empty);
                self.each(size, |writer, index| {
                    let (from, to) = (writer.slot(index + 1), writer.slot(index));
                    let mut sink = writer.code.instructions();
                    sink.local_get(from).i64_const(i64::from(index) + 1).i64_add().local_tee(to);
                    sink.i64_eqz().br_if(0);
                });
                self.code.instructions().end();
            }
            Piece::Calls if self.calls => self.each(size.div_ceil(16), |writer, index| {
                for argument in 0..ARGUMENTS_MAX {
                    let slot = writer.slot(index + argument);
                    writer.code.instructions().local_get(slot);
                }
                let to = writer.slot(index);
                let mut sink = writer.code.instructions();
                match index % 2 {
                    0 => sink.call(ARGUMENTS),
                    _ => sink.i32_const(ARGUMENTS as i32).call_indirect(0, ARGUMENTS_TYPE),
                };
                sink.local_set(to);
            }),
            Piece::Divisions | Piece::Calls => self.each(size, |writer, index| {
                let (from, to) = (writer.slot(index + 1), writer.slot(index));
                let mut sink = writer.code.instructions();
                sink.local_get(to).i64_const(i64::from(index) + 3).local_get(from);
                sink.i64_const(6).i64_or().i64_rem_s().i64_add().local_set(to);
            }),
            Piece::Memory => self.each(size, |writer, index| {
                let (from, to) = (writer.slot(index + 1), writer.slot(index));
                let mut sink = writer.code.instructions();
                sink.local_get(from).i32_wrap_i64().i32_const(0xfff).i32_and().local_get(to);
                sink.i64_store(Self::at(index)).local_get(to).i32_wrap_i64().i32_const(0xfff);
                sink.i32_and().i64_load(Self::at(index)).local_set(to);
            }),
            Piece::Growth | Piece::Heads | Piece::Exits | Piece::Arms => self.charges(piece, size),
            Piece::Bulk => self.each(size.div_ceil(4), |writer, index| {
                let mut sink = writer.code.instructions();
                sink.i32_const(64).i32_const(index as i32).i32_const(9).memory_copy(0, 0);
                sink.i32_const(8).i32_const(3).i32_const(7).memory_fill(0);
            }),
        }
    }

    /// What makes a simple allocator keep the gas counter in many places at once. One part of it is
    /// so small that there are several.
    fn charges(&mut self, piece: Piece, size: u32) {
        const PARTS: u32 = 8;
        // Nobody writes there, so it does not run. That the code is there is enough for the frame.
        self.code.instructions().i32_const(60_000).i32_load(Self::at(0));
        self.code.instructions().if_(BlockType::Empty).i32_const(1);
        self.each(size * PARTS, |writer, _| {
            let mut sink = writer.code.instructions();
            match piece {
                Piece::Growth => sink.memory_grow(0),
                Piece::Heads => sink.loop_(BlockType::Empty).nop().end(),
                Piece::Exits => sink.i32_const(0).br_if(0),
                _ => sink.i32_const(0).if_(BlockType::Empty).nop().end(),
            };
        });
        self.code.instructions().drop().end();
    }

    /// Blocks inside each other, a `br_table` to all of them, and locals assigned behind each.
    fn tables(&mut self, size: u32) {
        let targets = 2 + size % 30;
        for _ in 0..size.div_ceil(targets * 4) {
            for _ in 0..=targets {
                self.code.instructions().block(BlockType::Empty);
            }
            let slot = self.slot(size);
            let all: Vec<u32> = (0..targets).collect();
            let mut sink = self.code.instructions();
            sink.local_get(slot).i32_wrap_i64().i32_const(31).i32_and().br_table(all, targets);
            for target in 0..=targets {
                self.code.instructions().end();
                let (from, to) = (self.slot(target + 1), self.slot(target));
                let mut sink = self.code.instructions();
                sink.local_get(from).i64_const(i64::from(target) + 2).i64_mul().local_set(to);
            }
        }
    }

    fn each(&mut self, size: u32, write: impl Fn(&mut Self, u32)) {
        (0..size).for_each(|index| write(self, index));
    }
}
