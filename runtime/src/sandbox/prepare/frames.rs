//! How much memory the frames of a module take at once, as far as its code tells: where compilers
//! keep variables that have an address. A guess for `writes.rs`, on which nothing but time depends.

use wasmparser::Operator;

/// Stands for whatever `call_indirect` may call.
const INDIRECT: u32 = u32::MAX;

/// The frames of all functions, and who calls whom.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// Index of the first defined function: those before it are the host's.
    first: u32,
    functions: Vec<FrameOf>,
    /// Indices of called functions, function by function.
    callees: Vec<u32>,
    before: Before,
}

/// What is known of one function.
#[derive(Debug, Clone, Copy)]
struct FrameOf {
    bytes: u64,
    /// Where its callees end, and those of the next function begin.
    callees_end: usize,
}

/// The last operator, as far as a frame's size is told by it.
#[derive(Debug, Default, Clone, Copy)]
enum Before {
    #[default]
    Other,
    Global,
    Number(u32),
}

/// A function on the way down a chain of calls.
struct Step {
    node: usize,
    /// Callees that were looked at.
    looked: usize,
    /// Bytes of the deepest chain below.
    below: u64,
}

impl Frames {
    /// Begins with a function; functions come in order.
    pub(super) fn function(&mut self, index: u32) {
        if self.functions.is_empty() {
            self.first = index;
        }
        self.functions.push(FrameOf { bytes: 0, callees_end: self.callees.len() });
        self.before = Before::Other;
    }

    /// Notes an operator of the function: a call, or the end of `global.get $pointer`,
    /// `i32.const n`, `i32.sub`.
    pub(super) fn operator(&mut self, operator: &Operator<'_>) {
        let Some(function) = self.functions.last_mut() else { return };
        self.before = match (self.before, operator) {
            (_, Operator::GlobalGet { .. }) => Before::Global,
            (Before::Global, Operator::I32Const { value }) => Before::Number(value.cast_unsigned()),
            (Before::Number(bytes), Operator::I32Sub) => {
                function.bytes = function.bytes.max(bytes.into());
                Before::Other
            }
            (_, Operator::Call { function_index }) => {
                self.callees.push(*function_index);
                Before::Other
            }
            (_, Operator::CallIndirect { .. }) => {
                self.callees.push(INDIRECT);
                Before::Other
            }
            _ => Before::Other,
        };
        function.callees_end = self.callees.len();
    }

    /// Bytes of the frames that are there at once in the deepest chain of calls. `table` holds what
    /// may be called indirectly. A function that is called again further down counts once: nobody
    /// knows how often.
    pub(super) fn deepest(&self, table: &[u32]) -> u64 {
        // One more node than functions: the table calls all that is in it.
        let nodes = self.functions.len() + 1;
        let (mut entered, mut depths) = (vec![false; nodes], vec![0_u64; nodes]);
        let mut chain: Vec<Step> = Vec::new();
        for root in 0..nodes {
            if !entered[root] {
                entered[root] = true;
                chain.push(Step { node: root, looked: 0, below: 0 });
            }
            while let Some(step) = chain.last_mut() {
                let callee = self.callees_of(step.node, table).get(step.looked);
                step.looked += 1;
                match callee.map(|callee| self.node(*callee)) {
                    // Zero while it is on the way down itself.
                    Some(Some(node)) if entered[node] => step.below = step.below.max(depths[node]),
                    Some(Some(node)) => {
                        entered[node] = true;
                        chain.push(Step { node, looked: 0, below: 0 });
                    }
                    Some(None) => {}
                    None => {
                        let own = self.functions.get(step.node).map_or(0, |frame| frame.bytes);
                        let (node, depth) = (step.node, step.below + own);
                        depths[node] = depth;
                        chain.pop();
                        if let Some(caller) = chain.last_mut() {
                            caller.below = caller.below.max(depth);
                        }
                    }
                }
            }
        }
        depths.into_iter().max().unwrap_or(0)
    }

    /// Where a function is among the nodes; `None` if it is the host's.
    fn node(&self, function: u32) -> Option<usize> {
        match function {
            INDIRECT => Some(self.functions.len()),
            _ => function.checked_sub(self.first).map(|defined| defined as usize),
        }
    }

    fn callees_of<'a>(&'a self, node: usize, table: &'a [u32]) -> &'a [u32] {
        let Some(function) = self.functions.get(node) else { return table };
        let start = if node == 0 { 0 } else { self.functions[node - 1].callees_end };
        &self.callees[start..function.callees_end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of functions with so many bytes each, which call these; the first one has index 2.
    fn frames(functions: &[(i32, &[u32])]) -> Frames {
        let mut frames = Frames::default();
        for ((bytes, callees), index) in functions.iter().zip(2..) {
            frames.function(index);
            frames.operator(&Operator::GlobalGet { global_index: 0 });
            frames.operator(&Operator::I32Const { value: *bytes });
            frames.operator(&Operator::I32Sub);
            for callee in *callees {
                frames.operator(&match *callee {
                    INDIRECT => Operator::CallIndirect { type_index: 0, table_index: 0 },
                    function_index => Operator::Call { function_index },
                });
            }
        }
        frames
    }

    #[test]
    fn the_deepest_chain_of_calls_counts_and_not_the_sum_of_all() {
        assert_eq!(Frames::default().deepest(&[]), 0);
        assert_eq!(frames(&[(16, &[]), (32, &[]), (8, &[])]).deepest(&[]), 32);
        // The host's functions have no frames here.
        assert_eq!(frames(&[(16, &[0, 1])]).deepest(&[]), 16);
        assert_eq!(frames(&[(16, &[4, 3]), (32, &[]), (64, &[3])]).deepest(&[]), 112);
        // Called before it is known, and after.
        assert_eq!(frames(&[(1, &[]), (2, &[2, 4]), (4, &[2])]).deepest(&[]), 7);
    }

    #[test]
    fn whatever_is_in_the_table_may_be_called_indirectly() {
        let table = [4, 5, 0];
        let frames = frames(&[(16, &[INDIRECT]), (99, &[]), (32, &[]), (64, &[4])]);
        assert_eq!(frames.deepest(&table), 112);
        assert_eq!(frames.deepest(&[]), 99);
    }

    #[test]
    fn functions_that_call_each_other_count_once_and_end() {
        assert_eq!(frames(&[(16, &[2])]).deepest(&[]), 16);
        assert_eq!(frames(&[(16, &[3]), (32, &[4]), (64, &[2])]).deepest(&[]), 112);
        assert_eq!(frames(&[(16, &[INDIRECT])]).deepest(&[2]), 16);
    }

    #[test]
    fn a_long_chain_of_calls_takes_no_stack() {
        let callees: Vec<[u32; 1]> = (3..100_003).map(|index| [index]).collect();
        let mut functions: Vec<(i32, &[u32])> =
            callees.iter().map(|callee| (1, &callee[..])).collect();
        functions.push((1, &[]));
        assert_eq!(frames(&functions).deepest(&[]), 100_001);
    }
}
