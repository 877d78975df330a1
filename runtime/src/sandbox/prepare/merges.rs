//! Counts what a compiler has to carry over the branches of a function.
//!
//! Where branches meet, a compiler in SSA form joins the values of each local variable that was
//! assigned on the way, and every branch that leads there moves them. Nested constructs multiply
//! that: 250 nested ifs around 200 assignments are four kilobytes of code, 50,000 joined values and
//! seconds of compilation, since the allocator's time grows with their square. So they are limited
//! by number, like everything else a compiler pays for.

use wasmparser::{BlockType, Operator};

use super::limits::{LOCALS_MAX, PARAMS_MAX};

const BITS: u64 = 64;
const WORDS: usize = (LOCALS_MAX + PARAMS_MAX).div_ceil(BITS) as usize;

/// A set of local variables and parameters.
#[derive(Clone, Copy, Default)]
struct Locals([u64; WORDS]);

impl Locals {
    fn insert(&mut self, index: u32) {
        let index = u64::from(index);
        if let Some(word) = self.0.get_mut((index / BITS) as usize) {
            *word |= 1 << (index % BITS);
        }
    }

    fn insert_all(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(other.0) {
            *word |= more;
        }
    }

    fn len(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}

/// A construct that is open.
struct Region {
    assigned: Locals,
    /// Values besides locals: the construct's result, the gas counter.
    others: u64,
    /// Ways that lead to its label: branches, and running into it.
    ways: u64,
    /// The outermost construct that a branch in here leads to, as an index into the open ones.
    escape: usize,
}

impl Region {
    fn new(ways: u64, others: u64) -> Self {
        Self { assigned: Locals::default(), others, ways, escape: usize::MAX }
    }
}

/// The count for one function: over all constructs, ways to the label times values joined there.
/// An upper bound, since a local that nobody reads any more is not joined.
pub(super) struct Merges {
    open: Vec<Region>,
    pub(super) values: u64,
    /// Constructs that a branch inside leaves for an outer one: metering has to charge behind them.
    pub(super) escaped: u64,
}

impl Merges {
    pub(super) fn new() -> Self {
        Self { open: vec![Region::new(0, 0)], values: 0, escaped: 0 }
    }

    /// Counts an operator that has been found valid.
    pub(super) fn operator(&mut self, operator: &Operator<'_>) -> wasmparser::Result<()> {
        match operator {
            Operator::Block { blockty } | Operator::Loop { blockty } => self.enter(1, *blockty),
            // Both arms run into the end.
            Operator::If { blockty } => self.enter(2, *blockty),
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                if let Some(top) = self.open.last_mut() {
                    top.assigned.insert(*local_index);
                }
            }
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                self.branch(*relative_depth);
            }
            Operator::BrTable { targets } => {
                self.branch(targets.default());
                for target in targets.targets() {
                    self.branch(target?);
                }
            }
            Operator::Return => self.escape_to(0),
            Operator::End => self.end(),
            _ => {}
        }
        Ok(())
    }

    fn enter(&mut self, ways: u64, ty: BlockType) {
        // The gas counter is a local variable too.
        let others = if ty == BlockType::Empty { 1 } else { 2 };
        self.open.push(Region::new(ways, others));
    }

    fn branch(&mut self, relative_depth: u32) {
        let target = self.open.len().checked_sub(1 + relative_depth as usize);
        if let Some(region) = target.and_then(|target| self.open.get_mut(target)) {
            region.ways += 1;
        }
        self.escape_to(target.unwrap_or(0));
    }

    fn escape_to(&mut self, target: usize) {
        if let Some(top) = self.open.last_mut() {
            top.escape = top.escape.min(target);
        }
    }

    fn end(&mut self) {
        let Some(ended) = self.open.pop() else { return };
        let escaped = ended.escape < self.open.len();
        // Nothing is read behind the end of the function.
        if let Some(parent) = self.open.last_mut() {
            parent.assigned.insert_all(&ended.assigned);
            self.values += ended.ways * (ended.assigned.len() + ended.others);
            if escaped {
                self.escaped += 1;
                parent.escape = parent.escape.min(ended.escape);
            }
        }
    }
}
