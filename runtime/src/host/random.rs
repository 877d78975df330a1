//! Randomness that every node agrees on. It is a function of the block and of the transaction's
//! place in it, so whoever makes the block knows it before anybody else, and can choose.

use tos_host_api::{Status, limits};
use wasmtime::Linker;

use super::{code, host_function};
use crate::execute::Scope;
use crate::planted::{Bug, planted};
use crate::sandbox::HostState;

pub(super) fn link(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    host_function!(linker, Random, |call, out: u32, len: u32| -> i32 {
        if len as usize > limits::RANDOM_LEN_MAX {
            return Ok(code(Status::TooLong));
        }
        call.charge_bytes(u64::from(len))?;
        // What was handed out is not taken back.
        call.settle()?;
        let (mut memory, state) = call.memory();
        let mut bytes = vec![0; len as usize];
        fill(&mut state.scope, &mut bytes);
        memory.write(out, &bytes)?;
        Ok(code(Status::Ok))
    });
    Ok(())
}

/// The next bytes of the transaction's stream: BLAKE3 in extendable output mode over the block's
/// context and the transaction's index in the block.
fn fill(scope: &mut Scope, bytes: &mut [u8]) {
    let mut hasher = blake3::Hasher::new_derive_key("tos-runtime random v1");
    let index = if planted(Bug::RandomForgetsTheIndex) { 0 } else { scope.index };
    let seed = (&*scope.env.context, index);
    hasher.update(&borsh::to_vec(&seed).expect("writing to a Vec cannot fail"));
    let mut stream = hasher.finalize_xof();
    stream.set_position(scope.random_bytes);
    stream.fill(bytes);
    // Each byte is paid for: no gas limit reaches 2^64 of them.
    scope.random_bytes += bytes.len() as u64;
}
