//! What travels: arguments, results, slots, events. Encoded as borsh does it, described for tools.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use tos_host_api::{
    Address, Amount, AssetId, ChainId, ContractId, Gas, Hash, Nonce, PublicKey, TopoHeight,
};

use crate::describe::Type;

/// A type that can be an argument, a result, a slot or part of an event.
///
/// Implemented for integers, `bool`, `String`, `Vec`, `Option`, arrays, tuples, the identities and
/// quantities of the chain; derived for an author's own types with `#[derive(Data)]`. There are no
/// floats: no contract has them.
///
/// The encoding is borsh's: little-endian integers, `u32` lengths, one byte of tag for enums.
///
/// ```
/// use tos_sdk::prelude::*;
///
/// #[derive(Data, Debug, PartialEq)]
/// struct Offer { seller: PublicKey, price: u64, note: Option<String> }
///
/// let offer = Offer { seller: PublicKey([7; 32]), price: 5, note: None };
/// let bytes = offer.to_bytes();
/// assert_eq!(bytes.len(), 32 + 8 + 1);
/// assert_eq!(Offer::from_bytes(&bytes), Ok(offer));
/// ```
pub trait Data: Sized {
    /// What the type looks like to tools.
    const TYPE: Type;

    /// Appends the encoding.
    fn encode(&self, out: &mut Vec<u8>);

    /// Takes a value off the front of the input.
    ///
    /// # Errors
    /// The input is too short or holds something else.
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed>;

    /// The encoding.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        self.encode(&mut out);
        out
    }

    /// The value that the bytes encode, all of them.
    ///
    /// # Errors
    /// The bytes encode something else, or more than the value.
    fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Input::new(bytes);
        let value = Self::decode(&mut input)?;
        match input.rest().len() {
            0 => Ok(value),
            found => Err(Malformed::Trailing { found }),
        }
    }

    /// Appends the encodings of several values. Bytes do it at once.
    #[doc(hidden)]
    fn encode_all(values: &[Self], out: &mut Vec<u8>) {
        for value in values {
            value.encode(out);
        }
    }

    /// Takes several values. Bytes do it at once.
    #[doc(hidden)]
    fn decode_many(count: usize, input: &mut Input<'_>) -> Result<Vec<Self>, Malformed> {
        // The count is whatever somebody has written there: room is made as values turn up.
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(Self::decode(input)?);
        }
        Ok(values)
    }
}

/// Bytes that are being decoded.
#[derive(Debug)]
pub struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    /// Starts at the front.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been taken yet.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes bytes.
    ///
    /// # Errors
    /// There are fewer.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        match self.rest.split_at_checked(len) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(Malformed::Short { expected: len, found: self.rest.len() }),
        }
    }

    /// Takes as many bytes as the array has.
    ///
    /// # Errors
    /// There are fewer.
    pub fn take_array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        match self.rest.split_first_chunk() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => Err(Malformed::Short { expected: N, found: self.rest.len() }),
        }
    }
}

/// Why bytes are not the encoding of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// There are fewer bytes than the next part of the value takes.
    Short {
        /// Bytes the part takes.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// There are bytes after the value.
    Trailing {
        /// How many.
        found: usize,
    },
    /// The bytes are none of those a value can have.
    Invalid(&'static str),
}

impl Malformed {
    /// Appends the reason to a message. Written by hand: formatting would cost kilobytes.
    pub fn describe(self, message: &mut String) {
        match self {
            Self::Short { expected, found } => {
                message.push_str("expected ");
                push_number(message, expected as u64);
                message.push_str(if expected == 1 { " byte, found " } else { " bytes, found " });
                push_number(message, found as u64);
            }
            Self::Trailing { found } => {
                push_number(message, found as u64);
                message.push_str(" bytes too many");
            }
            Self::Invalid(what) => message.push_str(what),
        }
    }
}

/// Appends a number in decimal.
pub(crate) fn push_number(message: &mut String, number: u64) {
    if number >= 10 {
        push_number(message, number / 10);
    }
    message.push(char::from(b'0' + (number % 10) as u8));
}

macro_rules! integers {
    ($($ty:ident $variant:ident),*) => {$(
        impl Data for $ty {
            const TYPE: Type = Type::$variant;

            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
                input.take_array().map(Self::from_le_bytes)
            }
        }
    )*};
}

