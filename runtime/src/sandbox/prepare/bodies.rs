//! Checks one function body: our limits, the operator allowlist, and validity.

use wasmparser::{
    BinaryReader, FuncToValidate, FuncValidator, FuncValidatorAllocations, FunctionBody, Operator,
    OperatorsReader, ValType, ValidatorResources,
};

use super::frames::Frames;
use super::limits;
use super::merges::Merges;
use super::operators::{self, OperatorClass};
use super::rejection::{Excerpt, Place, Reason, Rejection};
use super::work::Work;
use super::writes;

/// Counts over all bodies of a module.
pub(super) struct Totals {
    /// Most units of compilation work, by the length of the code.
    work_max: u64,
    work: u64,
    locals: u64,
    blocks: u64,
    branch_targets: u64,
    merged_values: u64,
    pub(super) frames: Frames,
}

impl Totals {
    /// None so far, of a module with this length.
    pub(super) fn new(code_len: usize) -> Self {
        let paid = code_len as u64 / limits::CODE_BYTES_PER_COMPILE_WORK;
        Self {
            work_max: limits::COMPILE_WORK_FREE + paid,
            work: 0,
            locals: 0,
            blocks: 0,
            branch_targets: 0,
            merged_values: 0,
            frames: Frames::default(),
        }
    }
}

/// What metering has to know about a body before it reads it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BodyFacts {
    /// Local variables without parameters.
    pub(super) locals: u64,
    /// Words of its frame: parameters, locals, highest operand stack in reachable code.
    pub(super) frame_words: u64,
    /// Operators, the final `end` included.
    pub(super) operators: u64,
    /// Values of local variables carried over its branches, at most.
    pub(super) merged_values: u64,
    /// Operators among them that are charged by their operand.
    pub(super) charged_operands: u64,
    /// Whether it contains a call of any kind, reachable or not.
    pub(super) calls: bool,
    /// Whether it contains a write to memory.
    pub(super) writes: bool,
}

/// Reads a body once and judges it.
pub(super) fn check_body(
    body: &FunctionBody<'_>,
    function: FuncToValidate<ValidatorResources>,
    allocations: &mut FuncValidatorAllocations,
    totals: &mut Totals,
) -> Result<BodyFacts, Rejection> {
    let (index, range) = (function.index, body.range());
    let start = Place::Function { index, offset: range.start };
    at_most("bytes of code", range.len() as u64, limits::BODY_BYTES_MAX, start)?;

    let validator = function.into_validator(std::mem::take(allocations));
    let mut check = BodyCheck::new(index, validator, totals);
    let mut reader = body.get_binary_reader();
    check.locals(&mut reader)?;
    let mut operators = OperatorsReader::new(reader);
    while !operators.eof() {
        let offset = operators.original_position();
        check.refuse_vector_prefix(&operators)?;
        let operator = operators.read().map_err(|error| check.invalid(&error))?;
        check.operator(&operator, offset)?;
    }
    operators.finish().map_err(|error| check.invalid(&error))?;
    check.finish(start)?;
    *allocations = check.validator.into_allocations();
    Ok(check.facts)
}

/// A body while it is read.
struct BodyCheck<'t> {
    index: u32,
    validator: FuncValidator<ValidatorResources>,
    totals: &'t mut Totals,
    facts: BodyFacts,
    /// Parameters and locals.
    slots: u64,
    blocks: u64,
    merges: Merges,
    work: Work,
}

impl<'t> BodyCheck<'t> {
    fn new(
        index: u32,
        validator: FuncValidator<ValidatorResources>,
        totals: &'t mut Totals,
    ) -> Self {
        totals.frames.function(index);
        let slots = u64::from(validator.len_locals());
        let facts = BodyFacts {
            locals: 0,
            frame_words: slots,
            operators: 0,
            merged_values: 0,
            charged_operands: 0,
            calls: false,
            writes: false,
        };
        Self {
            index,
            validator,
            totals,
            facts,
            slots,
            blocks: 0,
            merges: Merges::new(),
            work: Work::default(),
        }
    }

