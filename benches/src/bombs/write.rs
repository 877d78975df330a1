//! Writes the module of a recipe. Nothing in it is meant to run.

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, ElementSection, Elements, EntityType,
    ExportKind, ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection,
    InstructionSink, MemArg, MemorySection, MemoryType, Module, RefType, TableSection, TableType,
    TypeSection, ValType,
};

use super::{Bomb, Construct, Gene, OPERATORS, Piece};

/// Index of the type of the entry, of `gas_left`, of a call through the table, of the functions.
const ENTRY_TYPE: u32 = 0;
const IMPORT_TYPE: u32 = 1;
const INDIRECT_TYPE: u32 = 2;
const FUNCTION_TYPE: u32 = 3;
/// The parameter that carries the number into and out of constructs.
const NUMBER: u32 = 0;

pub(super) fn module(bomb: &Bomb) -> Vec<u8> {
    let imports = bomb.get(Gene::Imports) as u32;
    let entry = imports;
    let mut module = Module::new();
    module.section(&types(bomb)).section(&import_section(imports));
    let mut functions = FunctionSection::new();
    functions.function(ENTRY_TYPE);
    for _ in 0..bomb.get(Gene::Functions) {
        functions.function(FUNCTION_TYPE);
    }
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: bomb.get(Gene::Table) as u64,
        maximum: None,
        shared: false,
    });
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: bomb.get(Gene::Pages) as u64,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut globals = GlobalSection::new();
    for _ in 0..bomb.get(Gene::Globals) {
        let ty = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        globals.global(ty, &ConstExpr::i32_const(1));
    }
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0).export("run", ExportKind::Func, entry);
    for number in 0..bomb.get(Gene::Exports) {
        // As long as names may be.
        exports.export(&format!("{number:064}"), ExportKind::Func, entry);
    }
    module.section(&functions).section(&tables).section(&memories).section(&globals);
    module.section(&exports).section(&elements(bomb, entry));
    module.section(&code(bomb, entry)).section(&data(bomb));
    module.finish()
}

fn types(bomb: &Bomb) -> TypeSection {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([], [ValType::I64]);
    types.ty().function([], [ValType::I32]);
    types.ty().function(vec![ValType::I32; bomb.get(Gene::Params)], [ValType::I32]);
    for number in 0..bomb.get(Gene::Types) {
        let bits = (0..10).map(|bit| [ValType::I32, ValType::I64][number >> bit & 1]);
        types.ty().function(bits, []);
    }
    types
}

fn import_section(count: u32) -> ImportSection {
    let mut imports = ImportSection::new();
    for _ in 0..count {
        imports.import("tos_v1", "gas_left", EntityType::Function(IMPORT_TYPE));
    }
    imports
}

/// Segments that together fill the table.
fn elements(bomb: &Bomb, entry: u32) -> ElementSection {
    let mut elements = ElementSection::new();
    let segments = bomb.get(Gene::Elements);
    for segment in 0..segments {
        let len = bomb.get(Gene::Table) / segments;
        let functions = vec![entry; len];
        let offset = ConstExpr::i32_const((segment * len) as i32);
        elements.active(None, &offset, Elements::Functions((&functions).into()));
    }
    elements
}

fn data(bomb: &Bomb) -> DataSection {
    let mut data = DataSection::new();
    for segment in 0..bomb.get(Gene::Segments) {
        let len = bomb.get(Gene::SegmentBytes);
        // Behind one another, so that none hides another.
        let offset = ConstExpr::i32_const((segment * len) as i32);
        data.active(0, &offset, vec![segment as u8 | 1; len]);
    }
    data
}

fn code(bomb: &Bomb, entry: u32) -> CodeSection {
    let mut code = CodeSection::new();
    let mut empty = Function::new([]);
    empty.instructions().end();
    code.function(&empty);
    let function = function(bomb, entry + 1);
    for _ in 0..bomb.get(Gene::Functions) {
        code.function(&function);
    }
    code
}

fn function(bomb: &Bomb, own_index: u32) -> Function {
    let (params, locals) = (bomb.get(Gene::Params) as u32, bomb.get(Gene::Locals) as u32);
    let groups = if locals == 0 { vec![] } else { vec![(locals, ValType::I32)] };
    let mut function = Function::new(groups);
    let mut writer = Writer {
        code: function.instructions(),
        own_index,
        params,
        slots: params + locals,
        slot: 0,
        depth: 0,
    };
    for value in 0..bomb.get(Gene::Width) {
        writer.code.i32_const(value as i32 * 8).i32_load(MEMARG);
    }
    writer.code.local_get(NUMBER);
    for _ in 0..bomb.get(Gene::Depth) {
        writer.open(Construct::Block);
    }
    for _ in 0..bomb.get(Gene::Repeats) {
        writer.pieces(&bomb.unit);
    }
    for _ in 0..bomb.get(Gene::Depth) {
        writer.close(Construct::Block);
    }
    for _ in 0..bomb.get(Gene::Width) {
        writer.code.i32_xor();
    }
    for _ in 0..bomb.get(Gene::Nops) {
        writer.code.nop();
    }
    writer.code.end();
    function
}

