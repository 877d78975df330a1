//! Walks every operator that wasmparser can decode and shows that the gate either prices or refuses
//! it, as intended.

use std::collections::BTreeSet;

use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, GlobalSection, GlobalType,
    MemorySection, MemoryType, Module, RefType, TableSection, TableType, TypeSection, ValType,
};
use wasmparser::{BinaryReader, Operator, OperatorsReader};

use super::super::check;
use crate::types::ModuleFault;

/// What follows an opcode in some encoding of it. A spare zero is one more `unreachable`.
const IMMEDIATES: &[&[u8]] = &[
    &[0; 24],
    &[0x40, 0x0b, 0, 0],
    // Typed select, one type; also heap types and reference types.
    &[1, 0x7f, 0, 0, 0],
    &[0x70, 0, 0, 0],
    &[0, 0x70, 0x70, 0, 0, 0, 0],
    &[0, 0, 0x70, 0x70, 0, 0, 0],
];

const UNREACHABLE: u8 = 0x00;
const END: u8 = 0x0b;

fn all_operators() -> BTreeSet<&'static str> {
    macro_rules! names {
        ($( @$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident
            ($($ann:tt)*) )*) => {
            BTreeSet::from([$(stringify!($op)),*])
        };
    }
    wasmparser::for_each_operator!(names)
}

/// The intended list, written down independently of the code: WebAssembly 1.0 without floats, sign
/// extension, and two bulk operators.
fn is_intended(name: &str, proposal: &str) -> bool {
    let float = name.contains("F32") || name.contains("F64");
    match proposal {
        "mvp" | "sign_extension" => !float,
        "bulk_memory" => ["MemoryCopy", "MemoryFill"].contains(&name),
        _ => false,
    }
}

fn proposals() -> Vec<(&'static str, &'static str)> {
    macro_rules! rows {
        ($( @$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident
            ($($ann:tt)*) )*) => {
            vec![$((stringify!($op), stringify!($proposal))),*]
        };
    }
    wasmparser::for_each_operator!(rows)
}

/// The name of the operator at the start of the bytes; `context` is what comes before it.
fn decode(context: &[u8], bytes: &[u8]) -> Option<String> {
    let all = [context, bytes].concat();
    let mut reader = OperatorsReader::new(BinaryReader::new(&all, 0));
    while reader.original_position() < context.len() {
        reader.read().ok()?;
    }
    let operator: Operator<'_> = reader.read().ok()?;
    let text = format!("{operator:?}");
    text.split([' ', '{']).next().map(str::to_owned)
}

/// A module whose only function contains the bytes where nothing runs, so that operands of any type
/// are at hand.
fn module_with(bytes: &[u8]) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: 1,
        maximum: None,
        shared: false,
    });
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut globals = GlobalSection::new();
    let kind = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
    globals.global(kind, &wasm_encoder::ConstExpr::i32_const(0));
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0).export("run", ExportKind::Func, 0);
    let mut body = Function::new([(1, ValType::I32)]);
    body.raw([UNREACHABLE]).raw(bytes.iter().copied()).raw([UNREACHABLE, END]);
    let mut code = CodeSection::new();
    code.function(&body);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&tables).section(&memories);
    module.section(&globals).section(&exports).section(&code);
    module.finish()
}

/// Every opcode: one byte, or a prefix and a number.
fn opcodes() -> impl Iterator<Item = Vec<u8>> {
    let plain = (0..=0xfa_u8).map(|byte| vec![byte]);
    let prefixed = [0xfb_u8, 0xfc, 0xfd, 0xfe].into_iter().flat_map(|prefix| {
        (0..0x180_u16)
            .map(move |number| vec![prefix, (number & 0x7f) as u8 | 0x80, (number >> 7) as u8])
    });
    plain.chain(prefixed)
}

#[test]
fn m03_every_operator_is_priced_or_refused_as_intended() {
    let intended: BTreeSet<_> = proposals()
        .into_iter()
        .filter(|(name, proposal)| is_intended(name, proposal))
        .map(|(name, _)| name.to_owned())
        .collect();
    let (mut accepted, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for opcode in opcodes() {
        // `else` and the like only decode inside the construct they belong to.
        for context in [&[][..], &[0x04, 0x40], &[0x06, 0x40]] {
            for immediates in IMMEDIATES {
                let bytes = [&opcode[..], immediates].concat();
                let Some(name) = decode(context, &bytes) else { continue };
                let mut body = [context, &bytes].concat();
                body.extend((!context.is_empty() && name != "End").then_some(END));
                match check(&module_with(&body)) {
                    Ok(_) => drop(accepted.insert(name)),
                    Err(rejection) if rejection.fault == ModuleFault::Feature => {
                        refused.insert(name);
                    }
                    // An encoding that does not fit this operator; another of the list does.
                    Err(_) => {}
                }
            }
        }
    }
    assert_eq!(accepted, intended);
    let missed: Vec<_> = all_operators()
        .into_iter()
        .filter(|&name| !accepted.contains(name) && !refused.contains(name))
        .collect();
    assert!(missed.is_empty(), "neither accepted nor refused for what they are: {missed:?}");
}
