//! What travels: arguments, results, slots, events. Encoded as borsh does it, described for tools.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use tos_host_api::{
    Address, Amount, AssetId, ChainId, ContractId, Gas, Hash, Nonce, PublicKey, TopoHeight,
};

use crate::buffer::Buffer;
use crate::describe::Type;
use crate::sys;

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
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored, passed or returned",
    note = "an author's own type has `#[derive(Data)]`; contracts have no floats and no `usize`"
)]
pub trait Data: Sized {
    /// What the type looks like to tools.
    const TYPE: Type;

    /// Appends the encoding.
    fn encode(&self, out: &mut Buffer);

    /// Takes a value off the front of the input. Where there is none, the input [is
    /// failed](Input::fail) and whatever is returned is not used: so that only the end has to look
    /// for a failure.
    fn decode(input: &mut Input<'_>) -> Self;

    /// The encoding.
    fn to_bytes(&self) -> Vec<u8> {
        encode(self).into()
    }

    /// The value that the bytes encode, all of them.
    ///
    /// # Errors
    /// The bytes encode something else, or more than the value.
    fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Input::new(bytes);
        let value = Self::decode(&mut input);
        input.finish().map(|()| value)
    }

    /// Appends the encodings of several values. Bytes do it at once.
    #[doc(hidden)]
    fn encode_all(values: &[Self], out: &mut Buffer) {
        for value in values {
            value.encode(out);
        }
    }

    /// Takes several values. Bytes do it at once.
    #[doc(hidden)]
    fn decode_many(count: usize, input: &mut Input<'_>) -> Vec<Self> {
        // The count is whatever somebody has written there: room is made as values turn up.
        let mut values = Vec::new();
        while values.len() < count && input.malformed.is_none() {
            values.push(Self::decode(input));
        }
        values
    }
}

/// The encoding of a value.
pub(crate) fn encode<T: Data>(value: &T) -> Buffer {
    let mut out = Buffer::new();
    value.encode(&mut out);
    out
}

/// Bytes that are being decoded, and whether they turned out to be something else.
#[derive(Debug)]
pub struct Input<'a> {
    rest: &'a [u8],
    malformed: Option<Malformed>,
}

