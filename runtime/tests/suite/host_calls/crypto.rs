//! H20, H25: hashes, signatures and random bytes. Published vectors are in `calls/crypto.rs`.

use k256::ecdsa::SigningKey as EcdsaKey;
use tos_host_api::{HostFunction as F, Status};
use tos_runtime::limits::RANDOM_LEN_MAX;
use tos_runtime::{AccessMode, HaltReason};

use super::{but, out_of_bounds, sensible, with_bytes};
use crate::support::place::*;
use crate::support::{Hostile, Order, key, receipt};

const INVALID: i64 = Status::InvalidSignature.code() as i64;

#[test]
fn h20_hashes_take_nothing_or_the_whole_memory_and_cost_by_the_byte() {
    let mut hostile = Hostile::raw();
    for function in [F::Blake3, F::Sha256, F::Keccak256] {
        let hash = |len: u64| [0, len, OUT];
        let gas = [0, 1, END].map(|len| hostile.raw_gas(function, &hash(len)));
        let per_byte = function.spec().gas.per_byte;
        assert!(per_byte > 0);
        assert_eq!((gas[1] - gas[0], gas[2] - gas[0]), (per_byte, END * per_byte), "{function}");
        hostile.raw_halts(function, &hash(END + 1), out_of_bounds(function));
        // More than anybody can pay for is out of gas before it is out of bounds.
        hostile.raw_halts(function, &hash(u64::from(u32::MAX)), HaltReason::OutOfGas);
        // Data and hash overlap in part.
        let (_, apart) = hostile.result_and_memory(function, &[BYTES, 40, OUT]);
        let input = hostile.arguments(function, OUT_END as u32, &[BYTES, 40, BYTES + 20]);
        let memory = hostile.call(function.spec().name, &input).return_data;
        let at = BYTES as usize + 20;
        assert_eq!(memory[at..at + 32], apart[..32], "{function}");
    }
    let (_, memory) = hostile.result_and_memory(F::Blake3, &[BYTES, 300, OUT]);
    let bytes: Vec<u8> = (0..300).map(|at| b'a' + at as u8 % 26).collect();
    assert_eq!(memory[..32], *blake3::hash(&bytes).as_bytes());
}

/// A call of `ed25519_verify` with this key, signature and message.
fn verify(hostile: &Hostile, key: [u8; 32], signature: [u8; 64], message: &[u8]) -> Order {
    let bytes = [&key[..], &signature, message].concat();
    let args = [BYTES, BYTES + 32, BYTES + 96, message.len() as u64];
    with_bytes(hostile, F::Ed25519Verify, &args, &bytes)
}

/// The result of a call through `raw.wat`, and its gas.
#[track_caller]
fn outcome(hostile: &mut Hostile, order: Order) -> (i64, u64) {
    let receipt = hostile.chain.execute_one(1, order);
    assert!(receipt.status.is_success(), "{}", receipt.status);
    let (result, _) = receipt.return_data.split_first_chunk().expect("the result comes first");
    (i64::from_le_bytes(*result), receipt.gas_used.0)
}

#[test]
fn h20_a_bad_ed25519_signature_is_an_answer_and_costs_what_a_good_one_costs() {
    let mut hostile = Hostile::raw();
    let signer = key(5);
    let public: [u8; 32] = signer.verification_key().into();
    let message = [7; 100];
    let good: [u8; 64] = signer.sign(&message).into();
    let order = verify(&hostile, public, good, &message);
    let valid = outcome(&mut hostile, order);
    assert_eq!(valid.0, 0);
    let flipped = |at: usize| {
        let mut bytes = good;
        bytes[at] ^= 1;
        bytes
    };
    // s plus the group's order, which an older rule accepted: the top bits are the ones that give
    // it away.
    let large_s = {
        let mut bytes = good;
        bytes[63] |= 0xe0;
        bytes
    };
    let other: [u8; 32] = key(6).verification_key().into();
    let cases = [
        ("a bit of R", public, flipped(0)),
        ("a bit of s", public, flipped(32)),
        ("s is not reduced", public, large_s),
        ("all ones", public, [0xff; 64]),
        ("all zeroes", public, [0; 64]),
        ("another key", other, good),
        ("no point of the curve", [2; 32], good),
        ("all ones as a key", [0xff; 32], good),
    ];
    for (what, key, signature) in cases {
        let order = verify(&hostile, key, signature, &message);
        assert_eq!(outcome(&mut hostile, order), (INVALID, valid.1), "{what}");
    }
}

#[test]
fn h20_messages_of_ed25519_are_paid_by_the_byte_before_they_are_read() {
    let mut hostile = Hostile::raw();
    let args = sensible(F::Ed25519Verify);
    let len = |len: u64| but(F::Ed25519Verify, &args, "message_len", len);
    let price = F::Ed25519Verify.spec().gas;
    let gas = [0, 1_000, END - BYTES].map(|bytes| hostile.raw_gas(F::Ed25519Verify, &len(bytes)));
    assert!(gas[0] > price.base);
    assert_eq!(gas[1] - gas[0], 1_000 * price.per_byte);
    assert_eq!(gas[2] - gas[0], (END - BYTES) * price.per_byte);
    let halt = out_of_bounds(F::Ed25519Verify);
    hostile.raw_halts(F::Ed25519Verify, &len(END - BYTES + 1), halt);
    let max = len(u64::from(u32::MAX));
    hostile.raw_halts(F::Ed25519Verify, &max, HaltReason::OutOfGas);
}

