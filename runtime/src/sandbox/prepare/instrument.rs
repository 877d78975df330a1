//! Writes the prepared module: the accepted one, metered, without what does not run.

use tos_host_api::limits::{MEMORY_EXPORT, TABLE_ELEMENTS_MAX};
use wasm_encoder::reencode::{self, Reencode, RoundtripReencoder};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ElementSection, ExportKind, ExportSection,
    FunctionSection, GlobalSection, GlobalType, ImportSection, MemorySection, MemoryType, Module,
    TableSection, TypeSection, ValType,
};
use wasmparser::{ExternalKind, FuncType, FunctionBody, Parser, Payload};

use super::costs::OperatorCosts;
use super::entry::{self, GuestGlobal};
use super::function::{Counters, Plan};
use super::gate::{FEATURES, Inspection};
use super::info::{self, ENTER_EXPORT, GAS_EXPORT, ModuleInfo, STACK_EXPORT, WRITTEN_EXPORT};
use super::metering;

/// Sections of the prepared module as they fill.
#[derive(Default)]
struct Output {
    types: TypeSection,
    imports: ImportSection,
    functions: FunctionSection,
    tables: TableSection,
    memories: MemorySection,
    globals: GlobalSection,
    exports: ExportSection,
    elements: ElementSection,
    code: CodeSection,
    data: DataSection,
}

impl Output {
    /// The module, sections in the order the format demands; empty ones are left out.
    fn finish(&self) -> Vec<u8> {
        let mut module = Module::new();
        module.section(&self.types);
        if !self.imports.is_empty() {
            module.section(&self.imports);
        }
        module.section(&self.functions);
        if !self.tables.is_empty() {
            module.section(&self.tables);
        }
        module.section(&self.memories).section(&self.globals).section(&self.exports);
        if !self.elements.is_empty() {
            module.section(&self.elements);
        }
        module.section(&self.code);
        if !self.data.is_empty() {
            module.section(&self.data);
        }
        module.finish()
    }
}

/// Types and counts of the accepted module, as far as they have been read.
#[derive(Default)]
struct Guest {
    types: Vec<FuncType>,
    /// Type of each defined function.
    functions: Vec<u32>,
    globals: u32,
    /// Those that change.
    mutable_globals: Vec<GuestGlobal>,
    /// Imported functions.
    imported: u32,
    /// Functions of the entries, by number.
    entries: Vec<Option<u32>>,
    /// Bodies written so far.
    bodies: usize,
}

impl Guest {
    /// The counters come last among the globals: nothing of the guest is renumbered, and no index
    /// the guest can write reaches them.
    fn counters(&self) -> Counters {
        Counters { gas: self.globals, stack: self.globals + 1, written: self.globals + 2 }
    }

    /// The function behind all of the guest's.
    fn next_function(&self) -> u32 {
        self.imported + self.functions.len() as u32
    }
}

/// Writes the prepared module. The code has passed the gate, so that an error is ours.
pub(super) fn instrument(
    code: &[u8],
    inspection: &Inspection,
    costs: &OperatorCosts,
) -> Result<Vec<u8>, reencode::Error> {
    let (mut output, mut guest) = (Output::default(), Guest::default());
    let mut parser = Parser::new(0);
    parser.set_features(FEATURES);
    for payload in parser.parse_all(code) {
        match payload? {
            Payload::CodeSectionEntry(body) => {
                let function = meter(&body, &guest, inspection, costs)?;
                output.code.function(&function);
                guest.bodies += 1;
            }
            payload => copy(payload, &mut output, &mut guest, &inspection.info)?,
        }
    }
    add_enter(&mut output, &guest)?;
    inject(&mut output, &inspection.info, &guest);
    Ok(output.finish())
}

fn meter(
    body: &FunctionBody<'_>,
    guest: &Guest,
    inspection: &Inspection,
    costs: &OperatorCosts,
) -> Result<wasm_encoder::Function, reencode::Error> {
    let ty = guest.functions.get(guest.bodies).and_then(|&ty| guest.types.get(ty as usize));
    let (Some(ty), Some(facts)) = (ty, inspection.bodies.get(guest.bodies)) else {
        return Err(reencode::Error::InvalidCodeSectionSize);
    };
    let result = ty.results().first().map(|&result| RoundtripReencoder.val_type(result));
    let plan = Plan {
        params: ty.params().len() as u32,
        result: result.transpose()?,
        facts,
        charges: &metering::charges(body, facts, costs)?,
        costs,
        counters: guest.counters(),
        writes_from: inspection.info.writes_from,
    };
    plan.write(body)
}

