//! The bytes a contract names a slot by.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io::{Read, Write};
use std::ops::Deref;

use borsh::{BorshDeserialize, BorshSerialize};

/// Keys of at most this many bytes need no allocation: then the type is as large as three pointers.
const INLINE_LEN_MAX: usize = 22;

/// The bytes a contract names a slot by. Short ones, which most are, are held in place; apart from
/// that it behaves like a boxed slice and is encoded like one.
#[derive(Clone)]
pub struct KeyBytes(Held);

#[derive(Clone)]
enum Held {
    Inline { len: u8, bytes: [u8; INLINE_LEN_MAX] },
    Boxed(Box<[u8]>),
}

impl Deref for KeyBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Held::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Held::Boxed(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for KeyBytes {
    fn from(key: &[u8]) -> Self {
        match u8::try_from(key.len()) {
            Ok(len) if key.len() <= INLINE_LEN_MAX => {
                let mut bytes = [0; INLINE_LEN_MAX];
                bytes[..key.len()].copy_from_slice(key);
                Self(Held::Inline { len, bytes })
            }
            _ => Self(Held::Boxed(key.into())),
        }
    }
}

impl<const LEN: usize> From<[u8; LEN]> for KeyBytes {
    fn from(key: [u8; LEN]) -> Self {
        key.as_slice().into()
    }
}

impl From<Box<[u8]>> for KeyBytes {
    fn from(key: Box<[u8]>) -> Self {
        if key.len() <= INLINE_LEN_MAX { (&*key).into() } else { Self(Held::Boxed(key)) }
    }
}

impl From<Vec<u8>> for KeyBytes {
    fn from(key: Vec<u8>) -> Self {
        key.into_boxed_slice().into()
    }
}

impl AsRef<[u8]> for KeyBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl PartialEq for KeyBytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for KeyBytes {}

impl PartialOrd for KeyBytes {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for KeyBytes {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for KeyBytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl BorshSerialize for KeyBytes {
    fn serialize<W: Write>(&self, writer: &mut W) -> std::io::Result<()> {
        (**self).serialize(writer)
    }
}

impl BorshDeserialize for KeyBytes {
    fn deserialize_reader<R: Read>(reader: &mut R) -> std::io::Result<Self> {
        Vec::deserialize_reader(reader).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use super::*;

    /// Lengths around the largest that is held in place, and the limits of the interface.
    const LENGTHS: [usize; 8] = [0, 1, 21, 22, 23, 24, 255, 256];

    fn keys() -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        for len in LENGTHS {
            for last in [0, 1, 255] {
                let mut key = vec![7; len];
                if let Some(byte) = key.last_mut() {
                    *byte = last;
                }
                keys.push(key);
            }
        }
        keys
    }

    #[test]
    fn a_key_is_its_bytes_at_every_length() {
        for bytes in keys() {
            for key in [KeyBytes::from(bytes.as_slice()), KeyBytes::from(bytes.clone())] {
                assert_eq!(*key, *bytes);
                assert_eq!(matches!(key.0, Held::Inline { .. }), bytes.len() <= 22);
                assert_eq!(format!("{key:?}"), format!("{bytes:?}"));
            }
        }
        assert_eq!(size_of::<KeyBytes>(), 24);
    }

    #[test]
    fn keys_compare_and_hash_as_their_bytes_do() {
        let hasher = foldhash::fast::RandomState::default();
        for a in keys() {
            for b in keys() {
                let (x, y) = (KeyBytes::from(a.as_slice()), KeyBytes::from(b.as_slice()));
                assert_eq!(x == y, a == b);
                assert_eq!(x.cmp(&y), a.cmp(&b));
            }
            let key = KeyBytes::from(a.as_slice());
            assert_eq!(hasher.hash_one(&key), hasher.hash_one(a.as_slice()));
        }
    }

    #[test]
    fn keys_are_encoded_as_boxed_slices_are() {
        for bytes in keys() {
            let key = KeyBytes::from(bytes.as_slice());
            let encoded = borsh::to_vec(&key).expect("it is encoded");
            let boxed = bytes.clone().into_boxed_slice();
            assert_eq!(encoded, borsh::to_vec(&boxed).expect("it is encoded"));
            assert_eq!(borsh::from_slice::<KeyBytes>(&encoded).expect("it is decoded"), key);
            assert!(borsh::from_slice::<KeyBytes>(&encoded[..encoded.len() - 1]).is_err());
        }
    }
}
