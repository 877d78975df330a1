//! Hashes and signatures against published vectors.

use tos_host_api::Status;
use tos_runtime::{ContractId, SigningKey};

use crate::support::{Chain, guest, key};

fn crypto() -> (Chain, ContractId) {
    let mut chain = Chain::new(1);
    let contract = chain.deploy(guest!("crypto"), &[]);
    (chain, contract)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().as_chunks::<2>().0;
    let byte =
        |pair: &[u8; 2]| std::str::from_utf8(pair).ok().map(|text| u8::from_str_radix(text, 16));
    digits.iter().map(|pair| byte(pair).expect("ascii").expect("hex")).collect()
}

#[test]
fn h20_hashes_of_nothing_and_of_abc_are_the_published_ones() {
    let (chain, contract) = crypto();
    // BLAKE3: the reference implementation's test vectors; SHA-256: FIPS 180; Keccak-256: Ethereum.
    for (entry, input, expected) in [
        ("blake3", "", "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
        ("blake3", "abc", "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"),
        ("sha256", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("sha256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("keccak256", "", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        ("keccak256", "abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
    ] {
        assert_eq!(
            hex(&chain.view(contract, entry, input.as_bytes())),
            expected,
            "{entry} {input}"
        );
    }
}

#[test]
fn a_hash_may_overwrite_what_was_hashed() {
    let (chain, contract) = crypto();
    let plain = chain.view(contract, "sha256", b"12345678");
    assert_eq!(chain.view(contract, "in_place", b"12345678"), plain);
}

fn status(returned: &[u8]) -> i32 {
    i32::from_le_bytes(returned[..4].try_into().expect("a status"))
}

#[test]
fn h20_an_ed25519_signature_is_good_for_its_key_and_message_alone() {
    let (chain, contract) = crypto();
    let check = |key: &SigningKey, signature: [u8; 64], message: &[u8]| {
        let public: [u8; 32] = key.verification_key().into();
        let input = [&public[..], &signature, message].concat();
        status(&chain.view(contract, "ed25519", &input))
    };
    for message in [&b""[..], b"pay", &[7; 5_000]] {
        let signature: [u8; 64] = key(1).sign(message).into();
        assert_eq!(check(&key(1), signature, message), Status::Ok.code());
        assert_eq!(check(&key(2), signature, message), Status::InvalidSignature.code());
        assert_eq!(check(&key(1), signature, b"other"), Status::InvalidSignature.code());
        for bit in [0, 255, 256, 511] {
            let mut twisted = signature;
            twisted[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(check(&key(1), twisted, message), Status::InvalidSignature.code());
        }
    }
    // No point of the curve, and an s that is not reduced.
    let no_key = [&[2; 32][..], &[0; 64]].concat();
    let bad_key = chain.view(contract, "ed25519", &no_key);
    assert_eq!(status(&bad_key), Status::InvalidSignature.code());
    assert_eq!(check(&key(1), [0xff; 64], b"pay"), Status::InvalidSignature.code());
}

/// Ethereum's own example for `ecrecover`: hash, r, s, recovery id 1 (v = 28).
const HASH: &str = "456e9aea5e197a1f1af7a3e85a3212fa4049a3ba34c2289b4c860fc0b0c64ef3";
const R_AND_S: &str = "9242685bf161793cc25603c231bc2f568eb630ea16aa137d2664ac8038825608\
                       4f8ae3bd7535248d0bd448298cc2e2071e56992d0774dc340c368ae950852ada";
/// The last 20 bytes of the Keccak-256 hash of the key.
const ADDRESS: &str = "7156526fbd7a3c72969b54f64e42c10fbb768c8a";

#[test]
fn h20_secp256k1_recovers_the_key_that_ethereum_recovers() {
    let (chain, contract) = crypto();
    let recover = |hash: &[u8], r_and_s: &[u8], id: u8| {
        chain.view(contract, "recover", &[hash, r_and_s, &[id]].concat())
    };
    let (hash, signature) = (bytes(HASH), bytes(R_AND_S));
    let found = recover(&hash, &signature, 1);
    assert_eq!(status(&found), Status::Ok.code());
    let address = chain.view(contract, "keccak256", &found[4..]);
    assert_eq!(hex(&address[12..]), ADDRESS);

    let invalid = Status::InvalidSignature.code();
    for id in [4, 27, 28, 255] {
        assert_eq!(status(&recover(&hash, &signature, id)), invalid, "recovery id {id}");
    }
    assert_ne!(recover(&hash, &signature, 0), found, "the other point");
    assert_eq!(status(&recover(&hash, &[0; 64], 0)), invalid, "r and s are zero");
    assert_eq!(status(&recover(&hash, &[0xff; 64], 0)), invalid, "above the group's order");
}

#[test]
fn h20_the_larger_s_of_a_secp256k1_signature_is_refused() {
    let (chain, contract) = crypto();
    // n - s, with the recovery id's lowest bit turned over, signs the same for the same key.
    let order = bytes("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    let mut signature = bytes(R_AND_S);
    let mut borrow = 0;
    for at in (0..32).rev() {
        let digit = i32::from(order[at]) - i32::from(signature[32 + at]) - borrow;
        borrow = i32::from(digit < 0);
        signature[32 + at] = digit.rem_euclid(256) as u8;
    }
    let input = [&bytes(HASH)[..], &signature, &[0]].concat();
    let returned = chain.view(contract, "recover", &input);
    assert_eq!(status(&returned), Status::InvalidSignature.code());
    assert!(returned[4..].iter().all(|byte| *byte == 0), "nothing was written");
}