impl<'a> Input<'a> {
    /// Starts at the front.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, malformed: None }
    }

    /// Why the input is malformed, if it is.
    #[must_use]
    pub const fn malformed(&self) -> Option<Malformed> {
        self.malformed
    }

    /// Notes that the input holds something else than what is decoded; the first note stays.
    #[cold]
    #[inline(never)]
    pub fn fail(&mut self, malformed: Malformed) {
        self.malformed = self.malformed.or(Some(malformed));
    }

    /// Takes bytes; none when there are fewer.
    pub fn take(&mut self, len: usize) -> &'a [u8] {
        if let Some((taken, rest)) = self.rest.split_at_checked(len) {
            self.rest = rest;
            return taken;
        }
        self.fail(Malformed::Short { expected: len, found: self.rest.len() });
        &[]
    }

    /// Takes as many bytes as the array has; zeros when there are fewer.
    #[inline]
    pub fn take_array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).first_chunk().copied().unwrap_or([0; N])
    }

    /// Takes one byte.
    pub fn take_byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    /// Whether everything was as expected and nothing is left.
    ///
    /// # Errors
    /// Why not.
    pub fn finish(self) -> Result<(), Malformed> {
        match (self.malformed, self.rest.len()) {
            (Some(malformed), _) => Err(malformed),
            (None, 0) => Ok(()),
            (None, found) => Err(Malformed::Trailing { found }),
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
    pub(crate) fn describe(self, message: &mut Buffer) {
        match self {
            Self::Short { expected, found } => {
                message.text("expected ");
                message.number(expected);
                message.text(if expected == 1 { " byte, found " } else { " bytes, found " });
                message.number(found);
            }
            Self::Trailing { found } => {
                message.number(found);
                message.text(" bytes too many");
            }
            Self::Invalid(what) => message.text(what),
        }
    }
}

macro_rules! integers {
    ($($ty:ident $variant:ident),*) => {$(
        impl Data for $ty {
            const TYPE: Type = Type::$variant;

            fn encode(&self, out: &mut Buffer) {
                out.push(&self.to_le_bytes());
            }

            fn decode(input: &mut Input<'_>) -> Self {
                Self::from_le_bytes(input.take_array())
            }
        }
    )*};
}

integers!(
    u16 U16, u32 U32, u64 U64, u128 U128, i8 I8, i16 I16, i32 I32, i64 I64, i128 I128
);

impl Data for u8 {
    const TYPE: Type = Type::U8;

    fn encode(&self, out: &mut Buffer) {
        out.push(&[*self]);
    }

    fn decode(input: &mut Input<'_>) -> Self {
        input.take_byte()
    }

    fn encode_all(values: &[Self], out: &mut Buffer) {
        out.push(values);
    }

    fn decode_many(count: usize, input: &mut Input<'_>) -> Vec<Self> {
        input.take(count).to_vec()
    }
}

impl Data for bool {
    const TYPE: Type = Type::Bool;

    fn encode(&self, out: &mut Buffer) {
        out.push(&[u8::from(*self)]);
    }

    fn decode(input: &mut Input<'_>) -> Self {
        let byte = input.take_byte();
        if byte > 1 {
            input.fail(Malformed::Invalid("a bool is 0 or 1"));
        }
        byte == 1
    }
}

impl Data for () {
    const TYPE: Type = Type::Unit;

    fn encode(&self, _: &mut Buffer) {}

    fn decode(_: &mut Input<'_>) -> Self {}
}

macro_rules! identities {
    ($($ty:ident),*) => {$(
        impl Data for $ty {
            const TYPE: Type = Type::$ty;

            #[inline(always)]
            fn encode(&self, out: &mut Buffer) {
                out.push(&self.0);
            }

            fn decode(input: &mut Input<'_>) -> Self {
                Self(input.take_array())
            }
        }
    )*};
}

identities!(PublicKey, ContractId, AssetId, Hash);

macro_rules! quantities {
    ($($ty:ident),*) => {$(
        impl Data for $ty {
            const TYPE: Type = Type::U64;

            fn encode(&self, out: &mut Buffer) {
                self.0.encode(out);
            }

            fn decode(input: &mut Input<'_>) -> Self {
                Self(u64::decode(input))
            }
        }
    )*};
}

quantities!(Amount, ChainId, Gas, Nonce, TopoHeight);

impl Data for Address {
    const TYPE: Type = Type::Address;

    #[inline(always)]
    fn encode(&self, out: &mut Buffer) {
        out.push(sys::encoding(self));
    }

    fn decode(input: &mut Input<'_>) -> Self {
        match input.take(Self::ENCODED_LEN).first_chunk().and_then(sys::address) {
            Some(address) => *address,
            None => {
                input.fail(Malformed::Invalid("an address begins with 0 or 1"));
                Self::Key(PublicKey([0; 32]))
            }
        }
    }
}

impl Data for String {
    const TYPE: Type = Type::String;

    fn encode(&self, out: &mut Buffer) {
        encode_len(self.len(), out);
        out.push(self.as_bytes());
    }

    fn decode(input: &mut Input<'_>) -> Self {
        let len = decode_len(input);
        match core::str::from_utf8(input.take(len)) {
            Ok(text) => Self::from(text),
            Err(_) => {
                input.fail(Malformed::Invalid("a string is UTF-8"));
                Self::new()
            }
        }
    }
}

impl<T: Data> Data for Vec<T> {
    const TYPE: Type = Type::List(&T::TYPE);

    fn encode(&self, out: &mut Buffer) {
        encode_len(self.len(), out);
        T::encode_all(self, out);
    }

    fn decode(input: &mut Input<'_>) -> Self {
        let len = decode_len(input);
        T::decode_many(len, input)
    }
}

impl<T: Data, const N: usize> Data for [T; N] {
    const TYPE: Type = Type::Array(N as u32, &T::TYPE);

    fn encode(&self, out: &mut Buffer) {
        T::encode_all(self, out);
    }

    fn decode(input: &mut Input<'_>) -> Self {
        core::array::from_fn(|_| T::decode(input))
    }
}

impl<T: Data> Data for Option<T> {
    const TYPE: Type = Type::Option(&T::TYPE);

    fn encode(&self, out: &mut Buffer) {
        match self {
            None => out.push(&[0]),
            Some(value) => {
                out.push(&[1]);
                value.encode(out);
            }
        }
    }

    fn decode(input: &mut Input<'_>) -> Self {
        match input.take_byte() {
            0 => None,
            1 => Some(T::decode(input)),
            _ => {
                input.fail(Malformed::Invalid("an option begins with 0 or 1"));
                None
            }
        }
    }
}

impl<T: Data> Data for Box<T> {
    const TYPE: Type = T::TYPE;

    fn encode(&self, out: &mut Buffer) {
        (**self).encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Self {
        Self::new(T::decode(input))
    }
}

macro_rules! tuples {
    ($(($($ty:ident $field:tt),+))*) => {$(
        impl<$($ty: Data),+> Data for ($($ty,)+) {
            const TYPE: Type = Type::Tuple(&[$(&$ty::TYPE),+]);

            fn encode(&self, out: &mut Buffer) {
                $(self.$field.encode(out);)+
            }

            fn decode(input: &mut Input<'_>) -> Self {
                ($($ty::decode(input),)+)
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

fn encode_len(len: usize, out: &mut Buffer) {
    // Memory ends at 4 MiB.
    (len as u32).encode(out);
}

fn decode_len(input: &mut Input<'_>) -> usize {
    u32::decode(input) as usize
}
