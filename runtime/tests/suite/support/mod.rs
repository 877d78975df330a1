//! What the tests share: people with keys, contracts from WAT, chains, fleets and random blocks.

mod chain;
mod claims;
mod doctored;
mod fleet;
mod forward;
mod generator;
mod hostile;
mod refusal;
mod rng;
mod shared_artifacts;

pub(crate) use chain::{Call, Chain, FUNDS, Order, fund, genesis};
pub(crate) use claims::{
    assert_conserved, assert_only_nonces_and_fees, codes, receipt, undeclared, values,
};
pub(crate) use doctored::Doctored;
pub(crate) use fleet::{Fleet, assert_agree, assert_same};
pub(crate) use forward::{Forward, Reported};
pub(crate) use generator::{Ends, Generator};
pub(crate) use hostile::{Hostile, place, words};
pub(crate) use refusal::{Purse, assert_invalid_block};
pub(crate) use rng::Rng;
pub(crate) use shared_artifacts::SharedArtifacts;

pub(crate) use tos_runtime::testing::{CommitFault, FailingStorage};
use tos_runtime::{Address, AssetId, ChainId, PublicKey, SigningKey};

/// The network of the tests.
pub(crate) const CHAIN: ChainId = ChainId(1);
/// Two assets besides the native one.
pub(crate) const GOLD: AssetId = AssetId([2; 32]);
pub(crate) const SILVER: AssetId = AssetId([3; 32]);

pub(crate) const COUNTER: &str = include_str!("../../../../contracts/wat/counter.wat");
pub(crate) const TOKEN: &str = include_str!("../../../../contracts/wat/token.wat");
/// The token in Rust: the same entries as the one in WAT, and more.
pub(crate) const RUST_TOKEN: &[u8] = include_bytes!("../../../../contracts/wasm/token.wasm");
/// A pool of that token and native money, which calls the token.
pub(crate) const POOL: &[u8] = include_bytes!("../../../../contracts/wasm/amm.wasm");
/// One export for each attack on the host interface.
pub(crate) const HOSTILE: &str = include_str!("../../../../contracts/wat/hostile.wat");
/// Every host function with the arguments a test chooses.
pub(crate) const RAW: &str = include_str!("../../../../contracts/wat/raw.wat");

/// A guest of `tests/wat`.
macro_rules! guest {
    ($name:literal) => {
        // Not relative: a relative path would be looked up beside the file that uses the macro.
        $crate::support::wasm(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/wat/",
            $name,
            ".wat"
        )))
    };
}
pub(crate) use guest;

/// Assembles a guest.
#[track_caller]
pub(crate) fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the fixture is valid WAT")
}

/// The key of person `number`.
pub(crate) fn key(number: u64) -> SigningKey {
    let mut seed = [0x5a; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    SigningKey::from(seed)
}

/// The public key of person `number`.
pub(crate) fn person(number: u64) -> PublicKey {
    PublicKey(ed25519_bytes(&key(number)))
}

/// The account of person `number`.
pub(crate) fn account(number: u64) -> Address {
    Address::Key(person(number))
}

fn ed25519_bytes(key: &SigningKey) -> [u8; 32] {
    key.verification_key().into()
}

/// A number from the environment: how long a run is, or where it begins.
#[track_caller]
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, expected a number"))
    })
}