#[test]
fn h20_a_key_of_small_order_signs_everything() {
    // ZIP-215, which transactions follow too, accepts such keys: equal on all machines, and
    // harmless as long as nobody believes a key just because something verifies under it. No
    // person has that key; a contract has to know whose keys it asks about.
    let mut hostile = Hostile::raw();
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    for message in [&b""[..], b"anything", &[9; 200]] {
        let order = verify(&hostile, identity, signature, message);
        assert_eq!(outcome(&mut hostile, order).0, 0);
    }
}

#[test]
fn h20_a_bad_secp256k1_signature_is_an_answer_and_writes_nothing() {
    let mut hostile = Hostile::raw();
    let signer = EcdsaKey::from_slice(&[7; 32]).expect("a key");
    let hash = [0x5a; 32];
    let (signature, id) = signer.sign_prehash_recoverable(&hash);
    let good: Vec<u8> = [&signature.to_bytes()[..], &[id.to_byte()]].concat();
    let input = |hostile: &Hostile, signature: &[u8], out: u64| {
        let args = [BYTES, BYTES + 32, out];
        let mut input = hostile.arguments(F::Secp256k1Recover, OUT_END as u32, &args);
        let at = BYTES as usize - 8;
        input[at..at + 97].copy_from_slice(&[&hash[..], signature].concat());
        input
    };
    let recover = |hostile: &mut Hostile, signature: &[u8]| {
        let receipt = hostile.call("secp256k1_recover", &input(hostile, signature, OUT));
        let result = i64::from_le_bytes(receipt.return_data[..8].try_into().expect("eight"));
        (result, receipt.return_data[OUT as usize..].to_vec(), receipt.gas_used)
    };
    let valid = recover(&mut hostile, &good);
    let public = signer.verifying_key().to_sec1_point(false);
    assert_eq!((valid.0, &valid.1[..64]), (0, &public.as_bytes()[1..]));
    assert!(valid.1[64..].iter().all(|&byte| byte == UNTOUCHED));
    let with = |at: std::ops::Range<usize>, byte: u8| {
        let mut bytes: Vec<u8> = good.clone();
        bytes[at].fill(byte);
        bytes
    };
    let cases = [
        ("r is zero", with(0..32, 0)),
        ("s is zero", with(32..64, 0)),
        ("r is above the order", with(0..32, 0xff)),
        ("s is above the order", with(32..64, 0xff)),
        ("s is the larger one", with(32..33, 0x80)),
        ("recovery id 4", with(64..65, 4)),
        ("Ethereum's 27", with(64..65, 27)),
        ("recovery id 255", with(64..65, 255)),
    ];
    for (what, signature) in cases {
        let (result, memory, gas) = recover(&mut hostile, &signature);
        assert_eq!((result, gas), (INVALID, valid.2), "{what}");
        assert!(memory.iter().all(|&byte| byte == UNTOUCHED), "{what}");
    }
    // A place for the key that is not there matters once there is a key.
    let outside = input(&hostile, &good, END - 63);
    hostile.halts("secp256k1_recover", &outside, out_of_bounds(F::Secp256k1Recover));
    let bad = input(&hostile, &with(64..65, 4), END - 63);
    assert!(hostile.call("secp256k1_recover", &bad).status.is_success());
}

#[test]
fn h25_random_bytes_follow_from_the_block_and_the_place_in_it() {
    // Nothing of the host goes in: whoever knows the block knows the bytes, this test included.
    let mut hostile = Hostile::raw();
    let order = |hostile: &Hostile, len: u64| {
        let input = hostile.arguments(F::Random, OUT_END as u32, &[OUT, len]);
        hostile.order("random", &input).access(crate::support::account(9), AccessMode::Read)
    };
    for height in 0..2 {
        let txs = (1..4).map(|n| hostile.chain.send(n, order(&hostile, 200))).collect();
        let block = hostile.chain.block(txs);
        let outcome = hostile.chain.execute_block(&block);
        for idx in 0..3_u32 {
            let mut hasher = blake3::Hasher::new_derive_key("tos-runtime random v1");
            hasher.update(&borsh::to_vec(&(block.context(), idx)).expect("it encodes"));
            let mut expected = [0; 200];
            hasher.finalize_xof().fill(&mut expected);
            let data = &receipt(&outcome, idx as usize).return_data[OUT as usize..];
            assert_eq!(data[..200], expected, "block {height}, transaction {idx}");
            assert!(data[200..].iter().all(|&byte| byte == UNTOUCHED));
        }
        hostile.chain.engine.commit(outcome).expect("it commits");
    }
}

#[test]
fn h25_requests_for_random_bytes_are_limited_and_paid_by_the_byte() {
    let mut hostile = Hostile::raw();
    let max = RANDOM_LEN_MAX as u64;
    let request = |len: u64| [2_048, len];
    let too_long = i64::from(Status::TooLong.code());
    for (len, expected) in [(0, 0), (1, 0), (max, 0), (max + 1, too_long), (1 << 31, too_long)] {
        assert_eq!(hostile.result(F::Random, &request(len)), expected, "{len} bytes");
    }
    let gas = [0, max, max + 1].map(|len| hostile.raw_gas(F::Random, &request(len)));
    assert_eq!(gas[1] - gas[0], max * F::Random.spec().gas.per_byte);
    assert_eq!(gas[2], gas[0], "what is refused costs the base price");
}