const MEMARG: MemArg = MemArg { offset: 0, align: 0, memory_index: 0 };

/// A function while it is written.
struct Writer<'a> {
    code: InstructionSink<'a>,
    own_index: u32,
    params: u32,
    /// Parameters and local variables.
    slots: u32,
    /// The one used last; pieces take them in turn.
    slot: u32,
    /// Constructs that are open.
    depth: u32,
}

impl Writer<'_> {
    fn pieces(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            match piece {
                Piece::Op(index) => self.operator(OPERATORS[*index]),
                Piece::Spin => drop(self.code.loop_(BlockType::Empty).end()),
                Piece::Switch(targets) => {
                    self.open(Construct::Block);
                    self.code.br_table(vec![0; *targets], 0);
                    self.code.end().local_get(NUMBER);
                    self.depth -= 1;
                }
                Piece::Nest(construct, inner) => {
                    self.open(*construct);
                    self.pieces(inner);
                    self.close(*construct);
                }
            }
        }
    }

    /// Opens a construct and puts the number on top inside.
    fn open(&mut self, construct: Construct) {
        self.code.local_set(NUMBER);
        match construct {
            Construct::Block => self.code.block(BlockType::Empty),
            Construct::Loop => self.code.loop_(BlockType::Empty),
            Construct::If => self.code.local_get(NUMBER).if_(BlockType::Empty),
        };
        self.code.local_get(NUMBER);
        self.depth += 1;
    }

    fn close(&mut self, construct: Construct) {
        self.code.local_set(NUMBER);
        if construct == Construct::Loop {
            self.code.local_get(NUMBER).br_if(0);
        }
        self.code.end().local_get(NUMBER);
        self.depth -= 1;
    }

    /// The next parameter or local variable.
    fn slot(&mut self) -> u32 {
        self.slot = (self.slot + 1) % self.slots;
        self.slot
    }

    fn operator(&mut self, name: &str) {
        let slot = self.slot();
        let code = &mut self.code;
        match name {
            "eqz" => code.i32_eqz(),
            "clz" => code.i32_clz(),
            "popcnt" => code.i32_popcnt(),
            "popcnt64" => code.i64_extend_i32_u().i64_popcnt().i32_wrap_i64(),
            "extend" => code.i32_extend8_s(),
            "add" => code.local_get(slot).i32_add(),
            "mul64" => code.i64_extend_i32_s().i64_const(0x1234_5678_9abc).i64_mul().i32_wrap_i64(),
            "div" => code.local_get(slot).i32_div_s(),
            "rem64" => code.i64_extend_i32_s().i64_const(-1).i64_rem_s().i32_wrap_i64(),
            "shl" => code.local_get(slot).i32_shl(),
            "rotl64" => code.i64_extend_i32_s().i64_const(13).i64_rotl().i32_wrap_i64(),
            "select" => code.local_get(slot).local_get(NUMBER).select(),
            "get" => code.drop().local_get(slot),
            "tee" => code.local_tee(slot),
            "global" => code.global_set(0).global_get(0),
            "load" => code.i32_load(MEMARG),
            "load8" => code.i32_load8_s(MEMARG),
            "store" => code.local_get(slot).i32_store(MEMARG).local_get(slot),
            "grow" => code.memory_grow(0),
            "copy" => code.local_get(NUMBER).local_get(NUMBER).memory_copy(0, 0).local_get(NUMBER),
            "fill" => code.local_get(NUMBER).local_get(NUMBER).memory_fill(0).local_get(NUMBER),
            "call" => {
                for _ in 1..self.params {
                    code.local_get(NUMBER);
                }
                code.call(self.own_index)
            }
            "icall" => code.call_indirect(0, INDIRECT_TYPE),
            // Out of the function, with the number.
            "out" => code.local_get(slot).br_if(self.depth),
            // Out of the innermost construct, which gives nothing back.
            "near" if self.depth > 0 => code.local_tee(slot).br_if(0).local_get(slot),
            "near" => code.local_get(slot).br_if(0),
            "dead" => code.block(BlockType::Empty).br(0).i32_add().drop().end(),
            // Eleven bytes that come to nothing.
            "wide" => code.i64_const(i64::MIN).drop(),
            _ => unreachable!("{name} is not in the list of operators"),
        };
    }
}
