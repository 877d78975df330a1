//! M18, M19: segments that do not fit where they go.

use tos_runtime::ModuleFault as Fault;

use super::{assert_refused, case, deployment, with};
use crate::support::Chain;

#[test]
fn m18_data_that_does_not_fit_the_initial_memory_is_refused_at_deployment() {
    let data = |says: &'static str, fields: &str| {
        case(Fault::Segment, fields.chars().take(60).collect::<String>(), says, with(fields))
    };
    // A data count section that claims two segments where there is one.
    let mut lying = with(r#"(data (i32.const 0) "x")"#);
    let empty_body = [10, 4, 1, 2, 0, 11];
    let at = lying.windows(6).position(|bytes| bytes == empty_body).expect("code section");
    lying.splice(at..at, [12, 1, 2]);
    let half = "x".repeat(400_000);
    assert_refused(vec![
        data("65537", r#"(data (i32.const 65535) "xy")"#),
        data("4294967296", r#"(data (i32.const -1) "x")"#),
        data("beyond the initial size", &format!(r#"(data (i32.const 0) "{half}")"#)),
        data("wasm32v1-none", r#"(data "passive")"#),
        data(
            "not active at a constant offset",
            r#"(global $g i32 (i32.const 0)) (data (global.get $g) "x")"#,
        ),
        case(Fault::Malformed, "a wrong count", "inconsistent", lying),
    ]);
}

#[test]
fn m18_data_that_fits_is_written_in_order_whether_or_not_it_overlaps() {
    let mut chain = Chain::new(1);
    let code = crate::support::wasm(
        r#"(module
            (import "tos_v1" "set_return" (func $set_return (param i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 4) "abcd")
            (data (i32.const 6) "over")
            (data (i32.const 65536) "")
            (data (i32.const 65535) "x")
            (func (export "read") (drop (call $set_return (i32.const 3) (i32.const 8)))))"#,
    );
    let contract = chain.deploy(code, &[]);
    assert_eq!(chain.view(contract, "read", &[]), b"\0abover\0");
}

#[test]
fn m19_elements_that_do_not_fit_the_table_are_refused_at_deployment() {
    let elements = |fault, says: &'static str, text: &str| {
        let code = with(&format!("(table 2 funcref) (func $f) {text}"));
        case(fault, text, says, code)
    };
    assert_refused(vec![
        elements(Fault::Segment, "ends at 3", "(elem (i32.const 1) $f $f)"),
        elements(Fault::Segment, "4294967296", "(elem (i32.const -1) $f)"),
        elements(Fault::Segment, "not active", "(elem func $f)"),
        elements(Fault::Segment, "not active", "(elem declare func $f)"),
        elements(Fault::Segment, "not active", "(elem (i32.const 0) funcref (ref.null func))"),
        elements(Fault::Malformed, "function 9", "(elem (i32.const 0) 9)"),
    ]);
}

#[test]
fn m19_an_element_that_was_never_set_traps_when_it_is_called() {
    let mut chain = Chain::new(1);
    let code = with(
        r#"(table 3 funcref) (elem (i32.const 1) $f) (func $f) (func $other (param i32))
        (type $plain (func)) (type $other (func (param i32)))
        (func (export "set") (call_indirect (type $plain) (i32.const 1)))
        (func (export "unset") (call_indirect (type $plain) (i32.const 2)))
        (func (export "outside") (call_indirect (type $plain) (i32.const 3)))
        (func (export "of_another_type")
          (call_indirect (type $other) (i32.const 0) (i32.const 1)))"#,
    );
    let order = deployment(&chain, code);
    let contract = chain.one(0, order).contract.expect("it is deployed");
    let call = |entry: &str| crate::support::Order::invoke(contract, entry, &[]);
    assert!(chain.one(0, call("set")).status.is_success());
    let trap = tos_runtime::ExecutionStatus::Halted(tos_runtime::HaltReason::Trap);
    for entry in ["unset", "outside", "of_another_type"] {
        chain.assert_fails(0, call(entry), &trap);
    }
}
