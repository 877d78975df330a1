//! Makes a module on which engines differ smaller, by dropping operators, or putting a constant in
//! their place, as long as the gate accepts the module and engines still differ.

use std::convert::Infallible;
use std::ops::Range;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{CodeSection, Instruction, Module};
use wasmparser::{FunctionBody, Parser, Payload};

/// What takes the place of dropped operators.
#[derive(Debug, Clone, Copy)]
enum Filling {
    Nothing,
    I32,
    I64,
    Unreachable,
}

/// The smallest module found for which `still_differs` holds.
#[must_use]
pub fn reduce(code: &[u8], still_differs: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut best = code.to_vec();
    loop {
        let before = best.len();
        let mut length = operators(&best) / 2;
        while length > 0 {
            let mut start = 0;
            while start < operators(&best) {
                let smaller = [Filling::Nothing, Filling::I32, Filling::I64, Filling::Unreachable]
                    .into_iter()
                    .filter_map(|filling| without(&best, start..start + length, filling))
                    .find(|smaller| smaller.len() < best.len() && still_differs(smaller));
                match smaller {
                    Some(smaller) => best = smaller,
                    None => start += length.div_ceil(2),
                }
            }
            length /= 2;
        }
        if best.len() == before {
            return best;
        }
    }
}

fn operators(code: &[u8]) -> usize {
    let bodies = Parser::new(0).parse_all(code).filter_map(|payload| match payload {
        Ok(Payload::CodeSectionEntry(body)) => body.get_operators_reader().ok(),
        _ => None,
    });
    bodies.map(|operators| operators.into_iter().count()).sum()
}

fn without(code: &[u8], dropped: Range<usize>, filling: Filling) -> Option<Vec<u8>> {
    let mut module = Module::new();
    let mut dropper = Dropper { dropped, filling, position: 0 };
    dropper.parse_core_module(&mut module, Parser::new(0), code).ok()?;
    Some(module.finish())
}

/// Writes a module anew without some operators, counted over all functions. The last operator of a
/// function stays.
struct Dropper {
    dropped: Range<usize>,
    filling: Filling,
    position: usize,
}

impl Reencode for Dropper {
    type Error = Infallible;

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let instruction = self.instruction(operators.read()?)?;
            if operators.eof() || !self.dropped.contains(&self.position) {
                function.instruction(&instruction);
            } else if self.position == self.dropped.start {
                match self.filling {
                    Filling::Nothing => {}
                    Filling::I32 => drop(function.instruction(&Instruction::I32Const(0))),
                    Filling::I64 => drop(function.instruction(&Instruction::I64Const(0))),
                    Filling::Unreachable => drop(function.instruction(&Instruction::Unreachable)),
                }
            }
            self.position += 1;
        }
        code.function(&function);
        Ok(())
    }
}
