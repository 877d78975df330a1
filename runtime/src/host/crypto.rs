//! Hashes and signatures, on the crates the field uses. Priced per byte before a byte is read.

use ed25519_zebra::{Signature, VerificationKey};
use k256::ecdsa::{RecoveryId, Signature as EcdsaSignature, VerifyingKey};
use sha2::{Digest, Sha256};
use sha3::Keccak256;
use tos_host_api::Status;
use wasmtime::Linker;

use super::{HostCall, code, host_function};
use crate::execute::Interrupt;
use crate::sandbox::HostState;

pub(super) fn link(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    host_function!(linker, Blake3, |call, data: u32, len: u32, out: u32| -> () {
        hash(call, (data, len), out, |data| *blake3::hash(data).as_bytes())
    });
    host_function!(linker, Sha256, |call, data: u32, len: u32, out: u32| -> () {
        hash(call, (data, len), out, |data| Sha256::digest(data).into())
    });
    host_function!(linker, Keccak256, |call, data: u32, len: u32, out: u32| -> () {
        hash(call, (data, len), out, |data| Keccak256::digest(data).into())
    });
    host_function!(linker, Ed25519Verify, |call,
                                           public_key: u32,
                                           signature: u32,
                                           message: u32,
                                           message_len: u32|
     -> i32 {
        call.charge_bytes(u64::from(message_len))?;
        let (memory, _) = call.memory();
        let public_key = memory.array::<32>(public_key)?;
        let signature = Signature::from_bytes(&memory.array::<64>(signature)?);
        let message = memory.read(message, message_len)?;
        let valid = VerificationKey::try_from(public_key)
            .and_then(|public_key| public_key.verify(&signature, message));
        Ok(code(valid.map_or(Status::InvalidSignature, |()| Status::Ok)))
    });
    host_function!(linker, Secp256k1Recover, |call, hash: u32, signature: u32, out: u32| -> i32 {
        let (mut memory, _) = call.memory();
        let hash = memory.array::<32>(hash)?;
        let signature = memory.array::<65>(signature)?;
        match recover(&hash, &signature) {
            Some(public_key) => {
                memory.write(out, &public_key)?;
                Ok(code(Status::Ok))
            }
            None => Ok(code(Status::InvalidSignature)),
        }
    });
    Ok(())
}

/// Hashes a range of memory into 32 bytes. The data is read before the hash is written, so they may
/// overlap.
fn hash(
    call: &mut HostCall<'_, '_>,
    (data, len): (u32, u32),
    out: u32,
    hash: impl FnOnce(&[u8]) -> [u8; 32],
) -> Result<(), Interrupt> {
    call.charge_bytes(u64::from(len))?;
    let (mut memory, _) = call.memory();
    let hash = hash(memory.read(data, len)?);
    memory.write(out, &hash)
}

/// The key whose signature over `hash` this is: `r`, `s` and a recovery id of 0 to 3. Refuses the
/// larger of the two values of `s` that sign the same, so that a signature has one form.
fn recover(hash: &[u8; 32], signature: &[u8; 65]) -> Option<[u8; 64]> {
    let (r_and_s, id) = signature.split_at(64);
    let id = RecoveryId::from_byte(id[0])?;
    let signature = EcdsaSignature::from_slice(r_and_s).ok()?;
    if signature.normalize_s() != signature {
        return None;
    }
    let key = VerifyingKey::recover_from_prehash(hash, &signature, id).ok()?;
    let point = key.to_sec1_point(false);
    // The first byte says that both coordinates follow.
    point.as_bytes().get(1..)?.try_into().ok()
}
