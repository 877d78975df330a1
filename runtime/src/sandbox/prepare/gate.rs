//! Decides whether a module may be deployed. Reads it once, front to back; changes nothing.

use tos_host_api::limits::CODE_LEN_MAX;
use wasmparser::{
    Encoding, FuncValidatorAllocations, Parser, Payload, ValidPayload, Validator, WasmFeatures,
};

use super::bodies::{self, BodyFacts, Totals};
use super::info::ModuleInfo;
use super::rejection::{Container, Place, Reason, Rejection};
use super::sections::Sections;
use super::writes::writes_from;

/// The WebAssembly features contracts may use, and nothing that wasmparser or wasmtime adds to its
/// defaults later.
pub(super) const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::BULK_MEMORY_OPT)
    .union(WasmFeatures::CALL_INDIRECT_OVERLONG);

/// An accepted module: what the engine keeps, and what metering needs.
pub(super) struct Inspection {
    pub(super) info: ModuleInfo,
    /// One per defined function.
    pub(super) bodies: Vec<BodyFacts>,
}

/// Checks that a module may be deployed.
///
/// Takes time linear in the length of the code, and memory bounded by the limits whatever counts
/// the module claims. The answer depends on the bytes alone.
///
/// # Errors
/// A [`Rejection`] that names the first thing found to be wrong.
pub fn check(code: &[u8]) -> Result<ModuleInfo, Rejection> {
    inspect(code).map(|inspection| inspection.info)
}

pub(super) fn inspect(code: &[u8]) -> Result<Inspection, Rejection> {
    if code.len() > CODE_LEN_MAX {
        return Err(Reason::CodeLength { found: code.len() as u64 }.into());
    }
    refuse_other_containers(code)?;

    let mut validator = Validator::new_with_features(FEATURES);
    let mut parser = Parser::new(0);
    parser.set_features(FEATURES);
    let mut sections = Sections::new(code);
    let mut allocations = FuncValidatorAllocations::default();
    let mut totals = Totals::new(code.len());
    let mut bodies = Vec::new();
    for payload in parser.parse_all(code) {
        let payload = payload.map_err(|error| invalid("module", &error))?;
        // Ours first: counts have to be checked before the validator makes room for them.
        sections.check(&payload)?;
        let name = section_name(&payload);
        match validator.payload(&payload).map_err(|error| invalid(name, &error))? {
            ValidPayload::Func(function, body) => {
                bodies.push(bodies::check_body(&body, function, &mut allocations, &mut totals)?);
            }
            ValidPayload::End(_) => break,
            _ => {}
        }
    }
    let (stack_top, table) = (sections.stack_top, std::mem::take(&mut sections.table));
    let mut info = sections.finish()?;
    let frame_bytes = totals.frames.deepest(&table);
    info.writes_from = writes_from(stack_top, info.memory_pages_min, frame_bytes);
    Ok(Inspection { info, bodies })
}

/// Tells what the bytes are if they are not a core module.
fn refuse_other_containers(code: &[u8]) -> Result<(), Rejection> {
    let found = match code {
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => return Ok(()),
        [] => Container::Empty,
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => Container::Component,
        [0x7f, b'E', b'L', b'F', ..] => Container::Elf,
        [0x1f, 0x8b, ..] => Container::Gzip,
        [b'(' | b';', ..] => Container::Text,
        _ => Container::Other,
    };
    Err(Reason::NotAModule { found }.into())
}

fn invalid(name: &'static str, error: &wasmparser::Error) -> Rejection {
    bodies::invalid(Place::Section { name, offset: error.offset() }, error)
}

fn section_name(payload: &Payload<'_>) -> &'static str {
    match payload {
        Payload::Version { encoding: Encoding::Module, .. } => "header",
        Payload::TypeSection(_) => "type",
        Payload::ImportSection(_) => "import",
        Payload::FunctionSection(_) => "function",
        Payload::TableSection(_) => "table",
        Payload::MemorySection(_) => "memory",
        Payload::GlobalSection(_) => "global",
        Payload::ExportSection(_) => "export",
        Payload::StartSection { .. } => "start",
        Payload::ElementSection(_) => "element",
        Payload::CodeSectionStart { .. } | Payload::CodeSectionEntry(_) => "code",
        Payload::DataCountSection { .. } => "data count",
        Payload::DataSection(_) => "data",
        Payload::TagSection(_) => "tag",
        _ => "unknown",
    }
}
