//! What operators do in a row, so that their time can be told: a loop around many copies of one
//! expression. Holds texts only; the bench runs them.

use std::fmt::Write;

use tos_runtime::prepare::OperatorClass::{self, *};

/// Copies of an expression in one pass of the loop: enough that the loop itself does not count.
const COPIES: usize = 64;

/// What memory holds before a workload runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// One page of zeros.
    Small,
    /// All pages a contract may have; the first word of every cache line is the address of another
    /// line, and following them visits all.
    Cycle,
    /// All pages a contract may have, every word an address drawn at random.
    Scattered,
}

/// Whether copies wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Each copy needs the result of the one before it: latency.
    Chain,
    /// Four chains side by side: throughput.
    Mixed,
}

/// A loop that repeats an operator.
#[derive(Debug, Clone)]
pub struct OperatorWorkload {
    /// What is measured.
    pub name: String,
    /// The class whose price it informs.
    pub class: OperatorClass,
    /// Whether copies wait for each other.
    pub order: Order,
    /// What memory holds.
    pub memory: Memory,
    /// How many operators of the class run in one pass.
    pub operators: usize,
    /// The condition that branches look at.
    pub condition: u32,
    /// The length of bulk operations.
    pub len: u32,
    value: &'static str,
    fields: String,
    step: &'static str,
    body: String,
}

impl OperatorWorkload {
    /// The module that repeats the operator, exporting `run`. The number of passes stands in the
    /// first word of memory; accumulators `$a` to `$d` start at zero, `$x` is 3, `$y` and `$z` are
    /// large and odd, and nothing of this can the compiler know.
    #[must_use]
    pub fn module(&self) -> String {
        self.text(&self.body)
    }

    /// The same module with nothing repeated: what the loop costs.
    #[must_use]
    pub fn empty_module(&self) -> String {
        self.text("")
    }

    fn text(&self, body: &str) -> String {
        let Self { value, fields, step, .. } = self;
        let pages = if self.memory == Memory::Small { 1 } else { 64 };
        let locals = ["a", "b", "c", "d", "x", "y", "z"];
        let (mut declared, mut loaded, mut kept) = (String::new(), String::new(), String::new());
        for (idx, local) in locals.into_iter().enumerate() {
            let at = 8 + 8 * idx;
            let _ = write!(declared, "(local ${local} {value})");
            let _ = write!(loaded, "(local.set ${local} ({value}.load (i32.const {at})))");
            let _ = write!(kept, "({value}.store (i32.const {at}) (local.get ${local}))");
        }
        format!(
            r#"(module
              (memory (export "memory") {pages})
              {fields}
              (func (export "run") {declared}
                (local $n i32) (local $p i32) (local $q i32) (local $f i32) (local $r i32)
                (local $len i32)
                (local.set $n (i32.load (i32.const 0)))
                (local.set $p (i32.load (i32.const 64)))
                (local.set $q (i32.load (i32.const 68)))
                (local.set $f (i32.load (i32.const 72)))
                (local.set $len (i32.load (i32.const 76)))
                {loaded}
                (loop $again
                  {step}
                  {body}
                  (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
                (i32.store (i32.const 64) (i32.add (local.get $p) (local.get $q)))
                (i32.store (i32.const 68) (i32.add (local.get $f) (local.get $r)))
                {kept}))"#
        )
    }
}

/// The words a workload finds at the beginning of memory: passes, accumulators, operands, two equal
/// addresses, a condition and a length.
#[must_use]
pub fn head(passes: u32, condition: u32, len: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&u64::from(passes).to_le_bytes());
    bytes.extend_from_slice(&[0; 4 * 8]);
    for operand in [3, 0xfedc_ba98_f654_3211_u64, 0x9e37_79b9_8f4a_7c15] {
        bytes.extend_from_slice(&operand.to_le_bytes());
    }
    for word in [1024, 1024, condition, len] {
        bytes.extend_from_slice(&u32::to_le_bytes(word));
    }
    bytes
}

/// A workload from an expression. In it `A` is the accumulator, `X` an operand, `Y` the large one,
/// `OFF` an offset and `NUM` a number that differ from copy to copy.
struct Template {
    class: OperatorClass,
    name: &'static str,
    value: &'static str,
    expression: &'static str,
}

const fn template(
    class: OperatorClass,
    name: &'static str,
    value: &'static str,
    expression: &'static str,
) -> Template {
    Template { class, name, value, expression }
}

