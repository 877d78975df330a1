//! Programs that measure metering: plain computing, plain memory, a hash, each in a loop as long as
//! the first word of memory says. And contracts that measure calls.

use crate::assemble;

/// Steps of Collatz sequences.
pub const COMPUTE_WAT: &str = include_str!("../guests/compute.wat");
/// The sieve of Eratosthenes.
pub const SIEVE_WAT: &str = include_str!("../guests/sieve.wat");
/// SHA-256.
pub const SHA256_WAT: &str = include_str!("../guests/sha256.wat");
/// Calls that do nothing, use one slot, or call again.
pub const CALLS_WAT: &str = include_str!("../guests/calls.wat");

/// A contract whose entry `run` computes SHA-256 of this many zero bytes once.
///
/// # Panics
/// Never: the guest assembles with any length.
#[must_use]
pub fn sha256_contract(len: u32) -> Vec<u8> {
    let bytes = [1_u32.to_le_bytes(), len.to_le_bytes()].concat();
    let text: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let words = format!("(module\n  (data (i32.const 0) \"{text}\")");
    assemble(&SHA256_WAT.replacen("(module", &words, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a guest on this first memory: what it leaves at 64.
    fn run<const LEN: usize>(wat: &str, memory: &[(usize, &[u8])]) -> [u8; LEN] {
        let engine = wasmtime::Engine::default();
        let module = wasmtime::Module::from_binary(&engine, &assemble(wat)).expect("compiles");
        let mut store = wasmtime::Store::new(&engine, ());
        let instance = wasmtime::Instance::new(&mut store, &module, &[]).expect("instantiates");
        let bytes = instance.get_memory(&mut store, "memory").expect("exports its memory");
        for (offset, part) in memory {
            bytes.write(&mut store, *offset, part).expect("fits");
        }
        let entry = instance.get_typed_func::<(), ()>(&mut store, "run").expect("exports run");
        entry.call(&mut store, ()).expect("runs");
        let mut left = [0; LEN];
        bytes.read(&store, 64, &mut left).expect("is there");
        left
    }

    fn sha256(message: &[u8]) -> String {
        let len = (message.len() as u32).to_le_bytes();
        let digest: [u8; 32] = run(SHA256_WAT, &[(0, &[2, 0, 0, 0]), (4, &len), (1024, message)]);
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn sha256_gives_the_published_digests() {
        // The examples of FIPS 180-4, and the lengths at which padding takes another block.
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(b""), empty);
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), abc);
        let two_blocks = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        let digest = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
        assert_eq!(sha256(two_blocks), digest);
        let full_block = "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb";
        assert_eq!(sha256(&[b'a'; 64]), full_block);
    }

    #[test]
    fn the_loops_compute_what_they_say() {
        assert_eq!(u32::from_le_bytes(run(SIEVE_WAT, &[(0, &[1])])), 6_057);
        let steps = run(COMPUTE_WAT, &[(0, &1_000_u32.to_le_bytes())]);
        assert_eq!(u32::from_le_bytes(steps), 59_542);
    }
}
