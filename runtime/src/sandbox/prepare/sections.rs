//! Checks everything of a module except function bodies: counts, memory, table, imports, exports
//! and segments.

use std::collections::BTreeSet;

use tos_host_api::functions::{HOST_FUNCTIONS, HostFunctionSpec, ValueType};
use tos_host_api::limits::{
    CONSTRUCTOR_ENTRY, ENTRY_LEN_MAX, IMPORT_MODULE, MEMORY_EXPORT, MEMORY_PAGES_MAX,
    MIGRATE_ENTRY, TABLE_ELEMENTS_MAX,
};
use wasmparser::{
    Export, ExternalKind, FromReader, FuncType, Global, Import, Imports, MemoryType, Payload,
    RefType, SectionLimited, TableInit, TypeRef, ValType,
};

use super::bodies::{at_most, invalid};
use super::info::ModuleInfo;
use super::limits;
use super::rejection::{Excerpt, Place, Reason, Rejection};
use super::{DESCRIPTION_SECTION, segments};

use crate::planted::{Bug, planted};

/// What the sections read so far have said.
pub(super) struct Sections<'a> {
    code: &'a [u8],
    types: Vec<FuncType>,
    /// Type of each function, the imported ones first.
    functions: Vec<u32>,
    imported: usize,
    memories: u64,
    memory_exported: bool,
    /// Initial value of the first mutable `i32`: the stack pointer, where there is one.
    pub(super) stack_top: Option<u64>,
    /// Functions that may be called indirectly.
    pub(super) table: Vec<u32>,
    info: ModuleInfo,
}

impl<'a> Sections<'a> {
    pub(super) fn new(code: &'a [u8]) -> Self {
        Self {
            code,
            types: Vec::new(),
            functions: Vec::new(),
            imported: 0,
            memories: 0,
            memory_exported: false,
            stack_top: None,
            table: Vec::new(),
            info: ModuleInfo::default(),
        }
    }

