//! Compiled modules as bytes in the database: a cache that survives a restart.
//!
//! An artifact is machine code, so it is loaded only if it is exactly what this very engine wrote:
//! its key covers the code, the preparation, the prices and everything wasmtime says about
//! compatibility, and its digest covers every byte. The one `unsafe` block of the crate is here.
#![allow(unsafe_code, reason = "loading compiled code is unsafe by nature; argued below")]

use std::hash::{Hash as _, Hasher};

use tos_host_api::Hash;
use wasmtime::{Engine, Module};

use crate::planted::{Bug, planted};

/// Length of the digest in front of an artifact, in bytes.
const DIGEST_LEN: usize = 32;

/// Names the compiled form of a module under this engine.
pub(super) fn key(engine: &Engine, code_hash: &Hash, prepare_id: &Hash) -> Hash {
    let mut hasher = KeyHasher(blake3::Hasher::new_derive_key("tos-runtime artifact v2"));
    hasher.write(&code_hash.0);
    if !planted(Bug::ArtifactsOfOtherRules) {
        hasher.write(&prepare_id.0);
    }
    engine.precompile_compatibility_hash().hash(&mut hasher);
    Hash(*hasher.0.finalize().as_bytes())
}

/// The bytes to store for a module and what is known about it; `None` if it cannot be serialized,
/// which costs only time. `digest ++ length of the facts (u32) ++ facts ++ code`.
pub(super) fn encode(module: &Module, facts: &[u8], key: &Hash) -> Option<Vec<u8>> {
    let code = module.serialize().ok()?;
    let facts_len = u32::try_from(facts.len()).ok()?;
    let mut bytes = Vec::with_capacity(DIGEST_LEN + 4 + facts.len() + code.len());
    bytes.extend_from_slice(&[0; DIGEST_LEN]);
    bytes.extend_from_slice(&facts_len.to_le_bytes());
    bytes.extend_from_slice(facts);
    bytes.extend_from_slice(&code);
    let (head, body) = bytes.split_at_mut(DIGEST_LEN);
    head.copy_from_slice(digest(key, body).as_bytes());
    Some(bytes)
}

/// The module and the facts stored in `bytes`, or `None` when they are not what was written under
/// `key`.
pub(super) fn decode<'a>(
    engine: &Engine,
    bytes: &'a [u8],
    key: &Hash,
) -> Option<(Module, &'a [u8])> {
    let (stored, body) = bytes.split_first_chunk::<DIGEST_LEN>()?;
    if digest(key, body) != *stored {
        return None;
    }
    let (facts_len, rest) = body.split_first_chunk::<4>()?;
    let (facts, code) = rest.split_at_checked(u32::from_le_bytes(*facts_len) as usize)?;
    // SAFETY: `Module::deserialize` requires bytes produced by `Module::serialize` of a compatible
    // engine. The digest proves that these bytes are, unchanged, what `encode` wrote under `key`,
    // and `key` covers `precompile_compatibility_hash`, that is, wasmtime's version and every
    // setting that influences code. Whoever can forge both can write to the database file and
    // with it the whole state; the file is trusted like the executable.
    let module = unsafe { Module::deserialize(engine, code) }.ok()?;
    Some((module, facts))
}

fn digest(key: &Hash, code: &[u8]) -> blake3::Hash {
    blake3::keyed_hash(&key.0, code)
}

/// Feeds `std::hash::Hash` values to BLAKE3.
struct KeyHasher(blake3::Hasher);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&self.0.finalize().as_bytes()[..8]);
        u64::from_le_bytes(first)
    }
}
