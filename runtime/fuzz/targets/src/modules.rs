//! The gate and the preparation of modules.

use arbitrary::Unstructured;
use tos_runtime::prepare::{OperatorCosts, PrepareError, check, prepare};
use wasm_smith::Config;

/// Any bytes: refused, or prepared.
pub fn bytes(bytes: &[u8]) {
    let costs = OperatorCosts::default();
    let checked = check(bytes);
    match prepare(bytes, &costs) {
        Ok(prepared) => {
            let info = checked.expect("what is prepared has passed the gate");
            assert_eq!(info, prepared.info);
            let again = prepare(bytes, &costs).expect("the same bytes");
            assert_eq!(again, prepared, "preparation depends on more than the module");
            // Its counters have names that no deployed module may use.
            assert!(check(&prepared.module).is_err(), "what is prepared can be deployed");
        }
        Err(PrepareError::Rejected(rejection)) => {
            let first = checked.expect_err("what is refused has not passed the gate");
            assert_eq!(first.to_string(), rejection.to_string());
        }
        Err(error @ PrepareError::Broken(_)) => panic!("{error}"),
    }
}

/// Valid modules of wasm-smith, with as much of the language as the bytes choose: the gate refuses
/// most of them somewhere in their middle.
pub fn generated(bytes: &[u8]) {
    let mut source = Unstructured::new(bytes);
    let Ok(choices) = source.arbitrary::<u16>() else { return };
    let on = |bit: u16| choices >> bit & 1 == 1;
    let config = Config {
        allow_floats: on(0),
        bulk_memory_enabled: on(1),
        multi_value_enabled: on(2),
        reference_types_enabled: on(3),
        simd_enabled: on(4),
        tail_call_enabled: on(5),
        threads_enabled: on(6),
        memory64_enabled: on(7),
        exceptions_enabled: on(8),
        gc_enabled: on(3) && on(9),
        allow_start_export: on(10),
        export_everything: on(11),
        max_memories: usize::from(on(12)) + 1,
        max_imports: usize::from(on(13)),
        ..Config::default()
    };
    if let Ok(module) = wasm_smith::Module::new(config, &mut source) {
        self::bytes(&module.to_bytes());
    }
}
