//! The least host that a token can run on: its functions find an input and enough money, and do
//! nothing with it, so that what is measured is the guest.

use tos_benches::bench::must;
use tos_runtime::limits::{IMPORT_MODULE, MEMORY_EXPORT};
use wasmtime::{Caller, Extern, Linker};

/// An address and an amount.
const INPUT: [u8; 41] = [1; 41];

/// Offers the functions that the token imports.
pub(crate) fn link(linker: &mut Linker<()>) {
    let address = |caller: Caller<'_, ()>, out: i32| write(caller, out, &INPUT[..33]);
    must(linker.func_wrap(IMPORT_MODULE, "caller", address));
    must(linker.func_wrap(IMPORT_MODULE, "contract", address));
    must(linker.func_wrap(IMPORT_MODULE, "input", |caller: Caller<'_, ()>, out: i32, _: i32| {
        write(caller, out, &INPUT);
        INPUT.len() as i32
    }));
    must(linker.func_wrap(IMPORT_MODULE, "counter_add", |_: i32, _: i32, _: i32, _: i64| 0_i32));
    must(linker.func_wrap(IMPORT_MODULE, "counter_sub", |_: i32, _: i32, _: i32, _: i64| 0_i32));
    must(linker.func_wrap(IMPORT_MODULE, "counter_read", |_: i32, _: i32, _: i32, _: i32| 0_i32));
    must(linker.func_wrap(IMPORT_MODULE, "emit", |_: i32, _: i32, _: i32, _: i32| 0_i32));
    must(linker.func_wrap(IMPORT_MODULE, "set_return", |_: i32, _: i32| 0_i32));
    must(linker.func_wrap(
        IMPORT_MODULE,
        "abort",
        |_: i32, _: i32, _: i32, _: i32, _: i32, _: i32| {},
    ));
}

fn write(mut caller: Caller<'_, ()>, out: i32, bytes: &[u8]) {
    let memory = caller.get_export(MEMORY_EXPORT).and_then(Extern::into_memory);
    must(memory.expect("exports its memory").write(&mut caller, out as usize, bytes));
}
