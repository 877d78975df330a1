//! Events: facts for those who watch.

use tos_host_api::{Address, AssetId, ContractId, Hash, PublicKey};

use crate::buffer::Buffer;
use crate::data::Data;
use crate::describe;
use crate::sys;

/// An event: a struct with the attribute [`event`](crate::event). Not implemented by hand.
///
/// Its first topic is its name, padded with zeros to 32 bytes; the fields marked `#[topic]` are the
/// further ones, three at most. Its data is the encoding of all fields, so it can be read without
/// the topics, which are for finding it.
pub trait Event: Data {
    /// What it looks like to tools.
    const DESCRIPTION: describe::Event;

    /// Appends the topics: the name and the marked fields, 32 bytes each.
    fn topics(&self, out: &mut Buffer);
}

/// A field by which events can be found.
///
/// An identity is its own topic, an address that of its identity (without the tag: the data tells a
/// user from a contract), a number its 16 little-endian bytes followed by zeros.
pub trait Topic {
    /// Appends the topic, 32 bytes.
    fn topic(&self, out: &mut Buffer);
}

macro_rules! identities {
    ($($ty:ident),*) => {$(
        impl Topic for $ty {
            #[inline(always)]
            fn topic(&self, out: &mut Buffer) {
                out.push(&self.0);
            }
        }
    )*};
}

identities!(PublicKey, ContractId, AssetId, Hash);

impl Topic for Address {
    #[inline(always)]
    fn topic(&self, out: &mut Buffer) {
        let [_, identity @ ..] = sys::encoding(self);
        out.push(identity);
    }
}

macro_rules! numbers {
    ($($ty:ident),*) => {$(
        impl Topic for $ty {
            fn topic(&self, out: &mut Buffer) {
                out.push(&u128::from(*self).to_le_bytes());
                out.push(&[0; 16]);
            }
        }
    )*};
}

numbers!(bool, u8, u16, u32, u64, u128);