/// Adds the counters and the exports for the host.
fn inject(output: &mut Output, info: &ModuleInfo, guest: &Guest) {
    let counters = guest.counters();
    let counter = |val_type| GlobalType { val_type, mutable: true, shared: false };
    // Zero, so that a host that forgets to grant gas and stack gets nowhere.
    output.globals.global(counter(ValType::I64), &ConstExpr::i64_const(0));
    output.globals.global(counter(ValType::I32), &ConstExpr::i32_const(0));
    output.globals.global(counter(ValType::I32), &ConstExpr::i32_const(0));
    output.exports.export(MEMORY_EXPORT, ExportKind::Memory, 0);
    output.exports.export(GAS_EXPORT, ExportKind::Global, counters.gas);
    output.exports.export(STACK_EXPORT, ExportKind::Global, counters.stack);
    output.exports.export(WRITTEN_EXPORT, ExportKind::Global, counters.written);
    for index in &info.mutable_globals {
        output.exports.export(&info::global_export(*index), ExportKind::Global, *index);
    }
}

/// Adds the function through which all entries are called.
fn add_enter(output: &mut Output, guest: &Guest) -> Result<(), reencode::Error> {
    let entries: Option<Vec<u32>> = guest.entries.iter().copied().collect();
    let entries = entries.ok_or(reencode::Error::InvalidCodeSectionSize)?;
    output.types.ty().function(entry::PARAMS, [entry::RESULT]);
    output.functions.function(guest.types.len() as u32);
    output.code.function(&entry::write(&entries, guest.counters(), &guest.mutable_globals));
    output.exports.export(ENTER_EXPORT, ExportKind::Func, guest.next_function());
    Ok(())
}

/// Carries a section over; custom sections stay behind.
fn copy(
    payload: Payload<'_>,
    output: &mut Output,
    guest: &mut Guest,
    info: &ModuleInfo,
) -> Result<(), reencode::Error> {
    let mut reencoder = RoundtripReencoder;
    match payload {
        Payload::TypeSection(section) => {
            for ty in section.clone().into_iter_err_on_gc_types() {
                guest.types.push(ty?);
            }
            reencoder.parse_type_section(&mut output.types, section)
        }
        Payload::ImportSection(section) => {
            // All of them are functions.
            guest.imported = section.count();
            reencoder.parse_import_section(&mut output.imports, section)
        }
        Payload::FunctionSection(section) => {
            for ty in section.clone() {
                guest.functions.push(ty?);
            }
            reencoder.parse_function_section(&mut output.functions, section)
        }
        Payload::TableSection(section) => {
            for table in section {
                let mut ty = reencoder.table_type(table?.ty)?;
                ty.maximum =
                    Some(ty.maximum.map_or(TABLE_ELEMENTS_MAX, |m| m.min(TABLE_ELEMENTS_MAX)));
                output.tables.table(ty);
            }
            Ok(())
        }
        Payload::MemorySection(_) => {
            output.memories.memory(MemoryType {
                minimum: info.memory_pages_min,
                maximum: Some(info.memory_pages_max),
                memory64: false,
                shared: false,
                page_size_log2: None,
            });
            Ok(())
        }
        Payload::GlobalSection(section) => {
            guest.globals = section.count();
            for (index, global) in (0..).zip(section.clone()) {
                let global = global?;
                if global.ty.mutable {
                    let known = GuestGlobal::new(index, &global.init_expr);
                    guest.mutable_globals.push(known.ok_or(reencode::Error::InvalidConstExpr)?);
                }
            }
            reencoder.parse_global_section(&mut output.globals, section)
        }
        Payload::ExportSection(section) => {
            guest.entries = vec![None; info.entry_count()];
            for export in section {
                let export = export?;
                if export.kind == ExternalKind::Func
                    && let Some(number) = info.entry_number(export.name)
                    && let Some(entry) = guest.entries.get_mut(number as usize)
                {
                    *entry = Some(export.index);
                }
            }
            Ok(())
        }
        Payload::ElementSection(section) => {
            reencoder.parse_element_section(&mut output.elements, section)
        }
        Payload::DataSection(section) => reencoder.parse_data_section(&mut output.data, section),
        _ => Ok(()),
    }
}
