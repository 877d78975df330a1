//! Modules made from others by changing a few operators or bytes.

mod edits;

use std::convert::Infallible;
use std::sync::LazyLock;

use tos_benches::Rng;
use tos_host_api::functions::HOST_FUNCTIONS;
use tos_host_api::limits::IMPORT_MODULE;
use wasm_encoder::reencode::{self, Reencode, utils};
use wasm_encoder::{CodeSection, EntityType, ImportSection, Module, SectionId, TypeSection};
use wasmparser::{FunctionBody, ImportSectionReader, Parser, Payload, TypeSectionReader};

use self::edits::Edits;
use super::smith::value_type;
use super::structured;

/// Real contracts and the guests of the runtime's tests.
const GUESTS: &[&str] = &[
    tos_benches::COUNTER_WAT,
    tos_benches::TOKEN_WAT,
    tos_benches::TOKEN_WAT,
    include_str!("../../../runtime/src/sandbox/prepare/tests/everything.wat"),
    include_str!("../../../runtime/tests/wat/abort.wat"),
    include_str!("../../../runtime/tests/wat/context.wat"),
    include_str!("../../../runtime/tests/wat/deposit.wat"),
    include_str!("../../../runtime/tests/wat/echo.wat"),
    include_str!("../../../runtime/tests/wat/events.wat"),
    include_str!("../../../runtime/tests/wat/grow.wat"),
    include_str!("../../../runtime/tests/wat/pay.wat"),
    include_str!("../../../runtime/tests/wat/say.wat"),
    include_str!("../../../runtime/tests/wat/spin.wat"),
    include_str!("../../../runtime/tests/wat/store.wat"),
    include_str!("../../../runtime/tests/wat/trap.wat"),
    include_str!("../../../runtime/tests/wat/undeclared.wat"),
];

static CODE: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let assemble = |text: &&str| wat::parse_str(text).expect("the guests are valid text");
    GUESTS.iter().map(assemble).collect()
});

/// A mutated module; `None` if the mutation could not be written down.
pub(super) fn module(rng: &mut Rng) -> Option<Vec<u8>> {
    let base = match rng.below(5) {
        0 => structured::plain(rng),
        _ => CODE[rng.below(CODE.len())].clone(),
    };
    if rng.percent(15) {
        return Some(change_bytes(base, rng));
    }
    let edits = Edits { changes: 1 + rng.below(3), host_calls: rng.below(5) };
    rewrite(&base, edits, rng)
}

/// A module that calls the host in so many more places.
pub(super) fn with_host_calls(code: &[u8], host_calls: usize, rng: &mut Rng) -> Option<Vec<u8>> {
    rewrite(code, Edits { changes: 0, host_calls }, rng)
}

/// Changes bytes behind the module's header.
fn change_bytes(mut code: Vec<u8>, rng: &mut Rng) -> Vec<u8> {
    const HEADER: usize = 8;
    for _ in 0..=rng.below(2) {
        let place = HEADER + rng.below(code.len() - HEADER);
        code[place] = match rng.below(3) {
            0 => code[place] ^ (1 << rng.below(8)),
            1 => code[place].wrapping_add(1),
            _ => rng.next_u64() as u8,
        };
    }
    code
}

fn rewrite(code: &[u8], edits: Edits, rng: &mut Rng) -> Option<Vec<u8>> {
    let counts = Counts::of(code).ok()?;
    let plan = edits.plan(counts.operators, rng);
    let mut rewriter = Rewriter { rng, counts, plan, position: 0, imported: false };
    let mut module = Module::new();
    rewriter.parse_core_module(&mut module, Parser::new(0), code).ok()?;
    Some(module.finish())
}

/// What has to be known about a module before it is written anew.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    types: u32,
    imports: u32,
    operators: usize,
}

impl Counts {
    fn of(code: &[u8]) -> wasmparser::Result<Self> {
        let mut counts = Self::default();
        for payload in Parser::new(0).parse_all(code) {
            match payload? {
                Payload::TypeSection(section) => counts.types = section.count(),
                Payload::ImportSection(section) => counts.imports = section.count(),
                Payload::CodeSectionEntry(body) => {
                    counts.operators += body.get_operators_reader()?.into_iter().count();
                }
                _ => {}
            }
        }
        Ok(counts)
    }
}

/// Writes a module anew with every host function imported behind its own imports, and with edits at
/// the planned positions, which count the operators of all functions.
struct Rewriter<'r> {
    rng: &'r mut Rng,
    counts: Counts,
    plan: edits::Plan,
    position: usize,
    imported: bool,
}

impl Rewriter<'_> {
    fn import_all(&mut self, imports: &mut ImportSection) {
        self.imported = true;
        for (index, row) in (self.counts.types..).zip(HOST_FUNCTIONS) {
            imports.import(IMPORT_MODULE, row.name, EntityType::Function(index));
        }
    }
}

impl Reencode for Rewriter<'_> {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error> {
        let added = HOST_FUNCTIONS.len() as u32;
        Ok(if function < self.counts.imports { function } else { function + added })
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: TypeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_type_section(self, types, section)?;
        for row in HOST_FUNCTIONS {
            let params = row.params.iter().map(|&(_, ty)| value_type(ty));
            types.ty().function(params, row.result.map(value_type));
        }
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_import_section(self, imports, section)?;
        self.import_all(imports);
        Ok(())
    }

    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _after: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), reencode::Error> {
        // A module that imports nothing has no such section; types are followed by functions then.
        if before == Some(SectionId::Function) && !self.imported {
            let mut imports = ImportSection::new();
            self.import_all(&mut imports);
            module.section(&imports);
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        for operator in body.get_operators_reader()? {
            let edit = self.plan.at(self.position);
            self.position += 1;
            self.edit(edit, operator?, &mut function)?;
        }
        code.function(&function);
        Ok(())
    }
}
