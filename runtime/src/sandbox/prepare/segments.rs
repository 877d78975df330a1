//! Checks data and element segments against the initial memory and table, so that writing them at
//! instantiation cannot fail.

use wasmparser::{
    ConstExpr, Data, DataKind, Element, ElementItems, ElementKind, Operator, SectionLimited,
};

use super::limits;
use super::rejection::{Reason, Rejection};
use super::sections::{count_at_most, items};

const PAGE_BYTES: u64 = 64 * 1024;

/// Adds the functions to `table`.
pub(super) fn check_elements<'a>(
    section: &SectionLimited<'a, Element<'a>>,
    table_elements: u64,
    table: &mut Vec<u32>,
) -> Result<(), Rejection> {
    let what = "element segment";
    count_at_most("element segments", "element", section, limits::ELEMENT_SEGMENTS_MAX)?;
    for (index, item) in (0..).zip(items("element", section)) {
        let (_, element) = item?;
        let start = match &element.kind {
            ElementKind::Active { table_index: None | Some(0), offset_expr } => {
                constant(offset_expr)
            }
            _ => None,
        };
        let (Some(start), ElementItems::Functions(functions)) = (start, &element.items) else {
            return Err(Reason::SegmentKind { what, index }.into());
        };
        let end = start + u64::from(functions.count());
        if end > table_elements {
            return Err(Reason::SegmentRange { what, index, end, size: table_elements }.into());
        }
        // What cannot be read is the validator's business.
        table.extend(functions.clone().into_iter().map_while(Result::ok));
    }
    Ok(())
}

pub(super) fn check_data<'a>(
    section: &SectionLimited<'a, Data<'a>>,
    memory_pages: u64,
) -> Result<(), Rejection> {
    let (what, size) = ("data segment", memory_pages * PAGE_BYTES);
    count_at_most("data segments", "data", section, limits::DATA_SEGMENTS_MAX)?;
    for (index, item) in (0..).zip(items("data", section)) {
        let (_, data) = item?;
        let start = match &data.kind {
            DataKind::Active { memory_index: 0, offset_expr } => constant(offset_expr),
            _ => None,
        };
        let Some(start) = start else {
            return Err(Reason::SegmentKind { what, index }.into());
        };
        let end = start + data.data.len() as u64;
        if end > size {
            return Err(Reason::SegmentRange { what, index, end, size }.into());
        }
    }
    Ok(())
}

/// The value of an offset expression, if it is one `i32.const`. Offsets are unsigned.
pub(super) fn constant(expression: &ConstExpr<'_>) -> Option<u64> {
    let mut operators = expression.get_operators_reader();
    match (operators.read().ok()?, operators.read().ok()?, operators.eof()) {
        (Operator::I32Const { value }, Operator::End, true) => Some(u64::from(value as u32)),
        _ => None,
    }
}