#[rustfmt::skip] // A table.
const TEMPLATES: &[Template] = &[
    template(Simple, "i32 select", "i32", "(select X (local.get $n) A)"),
    template(Simple, "i64.const, large", "i64", "(i64.add (i64.xor A (i64.const NUM)) X)"),
    template(Arithmetic, "i32.add", "i32", "(i32.add A X)"),
    template(Arithmetic, "i64.add", "i64", "(i64.add A X)"),
    template(Arithmetic, "i64.xor", "i64", "(i64.xor A X)"),
    template(Arithmetic, "i32.shl", "i32", "(i32.shl A X)"),
    template(Arithmetic, "i64.shr_s", "i64", "(i64.shr_s A X)"),
    template(Arithmetic, "i32.add and i32.rotl", "i32", "(i32.rotl (i32.add A X) Y)"),
    template(Arithmetic, "i64.xor and i64.rotr", "i64", "(i64.rotr (i64.xor A X) Y)"),
    template(Arithmetic, "i32.lt_s", "i32", "(i32.lt_s A X)"),
    template(Arithmetic, "i64.eq and i64.extend_i32_u", "i64", "(i64.extend_i32_u (i64.eq A X))"),
    template(Arithmetic, "i32.add and i32.eqz", "i32", "(i32.eqz (i32.add A X))"),
    template(Arithmetic, "i64.add, wrap, extend_i32_s", "i64",
        "(i64.extend_i32_s (i32.wrap_i64 (i64.add A X)))"),
    template(Arithmetic, "i32.add and extend8_s", "i32", "(i32.extend8_s (i32.add A X))"),
    template(Arithmetic, "i64.add and extend32_s", "i64", "(i64.extend32_s (i64.add A X))"),
    template(CountBits, "i32.clz", "i32", "(i32.clz A)"),
    template(CountBits, "i64.clz", "i64", "(i64.clz A)"),
    template(CountBits, "i32.ctz", "i32", "(i32.ctz A)"),
    template(CountBits, "i64.ctz", "i64", "(i64.ctz A)"),
    template(CountBits, "i32.popcnt", "i32", "(i32.popcnt A)"),
    template(CountBits, "i64.popcnt", "i64", "(i64.popcnt A)"),
    template(Multiply, "i32.mul", "i32", "(i32.mul A X)"),
    template(Multiply, "i64.mul", "i64", "(i64.mul A X)"),
    template(Divide, "i32.div_u", "i32", "(i32.div_u (i32.or A Y) X)"),
    template(Divide, "i32.div_s", "i32", "(i32.div_s (i32.or A Y) X)"),
    template(Divide, "i32.rem_u", "i32", "(i32.rem_u (i32.or A Y) X)"),
    template(Divide, "i32.rem_s", "i32", "(i32.rem_s (i32.or A Y) X)"),
    template(Divide, "i64.div_u", "i64", "(i64.div_u (i64.or A Y) X)"),
    template(Divide, "i64.div_s", "i64", "(i64.div_s (i64.or A Y) X)"),
    template(Divide, "i64.rem_u", "i64", "(i64.rem_u (i64.or A Y) X)"),
    template(Divide, "i64.rem_s", "i64", "(i64.rem_s (i64.or A Y) X)"),
    template(Load, "i32.load, address from a load", "i32", "(i32.load offset=OFF A)"),
    template(Load, "i32.load8_s, address from a load", "i32", "(i32.load8_s offset=OFF A)"),
    template(Load, "i64.load, address from a load", "i64",
        "(i64.load offset=OFF (i32.wrap_i64 A))"),
    template(Load, "i32.load8_u and add", "i32",
        "(i32.add A (i32.load8_u offset=OFF (local.get $p)))"),
    template(Load, "i64.load16_s and add", "i64",
        "(i64.add A (i64.load16_s offset=OFF (local.get $p)))"),
    template(Load, "i32.load and add", "i32", "(i32.add A (i32.load offset=OFF (local.get $p)))"),
    template(Load, "i64.load and add", "i64", "(i64.add A (i64.load offset=OFF (local.get $p)))"),
    template(Load, "i64.load across lines and add", "i64",
        "(i64.add A (i64.load offset=60 (i32.add (local.get $p) (i32.const OFF))))"),
    template(MemorySize, "memory.size and add", "i32", "(i32.add A (memory.size))"),
    template(MemoryGrow, "memory.grow by none and add", "i32",
        "(i32.add A (memory.grow (i32.const 0)))"),
    template(Call, "call of an empty function", "i32", "(call $same A)"),
    template(Call, "call of a function that calls", "i32", "(call $twice A)"),
    template(Call, "call with 8 parameters", "i32", "(call $eight A X A X A X A X)"),
    template(Call, "call with 32 parameters", "i32",
        "(call $many A X A X A X A X A X A X A X A X A X A X A X A X A X A X A X A X)"),
    template(Call, "call with 8 locals", "i32", "(call $locals8 A)"),
    template(Call, "call with 64 locals", "i32", "(call $locals64 A)"),
    template(Call, "call with 256 locals", "i32", "(call $locals256 A)"),
    template(CallIndirect, "call_indirect", "i32",
        "(call_indirect (type $unary) A (local.get $f))"),
];

const FUNCTIONS: &str = "(type $unary (func (param i32) (result i32)))
    (table 2 2 funcref) (elem (i32.const 0) $same $same)
    (func $same (param i32) (result i32) (local.get 0))
    (func $twice (param i32) (result i32) (call $same (local.get 0)))";