    /// Checks the next section. Whether it is valid otherwise is up to the validator.
    pub(super) fn check(&mut self, payload: &Payload<'a>) -> Result<(), Rejection> {
        match payload {
            Payload::TypeSection(section) => self.types(section),
            Payload::ImportSection(section) => self.imports(section),
            Payload::FunctionSection(section) => self.functions(section),
            Payload::TableSection(section) => self.tables(section),
            Payload::MemorySection(section) => self.memories(section),
            Payload::GlobalSection(section) => self.globals(section),
            Payload::ExportSection(section) => self.exports(section),
            Payload::StartSection { .. } if planted(Bug::StartFunctionsAccepted) => Ok(()),
            Payload::StartSection { .. } => Err(Reason::Start.into()),
            Payload::ElementSection(section) => {
                segments::check_elements(section, self.info.table_elements, &mut self.table)
            }
            Payload::DataSection(section) => {
                segments::check_data(section, self.info.memory_pages_min)
            }
            Payload::DataCountSection { count, range } => at_most(
                "data segments",
                u64::from(*count),
                limits::DATA_SEGMENTS_MAX,
                Place::Section { name: "data count", offset: range.start },
            ),
            // Custom sections are not even parsed: a corrupt one cannot harm what never reads it.
            Payload::CustomSection(section) if section.name() == DESCRIPTION_SECTION => {
                self.info.description.get_or_insert_with(|| section.data().to_vec());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn types(
        &mut self,
        section: &SectionLimited<'a, wasmparser::RecGroup>,
    ) -> Result<(), Rejection> {
        const FUNCTION: u8 = 0x60;
        count_at_most("types", "type", section, limits::TYPES_MAX)?;
        let mut types = section.clone().into_iter();
        loop {
            let offset = types.original_position();
            let place = Place::Section { name: "type", offset };
            // A recursive group would be read whole before it can be refused.
            if types.len() > 0 && self.code.get(offset).is_some_and(|&tag| tag != FUNCTION) {
                return Err(Reason::Feature { feature: "gc", place }.into());
            }
            let Some(group) = types.next() else { return Ok(()) };
            let group = group.map_err(|error| invalid(place, &error))?;
            for ty in group.into_types() {
                let wasmparser::CompositeInnerType::Func(ty) = ty.composite_type.inner else {
                    return Err(Reason::Feature { feature: "gc", place }.into());
                };
                let params = ty.params().len() as u64;
                at_most("parameters", params, limits::PARAMS_MAX, place)?;
                self.types.push(ty);
            }
        }
    }

    fn imports(&mut self, section: &SectionLimited<'a, Imports<'a>>) -> Result<(), Rejection> {
        count_at_most("imports", "import", section, limits::IMPORTS_MAX)?;
        for item in items("import", section) {
            let (place, imports) = item?;
            let Imports::Single(_, import) = imports else {
                return Err(Reason::Feature { feature: "compact_imports", place }.into());
            };
            self.import(&import)?;
        }
        self.imported = self.functions.len();
        Ok(())
    }

    fn import(&mut self, import: &Import<'_>) -> Result<(), Rejection> {
        let (module, name) = (Excerpt::new(import.module), Excerpt::new(import.name));
        let type_index = match import.ty {
            TypeRef::Func(type_index) => type_index,
            TypeRef::Memory(_) => return Err(Reason::MemoryImported { module, name }.into()),
            _ => return Err(Reason::ImportKind { module, name }.into()),
        };
        let row = HOST_FUNCTIONS
            .iter()
            .find(|row| import.module == IMPORT_MODULE && import.name == row.name)
            .ok_or(Reason::ImportUnknown { module, name })?;
        let declared = self.type_at(type_index);
        if !declared.is_some_and(|ty| has_type_of(row, ty)) {
            let expected = describe(row);
            return Err(Reason::ImportType { name: row.name, expected }.into());
        }
        self.functions.push(type_index);
        self.info.imports.push(row.function);
        Ok(())
    }

    fn functions(&mut self, section: &SectionLimited<'a, u32>) -> Result<(), Rejection> {
        count_at_most("functions", "function", section, limits::FUNCTIONS_MAX)?;
        let mut params = 0;
        for item in items("function", section) {
            let (place, type_index) = item?;
            params += self.type_at(type_index).map_or(0, |ty| ty.params().len() as u64);
            at_most("parameters of all functions", params, limits::PARAMS_TOTAL_MAX, place)?;
            self.functions.push(type_index);
        }
        Ok(())
    }

    fn tables(
        &mut self,
        section: &SectionLimited<'a, wasmparser::Table<'a>>,
    ) -> Result<(), Rejection> {
        if section.count() > 1 {
            return Err(Reason::TableCount { found: section.count().into() }.into());
        }
        for item in items("table", section) {
            let (_, table) = item?;
            let plain = table.ty.element_type == RefType::FUNCREF
                && matches!(table.init, TableInit::RefNull)
                && !table.ty.shared
                && !table.ty.table64;
            if !plain {
                return Err(Reason::TableKind.into());
            }
            if table.ty.initial > TABLE_ELEMENTS_MAX {
                return Err(Reason::TableSize { found: table.ty.initial }.into());
            }
            self.info.table_elements = table.ty.initial;
        }
        Ok(())
    }

    fn memories(&mut self, section: &SectionLimited<'a, MemoryType>) -> Result<(), Rejection> {
        self.memories = section.count().into();
        if self.memories > 1 {
            return Err(Reason::MemoryCount { found: self.memories }.into());
        }
        for item in items("memory", section) {
            let (_, memory) = item?;
            let kinds = [
                (memory.shared, "shared"),
                (memory.memory64, "64-bit"),
                (memory.page_size_log2.is_some(), "of another page size"),
            ];
            if let Some(&(_, found)) = kinds.iter().find(|(applies, _)| *applies) {
                return Err(Reason::MemoryKind { found }.into());
            }
            if memory.initial > MEMORY_PAGES_MAX {
                return Err(Reason::MemorySize { found: memory.initial }.into());
            }
            self.info.memory_pages_min = memory.initial;
            self.info.memory_pages_max =
                memory.maximum.unwrap_or(MEMORY_PAGES_MAX).min(MEMORY_PAGES_MAX);
        }
        Ok(())
    }

    fn globals(&mut self, section: &SectionLimited<'a, Global<'a>>) -> Result<(), Rejection> {
        count_at_most("globals", "global", section, limits::GLOBALS_MAX)?;
        for (index, item) in (0..).zip(items("global", section)) {
            let (_, global) = item?;
            self.info.mutable_globals.extend(global.ty.mutable.then_some(index));
            if global.ty.mutable && global.ty.content_type == ValType::I32 {
                self.stack_top = self.stack_top.or_else(|| segments::constant(&global.init_expr));
            }
        }
        Ok(())
    }

    fn exports(&mut self, section: &SectionLimited<'a, Export<'a>>) -> Result<(), Rejection> {
        count_at_most("exports", "export", section, limits::EXPORTS_MAX)?;
        let mut names = BTreeSet::new();
        for item in items("export", section) {
            let (_, export) = item?;
            let name = || Excerpt::new(export.name);
            if !names.insert(export.name) {
                return Err(Reason::ExportTwice { name: name() }.into());
            }
            if export.name.starts_with(limits::RESERVED_PREFIX) {
                return Err(Reason::ExportReserved { name: name() }.into());
            }
            match export.kind {
                ExternalKind::Func => self.function_export(&export)?,
                ExternalKind::Memory if export.name == MEMORY_EXPORT => self.memory_exported = true,
                // Linkers export tables and globals (`__heap_base`) that nobody needs outside.
                _ if export.name == MEMORY_EXPORT => return Err(Reason::MemoryExport.into()),
                _ => {}
            }
        }
        Ok(())
    }

    fn function_export(&mut self, export: &Export<'_>) -> Result<(), Rejection> {
        let name = || Excerpt::new(export.name);
        if export.name == MEMORY_EXPORT {
            return Err(Reason::MemoryExport.into());
        }
        let function = export.index as usize;
        if function < self.imported {
            return Err(Reason::ExportImported { name: name() }.into());
        }
        let ty = self.functions.get(function).and_then(|&ty| self.type_at(ty));
        let callable = ty.is_some_and(|ty| ty.params().is_empty() && ty.results().is_empty());
        let reserved = [CONSTRUCTOR_ENTRY, MIGRATE_ENTRY].into_iter().find(|&n| n == export.name);
        match (reserved, callable) {
            // Silently not running a constructor would leave the contract to whoever comes first.
            (Some(name), false) => return Err(Reason::EntryType { name }.into()),
            (Some(CONSTRUCTOR_ENTRY), true) => self.info.has_init = true,
            (Some(_), true) => self.info.has_migrate = true,
            // Other functions a linker exports are not entries, and not exported when prepared.
            (None, false) => {}
            (None, true) if export.name.len() > ENTRY_LEN_MAX => {
                let found = export.name.len() as u64;
                return Err(Reason::EntryName { name: name(), found }.into());
            }
            (None, true) => self.info.entries.push(export.name.to_owned()),
        }
        Ok(())
    }

    fn type_at(&self, index: u32) -> Option<&FuncType> {
        self.types.get(index as usize)
    }

    /// The verdict on what is missing, once everything has been read.
    pub(super) fn finish(mut self) -> Result<ModuleInfo, Rejection> {
        if self.memories != 1 {
            return Err(Reason::MemoryCount { found: self.memories }.into());
        }
        if !self.memory_exported {
            return Err(Reason::MemoryExport.into());
        }
        if self.info.entries.is_empty() && !self.info.has_init && !self.info.has_migrate {
            return Err(Reason::NoEntry.into());
        }
        self.info.entries.sort_unstable();
        self.info.imports.sort_unstable();
        self.info.imports.dedup();
        self.info.functions = (self.functions.len() - self.imported) as u32;
        Ok(self.info)
    }
}

/// Refuses a section with too many items, judging by its header alone.
pub(super) fn count_at_most<T>(
    what: &'static str,
    name: &'static str,
    section: &SectionLimited<'_, T>,
    max: u64,
) -> Result<(), Rejection> {
    let place = Place::Section { name, offset: section.range().start };
    at_most(what, section.count().into(), max, place)
}

/// The items of a section and where they start.
pub(super) fn items<'a, T: FromReader<'a>>(
    name: &'static str,
    section: &SectionLimited<'a, T>,
) -> impl Iterator<Item = Result<(Place, T), Rejection>> {
    section.clone().into_iter_with_offsets().map(move |item| match item {
        Ok((offset, item)) => Ok((Place::Section { name, offset }, item)),
        Err(error) => Err(invalid(Place::Section { name, offset: error.offset() }, &error)),
    })
}

fn has_type_of(row: &HostFunctionSpec, ty: &FuncType) -> bool {
    ty.params().iter().copied().eq(row.params.iter().map(|&(_, param)| value_type(param)))
        && ty.results().iter().copied().eq(row.result.map(value_type))
}

fn value_type(value: ValueType) -> ValType {
    match value {
        ValueType::I32 => ValType::I32,
        ValueType::I64 => ValType::I64,
    }
}

/// The type of a host function as text, for an author who declared another one.
fn describe(row: &HostFunctionSpec) -> String {
    let mut text = String::from("(func");
    for (name, param) in row.params {
        text.push_str(&format!(" (param ${name} {})", value_type(*param)));
    }
    if let Some(result) = row.result {
        text.push_str(&format!(" (result {})", value_type(result)));
    }
    text.push(')');
    text
}