integers!(
    u16 U16, u32 U32, u64 U64, u128 U128, i8 I8, i16 I16, i32 I32, i64 I64, i128 I128
);

impl Data for u8 {
    const TYPE: Type = Type::U8;

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        input.take_array().map(|[byte]| byte)
    }

    fn encode_all(values: &[Self], out: &mut Vec<u8>) {
        out.extend_from_slice(values);
    }

    fn decode_many(count: usize, input: &mut Input<'_>) -> Result<Vec<Self>, Malformed> {
        input.take(count).map(<[u8]>::to_vec)
    }
}

impl Data for bool {
    const TYPE: Type = Type::Bool;

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        match input.take_array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(Malformed::Invalid("a bool is 0 or 1")),
        }
    }
}

impl Data for () {
    const TYPE: Type = Type::Unit;

    fn encode(&self, _: &mut Vec<u8>) {}

    fn decode(_: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok(())
    }
}

macro_rules! identities {
    ($($ty:ident),*) => {$(
        impl Data for $ty {
            const TYPE: Type = Type::$ty;

            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.0);
            }

            fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
                input.take_array().map(Self)
            }
        }
    )*};
}

identities!(PublicKey, ContractId, AssetId, Hash);

macro_rules! quantities {
    ($($ty:ident),*) => {$(
        impl Data for $ty {
            const TYPE: Type = Type::U64;

            fn encode(&self, out: &mut Vec<u8>) {
                self.0.encode(out);
            }

            fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
                u64::decode(input).map(Self)
            }
        }
    )*};
}

quantities!(Amount, ChainId, Gas, Nonce, TopoHeight);

impl Data for Address {
    const TYPE: Type = Type::Address;

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_bytes());
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Self::from_bytes(&input.take_array()?)
            .ok_or(Malformed::Invalid("an address begins with 0 or 1"))
    }
}

impl Data for String {
    const TYPE: Type = Type::String;

    fn encode(&self, out: &mut Vec<u8>) {
        encode_len(self.len(), out);
        out.extend_from_slice(self.as_bytes());
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let len = decode_len(input)?;
        let text = core::str::from_utf8(input.take(len)?);
        text.map(Self::from).map_err(|_| Malformed::Invalid("a string is UTF-8"))
    }
}

impl<T: Data> Data for Vec<T> {
    const TYPE: Type = Type::List(&T::TYPE);

    fn encode(&self, out: &mut Vec<u8>) {
        encode_len(self.len(), out);
        T::encode_all(self, out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let len = decode_len(input)?;
        T::decode_many(len, input)
    }
}

impl<T: Data, const N: usize> Data for [T; N] {
    const TYPE: Type = Type::Array(N as u32, &T::TYPE);

    fn encode(&self, out: &mut Vec<u8>) {
        T::encode_all(self, out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let values = T::decode_many(N, input)?;
        values.try_into().map_err(|_| Malformed::Invalid("an array has its length"))
    }
}

impl<T: Data> Data for Option<T> {
    const TYPE: Type = Type::Option(&T::TYPE);

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                value.encode(out);
            }
        }
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        match input.take_array()? {
            [0] => Ok(None),
            [1] => T::decode(input).map(Some),
            _ => Err(Malformed::Invalid("an option begins with 0 or 1")),
        }
    }
}

impl<T: Data> Data for Box<T> {
    const TYPE: Type = T::TYPE;

    fn encode(&self, out: &mut Vec<u8>) {
        (**self).encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        T::decode(input).map(Self::new)
    }
}

macro_rules! tuples {
    ($(($($ty:ident $field:tt),+))*) => {$(
        impl<$($ty: Data),+> Data for ($($ty,)+) {
            const TYPE: Type = Type::Tuple(&[$(&$ty::TYPE),+]);

            fn encode(&self, out: &mut Vec<u8>) {
                $(self.$field.encode(out);)+
            }

            fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
                Ok(($($ty::decode(input)?,)+))
            }
        }
    )*};
}

tuples! {
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
}

fn encode_len(len: usize, out: &mut Vec<u8>) {
    // Memory ends at 4 MiB.
    (len as u32).encode(out);
}

fn decode_len(input: &mut Input<'_>) -> Result<usize, Malformed> {
    u32::decode(input).map(|len| len as usize)
}