    fn at(&self, offset: usize) -> Place {
        Place::Function { index: self.index, offset }
    }

    fn invalid(&self, error: &wasmparser::Error) -> Rejection {
        invalid(self.at(error.offset()), error)
    }

    fn locals(&mut self, reader: &mut BinaryReader<'_>) -> Result<(), Rejection> {
        let start = reader.original_position();
        let groups = reader.read_var_u32().map_err(|error| self.invalid(&error))?;
        for _ in 0..groups {
            let offset = reader.original_position();
            let count = reader.read_var_u32().map_err(|error| self.invalid(&error))?;
            let value_type = reader.read::<ValType>().map_err(|error| self.invalid(&error))?;
            // Summed in u64, and checked before the validator makes room for them.
            self.facts.locals += u64::from(count);
            let place = self.at(offset);
            at_most("local variables", self.facts.locals, limits::LOCALS_MAX, place)?;
            self.validator
                .define_locals(offset, count, value_type)
                .map_err(|error| self.invalid(&error))?;
        }
        self.slots += self.facts.locals;
        self.facts.frame_words = self.slots;
        self.totals.locals += self.facts.locals;
        let (total, max) = (self.totals.locals, limits::LOCALS_TOTAL_MAX);
        at_most("local variables of all functions", total, max, self.at(start))
    }

    /// Refuses the vector operators by their prefix byte.
    ///
    /// Whether wasmparser can decode them depends on a cargo feature that any crate of the
    /// workspace may switch on, and the class of a refusal is part of a receipt.
    fn refuse_vector_prefix(&self, operators: &OperatorsReader<'_>) -> Result<(), Rejection> {
        const VECTOR_PREFIX: u8 = 0xfd;
        match operators.get_binary_reader().read_u8() {
            Ok(VECTOR_PREFIX) => {
                let place = self.at(operators.original_position());
                Err(Reason::Feature { feature: "simd", place }.into())
            }
            _ => Ok(()),
        }
    }

    fn operator(&mut self, operator: &Operator<'_>, offset: usize) -> Result<(), Rejection> {
        let place = self.at(offset);
        if OperatorClass::of(operator).is_none() {
            let feature = operators::proposal(operator);
            return Err(Reason::Feature { feature, place }.into());
        }
        self.count(operator, place)?;
        self.validator.op(offset, operator).map_err(|error| self.invalid(&error))?;
        let escaped = self.merges.escaped;
        self.merge(operator, place)?;
        self.work(operator, self.merges.escaped > escaped, place)?;
        // The function's own frame is one of the control stack.
        let nesting = u64::from(self.validator.control_stack_height()).saturating_sub(1);
        at_most("nested blocks", nesting, limits::NESTING_MAX, place)?;
        if self.validator.get_control_frame(0).is_some_and(|frame| !frame.unreachable) {
            let words = self.slots + u64::from(self.validator.operand_stack_height());
            at_most("words of one frame", words, limits::FRAME_WORDS_MAX, place)?;
            self.facts.frame_words = self.facts.frame_words.max(words);
        }
        Ok(())
    }

    fn merge(&mut self, operator: &Operator<'_>, place: Place) -> Result<(), Rejection> {
        self.merges.operator(operator).map_err(|error| self.invalid(&error))?;
        let values = self.merges.values;
        at_most("local variables times branches", values, limits::MERGED_VALUES_MAX, place)?;
        self.totals.merged_values += values - self.facts.merged_values;
        self.facts.merged_values = values;
        let (total, max) = (self.totals.merged_values, limits::MERGED_VALUES_TOTAL_MAX);
        at_most("local variables times branches of all functions", total, max, place)
    }

