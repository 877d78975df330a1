//! Tells the host where a call has written, so that it can put memory back without looking at all of
//! it. Not part of what is charged or taken from the stack: a module costs what it costs without.
//!
//! Every function that writes keeps a word, in a local: before each write it is united (`or`) with
//! the distance of the written address from [`ModuleInfo::writes_from`]. When the function returns,
//! its word is united with the global [`WRITTEN_EXPORT`]; a call that ends otherwise tells nothing.
//! No distance is larger than the union of all, and one that is negative makes the union negative:
//!
//! ```text
//! writes_from = 15,360; writes at 16,016 and 17,922
//! distances 656 and 2,562, union 2,706 (0xa92): nothing was written before 15,360, or from
//! 15,360 + 2,706 + WRITE_REACH on
//! ```
//!
//! Where that is exact enough, a write costs a subtraction and an `or`, for which the processor has
//! room beside it. Keeping the largest and the smallest address, or a bit for each kilobyte, makes a
//! loop of writes half as slow again or twice as slow.
//!
//! Compilers put the stack in front of the data and let it grow towards zero, so what a call writes
//! surrounds the initial stack pointer. `writes_from` is therefore that pointer less what frames
//! take in the deepest chain of calls (`frames.rs`): a union is at most the next power of two above
//! the largest distance, so every byte too many may be put back four times. Where a module is
//! different it only takes longer to put back.
//!
//! [`ModuleInfo::writes_from`]: super::ModuleInfo::writes_from
//! [`WRITTEN_EXPORT`]: super::WRITTEN_EXPORT

use wasm_encoder::InstructionSink;
use wasmparser::Operator;

use super::operators::OperatorClass;

/// Bytes behind an address that one write may reach without its own distance: offsets of fields,
/// and the length of what is stored. A round number above most of the former.
pub const WRITE_REACH: u32 = 256;
/// Longest value that one operator stores, in bytes.
const VALUE_LEN_MAX: u64 = 8;
/// Least room for frames, in bytes: not every frame is seen.
const FRAMES_MIN: u64 = 1 << 8;
/// Most room for frames, in bytes.
const FRAMES_MAX: u64 = 1 << 14;

/// The locals that tracking uses in a function, behind all others.
#[derive(Debug, Clone, Copy)]
pub(super) struct WriteLocals {
    /// Union of the distances so far.
    written: u32,
    address: u32,
    /// An operand between the address and what is on top.
    middle: u32,
    value: u32,
    wide_value: u32,
}

impl WriteLocals {
    /// Locals of type `i32`, then of type `i64`, from this index on.
    pub(super) const I32_COUNT: u32 = 4;
    pub(super) const I64_COUNT: u32 = 1;

    pub(super) fn starting_at(index: u32) -> Self {
        Self {
            written: index,
            address: index + 1,
            middle: index + 2,
            value: index + 3,
            wide_value: index + 4,
        }
    }

    /// Marks what an operator is about to write, if it writes. Its operands stay.
    pub(super) fn mark(
        self,
        sink: &mut InstructionSink<'_>,
        operator: &Operator<'_>,
        writes_from: u32,
    ) {
        use Operator as O;
        match operator {
            O::I32Store { memarg } | O::I32Store8 { memarg } | O::I32Store16 { memarg } => {
                self.mark_store(sink, memarg.offset, self.value, writes_from);
            }
            O::I64Store { memarg }
            | O::I64Store8 { memarg }
            | O::I64Store16 { memarg }
            | O::I64Store32 { memarg } => {
                self.mark_store(sink, memarg.offset, self.wide_value, writes_from);
            }
            // Both ends of the range. One that leaves the memory traps, and tells nothing.
            O::MemoryCopy { .. } | O::MemoryFill { .. } => {
                let Self { address, middle, value, .. } = self;
                sink.local_set(value).local_set(middle).local_tee(address);
                self.unite(sink, 0, writes_from);
                sink.local_get(address).local_get(value).i32_add().local_set(address);
                self.unite(sink, 0, writes_from);
                sink.local_get(middle).local_get(value);
            }
            _ => {}
        }
    }

    fn mark_store(self, sink: &mut InstructionSink<'_>, offset: u64, value: u32, writes_from: u32) {
        sink.local_set(value).local_tee(self.address);
        // Within reach, fields of one object have one distance, which is computed once.
        let near = offset + VALUE_LEN_MAX <= u64::from(WRITE_REACH);
        // An address that does not fit leaves the memory, and tells nothing.
        self.unite(sink, if near { 0 } else { offset as u32 }, writes_from);
        sink.local_get(value);
    }

    /// Unites the distance of the marked address, moved by an offset.
    fn unite(self, sink: &mut InstructionSink<'_>, offset: u32, writes_from: u32) {
        sink.local_get(self.written).local_get(self.address);
        let moved = offset.wrapping_sub(writes_from).cast_signed();
        if moved != 0 {
            sink.i32_const(moved).i32_add();
        }
        sink.i32_or().local_set(self.written);
    }

    /// Unites what the function wrote with what the call has.
    pub(super) fn tell(self, sink: &mut InstructionSink<'_>, global: u32) {
        sink.global_get(global).local_get(self.written).i32_or().global_set(global);
    }
}

/// Whether an operator writes memory.
pub(super) fn writes(operator: &Operator<'_>) -> bool {
    matches!(OperatorClass::of(operator), Some(OperatorClass::Store | OperatorClass::MemoryBulk))
}

/// The address that distances are counted from.
pub(super) fn writes_from(stack_top: Option<u64>, memory_pages: u64, frame_bytes: u64) -> u32 {
    match stack_top {
        Some(top) if top <= memory_pages << 16 => {
            let from = top.saturating_sub(frame_bytes.clamp(FRAMES_MIN, FRAMES_MAX));
            u32::try_from(from).unwrap_or(0)
        }
        _ => 0,
    }
}
