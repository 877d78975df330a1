//! The same module on several WebAssembly engines.

use std::sync::LazyLock;

use tos_differential::compare::compare;
use tos_differential::engines::{self, Engine, on_threads};
use tos_differential::sources::of_bytes;

static ENGINES: LazyLock<Vec<Box<dyn Engine>>> =
    LazyLock::new(|| engines::all().expect("engines start"));

/// Engines agree on everything that the module wasm-smith makes of the bytes leaves behind. The
/// first eight bytes are the seed of what the host answers.
pub fn agree(bytes: &[u8]) {
    let Some((seed, bytes)) = bytes.split_first_chunk() else { return };
    let seed = u64::from_le_bytes(*seed);
    let Some(subject) = of_bytes(seed, bytes) else { return };
    // On a stack that is large enough for a guest.
    let compared = on_threads(1, |_| compare(&ENGINES, &subject, seed).map(drop)).pop();
    if let Some(Err(difference)) = compared {
        panic!("{difference}");
    }
}