    fn work(
        &mut self,
        operator: &Operator<'_>,
        charged: bool,
        place: Place,
    ) -> Result<(), Rejection> {
        let values = self.slots + u64::from(self.validator.operand_stack_height());
        self.work.operator(operator, values, charged);
        let Work { branches, kept_values, .. } = self.work;
        at_most("branches", branches, limits::BRANCHES_MAX, place)?;
        at_most("values kept over branches and calls", kept_values, limits::KEPT_VALUES_MAX, place)
    }

    fn finish(&mut self, start: Place) -> Result<(), Rejection> {
        self.totals.work += self.work.units(self.facts.merged_values);
        let (work, max) = (self.totals.work, self.totals.work_max);
        at_most("units of compilation work for code of this length", work, max, start)
    }

    fn count(&mut self, operator: &Operator<'_>, place: Place) -> Result<(), Rejection> {
        self.facts.writes |= writes::writes(operator);
        self.totals.frames.operator(operator);
        self.facts.operators += 1;
        at_most("operators", self.facts.operators, limits::OPERATORS_MAX, place)?;
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                self.blocks += 1;
                self.totals.blocks += 1;
                at_most("blocks, loops and ifs", self.blocks, limits::BLOCKS_MAX, place)?;
                let (total, max) = (self.totals.blocks, limits::BLOCKS_TOTAL_MAX);
                at_most("blocks, loops and ifs of all functions", total, max, place)
            }
            Operator::BrTable { targets } => {
                let count = u64::from(targets.len());
                at_most("targets of br_table", count, limits::BRANCH_TARGETS_MAX, place)?;
                self.totals.branch_targets += count;
                let (total, max) = (self.totals.branch_targets, limits::BRANCH_TARGETS_TOTAL_MAX);
                at_most("targets of br_table in all functions", total, max, place)
            }
            Operator::Call { .. } | Operator::CallIndirect { .. } => {
                self.facts.calls = true;
                Ok(())
            }
            Operator::MemoryGrow { .. }
            | Operator::MemoryCopy { .. }
            | Operator::MemoryFill { .. } => {
                self.facts.charged_operands += 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Refuses a count beyond its limit.
pub(super) fn at_most(
    what: &'static str,
    found: u64,
    max: u64,
    place: Place,
) -> Result<(), Rejection> {
    if found > max { Err(Reason::Limit { what, place, found, max }.into()) } else { Ok(()) }
}

/// Translates an error of the parser or the validator.
pub(super) fn invalid(place: Place, error: &wasmparser::Error) -> Rejection {
    match error.missing_wasm_feature() {
        Some(feature) => Reason::Feature { feature: feature_name(feature), place },
        None => Reason::Invalid { place, message: Excerpt::new(error.message()) },
    }
    .into()
}

fn feature_name(feature: wasmparser::WasmFeatures) -> &'static str {
    use wasmparser::WasmFeatures as F;
    const NAMES: &[(F, &str)] = &[
        (F::FLOATS, "floats"),
        (F::SATURATING_FLOAT_TO_INT, "floats"),
        (F::SIMD, "simd"),
        (F::RELAXED_SIMD, "relaxed_simd"),
        (F::THREADS, "threads"),
        (F::REFERENCE_TYPES, "reference_types"),
        (F::BULK_MEMORY, "bulk_memory"),
        (F::MULTI_VALUE, "multi_value"),
        (F::MULTI_MEMORY, "multi_memory"),
        (F::MEMORY64, "memory64"),
        (F::TAIL_CALL, "tail_call"),
        (F::EXCEPTIONS, "exceptions"),
        (F::LEGACY_EXCEPTIONS, "legacy_exceptions"),
        (F::EXTENDED_CONST, "extended_const"),
        (F::FUNCTION_REFERENCES, "function_references"),
        (F::GC, "gc"),
        (F::CUSTOM_PAGE_SIZES, "custom_page_sizes"),
    ];
    NAMES.iter().find(|(known, _)| *known == feature).map_or("a WebAssembly proposal", |row| row.1)
}