impl Template {
    fn workload(&self, order: Order) -> OperatorWorkload {
        let mut body = String::new();
        for copy in 0..COPIES {
            let (chain, operand) = match order {
                Order::Chain => (0, copy % 3),
                Order::Mixed => (copy % 4, copy / 4 % 3),
            };
            let accumulator = ["$a", "$b", "$c", "$d"][chain];
            // Divisors stay small, so that quotients are long.
            let operand = if self.class == Divide { 0 } else { operand };
            let operand = ["$x", "$y", "$z"][operand];
            let number = (copy as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) as i64;
            let expression = self
                .expression
                .replace("OFF", &(1024 + 8 * copy).to_string())
                .replace("NUM", &number.to_string())
                .replace('A', &format!("(local.get {accumulator})"))
                .replace('X', &format!("(local.get {operand})"))
                .replace('Y', "(local.get $y)");
            let _ = writeln!(body, "(local.set {accumulator} {expression})");
        }
        let fields = match self.class {
            Call | CallIndirect => format!("{FUNCTIONS} {}", wide_functions()),
            _ => String::new(),
        };
        OperatorWorkload {
            name: self.name.into(),
            class: self.class,
            order,
            memory: Memory::Small,
            operators: COPIES,
            condition: 0,
            len: 0,
            value: self.value,
            fields,
            step: "",
            body,
        }
    }
}

/// Functions with many parameters and locals, all of which are used.
fn wide_functions() -> String {
    let mut text = String::new();
    for (name, params) in [("eight", 8), ("many", 32)] {
        let mut sum = String::from("(local.get 0)");
        for param in 1..params {
            sum = format!("(i32.xor {sum} (local.get {param}))");
        }
        let _ = write!(text, "(func ${name} (param {}) (result i32) {sum})", "i32 ".repeat(params));
    }
    for locals in [8, 64, 256] {
        // Which locals are set depends on the argument, so that all others have to be zeroed.
        let mut sum = String::from("(i32.const 0)");
        for local in 1..=locals {
            sum = format!("(i32.xor {sum} (local.get {local}))");
        }
        let zeros = "i32 ".repeat(locals);
        let _ = write!(
            text,
            "(func $locals{locals} (param i32) (result i32) (local {zeros})
               (if (i32.lt_u (local.get 0) (i32.const 5)) (then (return (local.get {locals}))))
               {sum})"
        );
    }
    text
}

/// Every workload.
#[must_use]
pub fn operator_workloads() -> Vec<OperatorWorkload> {
    let mut workloads = Vec::new();
    for template in TEMPLATES {
        workloads.extend([Order::Chain, Order::Mixed].map(|order| template.workload(order)));
    }
    workloads.extend(super::special::special_workloads());
    workloads
}

impl OperatorWorkload {
    /// A workload whose body is written out.
    pub(super) fn special(
        class: OperatorClass,
        name: &str,
        operators: usize,
        body: String,
    ) -> Self {
        Self {
            name: name.into(),
            class,
            order: Order::Chain,
            memory: Memory::Small,
            operators,
            condition: 0,
            len: 0,
            value: "i32",
            fields: String::new(),
            step: "",
            body,
        }
    }

    pub(super) fn with_memory(mut self, memory: Memory, step: &'static str) -> Self {
        (self.memory, self.step) = (memory, step);
        self
    }

    pub(super) fn with_fields(mut self, fields: impl Into<String>) -> Self {
        self.fields = fields.into();
        self
    }

    pub(super) fn mixed(mut self) -> Self {
        self.order = Order::Mixed;
        self
    }

    pub(super) fn with_operands(mut self, condition: u32, len: u32) -> Self {
        (self.condition, self.len) = (condition, len);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The classes that have a price. A new one does not compile until it stands here.
    fn is_priced(class: OperatorClass) -> bool {
        match class {
            Structure => false,
            Loop | Simple | Arithmetic | CountBits | Multiply | Divide | Load | Store | Global
            | Branch | BranchTable | Call | CallIndirect | MemorySize | MemoryGrow | MemoryBulk => {
                true
            }
        }
    }

    #[test]
    fn every_priced_class_has_a_workload_that_the_gate_lets_through() {
        let workloads = operator_workloads();
        let mut classes: Vec<String> = Vec::new();
        for workload in &workloads {
            assert!(is_priced(workload.class), "{} is free", workload.name);
            let prepare = |text: &str| {
                tos_runtime::prepare::check(&crate::assemble(text))
                    .unwrap_or_else(|error| panic!("{}: {error}", workload.name))
            };
            assert_eq!(prepare(&workload.module()).entries, ["run"]);
            assert_eq!(prepare(&workload.empty_module()).entries, ["run"]);
            classes.push(format!("{:?}", workload.class));
        }
        classes.sort_unstable();
        classes.dedup();
        assert_eq!(classes.len(), 16, "{classes:?}");
    }
}
