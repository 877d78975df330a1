//! Finds the metered blocks of a function and what each costs. Writes no code.
//!
//! A metered block is a set of operators that run equally often whenever a function completes: if
//! one runs, all do, the same number of times. It is charged as a whole where it starts. Around
//! inner constructs a block continues: what follows an `if` runs as often as what precedes it,
//! unless a branch inside leads past its end.
//!
//! ```text
//! local.get 0        ;; A   block A: charged at function entry, 1+1+1+1
//! if                 ;; A
//!   i32.const 1      ;;   B   block B: charged as the first thing inside the `if`
//!   call $f          ;;   B
//! end
//! i32.const 2        ;; A   still A: nothing inside the `if` leads past its end
//! loop               ;;   C   block C: charged on each pass
//!   local.get 0      ;;   C
//!   br_if 0          ;;   C
//!   i32.const 3      ;;     D  block D: runs only when the branch is not taken
//!   drop             ;;     D
//! end
//! drop               ;; A   still A: the loop is left once, through its end
//! ```
//!
//! Operators where nothing runs (after `br`, `br_table`, `return`, `unreachable`, up to the next
//! `else` or `end`) are in no block. What follows the end of a block that ends in `unreachable`, or
//! a loop without exit, may belong to the block before it; whoever pays for it in advance is halted
//! before the difference could matter.

use wasmparser::{FunctionBody, Operator};

use super::bodies::BodyFacts;
use super::costs::OperatorCosts;
use super::operators::OperatorClass;

use crate::planted::{Bug, planted};

/// A charge to be made before the operator at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Charge {
    /// Position of the operator, counted from 0.
    pub(super) before: usize,
    /// Units of gas. Not zero.
    pub(super) gas: u64,
}

/// The charges of a function, by position.
pub(super) fn charges(
    body: &FunctionBody<'_>,
    facts: &BodyFacts,
    costs: &OperatorCosts,
) -> wasmparser::Result<Vec<Charge>> {
    let mut walk = Walk::new(costs.of_entry(facts.locals));
    let operators = body.get_operators_reader()?;
    for (position, operator) in operators.into_iter().enumerate() {
        walk.operator(position, &operator?, costs)?;
    }
    walk.blocks.retain(|charge| charge.gas > 0);
    Ok(walk.blocks)
}

/// A construct that is open.
struct Frame {
    /// The metered block that operators belong to.
    block: usize,
    /// The outermost construct that a branch in here leads to, as an index into the open ones.
    escape: usize,
    /// Whether operators run.
    live: bool,
    /// Whether the construct itself runs.
    entered_live: bool,
}

const NO_ESCAPE: usize = usize::MAX;

struct Walk {
    /// Metered blocks in the order of their positions, those that cost nothing included.
    blocks: Vec<Charge>,
    /// Open constructs; the first is the function. Empty once the function has ended.
    open: Vec<Frame>,
}

impl Walk {
    fn new(entry_gas: u64) -> Self {
        let blocks = vec![Charge { before: 0, gas: entry_gas }];
        let function = Frame { block: 0, escape: NO_ESCAPE, live: true, entered_live: true };
        Self { blocks, open: vec![function] }
    }

    fn operator(
        &mut self,
        position: usize,
        operator: &Operator<'_>,
        costs: &OperatorCosts,
    ) -> wasmparser::Result<()> {
        let next = position + 1;
        let gas = OperatorClass::of(operator).map_or(0, |class| costs.of(class));
        match operator {
            Operator::Block { .. } => {
                self.charge(gas);
                self.open(self.block());
            }
            Operator::Loop { .. } => {
                let once = planted(Bug::LoopsPayOnce);
                let head = if once { self.block() } else { self.start_block(next) };
                self.open(head);
                self.charge(gas);
            }
            Operator::If { .. } => {
                self.charge(gas);
                let then = self.start_block(next);
                self.open(then);
            }
            Operator::Else => {
                let otherwise = self.start_block(next);
                if let Some(top) = self.open.last_mut() {
                    top.block = otherwise;
                    top.live = top.entered_live;
                }
            }
            Operator::End => self.end(next),
            _ => {
                self.charge(gas);
                self.branch(next, operator)?;
            }
        }
        Ok(())
    }

    /// Notes where a branch leads, and what it makes of the operators that follow.
    fn branch(&mut self, next: usize, operator: &Operator<'_>) -> wasmparser::Result<()> {
        match operator {
            Operator::Br { relative_depth } => self.escape_to(*relative_depth),
            Operator::BrIf { relative_depth } => {
                self.escape_to(*relative_depth);
                let block = self.start_block(next);
                if let Some(top) = self.open.last_mut() {
                    top.block = block;
                }
                return Ok(());
            }
            Operator::BrTable { targets } => {
                self.escape_to(targets.default());
                for target in targets.targets() {
                    self.escape_to(target?);
                }
            }
            Operator::Return => {
                if let Some(top) = self.open.last_mut() {
                    top.escape = 0;
                }
            }
            Operator::Unreachable => {}
            _ => return Ok(()),
        }
        if let Some(top) = self.open.last_mut() {
            top.live = false;
        }
        Ok(())
    }

    fn end(&mut self, next: usize) {
        let Some(ended) = self.open.pop() else { return };
        // A branch that leads past this construct makes what follows it run less often than what
        // precedes it, and the same goes for the constructs around it, up to the branch's target.
        if ended.escape < self.open.len() {
            let block = self.start_block(next);
            if let Some(parent) = self.open.last_mut() {
                parent.block = block;
                parent.escape = parent.escape.min(ended.escape);
            }
        }
    }

    fn escape_to(&mut self, relative_depth: u32) {
        let target = self.open.len().saturating_sub(1).saturating_sub(relative_depth as usize);
        if let Some(top) = self.open.last_mut().filter(|top| top.live) {
            top.escape = top.escape.min(target);
        }
    }

    fn open(&mut self, block: usize) {
        let live = self.open.last().is_some_and(|top| top.live);
        self.open.push(Frame { block, escape: NO_ESCAPE, live, entered_live: live });
    }

    fn block(&self) -> usize {
        self.open.last().map_or(0, |top| top.block)
    }

    fn start_block(&mut self, before: usize) -> usize {
        self.blocks.push(Charge { before, gas: 0 });
        self.blocks.len() - 1
    }

    fn charge(&mut self, gas: u64) {
        if let Some(top) = self.open.last().filter(|top| top.live)
            && let Some(block) = self.blocks.get_mut(top.block)
        {
            block.gas += gas;
        }
    }
}
