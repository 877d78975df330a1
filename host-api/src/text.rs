//! Text forms: addresses in bech32m (`tos1...` for users, `tosc1...` for contracts), hashes and
//! asset ids in hex. `AssetId::NATIVE` also reads and prints as `native`.

use alloc::string::{String, ToString};
use core::fmt::{self, Write as _};
use core::str::FromStr;

use bech32::{Bech32m, Hrp};

use crate::{Address, AssetId, ContractId, Hash, PublicKey};

/// Prefix of a user's address.
const KEY_PREFIX: Hrp = Hrp::parse_unchecked("tos");
/// Prefix of a contract's address.
const CONTRACT_PREFIX: Hrp = Hrp::parse_unchecked("tosc");
/// The native asset's name in text.
const NATIVE_NAME: &str = "native";

/// Why a text is not the identity it was expected to be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseTextError {
    /// Not bech32m: a wrong character, a wrong checksum, or mixed case.
    NotBech32m,
    /// A valid bech32m text with another prefix.
    Prefix {
        /// The prefixes that would have been right.
        expected: &'static str,
        /// The prefix found.
        found: String,
    },
    /// The text holds another number of bytes than 32.
    Length {
        /// Bytes found.
        found: usize,
    },
    /// Not hexadecimal.
    NotHex,
}

impl fmt::Display for ParseTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBech32m => f.write_str("expected a bech32m address such as tos1..., found a text with a wrong character or checksum"),
            Self::Prefix { expected, found } => {
                write!(f, "expected an address starting with {expected}, found prefix {found:?}")
            }
            Self::Length { found } => write!(f, "expected 32 bytes, found {found}"),
            Self::NotHex => f.write_str("expected hexadecimal digits"),
        }
    }
}

impl core::error::Error for ParseTextError {}

fn write_bech32m(f: &mut fmt::Formatter<'_>, prefix: Hrp, bytes: &[u8; 32]) -> fmt::Result {
    // 32 bytes are far below the length limit of the encoding, so encoding cannot fail.
    let text = bech32::encode::<Bech32m>(prefix, bytes).map_err(|_| fmt::Error)?;
    f.pad(&text)
}

/// Decodes any bech32m text with 32 bytes: its prefix and its bytes.
fn read_bech32m(text: &str) -> Result<(Hrp, [u8; 32]), ParseTextError> {
    let checked = bech32::primitives::decode::CheckedHrpstring::new::<Bech32m>(text)
        .map_err(|_| ParseTextError::NotBech32m)?;
    let mut bytes = [0; 32];
    let mut len = 0;
    for byte in checked.byte_iter() {
        if let Some(place) = bytes.get_mut(len) {
            *place = byte;
        }
        len += 1;
    }
    if len == bytes.len() {
        Ok((checked.hrp(), bytes))
    } else {
        Err(ParseTextError::Length { found: len })
    }
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8; 32]) -> fmt::Result {
    let mut text = String::with_capacity(64);
    for byte in bytes {
        write!(text, "{byte:02x}")?;
    }
    f.pad(&text)
}

fn read_hex(text: &str) -> Result<[u8; 32], ParseTextError> {
    let digits = text.as_bytes();
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(ParseTextError::NotHex);
    }
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return Err(ParseTextError::Length { found: digits.len() / 2 });
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let pair = core::str::from_utf8(pair).map_err(|_| ParseTextError::NotHex)?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| ParseTextError::NotHex)?;
    }
    Ok(bytes)
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_bech32m(f, KEY_PREFIX, &self.0)
    }
}

impl fmt::Display for ContractId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_bech32m(f, CONTRACT_PREFIX, &self.0)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => key.fmt(f),
            Self::Contract(contract) => contract.fmt(f),
        }
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Display for AssetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_native() { f.pad(NATIVE_NAME) } else { write_hex(f, &self.0) }
    }
}

impl FromStr for Address {
    type Err = ParseTextError;

    fn from_str(text: &str) -> Result<Self, ParseTextError> {
        let (prefix, bytes) = read_bech32m(text)?;
        if prefix == KEY_PREFIX {
            Ok(Self::Key(PublicKey(bytes)))
        } else if prefix == CONTRACT_PREFIX {
            Ok(Self::Contract(ContractId(bytes)))
        } else {
            Err(ParseTextError::Prefix { expected: "tos or tosc", found: prefix.to_string() })
        }
    }
}

impl FromStr for PublicKey {
    type Err = ParseTextError;

    fn from_str(text: &str) -> Result<Self, ParseTextError> {
        match Address::from_str(text)? {
            Address::Key(key) => Ok(key),
            Address::Contract(_) => {
                Err(ParseTextError::Prefix { expected: "tos", found: CONTRACT_PREFIX.to_string() })
            }
        }
    }
}

impl FromStr for ContractId {
    type Err = ParseTextError;

    fn from_str(text: &str) -> Result<Self, ParseTextError> {
        match Address::from_str(text)? {
            Address::Contract(contract) => Ok(contract),
            Address::Key(_) => {
                Err(ParseTextError::Prefix { expected: "tosc", found: KEY_PREFIX.to_string() })
            }
        }
    }
}

impl FromStr for Hash {
    type Err = ParseTextError;

    fn from_str(text: &str) -> Result<Self, ParseTextError> {
        read_hex(text).map(Self)
    }
}

impl FromStr for AssetId {
    type Err = ParseTextError;

    fn from_str(text: &str) -> Result<Self, ParseTextError> {
        if text == NATIVE_NAME { Ok(Self::NATIVE) } else { read_hex(text).map(Self) }
    }
}

/// `Debug` is the text form too: raw byte arrays help nobody. serde uses it as well.
macro_rules! text_impls {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <alloc::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

text_impls!(PublicKey, ContractId, Address, AssetId, Hash);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_a_round_trip_through_text() {
        for address in [Address::Key(PublicKey([7; 32])), Address::Contract(ContractId([9; 32]))] {
            assert_eq!(address.to_string().parse(), Ok(address));
            assert_eq!(Address::from_bytes(&address.to_bytes()), Some(address));
        }
    }

    #[test]
    fn a_contract_address_is_not_a_key() {
        let text = ContractId([9; 32]).to_string();
        assert!(text.starts_with("tosc1"), "{text}");
        assert_eq!(
            text.parse::<PublicKey>(),
            Err(ParseTextError::Prefix { expected: "tos", found: "tosc".into() })
        );
    }

    #[test]
    fn one_wrong_character_is_noticed() {
        let mut text = PublicKey([7; 32]).to_string();
        let last = text.pop();
        text.push(if last == Some('q') { 'p' } else { 'q' });
        assert_eq!(text.parse::<Address>(), Err(ParseTextError::NotBech32m));
    }

    #[test]
    fn hashes_and_assets_read_and_print_hex() {
        let text = Hash([0xab; 32]).to_string();
        assert_eq!(text, "ab".repeat(32));
        assert_eq!(text.parse(), Ok(Hash([0xab; 32])));
        assert_eq!("native".parse(), Ok(AssetId::NATIVE));
        assert_eq!("abcd".parse::<Hash>(), Err(ParseTextError::Length { found: 2 }));
        assert_eq!("zz".parse::<Hash>(), Err(ParseTextError::NotHex));
    }
}
